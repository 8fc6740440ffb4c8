"""A daemon that is one table, good or bad at paging, whose rows come and go between two calls. No IO."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from agor_reactive.calls.drivers import SyncDriver
from agor_reactive.calls.effects import Call
from agor_reactive.errors import BadRequest
from agor_reactive.services import Service

__all__ = ["TableDaemon"]


@dataclass
class TableDaemon:
    """`rows` are in the daemon's own order. `between` is called before each answer but the first."""

    rows: list[dict[str, Any]]
    operators: bool = True
    skips: bool = True
    limits: bool = True
    sorts: bool = True
    most_rows: int = 10_000
    numbers: Literal["numbers", "nothing", "text"] = "numbers"  # what a number in a query string is compared as
    strict: bool = False  # refuses `$limit` and `$skip` above `most_rows` instead of clamping
    between: Callable[[TableDaemon], None] = lambda daemon: None
    asked: list[dict[str, Any]] = field(default_factory=list)

    def service(self, path: str = "kb/graph") -> Service[Any, Any, Any, Any]:
        return Service(path, SyncDriver(self.call))

    def call(self, call: Call, timeout: float | None) -> Any:
        assert call.method == "find"
        if self.asked:
            self.between(self)
        query = dict(call.args[0]) if call.args else {}
        self.asked.append(dict(query))
        limit, skip = query.pop("$limit", self.most_rows), query.pop("$skip", 0)
        order = query.pop("$sort", {})
        if self.strict and max(limit, skip) > self.most_rows:
            raise BadRequest("must be <= 10000")
        if not self.operators and any(isinstance(value, dict) for value in query.values()):
            raise BadRequest("must be string")
        for name, want in query.items():
            if isinstance(want, dict) and "$in" in want:
                query[name] = {**want, "$in": frozenset(want["$in"])}
        found = [row for row in self.rows if all(self.fits(row.get(name), want) for name, want in query.items())]
        if self.sorts:
            for name, direction in reversed(order.items()):
                found.sort(key=lambda row: row[name], reverse=direction == -1)
        skip = skip if self.skips else 0
        end = skip + min(limit, self.most_rows) if self.limits else None
        return {"total": len(found), "limit": limit, "skip": skip, "data": found[skip:end]}

    def fits(self, value: Any, want: Any) -> bool:
        if self.numbers != "numbers" and isinstance(want, dict):
            given = next(iter(want.values()))
            if isinstance(given, int) and self.numbers == "nothing":
                return False
            if isinstance(given, int):
                return fits(str(value), {name: str(number) for name, number in want.items()})
        return fits(value, want)


def fits(value: Any, want: Any) -> bool:
    if not isinstance(want, dict):
        return bool(value == want)
    tests = {
        "$in": lambda given: value in given,
        "$gte": lambda given: value >= given,
        "$lte": lambda given: value <= given,
    }
    return all(tests[operator](given) for operator, given in want.items())
