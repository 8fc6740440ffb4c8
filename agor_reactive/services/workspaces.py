"""Workspaces of sessions: branches (before, worktrees) and their environments, repositories, schedules."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from agor_reactive.calls import operations as op
from agor_reactive.calls.effects import Operation
from agor_reactive.calls.surface import Kind, operation
from agor_reactive.models import Branch, Repo, Schedule, Worktree
from agor_reactive.models.inputs import (
    BranchCreate,
    BranchPatch,
    RepoCreate,
    RepoPatch,
    ScheduleCreate,
    SchedulePatch,
    WorktreeCreate,
    WorktreePatch,
)
from agor_reactive.services.base import C, JsonData, R, Service, U, passthrough

__all__ = ["BranchService", "RepoService", "ScheduleService", "WorktreeService"]


class _Workspaces(Service[Kind, R, C, U]):
    """The methods that branches and worktrees share. If the daemon has only the other name, that is used."""

    def _do(self, row_id: str, action: str, data: Mapping[str, Any]) -> Operation[R]:
        row: R = yield from op.first_route("create", self._paths(row_id, action), (dict(data),))
        return row

    def _paths(self, row_id: str, action: str) -> tuple[str, ...]:
        other = "worktrees" if self.path == "branches" else "branches"
        return tuple(op.route(name, row_id, action) for name in (self.path, other))

    @operation
    def start(self, row_id: str, *, timeout: float | None = None, max_retries: int | None = None) -> Operation[R]:
        """Start the environment. `environment_instance.status` shows when it runs."""
        return (yield from self._do(row_id, "start", {}))

    @operation
    def stop(self, row_id: str, *, timeout: float | None = None, max_retries: int | None = None) -> Operation[R]:
        """Stop the environment."""
        return (yield from self._do(row_id, "stop", {}))

    @operation
    def restart(self, row_id: str, *, timeout: float | None = None, max_retries: int | None = None) -> Operation[R]:
        """Restart the environment."""
        return (yield from self._do(row_id, "restart", {}))

    @operation
    def nuke(self, row_id: str, *, timeout: float | None = None, max_retries: int | None = None) -> Operation[R]:
        """Remove the environment with all its data (its `nuke_command`)."""
        return (yield from self._do(row_id, "nuke", {}))

    @operation
    def health(self, row_id: str, *, timeout: float | None = None, max_retries: int | None = None) -> Operation[Any]:
        """Check the health of the environment now."""
        return (yield from op.first_route("find", self._paths(row_id, "health"), ()))

    @operation
    def logs(
        self, row: str | Mapping[str, Any], *, timeout: float | None = None, max_retries: int | None = None
    ) -> Operation[Any]:
        """Get the newest output of the environment, by the branch's id.

        The query is undocumented: an id is sent as `branch_id` (`worktree_id`), a mapping is passed through as given.
        """
        field = "branch_id" if self.path == "branches" else "worktree_id"
        return (yield from op.request("find", f"{self.path}/logs", (), {field: row} if isinstance(row, str) else row))

    @operation
    def render_environment(
        self,
        row_id: str,
        variant: str | Mapping[str, Any] | None = None,
        *,
        timeout: float | None = None,
        max_retries: int | None = None,
    ) -> Operation[R]:
        """Render the commands and addresses again from the repository's templates.

        The body is undocumented: a name is sent as `variant`, a mapping is passed through as given.
        """
        data = variant if isinstance(variant, Mapping) else op.given(variant=variant)
        return (yield from self._do(row_id, "render-environment", data))

    @operation
    def archive_or_delete(
        self,
        row_id: str,
        data: Mapping[str, Any] | None = None,
        *,
        metadata: Literal["archive", "delete"] = "archive",
        filesystem: Literal["preserved", "cleaned", "deleted"] = "preserved",
        timeout: float | None = None,
        max_retries: int | None = None,
    ) -> Operation[Any]:
        """Archive or delete the branch: its row, and its files.

        The body is undocumented: the two arguments are sent as `metadataAction` and `filesystemAction`; `data` replaces
        them and is passed through as given.
        """
        chosen = {"metadataAction": metadata, "filesystemAction": filesystem} if data is None else data
        return (yield from self._do(row_id, "archive-or-delete", chosen))

    @operation
    def unarchive(
        self,
        row_id: str,
        data: Mapping[str, Any] | None = None,
        *,
        board_id: str | None = None,
        timeout: float | None = None,
        max_retries: int | None = None,
    ) -> Operation[R]:
        """Unarchive the branch, onto a board if one is given.

        The body is undocumented: the board is sent as `boardId`; `data` replaces it and is passed through as given.
        """
        return (yield from self._do(row_id, "unarchive", op.given(boardId=board_id) if data is None else data))

    @operation
    def fire_zone_trigger(
        self,
        row_id: str,
        data: Mapping[str, Any] | None = None,
        *,
        timeout: float | None = None,
        max_retries: int | None = None,
    ) -> Operation[Any]:
        """Fire the trigger of the zone that the branch is in. The body is undocumented and passed through as given."""
        return (yield from self._do(row_id, "fire-zone-trigger", data or {}))

    @operation
    def execute_schedule_now(
        self, row_id: str, *, timeout: float | None = None, max_retries: int | None = None
    ) -> Operation[Any]:
        """Run the schedule once, now."""
        return (yield from self._do(row_id, "execute-schedule-now", {}))


class BranchService(_Workspaces[Kind, Branch, BranchCreate, BranchPatch]):
    """Branches. On a daemon that calls them worktrees the rows are under ``worktrees``; the shared methods work there,
    too."""

    @passthrough("find", "branches/:id/filesystem-status")
    def filesystem_status(self, row_id: str, *, timeout: float | None = None, max_retries: int | None = None) -> Any:
        """Get the status of the files (0.26 and later)."""

    @passthrough("create", "branches/:id/clean")
    def clean(
        self, row_id: str, data: JsonData | None = None, *, timeout: float | None = None, max_retries: int | None = None
    ) -> Any:
        """Clean the files (0.26 and later)."""

    @passthrough("create", "branches/:id/retry-provisioning")
    def retry_provisioning(self, row_id: str, *, timeout: float | None = None, max_retries: int | None = None) -> Any:
        """Retry a failed setup (0.26 and later)."""

    @passthrough("create", "branches/:id/retire-teammate")
    def retire_teammate(
        self, row_id: str, data: JsonData | None = None, *, timeout: float | None = None, max_retries: int | None = None
    ) -> Any:
        """Retire the teammate (0.26 and later)."""

    @passthrough("find", "branches/:id/effective-access")
    def effective_access(self, row_id: str, *, timeout: float | None = None, max_retries: int | None = None) -> Any:
        """Get the caller's effective access (0.26 and later)."""

    @passthrough("find", "branches/:id/permissions")
    def permissions(self, row_id: str, *, timeout: float | None = None, max_retries: int | None = None) -> Any:
        """Get the permissions (0.26 and later; before, its owners and group grants)."""

    @passthrough("updateEnvironment", "branches")
    def update_environment(
        self, data: JsonData, *, timeout: float | None = None, max_retries: int | None = None
    ) -> Any:
        """Update the environment's record (needs a live client)."""

    @passthrough("ensureTeammateKnowledgeNamespace", "branches")
    def ensure_teammate_knowledge_namespace(
        self, data: JsonData, *, timeout: float | None = None, max_retries: int | None = None
    ) -> Any:
        """Create the teammate's knowledge namespace if it is missing (0.26 and later; needs a live client)."""


