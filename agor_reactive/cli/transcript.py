"""`logs`: the transcript of a session so far, as plain lines or as JSON."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

from agor_reactive import logs as session_logs
from agor_reactive.adapters.terminal.lines import LineView
from agor_reactive.cli.endings import WELL, complain
from agor_reactive.cli.json_rows import print_rows
from agor_reactive.cli.output import console
from agor_reactive.cli.reach import Reach
from agor_reactive.models import Message

__all__ = ["print_transcript"]


def print_transcript(
    reach: Reach, session_id: str, *, tail: int | None, fields: Sequence[str] | None, jq: str | None
) -> int:
    """Print the messages of all tasks, or of the last `tail`. `fields`: as JSON, all fields if there are none."""
    with reach.rest() as client:
        if fields is not None:
            rows = client.service("messages").find_by_session(session_id)
            if tail is not None:
                kept = set(list(dict.fromkeys(row.task_id for row in rows))[-tail:])
                rows = tuple(row for row in rows if row.task_id in kept)
            print_rows(Message, rows, fields, jq)
            return WELL
        with tempfile.TemporaryDirectory(prefix="agor-") as folder:
            log = Path(folder, "session.jsonl")
            found = session_logs.export(client, session_id, log)
            state = session_logs.open(log).fold()
    if not found.complete:
        complain("the daemon gives access to the first rows only; the transcript is not complete")
    tasks = [task.task_id for task in state.tasks if not task.queued]
    only = None if tail is None else frozenset(tasks[-tail:])
    out = console()
    with LineView(out, only=only) as view:
        view.show(state)
    if not tasks:
        out.print("No task has run in this session yet.")
    return WELL
