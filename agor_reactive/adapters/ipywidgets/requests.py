"""A request for permission as a page shows it: who asks, to use what, on which input, and what became of it. Pure.

It can be answered (`state` is ``pending``) only while the daemon says so and its task goes on.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from agor_reactive.adapters.terminal.plain import one_line
from agor_reactive.adapters.terminal.words import words_of
from agor_reactive.models.base import instant
from agor_reactive.models.ids import format_short_id
from agor_reactive.models.message import PermissionAsked
from agor_reactive.models.task import Task

__all__ = ["People", "request_fields"]


class People(NamedTuple):
    """Who is who: the session's agent by name, and the id of the user that the client is logged in as."""

    agent: str = ""
    user_id: str | None = None


def request_fields(asked: PermissionAsked, task: Task, people: People, *, sub_agent: bool = False) -> dict[str, Any]:
    """The fields of a part of the kind ``asks``. Its text is the input (`detail.data_text`)."""
    agent = one_line(people.agent, 30) or "the agent"
    waits = asked.status == "pending" and not task.ended
    return {
        "kind": "asks",
        "request": asked.request_id,
        "who": f"{f'a sub-agent of {agent}' if sub_agent else agent} asks to use",
        "name": one_line(asked.tool_name or "a tool", 60),
        "state": "pending" if waits else "gone" if asked.status == "pending" else _state(asked.status),
        "outcome": "" if waits else _outcome(asked, task, people),
        "when": None if waits else _when(asked.approved_at),
    }


def _state(status: str) -> str:
    return status if status in ("approved", "denied") else "other"


def _outcome(asked: PermissionAsked, task: Task, people: People) -> str:
    if asked.status == "pending":
        return f"Nobody answered: the task {_ended(task.status)}."
    words = words_of(asked.status) if asked.status else "answered"
    reach = f", {_REACH[asked.scope]}" if asked.status == "approved" and asked.scope in _REACH else ""
    by = asked.approved_by or ""
    who = "" if not by else " by you" if by == people.user_id else f" by {one_line(format_short_id(by), 20)}"
    return f"{words[:1].upper()}{words[1:]}{who}{reach}"


_REACH = {
    "once": "this once",
    "project": "from now on in this project",
    "user": "from now on for this user",
    "local": "from now on on this machine",
    "session": "from now on in this session",
}


def _ended(status: str) -> str:
    return {"completed": "has ended", "failed": "has failed"}.get(status, f"is {words_of(status)}")


def _when(text: str | None) -> int | None:
    when = instant(text)
    return None if when is None else round(when * 1000)
