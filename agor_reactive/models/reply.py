"""Answers of routes other than rows: the results of a stop, a permission decision or an archiving."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

from pydantic import Field

from agor_reactive.models.base import CamelModel, Json, WireModel
from agor_reactive.models.secrecy import scrub_text
from agor_reactive.models.session import Session
from agor_reactive.models.task import Task

__all__ = [
    "DecisionTaken",
    "SessionArchived",
    "SessionFamily",
    "SessionInitialized",
    "SessionStream",
    "StopAnswer",
]


class _Said(WireModel):
    """The base of answers whose repr shows all fields, because they contain no texts of rows and no secrets."""

    def __repr_args__(self) -> Iterator[tuple[str | None, Any]]:
        for name in ("success", "already_resolved", "outcome", "status", "reason", "message"):
            value = self.__dict__.get(name)
            if isinstance(value, bool) or (isinstance(value, str) and value):
                yield name, scrub_text(value) if isinstance(value, str) else value


class StopAnswer(_Said):
    """The result of a stop.

    `success`: the task does not run any more. If False, check `pending` (the daemon accepted the stop and the task is
    still stopping), `condition_changed` (another task than the expected one is running; nothing was stopped) and
    `reason`. Daemons of June 2026 answer False when nothing ran, newer ones True with a `reason`. `outcome` is the
    daemon's term; after a wait it is the final status of the task. `status` is the session's.
    """

    success: bool | None = None
    outcome: str | None = None
    status: str | None = None
    reason: str | None = None
    pending_code: str | None = Field(default=None, alias="pendingCode")
    stopped_task_id: str | None = Field(default=None, alias="stoppedTaskId")
    queued_tasks_preserved: int | float | bool | None = Field(default=None, alias="queuedTasksPreserved")

    @property
    def pending(self) -> bool:
        """Whether the task is still stopping."""
        return self.outcome == "pending"

    @property
    def condition_changed(self) -> bool:
        """Whether nothing was stopped because another task than the expected one is running."""
        return self.outcome == "condition_changed"


class DecisionTaken(_Said, CamelModel):
    """The result of a permission decision. A request that was decided earlier is unchanged (`already_resolved`, with
    its `status`)."""

    success: bool | None = None
    already_resolved: bool | None = None
    status: str | None = None
    message: str | None = None


class SessionFamily(WireModel):
    """The ancestors and children of a session. Both are undocumented: JSON as it came."""

    session: Session | None = None
    ancestors: Annotated[Any, Json] = None
    children: Annotated[Any, Json] = None


class SessionInitialized(CamelModel):
    """The answer of ``sessions.initialize``: the session's full id, and the prompt's task, if a prompt was given."""

    session_id: str = ""
    task: Task | None = None


class SessionArchived(CamelModel):
    """The result of archiving or unarchiving: `count` sessions were changed.

    `affected_sessions` is undocumented: JSON as it came.
    """

    session: Session | None = None
    affected_sessions: Annotated[Any, Json] = ()
    count: int | float | None = None


class SessionStream(WireModel):
    """A subscription of this connection to a session's live text (newer daemons); `session_id` is the full id.

    The answer to ``{"capability": True}`` has an empty `session_id` and `subscribed` False.
    """

    session_id: str = ""
    subscribed: bool | None = None
