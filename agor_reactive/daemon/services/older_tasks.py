"""Tasks of the older API versions: lists, bulk creates, any status; every user can change and remove them."""

from __future__ import annotations

from typing import Any, ClassVar

from agor_reactive.daemon.faults import DomainFault
from agor_reactive.daemon.queries import MAX_LIMIT, Kind, matches, page, select, sort_rows, validated
from agor_reactive.daemon.services.base import Call, Service
from agor_reactive.daemon.services.tasks import Tasks, kept_fields
from agor_reactive.daemon.store import Row

__all__ = ["OlderTasks", "TasksBulk"]

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
        rows = [row for row in self._context.tasks.all() if matches(row, query)]
        answer = page(sort_rows(rows, query.get("$sort")), query)
        answer["data"] = select(answer["data"], query.get("$select"), always="task_id")
        return answer

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
        if ref is None:
            raise DomainFault("Multi-remove is not enabled")
        return self._drop(self._context.tasks.get(ref))

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


class TasksBulk(Service):
    path = "tasks/bulk"
    many: ClassVar[bool] = True
    announces = True

    def __init__(self, tasks: Tasks) -> None:
        self._tasks = tasks

    def create(self, data: Row | list[Row], call: Call) -> list[Row]:
        if not isinstance(data, list):
            raise DomainFault("taskList.map is not a function", name="TypeError")
        if any(not item.get("created_by") for item in data):
            raise DomainFault("Failed to bulk create tasks: created_by is required for every task")
        rows = [self._tasks.new_row(item, call.user_id) for item in data]
        self._tasks.insert(rows)
        return rows
