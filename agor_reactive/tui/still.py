"""A scrolled view that moves at once."""

from __future__ import annotations

from typing import Any

from textual.scroll_view import ScrollView

__all__ = ["StillScrollView"]


class StillScrollView(ScrollView):
    """A scroll view without animations.

    An animation writes positions over several frames, while a transcript moves to keep its place; and over ssh each
    frame is a screen of text.
    """

    def _scroll_to(self, *args: Any, **options: Any) -> bool:
        return super()._scroll_to(*args, **{**options, "animate": False})
