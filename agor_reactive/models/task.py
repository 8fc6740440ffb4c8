"""Tasks: one prompt and what came of it. Also which statuses end a task, which wait in the queue, which are at work."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from pydantic import Field

from agor_reactive.models.base import Json, WireModel

__all__ = ["ENDED_STATUSES", "QUEUED_STATUS", "MessageRange", "Task", "TaskGitState"]

ENDED_STATUSES = frozenset({"completed", "failed", "stopped", "timed_out"})
"""Statuses after which a task does no more work. ``stopping`` is not one; an unknown status is not one either."""

QUEUED_STATUS = "queued"


class MessageRange(WireModel):
    """Indexes of the task's first and last message, -1 when it has none yet, and their ISO timestamps."""

    start_index: int = -1
    end_index: int = -1
    start_timestamp: str | None = None
    end_timestamp: str | None = None


class TaskGitState(WireModel):
    """The branch and commits at the task's start and end; ``unknown`` or empty when the daemon could not tell."""

    ref_at_start: str = ""
    sha_at_start: str = ""
    sha_at_end: str | None = None
    commit_message: str | None = None


class Task(WireModel):
    """One task.

    `status` is one of ``queued created dispatching running stopping awaiting_permission awaiting_input timed_out
    completed failed stopped`` or whatever a newer daemon says. `queue_position` is never cleared by the daemon: only
    `status` tells whether a task is queued. `started_at` is sent once, with the first ``running``, and lacks later.
    """

    id_field: ClassVar[str] = "task_id"

    task_id: str
    session_id: str = ""
    status: str = ""
    created_at: str = ""
    created_by: str | None = None
    started_at: str | None = None
    completed_at: str | None = None
    full_prompt: str = ""
    queue_position: int | float | None = None
    message_range: MessageRange | None = None
    git_state: TaskGitState | None = None
    tool_use_count: int | float = 0
    model: str | None = None
    duration_ms: int | float | None = None
    error_message: str | None = None
    last_executor_heartbeat_at: str | None = None
    metadata: Annotated[Any, Json] = None
    permission_request: Annotated[Any, Json] = None
    normalized_sdk_response: Annotated[Any, Json] = None
    raw_sdk_response: Annotated[Any, Json] = Field(default=None, repr=False)
    computed_context_window: int | float | None = None
    report: Annotated[Any, Json] = None
    agent_session_id: str | None = None
    session_md5: str | None = None

    @property
    def ended(self) -> bool:
        """Whether the task has come to its end (see `ENDED_STATUSES`)."""
        return self.status in ENDED_STATUSES

    @property
    def queued(self) -> bool:
        """Whether the task waits for its turn."""
        return self.status == QUEUED_STATUS
