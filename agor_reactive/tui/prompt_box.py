"""The box for prompts: Enter sends, Ctrl+J makes a new line, Up and Down at its edges go through earlier prompts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from textual import events
from textual.message import Message
from textual.widgets import TextArea

__all__ = ["PromptBox"]


NEW_LINE: Final = ("ctrl+j", "shift+enter", "alt+enter")

_PAGES: Final = {"pageup": -1, "pagedown": 1}


class PromptBox(TextArea):
    """Text of any number of lines. Posts `Sent` on Enter."""

    DEFAULT_CSS = """
    PromptBox, PromptBox:focus {
        height: auto; min-height: 3; max-height: 10; padding: 0 1; border: round $foreground 40%;
        background: $background; border-title-color: $text-muted; border-subtitle-color: $text-muted;
    }
    PromptBox:focus { border: round $primary; }
    """

    class Sent(Message):
        """The user sends a prompt."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    class Paged(Message):
        """The user scrolls the transcript from the prompt box."""

        def __init__(self, step: int) -> None:
            super().__init__()
            self.step = step

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(
            id=id, soft_wrap=True, tab_behavior="focus", highlight_cursor_line=False, show_line_numbers=False
        )
        self.earlier: Sequence[str] = ()
        self._back = 0
        self._draft = ""

    async def _on_key(self, event: events.Key) -> None:
        # No bindings: those with priority run before the keys that were typed before Enter are in the text.
        if event.key in ("enter", *NEW_LINE):
            event.stop()
            event.prevent_default()
            if event.key == "enter":
                self.action_send()
            else:
                self.insert("\n")
        elif event.key in _PAGES:
            event.stop()
            event.prevent_default()
            self.post_message(self.Paged(_PAGES[event.key]))
        else:
            await super()._on_key(event)

    def action_send(self) -> None:
        """Send what is written, if it is more than blanks."""
        text = self.text.strip("\n")
        if text.strip():
            self.write("")
            self.post_message(self.Sent(text))

    def write(self, text: str) -> None:
        """Replace what is written, and put the cursor at its end."""
        self._back = 0
        self._put(text)

    def _put(self, text: str) -> None:
        self.text = text
        self.move_cursor(self.document.end)

    def action_cursor_up(self, select: bool = False) -> None:
        if not select and self.cursor_location[0] == 0 and self._back < len(self.earlier):
            if self._back == 0:
                self._draft = self.text
            self._back += 1
            self._put(self.earlier[-self._back])
            self.move_cursor((0, 0))
        else:
            super().action_cursor_up(select)

    def action_cursor_down(self, select: bool = False) -> None:
        if not select and self._back and self.cursor_location[0] == self.document.end[0]:
            self._back -= 1
            self._put(self.earlier[-self._back] if self._back else self._draft)
        else:
            super().action_cursor_down(select)
