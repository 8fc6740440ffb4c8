"""Messages of older daemons, without paging: lists, bulk creates, and unvalidated queries."""

from __future__ import annotations

from typing import Any, ClassVar

from agor_reactive.daemon.faults import DomainFault
from agor_reactive.daemon.queries import MAX_LIMIT, find_among, js_page
from agor_reactive.daemon.services.base import Call, refuse_no_text
from agor_reactive.daemon.services.messages import Messages
from agor_reactive.daemon.store import Row

__all__ = ["OlderMessages"]


class OlderMessages(Messages):
    """Messages with unvalidated queries. By session or task they come in index order, and few other conditions apply;
    otherwise the generic filter applies.
    """

    custom: ClassVar[tuple[str, ...]] = ("findBySession", "findByTask", "findByRange", "createMany")

    def find(self, call: Call) -> dict[str, Any]:
        query = call.query
        session_id, task_id = query.get("session_id"), query.get("task_id")
        if isinstance(session_id, str) or isinstance(task_id, str):
            return self._of_one(session_id, task_id, query)
        asked: dict[str, Any] = {
            **query,
            **{name: _clamped(query[name]) for name in ("$limit", "$skip") if name in query},
        }
        for name, kind in (("$sort", dict), ("$select", list)):
            if not isinstance(asked.get(name), kind):
                asked.pop(name, None)
        return find_among(self._context.messages.all(), asked, id_field="message_id")

    def _of_one(self, session_id: Any, task_id: Any, query: dict[str, Any]) -> dict[str, Any]:
        """Read a page of a session's or a task's messages, and only its rows from the store."""
        store = self._context.store
        scope = {"session_id": session_id, "task_id": task_id}
        given: dict[str, Any] = {name: value for name, value in scope.items() if isinstance(value, str)}
        if "session_id" in given and "type" in query:
            if not isinstance(query["type"], str):
                return js_page(query, 0, lambda skip, limit: [])
            given["row_type"] = query["type"]
        return js_page(
            query,
            store.count("messages", **given),
            lambda skip, limit: store.page("messages", by_index=True, skip=skip, limit=limit, **given),
        )

    def create(self, data: Row | list[Row], call: Call) -> Row | list[Row]:
        rows = self._insert(data if isinstance(data, list) else [data])
        for row in rows:
            self._context.messages.announce("created", row)
        return rows if isinstance(data, list) else rows[0]

    def patch(self, ref: str | None, data: Row, call: Call) -> Row:
        return self._write(ref, data, "patched")

    def update(self, ref: str, data: Row, call: Call) -> Row:
        return self._write(ref, data, "updated")

    def findBySession(self, data: Row, call: Call) -> list[Row]:
        return self._context.store.messages_by_index(session_id=str(_named(data, "session_id", "sessionId")))

    def findByTask(self, data: Row, call: Call) -> list[Row]:
        return self._context.store.messages_by_index(task_id=str(_named(data, "task_id", "taskId")))

    def findByRange(self, data: Row, call: Call) -> list[Row]:
        rows = self.findBySession(data, call)
        start, end = _named(data, "start_index", "startIndex"), _named(data, "end_index", "endIndex")
        return [row for row in rows if int(start or 0) <= row["index"] <= int(end if end is not None else 1 << 31)]

    def createMany(self, data: object, call: Call) -> list[Row]:
        """Store several messages without events."""
        if not isinstance(data, list):
            raise DomainFault("messageList.map is not a function", name="TypeError")
        return self._insert(data)

    def _write(self, ref: str | None, data: Row, verb: str) -> Row:
        refuse_no_text(data, "session_id", "task_id", "type")
        row = self._context.messages.one(ref, "patch")
        changed = {**row, **data, "message_id": row["message_id"]}
        self._context.messages.put(changed)
        self._context.messages.announce(verb, changed)
        return changed


def _named(data: object, *names: str) -> Any:
    if not isinstance(data, dict):
        return data
    return next((data[name] for name in names if name in data), None)


def _clamped(value: Any) -> int:
    try:
        return max(0, min(int(value), MAX_LIMIT))
    except (TypeError, ValueError):
        return 0
