"""Workspaces of sessions: repositories, their branches (worktrees on older daemons), and environments."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from agor_reactive.models.base import ArchivedRow, FrozenMap, Json, WireModel

__all__ = [
    "AccessUrl",
    "Branch",
    "CloneError",
    "Environment",
    "EnvironmentConfig",
    "EnvironmentHealth",
    "EnvironmentProcess",
    "EnvironmentVariant",
    "HealthCheck",
    "LegacyEnvironmentConfig",
    "Repo",
    "Worktree",
    "WorktreeSchedule",
    "WorktreeScheduleModel",
]


class AccessUrl(WireModel):
    """A named address of a branch's environment."""

    name: str = ""
    url: str = ""


class EnvironmentHealth(WireModel):
    """The result of an environment's last health check: `status` is ``healthy unhealthy unknown``."""

    status: str = ""
    message: str | None = None
    timestamp: str = ""


class EnvironmentProcess(WireModel):
    """The process of a running environment."""

    pid: int | float | None = None
    started_at: str | None = None
    uptime: str | None = None


class Environment(WireModel):
    """The environment of a branch: `status` is ``stopped starting running stopping error``."""

    status: str = ""
    access_urls: tuple[AccessUrl, ...] = ()
    process: EnvironmentProcess | None = None
    last_health_check: EnvironmentHealth | None = None
    last_error: str | None = None
    logs: tuple[str, ...] = ()


class _Workspace(ArchivedRow):
    """The fields that branches and worktrees share."""

    repo_id: str | None = None
    name: str = ""
    ref: str | None = None
    ref_type: str | None = None
    path: str | None = None
    board_id: str | None = None
    base_ref: str | None = None
    base_sha: str | None = None
    last_commit_sha: str | None = None
    tracking_branch: str | None = None
    new_branch: bool | None = None
    filesystem_status: str | None = None
    error_message: str | None = None
    notes: str | None = None
    issue_url: str | None = None
    pull_request_url: str | None = None
    app_url: str | None = None
    url: str | None = None
    health_check_url: str | None = None
    start_command: str | None = None
    stop_command: str | None = None
    logs_command: str | None = None
    environment_instance: Environment | None = None
    custom_context: Annotated[Any, Json] = None
    needs_attention: bool | None = None
    last_used: str | None = None
    archived_by: str | None = None


class Branch(_Workspace):
    """An isolated git branch for sessions.

    `filesystem_status` is ``creating``, then ``ready`` or ``failed``, later ``preserved cleaned deleted``;
    `storage_mode` is ``worktree`` or ``clone``; `others_can` is ``none view session prompt all``, set on the branch
    (`permission_source` ``override``) or by its board (``board``). `sdk_home` (0.26 and later) is JSON as it came.
    """

    branch_id: str
    branch_unique_id: int | float | None = None
    clone_depth: int | float | None = None
    storage_mode: str | None = None
    environment_variant: str | None = None
    nuke_command: str | None = None
    unix_group: str | None = None
    others_can: str | None = None
    others_fs_access: str | None = None
    permission_source: str | None = None
    dangerously_allow_session_sharing: bool | None = None
    mcp_server_ids: tuple[str, ...] = ()
    sdk_home: Annotated[Any, Json] = None


class WorktreeScheduleModel(WireModel):
    """The model of a scheduled run: `mode` is ``default`` or ``custom``."""

    mode: str = ""
    model: str | None = None


class WorktreeSchedule(WireModel):
    """The one schedule of a worktree, before schedules had a service. `created_at` is in epoch milliseconds."""

    agentic_tool: str = ""
    prompt_template: str = ""
    timezone: str = ""
    retention: int | float | None = None
    permission_mode: str | None = None
    model_settings: WorktreeScheduleModel | None = Field(default=None, alias="model_config")
    context_files: tuple[str, ...] = ()
    mcp_server_ids: tuple[str, ...] = ()
    created_at: int | float | None = None
    created_by: str | None = None


class Worktree(_Workspace):
    """A `Branch` on older daemons. The `schedule_…_at` fields are epoch milliseconds."""

    worktree_id: str
    worktree_unique_id: int | float | None = None
    schedule: WorktreeSchedule | None = None
    schedule_cron: str | None = None
    schedule_enabled: bool | None = None
    schedule_last_triggered_at: int | float | None = None
    schedule_next_run_at: int | float | None = None


class CloneError(WireModel):
    """The reason of a failed clone: `category` is ``auth_failed not_found network unknown``."""

    category: str = ""
    exit_code: int | float | None = None
    message: str = ""


class EnvironmentVariant(WireModel):
    """One variant of a repository's environment: templates of commands and addresses."""

    description: str | None = None
    extends: str | None = None
    start: str | None = None
    stop: str | None = None
    nuke: str | None = None
    logs: str | None = None
    health: str | None = None
    app: str | None = None


class EnvironmentConfig(WireModel):
    """The environment of a repository: named variants, and the default one."""

    version: int | float | None = None
    default: str = ""
    variants: FrozenMap[EnvironmentVariant] | None = None
    template_overrides: Annotated[Any, Json] = None


class HealthCheck(WireModel):
    """The health check of an environment: `type` is ``http tcp process``."""

    type: str = ""
    url_template: str | None = None


class LegacyEnvironmentConfig(WireModel):
    """The environment of a repository without variants (older daemons)."""

    up_command: str = ""
    down_command: str = ""
    nuke_command: str | None = None
    logs_command: str | None = None
    app_url_template: str | None = None
    health_check: HealthCheck | None = None


class Repo(WireModel):
    """A repository of the daemon: on its own disk (`repo_type` ``local``) or cloned from `remote_url` (``remote``).

    `clone_status` is ``cloning``, then ``ready`` or ``failed`` (see `clone_error`).
    """

    repo_id: str
    slug: str | None = None
    name: str = ""
    repo_type: str | None = None
    local_path: str | None = None
    remote_url: str | None = None
    default_branch: str | None = None
    clone_status: str | None = None
    clone_error: CloneError | None = None
    environment: EnvironmentConfig | None = None
    environment_config: LegacyEnvironmentConfig | None = None
    unix_group: str | None = None
    created_at: str = ""
    last_updated: str | None = None
