"""Signs and colours of a terminal for the marks and tones of the presentation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from rich.console import Console

from agor_reactive.adapters.presentation.heading import Heading
from agor_reactive.adapters.presentation.status import NEEDS_PERSON, Mark, Tone, mark_of, tone_of
from agor_reactive.adapters.presentation.tasks import TaskHeading

__all__ = ["ASCII", "SIGNS", "Signs", "heading_style", "sign_of", "signs_for", "status_style", "tone_style"]


@dataclass(frozen=True, slots=True)
class Signs:
    """The signs of a view, each one cell wide."""

    done: str = "✓"
    failed: str = "✗"
    busy: str = "●"
    waiting: str = "○"
    stopped: str = "■"
    bar: str = "▌"
    cursor: str = "▍"
    thought: str = "∴"
    note: str = "!"
    asks: str = "?"
    user: str = "›"
    more: str = "…"
    dot: str = "·"
    rule: str = "─"

    def mark(self, mark: Mark) -> str:
        """Return the sign of a mark."""
        sign: str = getattr(self, mark)
        return sign


SIGNS: Final = Signs()
ASCII: Final = Signs("+", "x", "*", "o", "#", "|", "_", ":", "!", "?", ">", "...", "-", "-")
"""For consoles whose encoding has only ASCII (old Windows code pages)."""

_STYLES: Final[Mapping[Tone, str]] = {
    "ok": "green",
    "busy": "cyan",
    "waiting": "blue",
    "warn": "yellow",
    "bad": "red",
    "": "default",
}


def signs_for(console: Console) -> Signs:
    """Return the signs that the console's encoding can show."""
    return SIGNS if console.encoding.startswith("utf") else ASCII


def tone_style(tone: Tone) -> str:
    """Return the colour of a tone."""
    return _STYLES[tone]


def status_style(status: str) -> str:
    """Return the style of a status: bold where a person is needed."""
    style = tone_style(tone_of(status))
    return f"bold {style}" if status in NEEDS_PERSON else style


def heading_style(heading: Heading | TaskHeading) -> str:
    """Return the style of the status in a heading: bold where a person is needed."""
    style = tone_style(heading.tone)
    return f"bold {style}" if heading.needs_person else style


def sign_of(status: str, signs: Signs) -> str:
    """Return the sign of a status."""
    return signs.mark(mark_of(status))
