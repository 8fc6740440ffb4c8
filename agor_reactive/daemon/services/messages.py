"""Messages, and the streaming and bulk doors that executors use."""

from __future__ import annotations

from typing import Any, ClassVar

from agor_reactive.daemon.events import MESSAGE_EVENTS
from agor_reactive.daemon.faults import DomainFault, sql_fault
from agor_reactive.daemon.kernel import Kernel
from agor_reactive.daemon.queries import MAX_LIMIT, js_page, matches, page, select, sort_rows
from agor_reactive.daemon.services.base import Call, Service, refuse_no_text
from agor_reactive.daemon.store import DuplicateRow, Row

__all__ = ["Messages", "message_routes"]

_NEEDED = ("message_id", "type", "role", "index", "timestamp", "content_preview")


class Messages(Service):
    """No schema guards these queries. By session or by task the order is the index and little else is heard;
    otherwise the generic filter applies.
    """

    path = "messages"
    many: ClassVar[bool] = True
    custom: ClassVar[tuple[str, ...]] = ("findBySession", "findByTask", "findByRange", "createMany")

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel

    def find(self, call: Call) -> dict[str, Any]:
        query = call.query
        session_id, task_id = query.get("session_id"), query.get("task_id")
        if isinstance(session_id, str) or isinstance(task_id, str):
            return self._of_one(session_id, task_id, query)
        rows = [row for row in self._kernel.messages.all() if matches(row, query)]
        paging: dict[str, Any] = {name: _clamped(query[name]) for name in ("$limit", "$skip") if name in query}
        order = query.get("$sort")
        answer = page(sort_rows(rows, order if isinstance(order, dict) else None), paging)
        names = query.get("$select")
        answer["data"] = select(answer["data"], names if isinstance(names, list) else None, always="message_id")
        return answer

    def _of_one(self, session_id: Any, task_id: Any, query: dict[str, Any]) -> dict[str, Any]:
        """A page of a session's or a task's messages. Only the rows of the page are read from the store."""
        store = self._kernel.store
        scope = {"session_id": session_id, "task_id": task_id}
        given: dict[str, Any] = {name: value for name, value in scope.items() if isinstance(value, str)}
        if "session_id" in given and "type" in query:
            if not isinstance(query["type"], str):
                return js_page(query, 0, lambda skip, limit: [])
            given["row_type"] = query["type"]
        if self._kernel.era.rooms and query.get("transcript") == "lean":
            # What is left out depends on the content, so all of it is looked at; a task's is seldom more than a page.
            rows = [row for row in map(_lean, store.page("messages", by_index=True, **given)) if row is not None]
            return js_page(query, len(rows), lambda skip, limit: rows[skip : skip + limit])
        return js_page(
            query,
            store.count("messages", **given),
            lambda skip, limit: store.page("messages", by_index=True, skip=skip, limit=limit, **given),
        )

    def get(self, ref: str, call: Call) -> Row:
        return self._kernel.messages.get(ref)

    def create(self, data: Row | list[Row], call: Call) -> Row | list[Row]:
        if isinstance(data, list):
            rows = self._insert(data)
            for row in rows:
                self._kernel.messages.announce("created", row)
            return rows
        row = self._insert([data])[0]
        self._kernel.messages.announce("created", row)
        return row

    def patch(self, ref: str | None, data: Row, call: Call) -> Row:
        if ref is None:
            raise DomainFault("Multi-patch is not enabled")
        refuse_no_text(data, "session_id", "task_id", "type")
        row = self._kernel.messages.get(ref)
        changed = {**row, **data, "message_id": row["message_id"]}
        self._kernel.messages.put(changed)
        self._kernel.messages.announce("patched", changed)
        return changed

    def update(self, ref: str, data: Row, call: Call) -> Row:
        refuse_no_text(data, "session_id", "task_id", "type")
        row = self._kernel.messages.get(ref)
        changed = {**row, **data, "message_id": row["message_id"]}
        self._kernel.messages.put(changed)
        self._kernel.messages.announce("updated", changed)
        return changed

    def remove(self, ref: str | None, call: Call) -> Row:
        if ref is None:
            raise DomainFault("Multi-remove is not enabled")
        row = self._kernel.messages.get(ref)
        self._kernel.messages.drop(row)
        self._kernel.messages.announce("removed", row)
        return row

    def findBySession(self, data: Row, call: Call) -> list[Row]:
        return self._kernel.store.messages_by_index(session_id=str(_named(data, "session_id", "sessionId")))

    def findByTask(self, data: Row, call: Call) -> list[Row]:
        return self._kernel.store.messages_by_index(task_id=str(_named(data, "task_id", "taskId")))

    def findByRange(self, data: Row, call: Call) -> list[Row]:
        rows = self.findBySession(data, call)
        start, end = _named(data, "start_index", "startIndex"), _named(data, "end_index", "endIndex")
        return [row for row in rows if int(start or 0) <= row["index"] <= int(end if end is not None else 1 << 31)]

    def createMany(self, data: list[Row], call: Call) -> list[Row]:
        return self.insert_many(data)

    def insert_many(self, data: object) -> list[Row]:
        """Store several and announce none."""
        if not isinstance(data, list):
            raise DomainFault("messageList.map is not a function", name="TypeError")
        return self._insert(data)

    def _insert(self, items: list[Row]) -> list[Row]:
        rows = [dict(item) for item in items]
        try:
            with self._kernel.store.together():
                for row in rows:
                    self._refuse_unfit(row)
                    self._kernel.messages.insert(row)
        except DuplicateRow as error:
            raise sql_fault("messages", "UNIQUE constraint failed: messages.message_id") from error
        return rows

    def _refuse_unfit(self, row: Row) -> None:
        refuse_no_text(row, "message_id", "session_id", "task_id", "type")
        for name in _NEEDED:
            if row.get(name) is None:
                raise sql_fault("messages", f"NOT NULL constraint failed: messages.{name}")
        known = self._kernel.sessions.find(row.get("session_id")) is not None
        task_id = row.get("task_id")
        if not known or (task_id is not None and self._kernel.tasks.find(task_id) is None):
            raise sql_fault("messages", "FOREIGN KEY constraint failed")


