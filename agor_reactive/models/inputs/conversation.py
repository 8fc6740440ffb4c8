"""Payloads for sessions, tasks and messages. See `agor_reactive.models.inputs`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypedDict

from agor_reactive.models import words
from agor_reactive.models.inputs.workspaces import AgentModelInput

__all__ = [
    "CallbackConfigInput",
    "CodexInput",
    "MessageCreate",
    "MessagePatch",
    "PermissionConfigInput",
    "SessionCreate",
    "SessionEnvSelectionCreate",
    "SessionMcpServerCreate",
    "SessionModelInput",
    "SessionPatch",
    "SessionStreamCreate",
    "SpawnConfig",
    "SpawnModelInput",
    "TaskCreate",
    "TaskPatch",
]


class CodexInput(TypedDict, total=False):
    """The actions that a Codex agent may take without asking."""

    approvalPolicy: words.CodexApprovalPolicy | str
    sandboxMode: words.CodexSandboxMode | str
    networkAccess: bool


class PermissionConfigInput(TypedDict, total=False):
    """When the agent asks for permission."""

    mode: words.PermissionMode | str
    codex: CodexInput


class SpawnModelInput(AgentModelInput, total=False):
    """The model of a spawned session."""

    provider: str


class SessionModelInput(SpawnModelInput, total=False):
    """The agent's model."""

    notes: str


class CallbackConfigInput(TypedDict, total=False):
    """Whether and how the session notifies its parent of its end."""

    enabled: bool
    callback_mode: words.CallbackMode | str
    callback_session_id: str
    include_last_message: bool
    include_original_prompt: bool
    template: str


class SessionPatch(TypedDict, total=False):
    """The changeable fields of a session."""

    title: str | None
    description: str | None
    status: words.SessionStatus | str
    ready_for_prompt: bool
    archived: bool
    archived_reason: words.ArchivedReason | str
    agentic_tool: words.AgenticTool | str
    agentic_tool_preset_id: str | None
    permission_config: PermissionConfigInput
    model_config: SessionModelInput
    callback_config: CallbackConfigInput
    contextFiles: Sequence[str]
    custom_context: Mapping[str, Any]
    unix_username: str | None


class SessionCreate(SessionPatch, total=False):
    """A new session: `branch_id` (older daemons: `worktree_id`) is required."""

    branch_id: str
    worktree_id: str
    initial_prompt: str


class SpawnConfig(TypedDict, total=False):
    """The settings of a child session, besides its prompt."""

    title: str
    agent: words.AgenticTool | str
    task_id: str
    permissionMode: words.PermissionMode | str
    modelConfig: SpawnModelInput
    codexApprovalPolicy: words.CodexApprovalPolicy | str
    codexSandboxMode: words.CodexSandboxMode | str
    codexNetworkAccess: bool
    enableCallback: bool
    callbackMode: words.CallbackMode | str
    includeLastMessage: bool
    includeOriginalPrompt: bool
    extraInstructions: str
    envVarNames: Sequence[str]
    mcpServerIds: Sequence[str]


class TaskPatch(TypedDict, total=False):
    """The changeable fields of a task."""

    status: words.TaskStatus | str
    full_prompt: str
    completed_at: str
    error_message: str
    model: str
    duration_ms: float
    tool_use_count: int
    message_range: Mapping[str, Any]
    git_state: Mapping[str, Any]
    metadata: Mapping[str, Any]
    report: Mapping[str, Any]


class _TaskMade(TypedDict):
    session_id: str


class TaskCreate(_TaskMade, TaskPatch, total=False):
    """A new task: ``status="created"`` waits for `tasks.run`. `tasks.create_many` needs `created_by` in each."""

    task_id: str
    created_by: str


class MessagePatch(TypedDict, total=False):
    """The changeable fields of a message."""

    content: str | Sequence[Mapping[str, Any]] | Mapping[str, Any]
    content_preview: str
    metadata: Mapping[str, Any]
    tool_uses: Sequence[Mapping[str, Any]]


class _MessageMade(TypedDict):
    message_id: str
    session_id: str
    type: words.MessageType | str
    role: words.MessageRole | str
    index: int
    timestamp: str
    content: str | Sequence[Mapping[str, Any]] | Mapping[str, Any]
    content_preview: str


class MessageCreate(_MessageMade, total=False):
    """A new message. The client creates its id (`agor_reactive.new_id`); newer daemons can create it, too."""

    task_id: str
    parent_tool_use_id: str | None
    tool_uses: Sequence[Mapping[str, Any]]
    metadata: Mapping[str, Any]


class SessionMcpServerCreate(TypedDict):
    """An MCP server for a session. The payload is undocumented: any other mapping is accepted, too."""

    session_id: str
    mcp_server_id: str


class SessionEnvSelectionCreate(TypedDict):
    """An environment variable for a session. The payload is undocumented: any other mapping is accepted, too."""

    session_id: str
    env_var_name: str


class SessionStreamCreate(TypedDict, total=False):
    """The session whose live text this connection subscribes to; or, with `capability`, the announcement that it
    subscribes per session and needs no copies as an owner."""

    session_id: str
    capability: bool
