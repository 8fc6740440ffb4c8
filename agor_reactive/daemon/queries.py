"""Queries of a find: schemas that refuse or drop fields, generic filters, sorting, selecting, paging.

Mirrors a real daemon, including its oddities (see the functions). Knows rows and queries, nothing else.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from agor_reactive.calls.queries import in_order
from agor_reactive.daemon.faults import FeathersFault, bad_request, validation_failed
from agor_reactive.daemon.store import Row

__all__ = [
    "MAX_LIMIT",
    "UUID",
    "Kind",
    "find_among",
    "invalid",
    "js_page",
    "matches",
    "refuse_endless",
    "scalar_text",
    "select",
    "sort_order",
    "validated",
    "whole_number",
]

MAX_LIMIT = 10_000
UUID = re.compile(r"^([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|[0-9a-f]{8})$", re.IGNORECASE)
_MISSING = object()

Kind = str | tuple[str, ...]
"""The type of a queried field: "uuid", "string", "boolean", "number", or a tuple of allowed words."""


def validated(query: Mapping[str, Any], schema: Mapping[str, Kind]) -> dict[str, Any]:
    """Validate a query with a schema: unknown names and `$or` are dropped, wrong values raise a 400, numeric strings
    become numbers. Only scalars are valid, so an operator object is a wrong value.
    """
    kept: dict[str, Any] = {}
    for name, value in query.items():
        if name in ("$limit", "$skip"):
            kept[name] = _bounded(name, value)
        elif name == "$sort":
            kept[name] = sort_order(value)
        elif name == "$select":
            kept[name] = value if isinstance(value, list) else [value]
        elif name in schema:
            kept[name] = _scalar(name, value, schema[name])
    return kept


def matches(row: Mapping[str, Any], query: Mapping[str, Any]) -> bool:
    """Apply the generic in-memory filter, with `$in $nin $ne $gt $gte $lt $lte $or $and`; values compare by type."""
    for name, wanted in query.items():
        if name in ("$limit", "$skip", "$sort", "$select"):
            continue
        if name == "$or":
            if not any(matches(row, part) for part in wanted):
                return False
        elif name == "$and":
            if not all(matches(row, part) for part in wanted):
                return False
        elif name.startswith("$"):
            raise bad_request(f"Invalid query parameter {name}")
        elif not _field_matches(row.get(name, _MISSING), wanted):
            return False
    return True


def select(rows: Sequence[Row], names: Sequence[str] | None, *, always: str) -> list[Row]:
    """Keep only the named fields and the id."""
    if not names:
        return list(rows)
    return [{name: row[name] for name in (*names, always) if name in row} for row in rows]


def _page(rows: Sequence[Row], query: Mapping[str, Any], *, limit: int = MAX_LIMIT) -> dict[str, Any]:
    """Build the envelope of a find. `total` counts before paging."""
    skip = int(query.get("$skip", 0))
    size = int(query.get("$limit", limit))
    return {"total": len(rows), "limit": size, "skip": skip, "data": rows[skip : skip + size]}


def find_among(
    rows: Iterable[Row], query: Mapping[str, Any], *, id_field: str, limit: int = MAX_LIMIT
) -> dict[str, Any]:
    """Answer a find of these rows with the generic filter, sorting, paging and selecting."""
    found = _page(in_order((row for row in rows if matches(row, query)), query.get("$sort")), query, limit=limit)
    return {**found, "data": select(found["data"], query.get("$select"), always=id_field)}


def js_page(query: Mapping[str, Any], total: int, read: Callable[[int, int], list[Row]]) -> dict[str, Any]:
    """Page as `messages` does, without conversion: over REST `$skip` and `$limit` are strings and their sum is a
    concatenation. Both are echoed as given. `read(skip, limit)` reads only the rows of the page.
    """
    skip, limit = query.get("$skip", 0), query.get("$limit", MAX_LIMIT)
    joined = f"{skip}{limit}" if isinstance(skip, str) or isinstance(limit, str) else None
    end = _js_number(joined) if joined is not None else _js_number(skip) + _js_number(limit)
    first, last, _ = slice(_index(_js_number(skip)), _index(end)).indices(total)
    return {"total": total, "limit": limit, "skip": skip, "data": read(first, last - first) if last > first else []}


def whole_number(name: str, value: Any) -> int:
    """Read a number of rows; numeric strings count as numbers. Raises a 400."""
    number = _js_number(value) if isinstance(value, int | float | str) and not isinstance(value, bool) else math.nan
    if not math.isfinite(number) or number != int(number):
        raise invalid(name, "type", {"type": "integer"}, "must be integer")
    if number < 0:
        raise invalid(name, "minimum", {"comparison": ">=", "limit": 0}, "must be >= 0")
    return int(number)


def refuse_endless(query: Mapping[str, Any]) -> None:
    """Raise a 400 for a `$limit` or `$skip` that is no finite number: ``Infinity``, ``NaN``, ``1e400``.

    Text that is no number at all is left to the service, which on older versions takes it for none.
    """
    for name in ("$limit", "$skip"):
        try:
            number = float(query.get(name, 0))
        except (TypeError, ValueError, OverflowError):
            continue
        if not math.isfinite(number):
            raise invalid(name, "type", {"type": "integer"}, "must be integer")


def _bounded(name: str, value: Any) -> int:
    number = whole_number(name, value)
    if number > MAX_LIMIT:
        raise invalid(name, "maximum", {"comparison": "<=", "limit": MAX_LIMIT}, f"must be <= {MAX_LIMIT}")
    return number


def sort_order(value: Any) -> dict[str, int]:
    """Read the fields of a `$sort`, 1 ascending and -1 descending. Raises a 400."""
    if not isinstance(value, dict):
        raise invalid("$sort", "type", {"type": "object"}, "must be object")
    order: dict[str, int] = {}
    for name, direction in value.items():
        number = _js_number(direction) if isinstance(direction, int | float | str) else math.nan
        if number not in (1, -1):
            raise invalid(
                f"$sort/{name}", "enum", {"allowedValues": [1, -1]}, "must be equal to one of the allowed values"
            )
        order[name] = int(number)
    return order


def _scalar(name: str, value: Any, kind: Kind) -> Any:
    if kind == "boolean":
        if value in ("true", "false"):
            return value == "true"
        if not isinstance(value, bool):
            raise invalid(name, "type", {"type": "boolean"}, "must be boolean")
        return value
    if kind == "number":
        number = _js_number(value) if isinstance(value, int | float | str) else math.nan
        if math.isnan(number):
            raise invalid(name, "type", {"type": "number"}, "must be number")
        return int(number) if number == int(number) else number
    value = scalar_text(name, value)
    if kind == "uuid" and not UUID.match(value):
        raise invalid(name, "pattern", {"pattern": UUID.pattern}, f'must match pattern "{UUID.pattern}"')
    if isinstance(kind, tuple) and value not in kind:
        raise invalid(name, "enum", {"allowedValues": list(kind)}, "must be equal to one of the allowed values")
    return value


def scalar_text(name: str, value: Any) -> str:
    """Read a text; numbers are converted. Raises a 400."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str):
        raise invalid(name, "type", {"type": "string"}, "must be string")
    return value


