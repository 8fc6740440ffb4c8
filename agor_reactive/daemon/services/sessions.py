"""Sessions and their routes.

The prompt route answers the task itself. Under the `worktrees` era it answers the old envelope instead: for an idle
session `{success: true, taskId, status: "running", streaming: true}`, for a busy one
`{success: true, queued: true, taskId, status: "queued", queue_position, message: {…the queued task…}}`.
"""

from __future__ import annotations

from typing import Any

from agor_reactive.daemon.faults import DomainFault, repository_fault
from agor_reactive.daemon.kernel import Kernel
from agor_reactive.daemon.queries import Kind, matches, page, select, sort_rows, validated
from agor_reactive.daemon.services.base import Call, Service, refuse_no_text
from agor_reactive.daemon.store import Row
from agor_reactive.daemon.turns import Turns

__all__ = ["Sessions", "session_routes"]

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

    def __init__(self, kernel: Kernel, turns: Turns) -> None:
        self._kernel = kernel
        self._turns = turns
        self._schema: dict[str, Kind] = {
            "session_id": "uuid", "status": _STATUS, "agentic_tool": "string", "board_id": "uuid",
            kernel.era.place_id: "uuid", "created_by": "uuid", "archived": "boolean", "title": "string",
            "ready_for_prompt": "boolean", "created_at": "string", "last_updated": "string",
        }  # fmt: skip

    def find(self, call: Call) -> dict[str, Any]:
        query = validated(call.query, self._schema)
        rows = [row for row in self._kernel.sessions.all() if matches(row, query)]
        answer = page(sort_rows(rows, query.get("$sort")), query)
        answer["data"] = select(answer["data"], query.get("$select"), always="session_id")
        return answer

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
        kernel = self._kernel
        row = kernel.sessions.get(ref)
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
        era = kernel.era
        place_ref = data.get(era.place_id)
        if not place_ref:
            raise repository_fault(f"Session must have a {era.place_id}")
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
            era.place_id: place[era.place_id],
            f"{era.place}_board_id": place.get("board_id"),
            "url": kernel.link("s", session_id),
            **{name: data[name] for name in ("title", "description", "custom_context") if name in data},
            "git_state": {"ref": place.get("ref", ""), "base_sha": sha, "current_sha": sha},
            "genealogy": {"parent_session_id": None, "forked_from_session_id": None, "children": []},
            "contextFiles": data.get("contextFiles") or [],
            "tasks": [],
            "permission_config": data.get("permission_config") or {"mode": "acceptEdits"},
            "model_config": data.get("model_config")
            or {"mode": "alias", "model": "claude-sonnet-4-6", "updated_at": now},
            f"scheduled_from_{era.place}": False,
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
        place_id = kernel.era.place_id
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


class _Prompt(Service):
    path = "sessions/:id/prompt"
    announces = True

    def __init__(self, kernel: Kernel, turns: Turns) -> None:
        self._era = kernel.era
        self._turns = turns

    def create(self, data: Row, call: Call) -> Row:
        task = self._turns.prompt(call.route["id"], data, call.user_id)
        if self._era.prompt_answers_task:
            return task
        answer: Row = {"success": True, "taskId": task["task_id"], "status": task["status"]}
        if task["status"] != "queued":
            return {**answer, "streaming": data.get("stream") is not False}
        return {**answer, "queued": True, "queue_position": task["queue_position"], "message": task}


class _Stop(Service):
    path = "sessions/:id/stop"
    announces = True

    def __init__(self, turns: Turns) -> None:
        self._turns = turns

    def create(self, data: Row, call: Call) -> Row:
        return self._turns.stop(call.route["id"])


class _Queue(Service):
    path = "sessions/:id/tasks/queue"

    def __init__(self, turns: Turns) -> None:
        self._turns = turns

    def find(self, call: Call) -> Row:
        # The full id only: a short one, like an unknown one, has an empty queue.
        rows = self._turns.queue(call.route["id"])
        return {"total": len(rows), "data": rows}


class _Fork(Service):
    path = "sessions/:id/fork"
    announces = True

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    def create(self, data: Row, call: Call) -> Row:
        return self._sessions.offspring(call.route["id"], data, call, forked=True)


class _Spawn(_Fork):
    path = "sessions/:id/spawn"

    def create(self, data: Row, call: Call) -> Row:
        return self._sessions.offspring(call.route["id"], data, call, forked=False)


class _Genealogy(Service):
    path = "sessions/:id/genealogy"

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel

    def find(self, call: Call) -> Row:
        sessions = self._kernel.sessions
        session = sessions.get(call.route["id"])
        ancestors: list[Row] = []
        above = _origin(session)
        while above is not None and (row := sessions.find(above)) is not None and row not in ancestors:
            ancestors.append(row)
            above = _origin(row)
        children = [row for row in sessions.all() if _origin(row) == session["session_id"]]
        return {"session": session, "ancestors": ancestors, "children": children}


class _Decision(Service):
    path = "sessions/:id/permission-decision"
    announces = True

    def __init__(self, turns: Turns) -> None:
        self._turns = turns

    def create(self, data: Row, call: Call) -> Row:
        return self._turns.decide(call.route["id"], {"decidedBy": call.user_id, **data})


def session_routes(kernel: Kernel, turns: Turns, sessions: Sessions) -> list[Service]:
    """The routes under `sessions/:id/`."""
    return [
        _Prompt(kernel, turns),
        _Stop(turns),
        _Queue(turns),
        _Fork(sessions),
        _Spawn(sessions),
        _Genealogy(kernel),
        _Decision(turns),
    ]


def _origin(session: Row) -> str | None:
    family = session["genealogy"]
    origin = family.get("parent_session_id") or family.get("forked_from_session_id")
    return origin if isinstance(origin, str) else None
