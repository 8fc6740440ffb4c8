"""Progress of a prompt as one line of text, and where it is shown.

Views are above this layer: `agor_reactive` sets `display`, which `progress=True` uses.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from agor_reactive.models.task import Task

__all__ = ["Progress", "display_with", "progress_line", "reporting"]

Progress = bool | Callable[[str], Any]
"""Where progress goes: True to the notebook's cell or the terminal, a function gets each new line; False nowhere."""

_display: list[Callable[[], Callable[[str], Any]]] = []


def display_with(make: Callable[[], Callable[[str], Any]]) -> None:
    """Set what ``progress=True`` shows lines with. If it has a `close`, that is called at the end."""
    _display[:] = [make]


def progress_line(task: Task, *, tools: int | None = None, characters: int = 0) -> str:
    """What a task does now: ``running, 3 tools, 240 characters``; ``queued, position 2``."""
    parts = [task.status.replace("_", " ") or "sent"]
    if task.queued and task.queue_position is not None:
        parts.append(f"position {task.queue_position:g}")
    used = int(task.tool_use_count or 0) if tools is None else tools
    if used:
        parts.append(f"{used} tool{'s' if used != 1 else ''}")
    if characters:
        parts.append(f"{characters:,} characters")
    return ", ".join(parts)


@contextmanager
def reporting(progress: Progress) -> Iterator[Callable[[str], Any]]:
    """A function that shows a line where `progress` says, once per new line."""
    show: Callable[[str], Any] | None = None
    if callable(progress):
        show = progress
    elif progress and _display:
        show = _display[0]()
    last = ""

    def report(line: str) -> None:
        nonlocal last
        if show is not None and line != last:
            last = line
            show(line)

    try:
        yield report
    finally:
        close = getattr(show, "close", None)
        if close is not None:
            close()
