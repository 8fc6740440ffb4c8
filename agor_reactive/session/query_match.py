"""Whether a row fits a query, as FeathersJS decides it, and how its `$sort` orders rows. Pure; knows JSON only.

`find sessions` refuses operators and null with a 400, and silently drops `$or`, `$and` and fields that it does not
know. So a live collection sends what every daemon takes (`sendable`) and matches rows here (`matcher`).

Facts of FeathersJS: null fits a field that is null or absent, and `$ne` and `$nin` fit an absent one; only values of
the same kind have an order; of a list, each item and the whole are looked at; a dotted name looks inside.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

import orjson

from agor_reactive.calls.queries import in_order
from agor_reactive.errors import UsageError
from agor_reactive.transport.codec import dumps

__all__ = ["Fits", "matcher", "ordering", "plain", "sendable"]

Fits = Callable[[Any], bool]

_ABSENT_IS_FALSE: Final = frozenset({"archived"})
"""Flags that a row may lack when they are off."""

KNOWN: Final = "$in, $nin, $ne, $lt, $lte, $gt, $gte, $or and $and"


def plain(query: Mapping[str, Any]) -> dict[str, Any]:
    """The query as JSON: times, ids and enums as in rows of the wire. Raises `UsageError`."""
    read: dict[str, Any] = orjson.loads(dumps(dict(query)))
    return read


def sendable(query: Mapping[str, Any]) -> dict[str, Any]:
    """The part of a plain query that every daemon takes: fields that equal one value. It fits at least all rows."""
    return {
        name: value
        for name, value in query.items()
        if not name.startswith("$") and "." not in name and isinstance(value, str | bool | int | float)
    }


def matcher(query: Mapping[str, Any]) -> Fits:
    """A predicate of rows as JSON objects. Raises `UsageError` for an unknown or malformed operator.

    >>> fits = matcher({"status": {"$in": ["idle", "failed"]}, "archived": {"$ne": True}})
    >>> fits({"status": "idle"}), fits({"status": "running"})
    (True, False)
    """
    tests = tuple(_condition(name, wanted) for name, wanted in query.items() if name != "$sort")
    return lambda row: all(test(row) for test in tests)


def _condition(name: str, wanted: Any) -> Fits:
    if name in ("$or", "$and"):
        if not isinstance(wanted, list) or not wanted or not all(isinstance(part, dict) for part in wanted):
            raise UsageError(f"{name} takes a list of queries, at least one")
        parts = tuple(matcher(part) for part in wanted)
        some = any if name == "$or" else all
        return lambda row: some(part(row) for part in parts)
    if name.startswith("$"):
        raise _unknown(name)
    path = tuple(name.split("."))
    tests = _operators(name, wanted)
    if name in _ABSENT_IS_FALSE:
        return lambda row: all(test([row.get(name) or False]) for test in tests)
    return lambda row: all(test(tuple(_values(row, path))) for test in tests)


def _unknown(name: str) -> UsageError:
    return UsageError(f"Unknown operator {name}. Known operators: {KNOWN}")


def _operators(name: str, wanted: Any) -> tuple[Callable[[Sequence[Any]], bool], ...]:
    """The tests that the values of a field must pass."""
    if not isinstance(wanted, dict) or not any(key.startswith("$") for key in wanted):
        return (lambda values: any(_same(value, wanted) for value in values),)
    if not all(key.startswith("$") for key in wanted):
        raise UsageError(f"{name} mixes operators with fields; a field has either")
    return tuple(_operator(name, operator, operand) for operator, operand in wanted.items())


def _operator(name: str, operator: str, operand: Any) -> Callable[[Sequence[Any]], bool]:
    if operator in ("$in", "$nin"):
        if not isinstance(operand, list):
            raise UsageError(f"{operator} of {name} takes a list of values")
        wanted = operator == "$in"
        return lambda values: any(_same(value, item) for value in values for item in operand) is wanted
    if operator == "$ne":
        return lambda values: not any(_same(value, operand) for value in values)
    holds = _ORDERED.get(operator)
    if holds is None:
        raise _unknown(f"{operator} (of {name})")
    return lambda values: any(_kind(value) == _kind(operand) and holds(value, operand) for value in values)


_ORDERED: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "$lt": lambda have, than: have is not None and have < than,
    "$lte": lambda have, than: have is None or have <= than,
    "$gt": lambda have, than: have is not None and have > than,
    "$gte": lambda have, than: have is None or have >= than,
}


def _kind(value: Any) -> int | object:
    """Equal for two values that have an order; objects and lists have none."""
    if value is None or isinstance(value, bool):
        return 0 if value is None else 1
    if isinstance(value, int | float):
        return 2
    return 3 if isinstance(value, str) else object()


def _same(have: Any, wanted: Any) -> bool:
    if isinstance(have, list) and isinstance(wanted, list):
        return len(have) == len(wanted) and all(map(_same, have, wanted))
    if isinstance(have, dict) and isinstance(wanted, dict):
        return have.keys() == wanted.keys() and all(_same(have[key], wanted[key]) for key in have)
    # 1 == True in Python, not on the wire.
    return isinstance(have, bool) == isinstance(wanted, bool) and bool(have == wanted)


def _values(item: Any, path: tuple[str, ...]) -> Iterator[Any]:
    """The values along a path: of a list, those of each item, and at the end the list itself."""
    if isinstance(item, list):
        if path and path[0].isdecimal():
            index = int(path[0])
            yield from _values(item[index] if index < len(item) else None, path[1:])
            return
        for part in item:
            yield from _values(part, path)
        if not path:
            yield item
    elif not path or item is None:
        yield item
    else:
        yield from _values(item.get(path[0]) if isinstance(item, dict) else None, path[1:])


def ordering(sort: Any) -> Callable[[Iterable[Any]], tuple[Any, ...]]:
    """A stable sort of rows (with `get`) by a `$sort`. Raises `UsageError`."""
    if not isinstance(sort, Mapping) or not all(str(way) in ("1", "-1") for way in sort.values()):
        raise UsageError("$sort maps fields to 1 (rising) or -1 (falling)")
    return lambda rows: in_order(rows, sort)
