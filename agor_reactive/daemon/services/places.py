"""Boards, repositories, and the branches (worktrees, before) of sessions."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import PurePath
from typing import Any, ClassVar

from agor_reactive.daemon.context import DaemonContext
from agor_reactive.daemon.faults import bad_request, repository_fault
from agor_reactive.daemon.queries import Kind, find_among, validated
from agor_reactive.daemon.services.base import Call, Route, Service, refuse_no_text
from agor_reactive.daemon.store import Row
from agor_reactive.daemon.tables import Table

__all__ = ["Boards", "Places", "Repos", "place_routes"]


class _Rows(Service):
    """Plain rows with a query schema."""

    keeps_rows: ClassVar[bool] = True

    def __init__(self, context: DaemonContext, table: Table, schema: Mapping[str, Kind]) -> None:
        self._context = context
        self._table = table
        self._schema = {table.id_field: "uuid", **schema}
        self.path = table.kind

    def find(self, call: Call) -> dict[str, Any]:
        query = validated(call.query, self._schema)
        return find_among(self._table.all(), query, id_field=self._table.id_field)

    def get(self, ref: str, call: Call) -> Row:
        return self._table.get(ref)

    def create(self, data: Row, call: Call) -> Row:
        row = self.new_row(data, call.user_id)
        self._table.insert(row)
        self._table.announce("created", row)
        return row

    def patch(self, ref: str | None, data: Row, call: Call) -> Row:
        return self._write(ref, data, "patched")

    def update(self, ref: str, data: Row, call: Call) -> Row:
        return self._write(ref, data, "updated")

    def remove(self, ref: str | None, call: Call) -> Row:
        row = self._table.one(ref, "remove")
        self._table.drop(row)
        self._table.announce("removed", row)
        return row

    def new_row(self, data: Row, user_id: str) -> Row:
        raise NotImplementedError

    def _write(self, ref: str | None, data: Row, verb: str) -> Row:
        row = self._table.one(ref, "patch")
        stamp = "last_updated" if "last_updated" in row else "updated_at"
        name = self._table.id_field
        changed = {**row, **data, name: row[name], stamp: self._context.now()}
        self._table.put(changed)
        self._table.announce(verb, changed)
        return changed


class Boards(_Rows):
    custom: ClassVar[tuple[str, ...]] = ("toBlob", "clone")

    def __init__(self, context: DaemonContext) -> None:
        super().__init__(context, context.boards, {"name": "string", "slug": "string", "archived": "boolean"})

    def new_row(self, data: Row, user_id: str) -> Row:
        now = self._context.now()
        board_id = self._context.ids.row()
        return {
            "name": "Board",
            "archived": False,
            "objects": {},
            **data,
            "board_id": board_id,
            "created_at": now,
            "last_updated": now,
            "created_by": user_id,
            "url": self._context.link("b", board_id),
        }

    def remove(self, ref: str | None, call: Call) -> Row:
        row = super().remove(ref, call)
        self._context.access_changed()
        return row

    def toBlob(self, data: Any, call: Call) -> Row:
        row = self._table.get(data.get("id") or data.get("board_id") if isinstance(data, dict) else data)
        return {name: row[name] for name in ("name", "slug", "description", "icon", "color", "objects") if name in row}

    def clone(self, data: Any, call: Call) -> Row:
        blob = self.toBlob(data, call)
        name = data.get("name") if isinstance(data, dict) else None
        blob.pop("slug", None)
        return self.create({**blob, "name": name or f"{blob['name']} (copy)"}, call)


class Repos(_Rows):
    def __init__(self, context: DaemonContext) -> None:
        super().__init__(context, context.repos, {"slug": "string", "name": "string", "repo_type": "string"})

    def new_row(self, data: Row, user_id: str) -> Row:
        refuse_no_text(data, "slug")
        now = self._context.now()
        slug = data.get("slug") or f"local/{PurePath(str(data.get('local_path') or 'repo')).name}"
        return {
            "name": slug.rpartition("/")[2],
            "repo_type": "local",
            "local_path": "",
            "default_branch": "main",
            **data,
            "slug": slug,
            "repo_id": self._context.ids.row(),
            "created_at": now,
            "last_updated": now,
        }


class Places(_Rows):
    def __init__(self, context: DaemonContext) -> None:
        super().__init__(
            context,
            context.places,
            {"repo_id": "uuid", "board_id": "uuid", "name": "string", "ref": "string", "archived": "boolean"},
        )

    def new_row(self, data: Row, user_id: str) -> Row:
        context = self._context
        api = context.api
        if not data.get("repo_id"):
            raise repository_fault(f"{api.place_title} must have a repo_id")
        repo = context.repos.get(data["repo_id"])
        now = context.now()
        row_id = context.ids.row()
        name = data.get("name") or "main"
        return {
            "ref": name,
            "path": f"{repo.get('local_path', '')}/{name}",
            "new_branch": False,
            "needs_attention": False,
            "filesystem_status": "ready",
            **data,
            "name": name,
            api.place_id: row_id,
            "repo_id": repo["repo_id"],
            f"{api.place}_unique_id": len(context.places.all()) + 1,
            "created_at": now,
            "updated_at": now,
            "last_used": now,
            "created_by": user_id,
            "archived": False,
            **({"schedule_enabled": False} if api.place == "worktree" else {}),
            "url": context.link("w" if api.place == "worktree" else "b", row_id),
        }


def place_routes(context: DaemonContext, repos: Repos, places: Places) -> list[Service]:
    """The routes under `repos/`."""

    def local(data: Row, call: Call) -> Row:
        if not data.get("path"):
            raise bad_request("Path is required")
        wanted = {"local_path": str(data["path"]), **({"slug": data["slug"]} if data.get("slug") else {})}
        return repos.create(wanted, call)

    def new_place(data: Row, call: Call) -> Row:
        """Create a branch. The answer comes at once, the event that it is ready later."""
        repo = context.repos.get(call.route["id"])
        if not data.get("name"):
            raise bad_request("name is required")
        wanted = {
            "repo_id": repo["repo_id"],
            "name": data["name"],
            "ref": data.get("ref") or data["name"],
            "new_branch": bool(data.get("createBranch")),
            "filesystem_status": "creating",
            **({"base_ref": data["sourceBranch"]} if data.get("sourceBranch") else {}),
            **({"board_id": data["boardId"]} if data.get("boardId") else {}),
        }
        row = places.create(wanted, call)
        asyncio.get_running_loop().call_soon(be_ready, row[context.api.place_id])
        return row

    def be_ready(row_id: str) -> None:
        row = context.places.find(row_id)
        if row is not None and row.get("filesystem_status") == "creating":
            context.places.change(row, filesystem_status="ready", updated_at=context.now())

    return [Route("repos/local", create=local), Route(f"repos/:id/{context.api.places}", create=new_place)]
