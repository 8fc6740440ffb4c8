"""Progress of a prompt or of a long read as one line of text, and where it is shown.

Views are above this layer: `agor_reactive` sets `display`, which `progress=True` uses.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from agor_reactive.calls.paging import OnPage
from agor_reactive.models.task import Task

__all__ = ["Progress", "display_with", "progress_line", "reporting", "reporting_rows", "rows_line"]

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


def rows_line(path: str, done: int, total: int | None) -> str:
    """How far a read is: ``sessions, 120 of 1,000 rows``."""
    known = f"{done:,} of {total:,}" if total is not None else f"{done:,}"
    return f"{path}, {known} row{'s' if (total if total is not None else done) != 1 else ''}"


@contextmanager
def reporting(progress: Progress) -> Iterator[Callable[[str], Any]]:
    """A function that shows a line where `progress` says, once per new line."""
    with _shown(progress) as show:
        last = ""

        def report(line: str) -> None:
            nonlocal last
            if show is not None and line != last:
                last = line
                show(line)

        yield report


@contextmanager
def reporting_rows(progress: Progress, path: str, on_page: OnPage | None) -> Iterator[OnPage | None]:
    """`on_page`, and with `progress` a bar and a line as well where that says."""
    with _shown(progress) as show:
        # A function of the user gets the line; a display of ours may have a bar for it.
        bar: Callable[[str, float | None], Any] | None = getattr(show, "bar", None) if progress is True else None

        def report(done: int, total: int | None) -> None:
            line = rows_line(path, done, total)
            if bar is not None:
                bar(line, min(1.0, done / total) if total else None)
            elif show is not None:
                show(line)
            if on_page is not None:
                on_page(done, total)

        yield report if show is not None else on_page


@contextmanager
def _shown(progress: Progress) -> Iterator[Callable[[str], Any] | None]:
    """The function that shows lines where `progress` says; its `close` is called at the end if it has one."""
    show: Callable[[str], Any] | None = None
    if callable(progress):
        show = progress
    elif progress and _display:
        show = _display[0]()
    try:
        yield show
    finally:
        close = getattr(show, "close", None)
        if close is not None:
            close()
