"""Sessions: one agent's conversation on one branch. Fields are the wire's; `model_config` is `model_settings` here."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, SerializationInfo, SerializerFunctionWrapHandler, model_serializer

from agor_reactive.models.base import CamelModel, Json, WireModel

__all__ = [
    "ActiveTurn",
    "CallbackConfig",
    "CliState",
    "CodexPermissions",
    "Genealogy",
    "PermissionConfig",
    "RemoteRelationships",
    "ScheduleSnapshot",
    "ScheduledRun",
    "Session",
    "SessionContext",
    "SessionEnvSelection",
    "SessionGitState",
    "SessionMcpServer",
    "SessionModel",
]


class SessionGitState(WireModel):
    """The git state of the session's branch: `ref`, and the commits at its start and now."""

    ref: str = ""
    base_sha: str | None = None
    current_sha: str | None = None


class Genealogy(WireModel):
    """The session that this one was forked or spawned from, at which message, and its children."""

    parent_session_id: str | None = None
    forked_from_session_id: str | None = None
    fork_point_task_id: str | None = None
    fork_point_message_index: int | float | None = None
    spawn_point_task_id: str | None = None
    spawn_point_message_index: int | float | None = None
    children: tuple[str, ...] = ()


class SessionModel(WireModel):
    """The agent's model: `mode` is ``alias`` or ``exact``."""

    mode: str | None = None
    model: str | None = None
    provider: str | None = None
    effort: str | None = None
    advisor_model: str | None = Field(default=None, alias="advisorModel")
    notes: str | None = None
    updated_at: str | None = None


class CodexPermissions(CamelModel):
    """The actions that a Codex agent may take without asking."""

    approval_policy: str | None = None
    network_access: bool | None = None
    sandbox_mode: str | None = None


class PermissionConfig(WireModel):
    """When the agent asks for permission: `mode` is one of `words.PermissionMode`."""

    mode: str | None = None
    codex: CodexPermissions | None = None


class CallbackConfig(WireModel):
    """Whether and how the session notifies its parent of its end; `callback_mode` is ``once`` or ``persistent``."""

    enabled: bool | None = None
    callback_mode: str | None = None
    callback_session_id: str | None = None
    callback_created_by: str | None = None
    include_last_message: bool | None = None
    include_original_prompt: bool | None = None
    template: str | None = None


class ActiveTurn(WireModel):
    """The current turn of a command-line agent. `started_at_ms` is in epoch milliseconds."""

    task_id: str = ""
    started_at_ms: int | float | None = None
    user_message_index: int | float | None = None


class CliState(WireModel):
    """The state of the watcher of a command-line agent's transcript."""

    active_turn: ActiveTurn | None = None
    jsonl_path: str | None = None
    last_event_ts: str | None = None
    last_event_uuid: str | None = None
    slug: str | None = None
    watcher_offset: int | float | None = None
    zellij_pane_id: str | None = None
    zellij_tab_name: str | None = None


class ScheduleSnapshot(WireModel):
    """The schedule at the start of a run."""

    schedule_id: str | None = None
    cron: str = ""
    timezone: str | None = None
    retention: int | float | None = None
    allow_concurrent_runs: bool | None = None


class ScheduledRun(WireModel):
    """The schedule's run that started a session, and its prompt."""

    rendered_prompt: str = Field(default="", repr=False)
    run_index: int | float | None = None
    schedule_config_snapshot: ScheduleSnapshot | None = None
    triggered_by: str | None = None
    triggered_manually: bool | None = None


class SessionContext(WireModel):
    """The session's context; other keys are the user's own (`context["key"]`)."""

    scheduled_run: ScheduledRun | None = None


class RemoteRelationships(WireModel):
    """The links of this session to sessions of other daemons (0.26 and later). Each side is JSON as it came."""

    as_source: Annotated[Any, Json] = None
    as_target: Annotated[Any, Json] = None


class Session(WireModel):
    """One session.

    `status` is one of ``idle running stopping awaiting_permission awaiting_input timed_out completed failed`` or
    whatever a newer daemon says. A session becomes ``idle`` before its last task is reported as completed: wait for the
    task. `worktree_id` is `branch_id` on older daemons; `workspace_id` is the one that came. `tasks` are task ids in
    the daemon's order. `mcp_token` comes only to the owner; reprs, dumps and pickles leave it out. `archived_reason` is
    ``branch_archived``, ``manual``, ``parent_archived`` or ``btw_completed``, `fork_origin` ``btw`` for an aside,
    `billing_mode` ``subscription``, ``api-key`` or ``unknown``; `scheduled_run_at` is in epoch milliseconds. Daemons of
    0.26 and later add `agentic_tool_preset_id`, `sdk_home_scope` (``branch`` or ``execution_home``),
    `remote_relationships` and `remote_surrogate`.
    """

    session_id: str
    status: str = ""
    agentic_tool: str | None = None
    agentic_tool_version: str | None = None
    agentic_tool_preset_id: str | None = None
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
    permission_config: PermissionConfig | None = None
    model_settings: SessionModel | None = Field(default=None, alias="model_config")
    callback_config: CallbackConfig | None = None
    custom_context: SessionContext | None = None
    cli_state: CliState | None = None
    context_window_limit: int | float | None = None
    current_context_usage: int | float | None = None
    last_context_update_at: str | None = None
    sdk_session_id: str | None = None
    sdk_home_scope: str | None = None
    remote_relationships: RemoteRelationships | None = None
    remote_surrogate: Annotated[Any, Json] = None
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

    def to_wire(self, *, secrets: bool = False) -> dict[str, Any]:
        """As `WireModel.to_wire`, without `mcp_token` unless `secrets` asks for it."""
        sent = super().to_wire()
        if not secrets:
            sent.pop("mcp_token", None)
        return sent

    @model_serializer(mode="wrap")
    def _serialize(self, handler: SerializerFunctionWrapHandler, info: SerializationInfo) -> dict[str, Any]:
        """`model_dump` leaves `mcp_token` out, unless its ``context={"secrets": True}`` asks for it."""
        data: dict[str, Any] = handler(self)
        if not (isinstance(info.context, dict) and info.context.get("secrets")):
            data.pop("mcp_token", None)
        return data

    def __getstate__(self) -> dict[Any, Any]:
        """What a pickle holds: all but `mcp_token`. Copies keep it."""
        state = super().__getstate__()
        return {
            **state,
            "__dict__": {**state["__dict__"], "mcp_token": None},
            "__pydantic_fields_set__": state["__pydantic_fields_set__"] - {"mcp_token"},
        }

    @property
    def workspace_id(self) -> str | None:
        """`branch_id`, or on older daemons `worktree_id`."""
        return self.branch_id or self.worktree_id


class SessionMcpServer(WireModel):
    """The link of a session to an MCP server that it may use.

    The link is undocumented: the fields here are read if present, all others are kept (`model_extra`).
    """

    session_id: str = ""
    mcp_server_id: str = ""
    enabled: bool | None = None
    added_at: str | None = None


class SessionEnvSelection(WireModel):
    """The link of a session to an environment variable of its owner that it may see.

    The link is undocumented: the fields here are read if present, all others are kept (`model_extra`).
    """

    session_id: str = ""
    env_var_name: str = ""
    created_at: str | None = None
