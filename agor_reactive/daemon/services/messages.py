"""Messages of today's daemon: pages, strict queries, few changeable fields. And the streaming route."""

from __future__ import annotations

from typing import Any, ClassVar

from agor_reactive.daemon.context import DaemonContext
from agor_reactive.daemon.events import MESSAGE_EVENTS, TASK_EVENTS
from agor_reactive.daemon.faults import bad_request, forbidden, sql_fault
from agor_reactive.daemon.row_queries import answer_find, message_query
from agor_reactive.daemon.services.base import Call, Service, refuse_no_text
from agor_reactive.daemon.store import DuplicateRow, Row

__all__ = ["Messages", "Streaming"]

_PAGE = 100
_NEEDED = ("message_id", "type", "role", "index", "timestamp", "content_preview")
_PERMISSION = "permission_request"
_CHANGEABLE = frozenset({"content", "content_preview", "metadata", "tool_uses", "parent_tool_use_id"})


class Messages(Service):
    path = "messages"
    many = True  # for a refusal in the service's own words
    keeps_rows: ClassVar[bool] = True

    def __init__(self, context: DaemonContext) -> None:
        self._context = context

    def find(self, call: Call) -> dict[str, Any]:
        find = message_query(call.query, default=_PAGE, limit=self._context.page_limit)
        return answer_find(self._context.store, "messages", find, id_field="message_id")

    def get(self, ref: str, call: Call) -> Row:
        return self._context.messages.get(ref)

    def create(self, data: Row | list[Row], call: Call) -> Row | list[Row]:
        if isinstance(data, list):
            raise bad_request("Bulk Message create is not supported")
        if data.get("type") == _PERMISSION and not call.service:
            raise forbidden("Permission messages can only be created by a task-scoped executor")
        given = {"message_id": self._context.ids.row()} if data.get("message_id") is None else {}
        row = self._insert([{**data, **given}])[0]
        self._context.messages.announce("created", row)
        return row

    def patch(self, ref: str | None, data: Row, call: Call) -> Row:
        row = self._context.messages.one(ref, "patch")
        if row["type"] == _PERMISSION and not call.service:
            raise forbidden("Permission messages can only be changed by the task-scoped executor")
        if not set(data) <= _CHANGEABLE:
            raise bad_request("Message fields are immutable")
        changed = {**row, **data}
        self._context.messages.put(changed)
        self._context.messages.announce("patched", changed)
        return changed

    def remove(self, ref: str | None, call: Call) -> Row:
        row = self._context.messages.one(ref, "remove")
        self._context.messages.drop(row)
        self._context.messages.announce("removed", row)
        return row

    def _insert(self, items: list[Row]) -> list[Row]:
        rows = [dict(item) for item in items]
        try:
            with self._context.store.together():
                for row in rows:
                    self._refuse_unfit(row)
                    self._context.messages.insert(row)
        except DuplicateRow as error:
            raise sql_fault("messages", "UNIQUE constraint failed: messages.message_id") from error
        return rows

    def _refuse_unfit(self, row: Row) -> None:
        refuse_no_text(row, "message_id", "session_id", "task_id", "type")
        for name in _NEEDED:
            if row.get(name) is None:
                raise sql_fault("messages", f"NOT NULL constraint failed: messages.{name}")
        known = self._context.sessions.find(row.get("session_id")) is not None
        task_id = row.get("task_id")
        if not known or (task_id is not None and self._context.tasks.find(task_id) is None):
            raise sql_fault("messages", "FOREIGN KEY constraint failed")


class Streaming(Service):
    """The route with which executors send live events: an event with a known name is relayed unchecked. With today's
    rules it requires a service token.
    """

    announces = True

    def __init__(self, context: DaemonContext, service: str) -> None:
        self.path = f"{service}/streaming"
        self._context = context
        self._service = service
        self._events = MESSAGE_EVENTS if service == "messages" else TASK_EVENTS

    def create(self, data: Row, call: Call) -> Row:
        if self._context.api.handshake and not call.service:
            raise forbidden("Streaming events require an executor-scoped token")
        event = data.get("event")
        if isinstance(event, str) and event in self._events:
            self._context.bus.publish(f"{self._service} {event}", data.get("data"))
        return {"success": True}
