"""A daemon that answers finds of sessions, tasks and messages as daemons of different versions do. No IO.

Today's by default: filters and sorts heeded, ranges of ids with an exact session or task, numbers read as numbers.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any, Literal

from agor_reactive.calls.drivers import SyncDriver
from agor_reactive.calls.effects import Call
from agor_reactive.calls.paging import FilterCheck
from agor_reactive.errors import BadRequest, NotFound
from agor_reactive.services import Service
from agor_reactive.transport.query import rest_query
from agor_reactive.transport.scripted import ScriptedLink

__all__ = ["LIES", "MADE", "PagedDaemon", "churn", "june", "message", "task", "uid"]

MADE = "01a20fce-d685-732c-b447-916debeb245c"
_IDS = {"messages": "message_id", "tasks": "task_id", "sessions": "session_id", "boards": "board_id"}
_ORDER = {
    "messages": ("index",),
    "tasks": ("created_at", "task_id"),
    "sessions": ("session_id",),
    "boards": ("board_id",),
}
_SORTS = ("message_id", "task_id", "session_id", "status", "index", "timestamp", "created_at", "updated_at")


def uid(number: int, kind: int = 0) -> str:
    """A full id; they are in the order of their numbers."""
    return f"01a2{kind:04x}-{number >> 12:04x}-7{number & 0xFFF:03x}-8000-{number:012x}"


def message(number: int, task_id: str = "", session_id: str = MADE, **more: Any) -> dict[str, Any]:
    row = {"message_id": uid(number, 1), "session_id": session_id, "task_id": task_id or uid(0, 2), "index": number}
    return {**row, "type": "assistant", "role": "assistant", "content": "text", "content_preview": "", **more}


def task(number: int, session_id: str = MADE, status: str = "completed") -> dict[str, Any]:
    stamp = f"2026-11-25T{number // 3600 % 24:02}:{number // 60 % 60:02}:{number % 60:02}.000Z"
    return {"task_id": uid(number, 2), "session_id": session_id, "status": status, "created_at": stamp}


@dataclass
class PagedDaemon:
    """`between` is called before each find but the first. `rest` sends the queries as REST does, `key` says that the
    client uses an API key there."""

    messages: list[dict[str, Any]] = field(default_factory=list)
    tasks: list[dict[str, Any]] = field(default_factory=list)
    sessions: list[dict[str, Any]] = field(default_factory=list)
    boards: list[dict[str, Any]] = field(default_factory=list)
    cap: int = 10_000
    default: int = 10_000
    over: Literal["clamp", "refuse"] = "clamp"
    skips: Literal["heeded", "ignored", "text"] = "heeded"
    ranges: Literal["offered", "refused", "ignored"] = "offered"
    filters: bool = True
    sorts: bool = True
    lean: Literal["offered", "refused"] = "offered"
    total: Callable[[int, int], Any] = lambda honest, call: honest
    rest: bool = False
    key: bool = False
    between: Callable[[PagedDaemon], None] | None = None
    asked: list[dict[str, Any]] = field(default_factory=list)
    check: FilterCheck = field(init=False)
    _sorted: dict[str, list[dict[str, Any]]] = field(default_factory=dict)  # as long as nothing comes or goes

    def __post_init__(self) -> None:
        self.check = FilterCheck(lambda: self.key)

    def service(self, path: str = "messages") -> Service[Any, Any, Any, Any]:
        return Service(path, SyncDriver(self.call, filters=self.check))

    def link(self) -> ScriptedLink:
        """A live link to it."""
        link = ScriptedLink()
        for path in _IDS:
            link.on_call("find", path, lambda args, path=path: self.find(path, args[0]))
        link.on_call("get", "sessions", lambda args: self.session(args[0]))
        link.on_call("create", "session-streams", lambda args: dict(args[0]))
        link.on_call("remove", "session-streams", lambda args: {})
        link.on_call("find", "sessions/:id/tasks/queue", lambda args: {"total": 0, "data": []})
        return link

    def session(self, session_id: str) -> dict[str, Any]:
        if session_id != MADE:
            raise NotFound(f"Session not found: {session_id}", code="NOT_FOUND")
        return {"session_id": session_id, "status": "idle", "tasks": [row["task_id"] for row in self.tasks]}

    def call(self, call: Call, timeout: float | None = None) -> Any:
        query = dict(call.args[0]) if call.args else {}
        if not self.rest:
            return self.find(call.service, query)
        sent, cut = rest_query(call.service, query)
        answer = self.find(call.service, dict(sent or {}))
        return cut.of(answer) if cut is not None else answer

    def find(self, path: str, query: dict[str, Any]) -> dict[str, Any]:
        assert len(self.asked) < 4_000, "no end of calls"
        if self.asked and self.between is not None:
            self.between(self)
            self._sorted.clear()
        self.asked.append({"path": path, **query})
        asked = dict(query)
        limit, skip = asked.pop("$limit", self.default), asked.pop("$skip", 0)
        order, names = asked.pop("$sort", {}), asked.pop("$select", None)
        if asked.pop("transcript", None) and self.lean == "refused":
            raise BadRequest("validation failed", code=400, data=[{"instancePath": "/transcript"}])
        if self.over == "refuse" and limit > self.cap:
            fault = {"instancePath": "/$limit", "keyword": "maximum", "params": {"limit": self.cap}}
            raise BadRequest("validation failed", code=400, data=[fault])
        self._validate(path, asked, order)
        return self._page(self._found(path, asked, order), limit, skip, names, _IDS[path])

    def _found(self, path: str, asked: dict[str, Any], order: dict[str, int]) -> list[dict[str, Any]]:
        within = next((value for value in asked.values() if isinstance(value, dict)), None)
        scope = {name: value for name, value in asked.items() if not isinstance(value, dict)}
        key = repr((path, scope, order))
        found = self._sorted.get(key)
        if found is None:
            found = [row for row in getattr(self, path) if not self.filters or self._fits(row, scope)]
            found.sort(key=lambda row: tuple(row.get(name, "") for name in _ORDER[path]))
            for name, direction in reversed(order.items()) if self.sorts else ():
                found.sort(key=lambda row, name=name: row.get(name, ""), reverse=direction == -1)
            self._sorted[key] = found
        if within is None or not self.filters or self.ranges != "offered":
            return found
        above, most = within.get("$gt", ""), within["$lte"]
        return [row for row in found if above < row[_IDS[path]] <= most]

    def _page(self, found: list[dict[str, Any]], limit: int, skip: int, names: Any, id_field: str) -> dict[str, Any]:
        total = self.total(len(found), len(self.asked))
        given = min(limit, self.cap)
        if self.skips == "text":
            rows = found[skip : int(f"{skip}{given}") if skip else given]
            echo: dict[str, Any] = {"limit": str(given), "skip": str(skip)}
        else:
            begun = skip if self.skips == "heeded" else 0
            rows = found[begun : begun + given]
            echo = {"limit": given, "skip": skip}
        if names is not None:
            rows = [{name: row[name] for name in {*names, id_field} if name in row} for row in rows]
        return {**({} if total is None else {"total": total}), **echo, "data": [dict(row) for row in rows]}

    def _validate(self, path: str, asked: dict[str, Any], order: dict[str, int]) -> None:
        for name, value in asked.items():
            if not isinstance(value, dict):
                continue
            scoped = isinstance(asked.get("session_id"), str) or isinstance(asked.get("task_id"), str)
            is_range = name == _IDS[path] and set(value) <= {"$gt", "$lte"} and "$lte" in value
            if not is_range or self.ranges == "refused" or (self.ranges == "offered" and not scoped):
                raise BadRequest("validation failed", code=400, data=[{"instancePath": f"/{name}"}])
        if not set(order) <= set(_SORTS):
            raise BadRequest("validation failed", code=400, data=[{"instancePath": "/$sort"}])

    @staticmethod
    def _fits(row: dict[str, Any], scope: dict[str, Any]) -> bool:
        return all(row.get(name) == value for name, value in scope.items())


def june(**options: Any) -> dict[str, Any]:
    """What a daemon of June 2026 differs in: no ranges, no sort of a session's rows, no cap; over REST, text."""
    text = {"skips": "text"} if options.get("rest") else {}
    return {"ranges": "ignored", "sorts": False, **text, **options}


