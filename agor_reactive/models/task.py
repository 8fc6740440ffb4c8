"""Tasks: one prompt and its result. Also the sets of statuses: ended, queued, active."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from agor_reactive.models.base import CamelModel, Json, WireModel

__all__ = [
    "ENDED_STATUSES",
    "QUEUED_STATUS",
    "CallbackDispatch",
    "ContextUsage",
    "ExecutorPulse",
    "MessageRange",
    "SdkFailure",
    "Task",
    "TaskGitState",
    "TaskMetadata",
    "TaskPermissionRequest",
    "TaskReport",
    "TaskUsage",
    "TerminationRequest",
    "TokenUsage",
]

ENDED_STATUSES = frozenset({"completed", "failed", "stopped", "timed_out"})
"""Statuses after which a task does no more work. ``stopping`` is not one; an unknown status is not one either."""

QUEUED_STATUS = "queued"


class MessageRange(WireModel):
    """Indexes of the task's first and last message, -1 when it has none yet, and their ISO timestamps."""

    start_index: int | float = -1
    end_index: int | float = -1
    start_timestamp: str | None = None
    end_timestamp: str | None = None


class TaskGitState(WireModel):
    """The branch and commits at the task's start and end; ``unknown`` or empty when the daemon does not know them."""

    ref_at_start: str = ""
    sha_at_start: str = ""
    sha_at_end: str | None = None
    commit_message: str | None = None


class CallbackDispatch(WireModel):
    """The notification of another session about this task's end; `event` is ``session_completion``."""

    event: str = ""
    dispatched_at: str = ""
    target_session_id: str = ""
    queued_task_id: str | None = None


class TaskMetadata(WireModel):
    """The user who queued the task, for whom, and its origin (`source`: ``gateway``, ``agor`` or ``cli-repl``)."""

    queued_by_user_id: str | None = None
    source: str | None = None
    system_authored: bool | None = None
    is_agor_callback: bool | None = None
    child_session_id: str | None = None
    child_task_id: str | None = None
    widget_id: str | None = None
    initial_message_id: str | None = None
    completion_callback: Annotated[Any, Json] = None
    mcp_recovery: Annotated[Any, Json] = None
    callback_dispatches: tuple[CallbackDispatch, ...] = ()


class TokenUsage(CamelModel):
    """Tokens of one turn."""

    input_tokens: int | float = 0
    output_tokens: int | float = 0
    total_tokens: int | float = 0
    cache_creation_tokens: int | float | None = None
    cache_read_tokens: int | float | None = None


class ContextUsage(CamelModel):
    """The used part of the model's context; `percentage` is 0 to 100."""

    total_tokens: int | float = 0
    max_tokens: int | float = 0
    percentage: int | float = 0


class TaskUsage(CamelModel):
    """The usage of a turn: `cost_usd` in dollars, `duration_ms` in milliseconds."""

    token_usage: TokenUsage | None = None
    context_usage_snapshot: ContextUsage | None = None
    context_window_limit: int | float | None = None
    cost_usd: int | float | None = None
    duration_ms: int | float | None = None
    primary_model: str | None = None


class TaskPermissionRequest(WireModel):
    """The permission that a task waits for (older daemons; newer ones save a ``permission_request`` message)."""

    request_id: str = ""
    tool_name: str = ""
    tool_input: Annotated[Any, Json] = None
    tool_use_id: str | None = None
    requested_at: str | None = None
    approved_at: str | None = None
    approved_by: str | None = None


class ExecutorPulse(WireModel):
    """The newest heartbeat of a task's executor; `sequence` counts up, `observed_at` is ISO text."""

    sequence: int | float | None = None
    kind: str | None = None
    detail: Annotated[Any, Json] = None
    observed_at: str | None = None


class SdkFailure(WireModel):
    """The failure of the agent's SDK. `termination` is JSON as it came."""

    reason: str | None = None
    termination: Annotated[Any, Json] = None


class TerminationRequest(WireModel):
    """A request to end the task: `cause`, time, and reason (`error_message`)."""

    cause: str | None = None
    requested_at: str | None = None
    error_message: str | None = None


class TaskReport(WireModel):
    """The report on a task; `template` is ``standard technical summary custom``."""

    path: str = ""
    template: str | None = None
    generated_at: str | None = None


class Task(WireModel):
    """One task.

    `status` is one of ``queued created dispatching running stopping awaiting_permission awaiting_input timed_out
    completed failed stopped`` or another value of a newer daemon. ``dispatching`` (0.25 and later) counts as running:
    the task has started, its executor has not connected yet. The daemon never clears `queue_position`: only `status`
    shows whether a task is queued. `started_at` is the time of dispatch; daemons of June 2026 send it once, with the
    first ``running``. `executor_mode` is ``local`` or ``templated``. `metadata`, `normalized_sdk_response` and
    `permission_request` are JSON as it came; `details`, `usage` and `permission` parse them.
    """

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
    executor_connected_at: str | None = None
    executor_mode: str | None = None
    latest_executor_pulse: ExecutorPulse | None = None
    sdk_failure: SdkFailure | None = None
    sdk_watchdog_mode: str | None = None
    termination_request: TerminationRequest | None = None
    metadata: Annotated[Any, Json] = None
    permission_request: Annotated[Any, Json] = None
    normalized_sdk_response: Annotated[Any, Json] = None
    raw_sdk_response: Annotated[Any, Json] = Field(default=None, repr=False)
    computed_context_window: int | float | None = None
    report: TaskReport | None = None
    agent_session_id: str | None = None
    session_md5: str | None = None

    @property
    def ended(self) -> bool:
        """Whether the task has ended (see `ENDED_STATUSES`)."""
        return self.status in ENDED_STATUSES

    @property
    def queued(self) -> bool:
        """Whether the task is queued."""
        return self.status == QUEUED_STATUS

    @property
    def details(self) -> TaskMetadata:
        """The parsed `metadata`; empty when there is none."""
        return TaskMetadata.part_of(self.metadata) or TaskMetadata()

    @property
    def usage(self) -> TaskUsage | None:
        """The parsed `normalized_sdk_response`: tokens, cost, duration."""
        return TaskUsage.part_of(self.normalized_sdk_response)

    @property
    def permission(self) -> TaskPermissionRequest | None:
        """The parsed `permission_request`."""
        return TaskPermissionRequest.part_of(self.permission_request)
