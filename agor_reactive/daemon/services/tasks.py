"""Tasks, their routes, and the streaming and bulk doors that executors use."""

from __future__ import annotations

from typing import Any, ClassVar

from agor_reactive.daemon.events import TASK_EVENTS
from agor_reactive.daemon.faults import DomainFault, sql_fault
from agor_reactive.daemon.kernel import Kernel
from agor_reactive.daemon.queries import MAX_LIMIT, Kind, matches, page, select, sort_rows, validated
from agor_reactive.daemon.services.base import Call, Service, refuse_no_text
from agor_reactive.daemon.store import DuplicateRow, Row
from agor_reactive.daemon.turns import TERMINAL, Turns

__all__ = ["Tasks", "task_routes"]

_STATUS = (
    "queued", "created", "dispatching", "running", "stopping", "awaiting_permission", "awaiting_input", "timed_out",
    "completed", "failed", "stopped",
)  # fmt: skip
_SCHEMA: dict[str, Kind] = {
    "task_id": "uuid", "session_id": "uuid", "status": _STATUS, "created_by": "uuid", "created_at": "string",
    "completed_at": "string", "full_prompt": "string", "queue_position": "number",
}  # fmt: skip
_KEPT = frozenset(
    {
        "task_id", "session_id", "status", "created_at", "created_by", "full_prompt", "message_range", "git_state",
        "tool_use_count", "completed_at", "duration_ms", "error_message", "model", "metadata", "queue_position",
        "last_executor_heartbeat_at", "permission_request", "report", "agent_session_id", "session_md5",
        "normalized_sdk_response", "raw_sdk_response", "computed_context_window",
    }
)  # fmt: skip


class Tasks(Service):
    path = "tasks"
    many: ClassVar[bool] = True

    def __init__(self, kernel: Kernel, turns: Turns) -> None:
        self._kernel = kernel
        self._turns = turns

    def find(self, call: Call) -> dict[str, Any]:
        query = validated(call.query, _SCHEMA)
        if "session_id" in query:
            # Asked by session, everything but paging is ignored and the order is that of creation.
            store, session_id = self._kernel.store, query["session_id"]
            skip, limit = query.get("$skip", 0), query.get("$limit", MAX_LIMIT)
            rows = store.page("tasks", session_id=session_id, skip=skip, limit=limit)
            return {"total": store.count("tasks", session_id=session_id), "limit": limit, "skip": skip, "data": rows}
        rows = [row for row in self._kernel.tasks.all() if matches(row, query)]
        answer = page(sort_rows(rows, query.get("$sort")), query)
        answer["data"] = select(answer["data"], query.get("$select"), always="task_id")
        return answer

    def get(self, ref: str, call: Call) -> Row:
        return self._kernel.tasks.get(ref)

    def create(self, data: Row | list[Row], call: Call) -> Row | list[Row]:
        if not isinstance(data, list):
            return self._create([data], call)[0]
        return self._create(data, call)

    def patch(self, ref: str | None, data: Row, call: Call) -> Row | list[Row]:
        if ref is None:
            query = validated(call.query, _SCHEMA)
            return [self._patch(row, data) for row in self._kernel.tasks.all() if matches(row, query)]
        return self._patch(self._kernel.tasks.get(ref), data)

    def update(self, ref: str, data: Row, call: Call) -> Row:
        row = self._kernel.tasks.get(ref)
        changed = {**row, **_kept(data), "task_id": row["task_id"]}
        self._kernel.tasks.put(changed)
        self._kernel.tasks.announce("updated", changed)
        return changed

    def remove(self, ref: str | None, call: Call) -> Row:
        if ref is None:
            raise DomainFault("Multi-remove is not enabled")
        row = self._kernel.tasks.get(ref)
        self._turns.forget_task(row["task_id"])
        self._kernel.tasks.drop(row)
        self._kernel.tasks.announce("removed", row)
        return row

    def new_row(self, data: Row, user_id: str) -> Row:
        """A task made by hand rather than by a prompt."""
        now = self._kernel.now()
        session = self._kernel.sessions.get(data.get("session_id"))
        row: Row = {
            "task_id": self._kernel.ids.row(),
            "session_id": session["session_id"],
            "status": "created",
            "created_at": now,
            "created_by": user_id,
            "full_prompt": "",
            "message_range": {"start_index": 0, "end_index": 0, "start_timestamp": now},
            "git_state": {"ref_at_start": "unknown", "sha_at_start": "unknown"},
            "tool_use_count": 0,
        }
        return {**row, **_kept(data), "session_id": session["session_id"]}

    def _create(self, items: list[Row], call: Call) -> list[Row]:
        """All of them or none, then told one by one."""
        rows = [self.new_row(item, call.user_id) for item in items]
        self.insert(rows)
        for row in rows:
            self._kernel.tasks.announce("created", row)
            if row["status"] == "running":
                session = self._kernel.sessions.get(row["session_id"])
                self._kernel.sessions.change(
                    session,
                    status="running",
                    ready_for_prompt=False,
                    tasks=[*session["tasks"], row["task_id"]],
                    last_updated=self._kernel.now(),
                )
        return rows

    def insert(self, rows: list[Row]) -> None:
        """Store several and announce none."""
        try:
            with self._kernel.store.together():
                for row in rows:
                    self._kernel.tasks.insert(row)
        except DuplicateRow as error:
            raise sql_fault("tasks", "UNIQUE constraint failed: tasks.task_id") from error

    def _patch(self, row: Row, data: Row) -> Row:
        refuse_no_text(data, "status")
        status = data.get("status")
        if status in TERMINAL and row.get("status") not in TERMINAL | {"queued", "created"}:
            told = {name: value for name, value in data.items() if name != "status"}
            return {**told, **self._turns.finish(row, str(status), **told)}
        changed = {**row, **_kept(data), "task_id": row["task_id"]}
        self._kernel.tasks.put(changed)
        # Fields nobody stores are echoed all the same.
        told = {**data, **changed}
        self._kernel.tasks.announce("patched", told)
        return told


