"""`export`: writes a past session from its rows, as a log or as one HTML page."""

from __future__ import annotations

import tempfile
from pathlib import Path

from agor_reactive import logs
from agor_reactive.cli.bars import bar
from agor_reactive.cli.endings import WELL, complain
from agor_reactive.cli.reach import Reach
from agor_reactive.errors import UsageError

__all__ = ["export"]


def export(reach: Reach, session_id: str, path: Path | None, html: Path | None, *, redact_text: bool) -> int:
    """Write the log, the page, or both, and say what they hold. In a terminal a bar shows how far it is."""
    if path is None and html is None:
        raise UsageError("name a file for the log (-o) or for the page (--html)")
    with tempfile.TemporaryDirectory(prefix="agor-") as folder:
        log = path if path is not None else Path(folder, "session.jsonl.gz")
        with reach.rest() as client, bar("tasks") as on_progress:
            found = logs.export(client, session_id, log, redact_text=redact_text, on_progress=on_progress)
        if html is not None:
            from agor_reactive.adapters.report import write_report

            write_report(logs.open(log), html)
    if found.unreadable:
        complain(f"{found.unreadable} rows could not be read and are left out")
    if not found.complete:
        complain("the daemon gives access to the first rows only; the log is not complete")
    files = " and ".join(str(file) for file in (path, html) if file is not None)
    print(f"{found.tasks:,} tasks and {found.messages:,} messages of session {found.session_id} are in {files}")
    return WELL
