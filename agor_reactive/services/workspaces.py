"""Where sessions work: branches (worktrees, before) with what runs in them, repositories, schedules."""

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
from agor_reactive.services.base import C, R, Service, U

__all__ = ["BranchService", "RepoService", "ScheduleService", "WorktreeService"]


class _Workspaces(Service[Kind, R, C, U]):
    """What branches and worktrees can do alike. A daemon that knows them by the other name is asked by that."""

    def _do(self, row_id: str, action: str, data: Mapping[str, Any]) -> Operation[Any]:
        return (yield from op.first_route("create", self._paths(row_id, action), (dict(data),)))

    def _paths(self, row_id: str, action: str) -> tuple[str, ...]:
        other = "worktrees" if self.path == "branches" else "branches"
        return tuple(op.route(name, row_id, action) for name in (self.path, other))

    @operation
    def start(self, row_id: str, *, timeout: float | None = None) -> Operation[R]:
        """Start its environment. `environment_instance.status` tells when it runs."""
        row: R = yield from self._do(row_id, "start", {})
        return row

    @operation
    def stop(self, row_id: str, *, timeout: float | None = None) -> Operation[R]:
        """Stop its environment."""
        row: R = yield from self._do(row_id, "stop", {})
        return row

    @operation
    def restart(self, row_id: str, *, timeout: float | None = None) -> Operation[R]:
        """Stop its environment and start it again."""
        row: R = yield from self._do(row_id, "restart", {})
        return row

    @operation
    def nuke(self, row_id: str, *, timeout: float | None = None) -> Operation[R]:
        """Take its environment down with all it has stored (its `nuke_command`)."""
        row: R = yield from self._do(row_id, "nuke", {})
        return row

    @operation
    def health(self, row_id: str, *, timeout: float | None = None) -> Operation[Any]:
        """Look whether its environment is well, now."""
        return (yield from op.first_route("find", self._paths(row_id, "health"), ()))

    @operation
    def logs(self, row: str | Mapping[str, Any], *, timeout: float | None = None) -> Operation[Any]:
        """The newest output of its environment, by its id.

        The shape of the query is not on record: an id is sent as `branch_id` (`worktree_id`), a mapping is passed
        through as given.
        """
        field = "branch_id" if self.path == "branches" else "worktree_id"
        return (yield from op.request("find", f"{self.path}/logs", (), {field: row} if isinstance(row, str) else row))

    @operation
    def render_environment(
        self, row_id: str, variant: str | Mapping[str, Any] | None = None, *, timeout: float | None = None
    ) -> Operation[R]:
        """Make its commands and addresses anew from the repository's templates.

        The shape of the body is not on record: a name is sent as `variant`, a mapping is passed through as given.
        """
        data = variant if isinstance(variant, Mapping) else op.given(variant=variant)
        row: R = yield from self._do(row_id, "render-environment", data)
        return row

    @operation
    def archive_or_delete(
        self,
        row_id: str,
        data: Mapping[str, Any] | None = None,
        *,
        metadata: Literal["archive", "delete"] = "archive",
        filesystem: Literal["preserved", "cleaned", "deleted"] = "preserved",
        timeout: float | None = None,
    ) -> Operation[Any]:
        """Put it away: what becomes of its row, and of its files.

        The shape of the body is not on record: the two are sent as `metadataAction` and `filesystemAction`; `data`,
        instead of them, is passed through as given.
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
    ) -> Operation[R]:
        """Bring it back, onto a board if one is given.

        The shape of the body is not on record: the board is sent as `boardId`; `data`, instead of it, is passed through
        as given.
        """
        row: R = yield from self._do(row_id, "unarchive", op.given(boardId=board_id) if data is None else data)
        return row

    @operation
    def fire_zone_trigger(
        self, row_id: str, data: Mapping[str, Any] | None = None, *, timeout: float | None = None
    ) -> Operation[Any]:
        """Do what the zone it lies in does to a branch dropped there. The shape of the body is not on record; it is
        passed through as given."""
        return (yield from self._do(row_id, "fire-zone-trigger", data or {}))

    @operation
    def execute_schedule_now(self, row_id: str, *, timeout: float | None = None) -> Operation[Any]:
        """Run its schedule once, now."""
        return (yield from self._do(row_id, "execute-schedule-now", {}))


class BranchService(_Workspaces[Kind, Branch, BranchCreate, BranchPatch]):
    """Branches. On a daemon that calls them worktrees the rows are under ``worktrees``; the methods that both have find
    them."""

    @operation
    def filesystem_status(self, row_id: str, *, timeout: float | None = None) -> Operation[Any]:
        """What is on its disk (0.26 and later)."""
        return (yield from self._ask("find", row_id, "filesystem-status"))

    @operation
    def clean(
        self, row_id: str, data: Mapping[str, Any] | None = None, *, timeout: float | None = None
    ) -> Operation[Any]:
        """Clean its files (0.26 and later). The shape of the body is not on record; it is passed through as given."""
        return (yield from self._ask("create", row_id, "clean", data))

    @operation
    def retry_provisioning(self, row_id: str, *, timeout: float | None = None) -> Operation[Any]:
        """Set it up again after that failed (0.26 and later)."""
        return (yield from self._ask("create", row_id, "retry-provisioning", {}))

    @operation
    def retire_teammate(
        self, row_id: str, data: Mapping[str, Any] | None = None, *, timeout: float | None = None
    ) -> Operation[Any]:
        """Let its teammate go (0.26 and later). The shape of the body is not on record; it is passed through as
        given."""
        return (yield from self._ask("create", row_id, "retire-teammate", data))

    @operation
    def effective_access(self, row_id: str, *, timeout: float | None = None) -> Operation[Any]:
        """What the asking user may do with it (0.26 and later)."""
        return (yield from self._ask("find", row_id, "effective-access"))

    @operation
    def permissions(self, row_id: str, *, timeout: float | None = None) -> Operation[Any]:
        """Who may do what with it (0.26 and later; before, its owners and group grants)."""
        return (yield from self._ask("find", row_id, "permissions"))

    @operation
    def update_environment(self, data: Mapping[str, Any], *, timeout: float | None = None) -> Operation[Any]:
        """Change what is known of its environment (needs a live client). The shape of the body is not on record; it is
        passed through as given."""
        return (yield from op.request("updateEnvironment", self.path, (dict(data),)))

    @operation
    def ensure_teammate_knowledge_namespace(
        self, data: Mapping[str, Any], *, timeout: float | None = None
    ) -> Operation[Any]:
        """See that its teammate has a namespace in the knowledge base (0.26 and later; needs a live client).

        The shape of the body is not on record; it is passed through as given.
        """
        return (yield from op.request("ensureTeammateKnowledgeNamespace", self.path, (dict(data),)))

    def _ask(self, method: str, row_id: str, name: str, data: Mapping[str, Any] | None = None) -> Operation[Any]:
        body = () if method == "find" else (dict(data or {}),)
        return (yield from op.request(method, op.route(self.path, row_id, name), body))


class WorktreeService(_Workspaces[Kind, Worktree, WorktreeCreate, WorktreePatch]):
    """Worktrees, as older daemons call branches."""


class RepoService(Service[Kind, Repo, RepoCreate, RepoPatch]):
    """Repositories."""

    @operation
    def local(self, path: str, *, slug: str | None = None, timeout: float | None = None) -> Operation[Repo]:
        """Make a repository on the daemon's disk known. Some daemons want an ``.agor.yml`` in it (`BadRequest`)."""
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
    ) -> Operation[Any]:
        """Begin to clone a repository. Answers the row, or an envelope with a status; look at `clone_status` later.

        The shape of the body is not on record: what is given is sent by its name here, a mapping instead of the address
        is passed through as given. ``on("repo:cloneError", …)`` hears of a clone that failed.
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
    ) -> Operation[Branch | Worktree]:
        """Make a branch (older daemons: a worktree) to work in. It is ``creating``, and ``ready`` later."""
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
    def remove_branch(self, repo_id: str, name: str, *, timeout: float | None = None) -> Operation[Any]:
        """Remove a branch of a repository by its name, from the disk too. A name with a slash is a `UsageError`."""
        first, second = (op.route("repos", repo_id, kind, name) for kind in ("branches", "worktrees"))
        return (yield from op.first_route("remove", (first, second), (None,)))

    @operation
    def import_agor_yml(self, repo_id: str, *, timeout: float | None = None) -> Operation[Any]:
        """Read the environment from the repository's ``.agor.yml``."""
        return (yield from op.request("create", op.route("repos", repo_id, "import-agor-yml"), ({},)))

    @operation
    def export_agor_yml(self, repo_id: str, *, timeout: float | None = None) -> Operation[Any]:
        """Write the environment into the repository's ``.agor.yml``."""
        return (yield from op.request("create", op.route("repos", repo_id, "export-agor-yml"), ({},)))


class ScheduleService(Service[Kind, Schedule, ScheduleCreate, SchedulePatch]):
    """Schedules."""

    @operation
    def run_now(self, schedule_id: str, *, timeout: float | None = None) -> Operation[Any]:
        """Run a schedule once, now."""
        return (yield from op.request("create", op.route("schedules", schedule_id, "run-now"), ({},)))