class WorktreeService(_Workspaces[Kind, Worktree, WorktreeCreate, WorktreePatch]):
    """Worktrees, the name of branches on older daemons."""


class RepoService(Service[Kind, Repo, RepoCreate, RepoPatch]):
    """Repositories."""

    @operation
    def local(
        self, path: str, *, slug: str | None = None, timeout: float | None = None, max_retries: int | None = None
    ) -> Operation[Repo]:
        """Register a repository on the daemon's disk. Some daemons require an ``.agor.yml`` in it (`BadRequest`)."""
        row: Repo = yield from op.request("create", "repos/local", ({"path": path, **op.given(slug=slug)},))
        return row

    @operation
    def clone(
        self,
        url: str | Mapping[str, Any],
        *,
        name: str | None = None,
        destination: str | None = None,
        timeout: float | None = None,
        max_retries: int | None = None,
    ) -> Operation[Any]:
        """Start to clone a repository. Returns the row, or an envelope with a status; check `clone_status` later.

        The body is undocumented: arguments are sent under their names here, a mapping instead of the address is passed
        through as given. ``on("repo:cloneError", …)`` reports a failed clone.
        """
        data = {"url": url, **op.given(name=name, destination=destination)} if isinstance(url, str) else dict(url)
        return (yield from op.request("create", "repos/clone", (data,)))

    @operation
    def create_branch(
        self,
        repo_id: str,
        name: str,
        *,
        ref: str | None = None,
        create_branch: bool = True,
        source_branch: str | None = None,
        board_id: str | None = None,
        timeout: float | None = None,
        max_retries: int | None = None,
    ) -> Operation[Branch | Worktree]:
        """Create a branch (older daemons: a worktree). It is ``creating`` first, then ``ready``."""
        data = {
            "name": name,
            "ref": ref or name,
            "createBranch": create_branch,
            **op.given(sourceBranch=source_branch, boardId=board_id),
        }
        paths = tuple(op.route("repos", repo_id, kind) for kind in ("branches", "worktrees"))
        row: Branch | Worktree = yield from op.first_route("create", paths, (data,))
        return row

    @operation
    def remove_branch(
        self, repo_id: str, name: str, *, timeout: float | None = None, max_retries: int | None = None
    ) -> Operation[Any]:
        """Remove a branch of a repository by name, including its files. A name with a slash raises `UsageError`."""
        first, second = (op.route("repos", repo_id, kind, name) for kind in ("branches", "worktrees"))
        return (yield from op.first_route("remove", (first, second), (None,)))

    @passthrough("create", "repos/:id/import-agor-yml")
    def import_agor_yml(self, repo_id: str, *, timeout: float | None = None, max_retries: int | None = None) -> Any:
        """Read the environment from the repository's ``.agor.yml``."""

    @passthrough("create", "repos/:id/export-agor-yml")
    def export_agor_yml(self, repo_id: str, *, timeout: float | None = None, max_retries: int | None = None) -> Any:
        """Write the environment into the repository's ``.agor.yml``."""


class ScheduleService(Service[Kind, Schedule, ScheduleCreate, SchedulePatch]):
    """Schedules."""

    @passthrough("create", "schedules/:id/run-now")
    def run_now(self, schedule_id: str, *, timeout: float | None = None, max_retries: int | None = None) -> Any:
        """Run a schedule once, now."""
