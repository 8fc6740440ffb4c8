"""Tasks of today's daemon: created one by one as `created`, changed by executors only. And their routes."""

from __future__ import annotations

from typing import Any, ClassVar

from agor_reactive.daemon.context import DaemonContext
from agor_reactive.daemon.faults import bad_request, forbidden, repository_fault, sql_fault
from agor_reactive.daemon.queries import MAX_LIMIT
from agor_reactive.daemon.row_queries import answer_find, task_query
from agor_reactive.daemon.services.base import Call, Route, Service, refuse_no_text
from agor_reactive.daemon.store import DuplicateRow, Row
from agor_reactive.daemon.task_runner import TERMINAL, TaskRunner

__all__ = ["Tasks", "kept_fields", "task_routes"]

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
    many = True  # for a refusal in the service's own words
    keeps_rows: ClassVar[bool] = True

    def __init__(self, context: DaemonContext, task_runner: TaskRunner) -> None:
        self._context = context
        self._task_runner = task_runner

    def find(self, call: Call) -> dict[str, Any]:
        return answer_find(self._context.store, "tasks", task_query(call.query, limit=MAX_LIMIT), id_field="task_id")

    def get(self, ref: str, call: Call) -> Row:
        return self._context.tasks.get(ref)

    def create(self, data: Row | list[Row], call: Call) -> Row | list[Row]:
        if isinstance(data, list):
            raise bad_request("Task creation requires one task")
        refuse_no_text(data, "status")
        if data.get("status", "created") != "created":
            raise bad_request("Externally created tasks must use status created")
        row = self.new_row(data, call.user_id)
        self.insert([row])
        self._context.tasks.announce("created", row)
        return row

    def patch(self, ref: str | None, data: Row, call: Call) -> Row | list[Row]:
        if not call.service:
            raise forbidden("Task patches require an executor token scoped to this task")
        return self._patch(self._context.tasks.one(ref, "patch"), data)

    def remove(self, ref: str | None, call: Call) -> Row:
        row = self._context.tasks.one(ref, "remove")
        if row["status"] != "queued":
            raise repository_fault("Only queued tasks can be deleted")
        return self._drop(row)

    def new_row(self, data: Row, user_id: str) -> Row:
        """Make the row of a task that was created without a prompt."""
        now = self._context.now()
        session = self._context.sessions.get(data.get("session_id"))
        row: Row = {
            "task_id": self._context.ids.row(),
            "session_id": session["session_id"],
            "status": "created",
            "created_at": now,
            "created_by": user_id,
            "full_prompt": "",
            "message_range": {"start_index": 0, "end_index": 0, "start_timestamp": now},
            "git_state": {"ref_at_start": "unknown", "sha_at_start": "unknown"},
            "tool_use_count": 0,
        }
        return {**row, **kept_fields(data), "session_id": session["session_id"]}

    def insert(self, rows: list[Row]) -> None:
        """Store several tasks without events."""
        try:
            with self._context.store.together():
                for row in rows:
                    self._context.tasks.insert(row)
        except DuplicateRow as error:
            raise sql_fault("tasks", "UNIQUE constraint failed: tasks.task_id") from error

    def _drop(self, row: Row) -> Row:
        self._task_runner.forget_task(row["task_id"])
        self._context.tasks.drop(row)
        self._context.tasks.announce("removed", row)
        return row

    def _patch(self, row: Row, data: Row) -> Row:
        refuse_no_text(data, "status")
        status = data.get("status")
        if status in TERMINAL and row.get("status") not in TERMINAL | {"queued", "created"}:
            echoed = {name: value for name, value in data.items() if name != "status"}
            return {**echoed, **self._task_runner.finish(row, str(status), **echoed)}
        changed = {**row, **kept_fields(data), "task_id": row["task_id"]}
        self._context.tasks.put(changed)
        # The answer echoes unknown fields, although they are not stored.
        echoed = {**data, **changed}
        self._context.tasks.announce("patched", echoed)
        return echoed


def task_routes(context: DaemonContext, task_runner: TaskRunner) -> list[Service]:
    """The routes under `tasks/`, except the streaming one."""

    def run(data: Row, call: Call) -> Row:
        return task_runner.run(call.route["id"], call.user_id)

    def complete(data: Row, call: Call) -> Row:
        report = {"report": data["report"]} if data.get("report") else {}
        return task_runner.finish(context.tasks.get(call.route["id"]), "completed", **report)

    def fail(data: Row, call: Call) -> Row:
        # The error text is not stored, because a real daemon's `fail` drops it.
        return task_runner.finish(context.tasks.get(call.route["id"]), "failed")

    return [
        Route("tasks/:id/run", create=run),
        Route("tasks/:id/complete", create=complete),
        Route("tasks/:id/fail", create=fail),
    ]


def kept_fields(data: Row) -> Row:
    """The fields of a task that a write may set."""
    refuse_no_text(data, "task_id", "session_id", "status")
    return {name: value for name, value in data.items() if name in _KEPT}
