"""Sessions: one agent's conversation on one branch. Fields are the wire's; `model_config` is `model_settings` here."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from pydantic import Field

from agor_reactive.models.base import Json, WireModel

__all__ = ["Genealogy", "Session", "SessionGitState", "SessionModel"]


class SessionGitState(WireModel):
    """Where the session's branch stood: `ref`, and the commits it began at and is at."""

    ref: str = ""
    base_sha: str | None = None
    current_sha: str | None = None


class Genealogy(WireModel):
    """Which session this one was forked or spawned from, at which message, and which came of it."""

    parent_session_id: str | None = None
    forked_from_session_id: str | None = None
    fork_point_task_id: str | None = None
    fork_point_message_index: int | None = None
    spawn_point_task_id: str | None = None
    spawn_point_message_index: int | None = None
    children: tuple[str, ...] = ()


class SessionModel(WireModel):
    """The model the agent runs on: `mode` is ``alias`` or ``exact``."""

    mode: str | None = None
    model: str | None = None
    provider: str | None = None
    effort: str | None = None
    advisor_model: str | None = Field(default=None, alias="advisorModel")
    notes: str | None = None
    updated_at: str | None = None


class Session(WireModel):
    """One session.

    `status` is one of ``idle running stopping awaiting_permission awaiting_input timed_out completed failed`` or
    whatever a newer daemon says. A session turns ``idle`` before its last task is seen completed: wait on the task.
    `worktree_id` is what older daemons call `branch_id`; `workspace_id` is whichever came. `tasks` are task ids in
    the daemon's order. `mcp_token` comes only to the owner and never shows in a repr.
    """

    id_field: ClassVar[str] = "session_id"

    session_id: str
    status: str = ""
    agentic_tool: str | None = None
    agentic_tool_version: str | None = None
    title: str | None = None
    description: str | None = None
    created_at: str = ""
    last_updated: str | None = None
    created_by: str | None = None
    unix_username: str | None = None
    branch_id: str | None = None
    worktree_id: str | None = None
    branch_board_id: str | None = None
    worktree_board_id: str | None = None
    url: str | None = None
    git_state: SessionGitState | None = None
    genealogy: Genealogy | None = None
    context_files: Annotated[Any, Json] = Field(default=(), alias="contextFiles")
    tasks: tuple[str, ...] = ()
    permission_config: Annotated[Any, Json] = None
    model_settings: SessionModel | None = Field(default=None, alias="model_config")
    callback_config: Annotated[Any, Json] = None
    custom_context: Annotated[Any, Json] = None
    cli_state: Annotated[Any, Json] = None
    context_window_limit: int | float | None = None
    current_context_usage: int | float | None = None
    last_context_update_at: str | None = None
    sdk_session_id: str | None = None
    schedule_id: str | None = None
    scheduled_from_branch: bool | None = None
    scheduled_from_worktree: bool | None = None
    scheduled_run_at: int | float | None = None
    fork_origin: str | None = None
    billing_mode: str | None = None
    ready_for_prompt: bool | None = None
    archived: bool | None = None
    archived_reason: str | None = None
    mcp_token: str | None = Field(default=None, repr=False)

    @property
    def workspace_id(self) -> str | None:
        """`branch_id`, or on older daemons `worktree_id`."""
        return self.branch_id or self.worktree_id
