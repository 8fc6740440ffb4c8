"""Payloads for branches, repositories and schedules. See `agor_reactive.models.inputs`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypedDict

from agor_reactive.models import words

__all__ = [
    "AgentModelInput",
    "BranchCreate",
    "BranchPatch",
    "RepoCreate",
    "RepoPatch",
    "ScheduleAgentInput",
    "ScheduleCreate",
    "SchedulePatch",
    "WorktreeCreate",
    "WorktreePatch",
]


class _WorkspacePatch(TypedDict, total=False):
    name: str
    board_id: str | None
    notes: str
    issue_url: str
    pull_request_url: str
    custom_context: Mapping[str, Any]
    needs_attention: bool
    archived: bool
    app_url: str
    health_check_url: str
    start_command: str
    stop_command: str
    logs_command: str


class _WorkspaceMade(TypedDict, total=False):
    repo_id: str
    ref: str
    path: str
    base_ref: str
    new_branch: bool


class BranchPatch(_WorkspacePatch, total=False):
    """The changeable fields of a branch."""

    nuke_command: str
    environment_variant: str
    mcp_server_ids: Sequence[str]
    others_can: words.BranchPermission | str
    others_fs_access: words.FilesystemAccess | str
    permission_source: words.PermissionSource | str
    dangerously_allow_session_sharing: bool


class BranchCreate(_WorkspaceMade, BranchPatch):
    """A new branch as a row; `repos` `branches` also creates it on disk."""


class WorktreePatch(_WorkspacePatch, total=False):
    """The changeable fields of a worktree."""

    schedule: Mapping[str, Any]
    schedule_cron: str
    schedule_enabled: bool


class WorktreeCreate(_WorkspaceMade, WorktreePatch):
    """A new worktree as a row; `repos` `worktrees` also creates it on disk."""


class RepoPatch(TypedDict, total=False):
    """The changeable fields of a repository."""

    name: str
    slug: str
    default_branch: str
    environment: Mapping[str, Any]
    environment_config: Mapping[str, Any]


class RepoCreate(RepoPatch, total=False):
    """A new repository as a row; `repos` `clone` and `local` also set it up."""

    repo_type: words.RepoType | str
    local_path: str
    remote_url: str


class AgentModelInput(TypedDict, total=False):
    """Which model."""

    mode: words.ModelMode | str
    model: str
    effort: words.Effort | str
    advisorModel: str


class ScheduleAgentInput(TypedDict, total=False):
    """The agent of a schedule and its settings."""

    agentic_tool: words.AgenticTool | str
    permission_mode: words.PermissionMode | str
    model_config: AgentModelInput
    codex_approval_policy: words.CodexApprovalPolicy | str
    codex_network_access: bool
    codex_sandbox_mode: words.CodexSandboxMode | str
    context_files: Sequence[str]
    mcp_server_ids: Sequence[str]


class SchedulePatch(TypedDict, total=False):
    """The changeable fields of a schedule."""

    name: str
    description: str
    prompt: str
    cron_expression: str
    timezone: str
    timezone_mode: words.TimezoneMode | str
    enabled: bool
    allow_concurrent_runs: bool
    retention: int
    agentic_tool_config: ScheduleAgentInput


class ScheduleCreate(SchedulePatch, total=False):
    """A new schedule."""

    branch_id: str
