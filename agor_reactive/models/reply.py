"""What routes answer that is no row of a service: what a stop, a permission decision or an archiving came to."""

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
    """An answer whose few words are all there is to it: they show, rows' own texts and secrets are not among them."""

    def __repr_args__(self) -> Iterator[tuple[str | None, Any]]:
        for name in ("success", "already_resolved", "outcome", "status", "reason", "message"):
            value = self.__dict__.get(name)
            if isinstance(value, bool) or (isinstance(value, str) and value):
                yield name, scrub_text(value) if isinstance(value, str) else value


class StopAnswer(_Said):
    """What a stop came to.

    `success`: nothing of the task runs any more. When it is False, look at `pending` (the daemon took the stop and the
    task is still stopping), `condition_changed` (another task has the turn than the one that was expected; nothing was
    stopped) and `reason`. Daemons of June 2026 answer False when nothing ran, newer ones True with a `reason`.
    `outcome` is the daemon's word for it; after a wait it is the status that the task ended with. `status` is the
    session's.
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
        """Whether the daemon stopped nothing because the expected task no longer has the turn."""
        return self.outcome == "condition_changed"


class DecisionTaken(_Said, CamelModel):
    """What an answer to a permission request came to: one that was answered before stays as it was
    (`already_resolved`, with its `status`)."""

    success: bool | None = None
    already_resolved: bool | None = None
    status: str | None = None
    message: str | None = None


class SessionFamily(WireModel):
    """A session among those it came from and those that came from it. The shape of `ancestors` and `children` is not on
    record: JSON as it came."""

    session: Session | None = None
    ancestors: Annotated[Any, Json] = None
    children: Annotated[Any, Json] = None


class SessionInitialized(CamelModel):
    """What ``sessions.initialize`` answers: the session's full id, and the task of the prompt, if one was given."""

    session_id: str = ""
    task: Task | None = None


class SessionArchived(CamelModel):
    """What archiving a session, or bringing it back, came to: `count` sessions were changed.

    What `affected_sessions` lists (rows or ids) is not on record: JSON as it came.
    """

    session: Session | None = None
    affected_sessions: Annotated[Any, Json] = ()
    count: int | float | None = None


class SessionStream(WireModel):
    """That this connection gets the live text of a session (newer daemons); `session_id` is the full id.

    The answer to ``{"capability": True}`` has an empty `session_id` and `subscribed` False.
    """

    session_id: str = ""
    subscribed: bool | None = None
