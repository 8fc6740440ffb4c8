"""Tasks of the older API versions: lists, bulk creates, any status; every user can change and remove them."""

from __future__ import annotations

from typing import Any

from agor_reactive.daemon.faults import DomainFault
from agor_reactive.daemon.queries import MAX_LIMIT, Kind, find_among, matches, validated
from agor_reactive.daemon.services.base import Call
from agor_reactive.daemon.services.tasks import Tasks, kept_fields
from agor_reactive.daemon.store import Row

__all__ = ["OlderTasks"]

_STATUS = (
    "queued", "created", "dispatching", "running", "stopping", "awaiting_permission", "awaiting_input", "timed_out",
    "completed", "failed", "stopped",
)  # fmt: skip
_SCHEMA: dict[str, Kind] = {
    "task_id": "uuid", "session_id": "uuid", "status": _STATUS, "created_by": "uuid", "created_at": "string",
    "completed_at": "string", "full_prompt": "string", "queue_position": "number",
}  # fmt: skip


class OlderTasks(Tasks):
    def find(self, call: Call) -> dict[str, Any]:
        query = validated(call.query, _SCHEMA)
        if "session_id" in query:
            # For one session, only paging applies and the order is that of creation.
            store, session_id = self._context.store, query["session_id"]
            skip, limit = query.get("$skip", 0), query.get("$limit", MAX_LIMIT)
            rows = store.page("tasks", session_id=session_id, skip=skip, limit=limit)
            return {"total": store.count("tasks", session_id=session_id), "limit": limit, "skip": skip, "data": rows}
        return find_among(self._context.tasks.all(), query, id_field="task_id")

    def create(self, data: Row | list[Row], call: Call) -> Row | list[Row]:
        if not isinstance(data, list):
            return self._create([data], call)[0]
        return self._create(data, call)

    def patch(self, ref: str | None, data: Row, call: Call) -> Row | list[Row]:
        if ref is None:
            query = validated(call.query, _SCHEMA)
            return [self._patch(row, data) for row in self._context.tasks.all() if matches(row, query)]
        return self._patch(self._context.tasks.get(ref), data)

    def update(self, ref: str, data: Row, call: Call) -> Row:
        row = self._context.tasks.get(ref)
        changed = {**row, **kept_fields(data), "task_id": row["task_id"]}
        self._context.tasks.put(changed)
        self._context.tasks.announce("updated", changed)
        return changed

    def remove(self, ref: str | None, call: Call) -> Row:
        return self._drop(self._context.tasks.one(ref, "remove"))

    def _create(self, items: list[Row], call: Call) -> list[Row]:
        """Store all tasks or none, then announce each."""
        rows = [self.new_row(item, call.user_id) for item in items]
        self.insert(rows)
        for row in rows:
            self._context.tasks.announce("created", row)
            if row["status"] == "running":
                session = self._context.sessions.get(row["session_id"])
                self._context.touch_session(
                    session, status="running", ready_for_prompt=False, tasks=[*session["tasks"], row["task_id"]]
                )
        return rows

    def create_bulk(self, data: Row | list[Row], call: Call) -> list[Row]:
        """Store several tasks without events."""
        if not isinstance(data, list):
            raise DomainFault("taskList.map is not a function", name="TypeError")
        if any(not item.get("created_by") for item in data):
            raise DomainFault("Failed to bulk create tasks: created_by is required for every task")
        rows = [self.new_row(item, call.user_id) for item in data]
        self.insert(rows)
        return rows
