"""`export`: writes a log of a past session from its rows."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from agor_reactive import logs
from agor_reactive.cli.endings import WELL, complain
from agor_reactive.cli.output import console
from agor_reactive.cli.reach import Reach
from agor_reactive.logs.past import OnProgress

__all__ = ["export"]


def export(reach: Reach, session_id: str, path: Path, *, redact_text: bool) -> int:
    """Write the log and say what it holds. In a terminal a bar shows how far it is."""
    with reach.rest() as client, _bar() as on_progress:
        found = logs.export(client, session_id, path, redact_text=redact_text, on_progress=on_progress)
    if found.unreadable:
        complain(f"{found.unreadable} rows could not be read and are left out")
    if not found.complete:
        complain("the daemon gives access to the first rows only; the log is not complete")
    print(f"{found.tasks:,} tasks and {found.messages:,} messages of session {found.session_id} are in {found.path}")
    return WELL


@contextlib.contextmanager
def _bar() -> Iterator[OnProgress | None]:
    err = console(sys.stderr)
    if not err.is_terminal:
        yield None
        return
    columns = (TextColumn("Reading tasks"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=err, transient=True) as progress:
        bar = progress.add_task("tasks", total=None)
        yield lambda done, total: progress.update(bar, completed=done, total=total)
