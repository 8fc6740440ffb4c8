"""Permission requests: who asks to use which tool with which input, and the outcome."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple, TypeAlias

from agor_reactive.adapters.presentation.exact import Excerpt, exact_line
from agor_reactive.adapters.presentation.plain import one_line
from agor_reactive.adapters.presentation.status import status_label
from agor_reactive.adapters.presentation.tools import input_summary, input_text
from agor_reactive.models.base import instant
from agor_reactive.models.ids import format_short_id
from agor_reactive.models.message import PermissionAsked
from agor_reactive.models.task import Task

__all__ = ["RequestBlock", "RequestState", "Viewer", "request_block"]

RequestState: TypeAlias = Literal["pending", "approved", "denied", "unanswered", "other"]
"""``pending`` only while the daemon says so and the task goes on; ``unanswered`` if the task ended before an answer."""

_STATES: Final[Mapping[str, RequestState]] = {"approved": "approved", "denied": "denied", "pending": "unanswered"}
_SCOPES: Final[Mapping[str, str]] = {
    "once": ", this once",
    "project": ", from now on in this project",
    "user": ", from now on for this user",
    "local": ", from now on on this machine",
    "session": ", from now on in this session",
}
_ENDS: Final[Mapping[str, str]] = {"completed": "has ended", "failed": "has failed"}


class Viewer(NamedTuple):
    """Whose names appear: the session's agent, and the id of the user whom the client is logged in as."""

    agent: str = ""
    user_id: str | None = None


@dataclass(frozen=True, slots=True)
class RequestBlock:
    """A permission request: `input` as lines and its `summary` on one line, both exact.

    `outcome` is empty while it is pending; `decided_at` is in epoch seconds.
    """

    key: str
    request_id: str
    asker: str
    tool: str
    input: str
    summary: Excerpt
    state: RequestState
    outcome: str = ""
    decided_at: float | None = None

    @property
    def line(self) -> str:
        """The request on one line: ``permission to use Bash: pending``."""
        outcome = self.outcome or "pending"
        return f"permission to use {self.tool}: {outcome[:1].lower()}{outcome[1:]}"


def request_block(asked: PermissionAsked, task: Task, viewer: Viewer, *, sub_agent: bool = False) -> RequestBlock:
    """Return the block of a request of `task`."""
    agent = one_line(viewer.agent, 30) or "the agent"
    pending = asked.status == "pending" and not task.ended
    return RequestBlock(
        key=f"request/{asked.request_id}",
        request_id=asked.request_id,
        asker=f"a sub-agent of {agent}" if sub_agent else agent,
        tool=exact_line(asked.tool_name or "a tool").within(60),
        input=input_text(asked.tool_input),
        summary=input_summary(asked.tool_input),
        state="pending" if pending else _state(asked.status),
        outcome="" if pending else _outcome(asked, task, viewer),
        decided_at=None if pending else instant(asked.approved_at),
    )


def _state(status: str) -> RequestState:
    return _STATES.get(status, "other")


def _outcome(asked: PermissionAsked, task: Task, viewer: Viewer) -> str:
    if asked.status == "pending":
        return f"Not answered: the task {_ENDS.get(task.status) or f'is {status_label(task.status)}'}"
    label = status_label(asked.status) if asked.status else "answered"
    scope = _SCOPES.get(asked.scope or "", "") if asked.status == "approved" else ""
    by = asked.approved_by or ""
    who = "" if not by else " by you" if by == viewer.user_id else f" by {one_line(format_short_id(by), 20)}"
    return f"{label[:1].upper()}{label[1:]}{who}{scope}"
