"""Sessions: rows, forks and spawns. Their routes are in `session_routes`."""

from __future__ import annotations

from typing import Any, ClassVar

from agor_reactive.daemon.context import DaemonContext
from agor_reactive.daemon.faults import DomainFault, repository_fault
from agor_reactive.daemon.queries import Kind, find_among, matches, validated
from agor_reactive.daemon.services.base import Call, Service, refuse_no_text
from agor_reactive.daemon.store import Row
from agor_reactive.daemon.task_runner import TaskRunner

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

    def __init__(self, context: DaemonContext, task_runner: TaskRunner) -> None:
        self._context = context
        self._task_runner = task_runner
        self._schema: dict[str, Kind] = {
            "session_id": "uuid", "status": _STATUS, "agentic_tool": "string", "board_id": "uuid",
            context.api.place_id: "uuid", "created_by": "uuid", "archived": "boolean", "title": "string",
            "ready_for_prompt": "boolean", "created_at": "string", "last_updated": "string",
        }  # fmt: skip
        if context.api.handshake:
            family: dict[str, Kind] = {"parent_session_id": "uuid", "forked_from_session_id": "uuid"}
            self._schema |= {**family, "schedule_id": "uuid"}

    def find(self, call: Call) -> dict[str, Any]:
        query = validated(call.query, self._schema)
        rows = [row for row in self._context.sessions.all() if matches(self._searched(row), query)]
        paging = {name: value for name, value in query.items() if name.startswith("$")}
        return find_among(rows, paging, id_field="session_id")

    def _searched(self, row: Row) -> Row:
        """Add the fields that a query can match: with today's rules also the branch's board, and the family."""
        if not self._context.api.handshake:
            return row
        return {**row, **(row.get("genealogy") or {}), "board_id": row.get(f"{self._context.api.place}_board_id")}

    def get(self, ref: str, call: Call) -> Row:
        row = self._context.sessions.get(ref)
        if call.user is not None and row.get("created_by") == call.user["user_id"]:
            return {**row, "mcp_token": self._mcp_token(row)}
        return row

    def create(self, data: Row, call: Call) -> Row:
        row = self.new_row(data, call.user_id)
        self._context.sessions.insert(row)
        announced = {**row, "mcp_token": self._mcp_token(row)}
        self._context.sessions.announce("created", announced)
        return announced

    def patch(self, ref: str | None, data: Row, call: Call) -> Row:
        refuse_no_text(data, "status")
        row = self._context.sessions.one(ref, "patch")
        kept = {name: value for name, value in data.items() if name in _KEPT}
        changed = {**row, **kept, "last_updated": self._context.now()}
        self._context.sessions.put(changed)
        # The answer echoes unknown fields, although they are not stored.
        announced = {**data, **changed}
        self._context.sessions.announce("patched", announced)
        if "status" in kept:
            self._task_runner.drain(row["session_id"])
        return announced

    def update(self, ref: str, data: Row, call: Call) -> Row:
        refuse_no_text(data, "status")
        row = self._context.sessions.get(ref)
        changed = {**row, **{k: v for k, v in data.items() if k in _KEPT}, "last_updated": self._context.now()}
        self._context.sessions.put(changed)
        self._context.sessions.announce("updated", changed)
        return changed

    def remove(self, ref: str | None, call: Call) -> Row:
        row = self._context.sessions.one(ref, "remove")
        if self._context.api.handshake:
            for child in children_of(self._context, row["session_id"]):
                self.remove(child["session_id"], call)
        return self._remove(row)

    def _remove(self, row: Row) -> Row:
        context = self._context
        session_id = row["session_id"]
        self._task_runner.forget_session(session_id)
        with context.store.together():
            context.sessions.drop(row)
            context.store.delete_of_session("tasks", session_id)
            context.store.delete_of_session("messages", session_id)
        context.sessions.announce("removed", row)
        return row

    def new_row(self, data: Row, user_id: str) -> Row:
        """Make the row of a new session. Raises the repository's faults when its workspace is missing."""
        context = self._context
        api = context.api
        place_ref = data.get(api.place_id)
        if not place_ref:
            raise repository_fault(f"Session must have a {api.place_id}")
        place = context.places.get(place_ref)
        now = context.now()
        session_id = context.ids.row()
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
            "url": context.link("s", session_id),
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
        """Fork or spawn a session. The event goes to every socket, logged in or not, as on a real daemon."""
        context = self._context
        parent = context.sessions.get(ref)
        prompt = data.get("prompt")
        if not isinstance(prompt, str) or not prompt:
            raise DomainFault("Prompt required")
        place_id = context.api.place_id
        row = self.new_row({"title": prompt[:100], "description": prompt, place_id: parent[place_id]}, call.user_id)
        if data.get("title"):
            row["title"] = data["title"]
        row["agentic_tool"] = data.get("agent") or parent["agentic_tool"]
        key = "forked_from_session_id" if forked else "parent_session_id"
        row["genealogy"][key] = parent["session_id"]
        if data.get("task_id"):
            row["genealogy"]["fork_point_task_id" if forked else "spawn_point_task_id"] = data["task_id"]
        family = parent["genealogy"]
        with context.store.together():
            context.sessions.insert(row)
            parent = {
                **parent,
                "genealogy": {**family, "children": [*family.get("children", []), row["session_id"]]},
                "last_updated": context.now(),
            }
            context.sessions.put(parent)
        context.sessions.announce("patched", parent)
        context.bus.broadcast("sessions created", {**row, "mcp_token": self._mcp_token(row)})
        return row

    def _mcp_token(self, row: Row) -> str:
        return self._context.tokens.sign({"sub": row["created_by"], "type": "mcp", "session_id": row["session_id"]})


def children_of(context: DaemonContext, session_id: str) -> list[Row]:
    """The sessions that were forked or spawned from one."""
    return [row for row in context.sessions.all() if origin(row) == session_id]


def origin(session: Row) -> str | None:
    """The session that one was forked or spawned from."""
    family = session["genealogy"]
    found = family.get("parent_session_id") or family.get("forked_from_session_id")
    return found if isinstance(found, str) else None