def _lean(row: Row) -> Row | None:
    """What newer daemons give of a message when asked for the lean transcript: no payload of tools, no thinking; None
    of one that is nothing else."""
    content = row.get("content")
    if not isinstance(content, list):
        return row
    left_out = ("tool_use", "tool_result", "thinking")
    kept = [block for block in content if not (isinstance(block, dict) and block.get("type") in left_out)]
    if not kept:
        return None
    return {key: value for key, value in row.items() if key != "tool_uses"} | {"content": kept}


class _Bulk(Service):
    path = "messages/bulk"
    many: ClassVar[bool] = True
    announces = True

    def __init__(self, messages: Messages) -> None:
        self._messages = messages

    def create(self, data: Row | list[Row], call: Call) -> list[Row]:
        return self._messages.insert_many(data)


class _Streaming(Service):
    """The door for live events. It checks nothing: whatever is posted is relayed, if the event's name is known."""

    path = "messages/streaming"
    announces = True

    def __init__(self, kernel: Kernel) -> None:
        self._bus = kernel.bus

    def create(self, data: Row, call: Call) -> Row:
        event = data.get("event")
        if isinstance(event, str) and event in MESSAGE_EVENTS:
            self._bus.publish(f"messages {event}", data.get("data"))
        return {"success": True}


def message_routes(kernel: Kernel, messages: Messages) -> list[Service]:
    """The routes under `messages/`."""
    return [_Bulk(messages), _Streaming(kernel)]


def _named(data: object, *names: str) -> Any:
    if not isinstance(data, dict):
        return data
    return next((data[name] for name in names if name in data), None)


def _clamped(value: Any) -> int:
    try:
        return max(0, min(int(value), MAX_LIMIT))
    except (TypeError, ValueError):
        return 0
