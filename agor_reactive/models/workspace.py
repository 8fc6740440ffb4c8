"""Where sessions work: repositories and their branches, which older daemons call worktrees."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from agor_reactive.models.base import Json, WireModel

__all__ = ["Branch", "Repo", "Worktree"]


class _Workspace(WireModel):
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
    environment_instance: Annotated[Any, Json] = None
    custom_context: Annotated[Any, Json] = None
    needs_attention: bool | None = None
    created_at: str = ""
    updated_at: str | None = None
    last_used: str | None = None
    created_by: str | None = None
    archived: bool | None = None
    archived_at: str | None = None
    archived_by: str | None = None


class Branch(_Workspace):
    """An isolated git branch for sessions. `filesystem_status` is ``creating``, then ``ready`` or ``failed``."""

    id_field: ClassVar[str] = "branch_id"

    branch_id: str
    branch_unique_id: int | None = None
    clone_depth: int | None = None
    storage_mode: str | None = None
    environment_variant: str | None = None
    nuke_command: str | None = None
    unix_group: str | None = None
    others_can: str | None = None
    others_fs_access: str | None = None
    permission_source: str | None = None
    dangerously_allow_session_sharing: bool | None = None
    mcp_server_ids: tuple[str, ...] = ()


class Worktree(_Workspace):
    """What older daemons call a `Branch`."""

    id_field: ClassVar[str] = "worktree_id"

    worktree_id: str
    worktree_unique_id: int | None = None
    schedule: Annotated[Any, Json] = None
    schedule_cron: str | None = None
    schedule_enabled: bool | None = None
    schedule_last_triggered_at: int | float | None = None
    schedule_next_run_at: int | float | None = None


class Repo(WireModel):
    """A repository the daemon knows, on its own disk or cloned from `remote_url`."""

    id_field: ClassVar[str] = "repo_id"

    repo_id: str
    slug: str | None = None
    name: str = ""
    repo_type: str | None = None
    local_path: str | None = None
    remote_url: str | None = None
    default_branch: str | None = None
    clone_status: str | None = None
    clone_error: Annotated[Any, Json] = None
    environment: Annotated[Any, Json] = None
    environment_config: Annotated[Any, Json] = None
    unix_group: str | None = None
    created_at: str = ""
    last_updated: str | None = None
