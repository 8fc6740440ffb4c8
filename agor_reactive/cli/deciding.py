"""`approve` and `deny`: the pending permission requests of a session. And what ``--approve PATTERN`` matches."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import Any

from agor_reactive import RestClient
from agor_reactive.adapters.presentation.exact import exact_line
from agor_reactive.adapters.presentation.tools import input_summary
from agor_reactive.cli.endings import FAULT, WELL, complain
from agor_reactive.cli.reach import Reach
from agor_reactive.errors import NotFound, UsageError
from agor_reactive.models import Task
from agor_reactive.models.outcome import NeededPermission, PermissionNeeded

__all__ = ["decide", "matches", "request_text"]


def decide(
    reach: Reach,
    session_id: str,
    request_id: str | None,
    *,
    allow: bool,
    remember: str | None = None,
    reason: str | None = None,
) -> int:
    """Answer a pending request: the one named, or the only one."""
    with reach.rest() as client:
        full = client.service("sessions").get(session_id).session_id
        task, asked = _one(_pending(client, full), request_id)
        answer = client.sessions.permission_decision(
            full,
            asked.request_id,
            allow,
            task_id=asked.task_id or task.task_id,
            remember=remember is not None,
            scope=remember,
            reason=reason,
        )
    if answer.already_resolved:
        complain(f"this request was already answered ({answer.status or 'by someone else'})")
        return FAULT
    print(f"{'approved' if allow else 'denied'}: {request_text(asked.tool_name, asked.tool_input)}")
    return WELL


def _pending(client: RestClient, session_id: str) -> list[tuple[Task, NeededPermission]]:
    found = []
    for task in client.service("tasks").find_all({"session_id": session_id}):
        if task.session_id == session_id and not task.ended and not task.queued:
            waiting = PermissionNeeded(task, client.service("messages").find_by_task(task.task_id))
            found += [(task, asked) for asked in waiting.requests]
    return found


def _one(pending: Sequence[tuple[Task, NeededPermission]], wanted: str | None) -> tuple[Task, NeededPermission]:
    fits = [one for one in pending if wanted is None or one[1].request_id.startswith(wanted)]
    if len(fits) == 1:
        return fits[0]
    if not fits:
        raise NotFound("no permission request is pending" if wanted is None else f"no pending request {wanted}")
    listed = "; ".join(f"{asked.request_id} ({request_text(asked.tool_name, asked.tool_input)})" for _, asked in fits)
    raise UsageError(f"{len(fits)} requests are pending, name one: {listed}")


def request_text(tool_name: str, tool_input: Any) -> str:
    """What the agent wants to do, on one line and exactly: ``Bash(pytest -q)``."""
    return f"{exact_line(tool_name or 'a tool').within(60)}({input_summary(tool_input).within(200)})"


def matches(patterns: Sequence[str], tool_name: str, tool_input: Any) -> bool:
    """Whether a pattern matches a request: ``Read``, ``mcp__*``, or with its input, ``Bash(pytest *)``.

    An input too long to be compared as a whole matches no pattern that names an input.
    """
    given = input_summary(tool_input)
    whole = None if given.left_out else f"{tool_name}({given.text})"
    return any(
        whole is not None and fnmatchcase(whole, pattern) if "(" in pattern else fnmatchcase(tool_name, pattern)
        for pattern in patterns
    )
