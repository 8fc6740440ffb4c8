"""`create`, `fork`, `open`, `prompt`, `stop`: one REST request each, and its answer as text."""

from __future__ import annotations

import os
from typing import Any
from urllib.parse import urlsplit

from agor_reactive import RestClient
from agor_reactive.adapters.presentation.plain import one_line
from agor_reactive.adapters.presentation.status import status_label
from agor_reactive.cli.endings import FAULT, WELL, complain
from agor_reactive.cli.reach import Reach
from agor_reactive.errors import MethodNotAllowed, NotFound, UsageError
from agor_reactive.models import StopAnswer
from agor_reactive.models.ids import format_short_id

__all__ = ["create_session", "fork_session", "open_session", "send_prompt", "stop_session", "text_of"]


def create_session(reach: Reach, title: str, *, workspace: str | None, agent: str) -> int:
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


def fork_session(reach: Reach, session_id: str, title: str | None, *, task_id: str | None) -> int:
    """Fork a session and print the id of the new one."""
    with reach.rest() as client:
        row = client.sessions.fork(session_id, title, task_id=task_id)
    print(row.session_id)
    return WELL


def open_session(reach: Reach, session_id: str, *, browser: bool) -> int:
    """Print the address of a session's page, and open it in a browser. The daemon names it in the session's row."""
    with reach.rest() as client:
        row = client.service("sessions").get(session_id)
    page = row.url or f"{reach.url}/ui/s/{format_short_id(row.session_id, 24)}/"
    if urlsplit(page).scheme not in ("http", "https"):
        raise UsageError("the daemon names no web page for this session")
    print(one_line(page, 2_000), flush=True)
    if browser:
        import webbrowser

        if not webbrowser.open(page):
            complain("no browser could be started; open this address yourself")
            return FAULT
    return WELL


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