def invalid(name: str, keyword: str, params: dict[str, Any], message: str) -> FeathersFault:
    """The error for a field of a query with a wrong value."""
    path = f"#/properties/{name.replace('$', '%24')}/{keyword}"
    return validation_failed(
        [{"instancePath": f"/{name}", "schemaPath": path, "keyword": keyword, "params": params, "message": message}]
    )


_OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "$in": lambda have, want: any(_same(have, item) for item in _listed(want)),
    "$nin": lambda have, want: not any(_same(have, item) for item in _listed(want)),
    "$ne": lambda have, want: not _same(have, want),
    "$gt": lambda have, want: _ordered(have, want) and have > want,
    "$gte": lambda have, want: _ordered(have, want) and have >= want,
    "$lt": lambda have, want: _ordered(have, want) and have < want,
    "$lte": lambda have, want: _ordered(have, want) and have <= want,
}


def _field_matches(have: Any, wanted: Any) -> bool:
    if isinstance(wanted, dict) and any(name.startswith("$") for name in wanted):
        for name, value in wanted.items():
            if name not in _OPERATORS:
                raise bad_request(f"Invalid query parameter {name}")
            if not _OPERATORS[name](have, value):
                return False
        return True
    return _same(have, wanted)


def _listed(value: Any) -> list[Any]:
    if isinstance(value, list):
        return value
    return list(value.values()) if isinstance(value, dict) else [value]


def _same(have: Any, want: Any) -> bool:
    if have is _MISSING:
        return False
    # 1 == True in Python, not on the wire.
    return isinstance(have, bool) == isinstance(want, bool) and bool(have == want)


def _ordered(have: Any, want: Any) -> bool:
    """Whether two values have an order."""
    return (isinstance(have, str) and isinstance(want, str)) or (_is_number(have) and _is_number(want))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _js_number(value: Any) -> float:
    if isinstance(value, int | float):
        return float(value)
    text = str(value).strip()
    if not text:
        return 0.0
    try:
        return float(text)
    except ValueError:
        return math.nan


def _index(number: float) -> int:
    return 0 if math.isnan(number) else int(max(min(number, 1e12), -1e12))
