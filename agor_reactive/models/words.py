"""The values of kinds, states and modes on the wire: every value seen so far, as Literals for editors.

Rows keep such fields as plain `str`, since a newer daemon may send other values; inputs take these or any other str.
"""

from __future__ import annotations

from typing import Literal

__all__ = [
    "AgenticTool",
    "ArchivedReason",
    "ArtifactBuildStatus",
    "BillingMode",
    "BlockType",
    "BoardAccess",
    "BranchPermission",
    "CallbackMode",
    "ChannelType",
    "ChimeSound",
    "CloneErrorCategory",
    "CloneStatus",
    "CodexApprovalPolicy",
    "CodexSandboxMode",
    "CommentParent",
    "Effort",
    "EnvVarScope",
    "EnvironmentStatus",
    "ExecutorMode",
    "FilesystemAccess",
    "FilesystemStatus",
    "HealthCheckType",
    "HealthStatus",
    "InputStatus",
    "KnowledgeEditPolicy",
    "KnowledgeIndexState",
    "KnowledgeKind",
    "KnowledgeNamespaceKind",
    "KnowledgePermission",
    "KnowledgeStatus",
    "KnowledgeVisibility",
    "McpAuthType",
    "McpOAuthMode",
    "McpScope",
    "McpSource",
    "McpTransport",
    "MessageRole",
    "MessageSource",
    "MessageType",
    "ModelMode",
    "OnboardingPath",
    "PermissionMode",
    "PermissionScope",
    "PermissionSource",
    "PermissionStatus",
    "RefType",
    "RepoType",
    "ReportTemplate",
    "SandpackTemplate",
    "SdkHomeScope",
    "SessionStatus",
    "StopOutcome",
    "StorageMode",
    "TaskStatus",
    "TimezoneMode",
    "ToolPermission",
    "UserRole",
    "WidgetStatus",
    "WorktreeModelMode",
    "ZoneBehavior",
]

AgenticTool = Literal["claude-code", "claude-code-cli", "codex", "gemini", "opencode", "copilot", "cursor"]
PermissionMode = Literal[
    "default",
    "acceptEdits",
    "bypassPermissions",
    "plan",
    "dontAsk",
    "autoEdit",
    "yolo",
    "ask",
    "auto",
    "on-failure",
    "allow-all",
]
CodexApprovalPolicy = Literal["untrusted", "on-request", "on-failure", "never"]
CodexSandboxMode = Literal["read-only", "workspace-write", "danger-full-access"]
Effort = Literal["low", "medium", "high", "xhigh", "max"]  # xhigh: newer daemons
ModelMode = Literal["alias", "exact"]

SessionStatus = Literal[
    "idle", "running", "stopping", "awaiting_permission", "awaiting_input", "timed_out", "completed", "failed"
]
ArchivedReason = Literal["branch_archived", "manual", "parent_archived", "btw_completed"]  # the third: newer daemons
SdkHomeScope = Literal["branch", "execution_home"]
ExecutorMode = Literal["local", "templated"]
StopOutcome = Literal["pending", "condition_changed"]
BillingMode = Literal["subscription", "api-key", "unknown"]
CallbackMode = Literal["once", "persistent"]
TaskStatus = Literal[
    "queued",
    "created",
    "dispatching",  # 0.25 and later: started, its executor is not connected yet
    "running",
    "stopping",
    "awaiting_permission",
    "awaiting_input",
    "timed_out",
    "completed",
    "failed",
    "stopped",
]
MessageType = Literal[
    "user",
    "assistant",
    "system",
    "file-history-snapshot",
    "permission_request",
    "input_request",
    "daemon_restart",
    "daemon_crash",
    "widget_request",
]
MessageRole = Literal["user", "assistant", "system"]
MessageSource = Literal["gateway", "agor", "cli-repl"]
BlockType = Literal[
    "text",
    "image",
    "tool_use",
    "tool_result",
    "thinking",
    "system_status",
    "system_complete",
    "rate_limit",
    "api_wait",
    "sdk_event",
]
PermissionScope = Literal["once", "project", "user", "local"]
PermissionStatus = Literal["pending", "approved", "denied", "timed_out"]
InputStatus = Literal["pending", "answered", "timed_out"]
WidgetStatus = Literal["pending", "submitted", "dismissed", "already_present"]
ReportTemplate = Literal["standard", "technical", "summary", "custom"]

BoardAccess = Literal["private", "shared"]
BranchPermission = Literal["none", "view", "session", "prompt", "all"]
PermissionSource = Literal["board", "override"]
FilesystemAccess = Literal["none", "read", "write"]
FilesystemStatus = Literal["creating", "ready", "failed", "preserved", "cleaned", "deleted"]
RefType = Literal["branch", "tag"]
StorageMode = Literal["worktree", "clone"]
RepoType = Literal["remote", "local"]
CloneStatus = Literal["cloning", "ready", "failed"]
CloneErrorCategory = Literal["auth_failed", "not_found", "network", "unknown"]
EnvironmentStatus = Literal["stopped", "starting", "running", "stopping", "error"]
HealthStatus = Literal["healthy", "unhealthy", "unknown"]
HealthCheckType = Literal["http", "tcp", "process"]
CommentParent = Literal["session", "zone", "branch"]
WorktreeModelMode = Literal["default", "custom"]
TimezoneMode = Literal["local", "utc"]
ZoneBehavior = Literal["always_new", "show_picker"]
ArtifactBuildStatus = Literal["unknown", "checking", "success", "error"]
SandpackTemplate = Literal["react", "react-ts", "vanilla", "vanilla-ts", "vue", "vue3", "svelte", "solid", "angular"]

OnboardingPath = Literal["assistant", "own-repo", "persisted-agent"]
UserRole = Literal["superadmin", "admin", "member", "viewer"]
EnvVarScope = Literal["global", "session", "repo", "mcp_server", "artifact_feature", "executor"]
ChimeSound = Literal[
    "gentle-chime", "notification-bell", "8bit-coin", "retro-coin", "power-up", "you-got-mail", "success-tone"
]
ChannelType = Literal["slack", "discord", "whatsapp", "telegram", "github", "teams"]

McpAuthType = Literal["none", "bearer", "jwt", "oauth"]
McpOAuthMode = Literal["per_user", "shared"]
McpScope = Literal["global", "session"]
McpSource = Literal["user", "imported", "agor"]
McpTransport = Literal["stdio", "http", "sse"]
ToolPermission = Literal["ask", "allow", "deny"]

KnowledgeKind = Literal["doc", "memory", "skill", "prompt", "guide", "decision", "bundle", "external"]
KnowledgeStatus = Literal["draft", "published"]
KnowledgeVisibility = Literal["public", "private"]
KnowledgeEditPolicy = Literal["owner", "public", "admins"]
KnowledgePermission = Literal["none", "read", "write", "own"]
KnowledgeNamespaceKind = Literal["system", "global", "user", "repo", "branch", "team"]
KnowledgeIndexState = Literal["empty", "not_configured", "queued", "ready", "stale", "error", "mixed"]
