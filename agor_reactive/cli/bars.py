"""A bar on stderr that shows how far a read is. In a terminal only."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator
from typing import Any

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from agor_reactive.cli.output import console

__all__ = ["bar"]


@contextlib.contextmanager
def bar(what: str) -> Iterator[Callable[[int, int | None], Any] | None]:
    """A function that is called with the number of rows so far and the expected number; None without a terminal."""
    err = console(sys.stderr)
    if not err.is_terminal:
        yield None
        return
    columns = (TextColumn(f"Reading {what}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=err, transient=True) as progress:
        shown = progress.add_task(what, total=None)
        yield lambda done, total: progress.update(shown, completed=done, total=total)