LIES: dict[str, Callable[[int, int], Any]] = {
    "huge": lambda honest, call: 10**18,
    "shrinking": lambda honest, call: max(0, honest - 7 * call),
    "growing": lambda honest, call: honest + 50 * call,
    "negative": lambda honest, call: -1,
    "absent": lambda honest, call: None,
    "text": lambda honest, call: str(honest),
    "nonsense": lambda honest, call: {"total": [1]},
}


def churn(seed: int, stay: set[str], path: str = "messages", most: int = 60) -> Callable[[PagedDaemon], None]:
    """Rows that come and go before each answer: none that is to `stay`, and `most` new ones."""
    random = Random(seed)
    made = 0

    def between(daemon: PagedDaemon) -> None:
        nonlocal made
        rows = getattr(daemon, path)
        id_field = _IDS[path]
        for _ in range(random.randrange(4)):
            leaving = [row for row in rows if row[id_field] not in stay]
            if leaving and random.random() < 0.5:
                rows.remove(random.choice(leaving))
            elif made < most:
                made += 1
                like = random.choice(rows) if rows else message(0)
                new = f"{like[id_field][:24]}{random.getrandbits(48):012x}"  # anywhere in the order of ids
                rows.insert(random.randrange(len(rows) + 1), {**like, id_field: new})

    return between
