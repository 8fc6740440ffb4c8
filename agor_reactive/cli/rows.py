"""`sessions`, `new`, `prompt`, `stop`: one REST request each, and its answer as text."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from rich.table import Table
from rich.text import Text

from agor_reactive import RestClient
from agor_reactive.adapters.presentation.plain import one_line
from agor_reactive.adapters.presentation.status import status_label
from agor_reactive.adapters.terminal.signs import sign_of, signs_for, status_style
from agor_reactive.cli.bars import bar
from agor_reactive.cli.endings import WELL
from agor_reactive.cli.output import console, json_line
from agor_reactive.cli.reach import Reach
from agor_reactive.errors import MethodNotAllowed, NotFound, UsageError
from agor_reactive.models import Session, StopAnswer
from agor_reactive.models.base import instant
from agor_reactive.models.ids import format_short_id

__all__ = ["list_sessions", "new_session", "send_prompt", "stop_session"]


def list_sessions(reach: Reach, *, json: bool, limit: int, everything: bool) -> int:
    """List the newest sessions, as a table or as one JSON row per line."""
    with reach.rest() as client, bar("sessions") as on_page:
        found = client.service("sessions").find_all(on_page=on_page)
    # Sorted and filtered here, because daemons silently drop unknown fields of a query.
    kept = sorted((row for row in found if everything or not row.archived), key=_moment, reverse=True)
    shown = kept[:limit]
    if json:
        for row in shown:
            print(json_line(row.to_wire()))
        return WELL
    out = console()
    if not shown:
        out.print("No sessions yet. Create one: agor-reactive new 'A title'")
        return WELL
    length = _unambiguous_length([row.session_id for row in kept])
    signs = signs_for(out)
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("session", no_wrap=True)
    table.add_column("status", no_wrap=True)
    table.add_column("title", no_wrap=True, overflow="ellipsis", ratio=1)
    table.add_column("tasks", justify="right", no_wrap=True)
    table.add_column("updated", no_wrap=True)
    for row in shown:
        table.add_row(
            Text(format_short_id(row.session_id, length)),
            Text(f"{sign_of(row.status, signs)} {status_label(row.status)}", style=status_style(row.status)),
            Text(one_line(row.title or row.description or "", 120)),
            Text(str(len(row.tasks))),
            Text(_when(_moment(row)), style="dim"),
        )
    out.print(table)
    if len(kept) > len(shown):
        out.print(Text(f"and {len(kept) - len(shown)} older ones; --limit shows more", style="dim"))
    return WELL


def _moment(row: Session) -> float:
    return instant(row.last_updated) or instant(row.created_at) or 0.0


def _when(moment: float) -> str:
    return datetime.fromtimestamp(moment).strftime("%Y-%m-%d %H:%M") if moment > 0 else ""


def _unambiguous_length(ids: Sequence[str]) -> int:
    """Shortest unambiguous prefix length: ids created in the same minute can share 8 digits."""
    digits = [format_short_id(one, 32) for one in ids]
    return next((length for length in range(8, 32) if len({one[:length] for one in digits}) == len(digits)), 32)


def new_session(reach: Reach, title: str, *, workspace: str | None, agent: str) -> int:
    """Create a session and print its id. Without `workspace` it uses the first one."""
    with reach.rest() as client:
        field, place = _workspace(client, workspace)
        row = client.service("sessions").create({field: place, "agentic_tool": agent, "title": title})
    print(row.session_id)
    return WELL


def _workspace(client: RestClient, wanted: str | None) -> tuple[str, str]:
    """The field that says where a session works, and its value: newer daemons say branches, older ones worktrees."""
    for service, field in (("branches", "branch_id"), ("worktrees", "worktree_id")):
        try:
            page: Any = client.service(service).find({"$limit": 100})
        except (NotFound, MethodNotAllowed):
            continue
        ids = [str(getattr(row, field)) for row in page]
        if wanted is None and ids:
            return field, ids[0]
        if wanted is not None:
            digits = format_short_id(wanted, 32)
            fits = [one for one in ids if format_short_id(one, 32).startswith(digits)]
            return field, fits[0] if len(fits) == 1 else wanted
    raise UsageError("the daemon has no branch or worktree. Create one there, or name it with --workspace")


def send_prompt(reach: Reach, session_id: str, text: str) -> int:
    """Send a prompt and print the status of its task."""
    with reach.rest() as client:
        task = client.sessions.prompt(session_id, text)
    where = f", position {task.queue_position:g}" if task.queued and task.queue_position is not None else ""
    print(f"task {task.task_id}: {status_label(task.status)}{where}")
    return WELL


def stop_session(reach: Reach, session_id: str) -> int:
    """Stop the running task. An idle session is not an error."""
    with reach.rest() as client:
        answer = client.sessions.stop(session_id, on_pending=_stopping)
    reason = one_line(answer.reason or "", 200)
    if answer.pending:
        print("still stopping; the task has not ended yet" + (f" ({reason})" if reason else ""))
    elif answer.success is False or (reason and answer.stopped_task_id is None):
        print(f"nothing was stopped: {reason or 'the session is idle'}")
    else:
        print("stopped; queued prompts still run" + (f" ({reason})" if reason else ""))
    return WELL


def _stopping(answer: StopAnswer) -> None:
    print("stopping; waiting for the task to end", flush=True)


def text_of(text: str) -> str:
    """The prompt, from stdin if it is ``-``. Raises `UsageError` if it is empty."""
    if text == "-":
        import sys

        text = sys.stdin.read()
    if not text.strip():
        raise UsageError("the prompt is empty")
    return text.rstrip(os.linesep).rstrip("\n")