class _Run(Service):
    path = "tasks/:id/run"
    announces = True

    def __init__(self, turns: Turns) -> None:
        self._turns = turns

    def create(self, data: Row, call: Call) -> Row:
        return self._turns.run(call.route["id"])


class _Complete(Service):
    path = "tasks/:id/complete"
    announces = True
    status = "completed"

    def __init__(self, kernel: Kernel, turns: Turns) -> None:
        self._kernel = kernel
        self._turns = turns

    def create(self, data: Row, call: Call) -> Row:
        row = self._kernel.tasks.get(call.route["id"])
        report = {"report": data["report"]} if self.status == "completed" and data.get("report") else {}
        # What went wrong is not kept: `fail` has always dropped its error text.
        return self._turns.finish(row, self.status, **report)


class _Fail(_Complete):
    path = "tasks/:id/fail"
    status = "failed"


class _Bulk(Service):
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


class _Streaming(Service):
    """The door for live events. It checks nothing: whatever is posted is relayed, if the event's name is known."""

    path = "tasks/streaming"
    announces = True

    def __init__(self, kernel: Kernel) -> None:
        self._bus = kernel.bus

    def create(self, data: Row, call: Call) -> Row:
        event = data.get("event")
        if isinstance(event, str) and event in TASK_EVENTS:
            self._bus.publish(f"tasks {event}", data.get("data"))
        return {"success": True}


def task_routes(kernel: Kernel, turns: Turns, tasks: Tasks) -> list[Service]:
    """The routes under `tasks/`."""
    return [_Run(turns), _Complete(kernel, turns), _Fail(kernel, turns), _Bulk(tasks), _Streaming(kernel)]


def _kept(data: Row) -> Row:
    refuse_no_text(data, "task_id", "session_id", "status")
    return {name: value for name, value in data.items() if name in _KEPT}
