"""Sessions: their rows, their families. Their routes are in `session_routes`."""

from __future__ import annotations

from typing import Any, ClassVar

from agor_reactive.daemon.faults import DomainFault, repository_fault
from agor_reactive.daemon.kernel import Kernel
from agor_reactive.daemon.queries import Kind, matches, page, select, sort_rows, validated
from agor_reactive.daemon.services.base import Call, Service, refuse_no_text
from agor_reactive.daemon.store import Row
from agor_reactive.daemon.turns import Turns

__all__ = ["Sessions", "children_of", "origin"]

_STATUS = ("idle", "running", "stopping", "awaiting_permission", "awaiting_input", "timed_out", "completed", "failed")
_KEPT = frozenset(
    {
        "status", "agentic_tool", "agentic_tool_version", "title", "description", "contextFiles", "permission_config",
        "model_config", "archived", "archived_reason", "ready_for_prompt", "custom_context", "git_state", "genealogy",
        "tasks", "sdk_session_id", "callback_config", "unix_username", "current_context_usage",
        "context_window_limit", "last_context_update_at", "billing_mode", "fork_origin",
    }
)  # fmt: skip


class Sessions(Service):
    path = "sessions"
    keeps_rows: ClassVar[bool] = True

    def __init__(self, kernel: Kernel, turns: Turns) -> None:
        self._kernel = kernel
        self._turns = turns
        self._schema: dict[str, Kind] = {
            "session_id": "uuid", "status": _STATUS, "agentic_tool": "string", "board_id": "uuid",
            kernel.api.place_id: "uuid", "created_by": "uuid", "archived": "boolean", "title": "string",
            "ready_for_prompt": "boolean", "created_at": "string", "last_updated": "string",
        }  # fmt: skip
        if kernel.api.handshake:
            family: dict[str, Kind] = {"parent_session_id": "uuid", "forked_from_session_id": "uuid"}
            self._schema |= {**family, "schedule_id": "uuid"}

    def find(self, call: Call) -> dict[str, Any]:
        query = validated(call.query, self._schema)
        rows = [row for row in self._kernel.sessions.all() if matches(self._searched(row), query)]
        answer = page(sort_rows(rows, query.get("$sort")), query)
        answer["data"] = select(answer["data"], query.get("$select"), always="session_id")
        return answer

    def _searched(self, row: Row) -> Row:
        """What a query looks at: with today's rules also the board, through the branch, and the family."""
        if not self._kernel.api.handshake:
            return row
        return {**row, **row["genealogy"], "board_id": row.get(f"{self._kernel.api.place}_board_id")}

    def get(self, ref: str, call: Call) -> Row:
        row = self._kernel.sessions.get(ref)
        if call.user is not None and row["created_by"] == call.user["user_id"]:
            return {**row, "mcp_token": self._mcp_token(row)}
        return row

    def create(self, data: Row, call: Call) -> Row:
        row = self.new_row(data, call.user_id)
        self._kernel.sessions.insert(row)
        told = {**row, "mcp_token": self._mcp_token(row)}
        self._kernel.sessions.announce("created", told)
        return told

    def patch(self, ref: str | None, data: Row, call: Call) -> Row:
        if ref is None:
            raise DomainFault("Multi-patch is not enabled")
        refuse_no_text(data, "status")
        row = self._kernel.sessions.get(ref)
        kept = {name: value for name, value in data.items() if name in _KEPT}
        changed = {**row, **kept, "last_updated": self._kernel.now()}
        self._kernel.sessions.put(changed)
        # Fields nobody stores are echoed all the same.
        told = {**data, **changed}
        self._kernel.sessions.announce("patched", told)
        if "status" in kept:
            self._turns.drain(row["session_id"])
        return told

    def update(self, ref: str, data: Row, call: Call) -> Row:
        refuse_no_text(data, "status")
        row = self._kernel.sessions.get(ref)
        changed = {**row, **{k: v for k, v in data.items() if k in _KEPT}, "last_updated": self._kernel.now()}
        self._kernel.sessions.put(changed)
        self._kernel.sessions.announce("updated", changed)
        return changed

    def remove(self, ref: str | None, call: Call) -> Row:
        if ref is None:
            raise DomainFault("Multi-remove is not enabled")
        row = self._kernel.sessions.get(ref)
        if self._kernel.api.handshake:
            for child in children_of(self._kernel, row["session_id"]):
                self.remove(child["session_id"], call)
        return self._remove(row)

    def _remove(self, row: Row) -> Row:
        kernel = self._kernel
        session_id = row["session_id"]
        self._turns.forget_session(session_id)
        with kernel.store.together():
            kernel.sessions.drop(row)
            kernel.store.delete_of_session("tasks", session_id)
            kernel.store.delete_of_session("messages", session_id)
        kernel.sessions.announce("removed", row)
        return row

    def new_row(self, data: Row, user_id: str) -> Row:
        """A session as it is born; raises the repository's faults when its place is missing."""
        kernel = self._kernel
        api = kernel.api
        place_ref = data.get(api.place_id)
        if not place_ref:
            raise repository_fault(f"Session must have a {api.place_id}")
        place = kernel.places.get(place_ref)
        now = kernel.now()
        session_id = kernel.ids.row()
        sha = place.get("last_commit_sha") or "0" * 40
        return {
            "session_id": session_id,
            "status": "idle",
            "agentic_tool": data.get("agentic_tool") or "claude-code",
            "created_at": now,
            "last_updated": now,
            "created_by": user_id,
            "unix_username": None,
            api.place_id: place[api.place_id],
            f"{api.place}_board_id": place.get("board_id"),
            "url": kernel.link("s", session_id),
            **{name: data[name] for name in ("title", "description", "custom_context") if name in data},
            "git_state": {"ref": place.get("ref", ""), "base_sha": sha, "current_sha": sha},
            "genealogy": {"parent_session_id": None, "forked_from_session_id": None, "children": []},
            "contextFiles": data.get("contextFiles") or [],
            "tasks": [],
            "permission_config": data.get("permission_config") or {"mode": "acceptEdits"},
            "model_config": data.get("model_config")
            or {"mode": "alias", "model": "claude-sonnet-4-6", "updated_at": now},
            f"scheduled_from_{api.place}": False,
            "ready_for_prompt": False,
            "archived": False,
        }

    def offspring(self, ref: str, data: Row, call: Call, *, forked: bool) -> Row:
        """A fork or a spawned child. Told to every socket, logged in or not, as a real daemon does."""
        kernel = self._kernel
        parent = kernel.sessions.get(ref)
        prompt = data.get("prompt")
        if not isinstance(prompt, str) or not prompt:
            raise DomainFault("Prompt required")
        place_id = kernel.api.place_id
        row = self.new_row({"title": prompt[:100], "description": prompt, place_id: parent[place_id]}, call.user_id)
        if data.get("title"):
            row["title"] = data["title"]
        row["agentic_tool"] = data.get("agent") or parent["agentic_tool"]
        key = "forked_from_session_id" if forked else "parent_session_id"
        row["genealogy"][key] = parent["session_id"]
        if data.get("task_id"):
            row["genealogy"]["fork_point_task_id" if forked else "spawn_point_task_id"] = data["task_id"]
        family = parent["genealogy"]
        with kernel.store.together():
            kernel.sessions.insert(row)
            parent = {
                **parent,
                "genealogy": {**family, "children": [*family.get("children", []), row["session_id"]]},
                "last_updated": kernel.now(),
            }
            kernel.sessions.put(parent)
        kernel.sessions.announce("patched", parent)
        kernel.bus.broadcast("sessions created", {**row, "mcp_token": self._mcp_token(row)})
        return row

    def _mcp_token(self, row: Row) -> str:
        return self._kernel.tokens.sign({"sub": row["created_by"], "type": "mcp", "session_id": row["session_id"]})


def children_of(kernel: Kernel, session_id: str) -> list[Row]:
    """The sessions that were forked or spawned from one."""
    return [row for row in kernel.sessions.all() if origin(row) == session_id]


def origin(session: Row) -> str | None:
    """The session that one was forked or spawned from."""
    family = session["genealogy"]
    found = family.get("parent_session_id") or family.get("forked_from_session_id")
    return found if isinstance(found, str) else None
