"""Prepares query objects: checks them, converts collections to lists, and finds queries that match nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from agor_reactive.errors import UsageError

__all__ = ["DEEPEST_QUERY", "MOST_ALTERNATIVES", "Query", "in_order", "is_empty_match", "is_list", "query_of", "rank"]

Query = Mapping[str, Any]

DEEPEST_QUERY: Final = 20
"""The deepest nesting of a query, in levels."""

MOST_ALTERNATIVES: Final = 20
"""The most objects in one list (`$or`): qs reads a list with a higher index as an object."""


def query_of(query: Query | None, depth: int = 0) -> dict[str, Any] | None:
    """Convert a query to its wire form: the values of ``$in`` and ``$nin`` become lists.

    Raises `UsageError` for an invalid query, and for an ``$in`` that is no collection.
    """
    if query is None:
        return None
    if depth > DEEPEST_QUERY:
        raise UsageError(f"the query is nested deeper than {DEEPEST_QUERY} levels, or contains itself")
    if not isinstance(query, Mapping):
        raise UsageError(f"a query is a mapping of fields and operators, not {type(query).__name__}")
    return {name: _condition(name, value, depth + 1) for name, value in query.items()}


def _condition(name: str, value: Any, depth: int) -> Any:
    if name in ("$in", "$nin"):
        if isinstance(value, str | bytes | Mapping) or not isinstance(value, Iterable):
            raise UsageError(f"{name} takes a list of values, not {type(value).__name__}")
        return value if isinstance(value, list) else list(value)
    if isinstance(value, Mapping):
        return query_of(value, depth)
    if isinstance(value, list | tuple):
        return [query_of(item, depth) if isinstance(item, Mapping) else item for item in value]
    return value


def is_empty_match(query: Query | None) -> bool:
    """Whether no row can match: the ``$in`` of a field is empty. Over REST that filter would be lost."""
    if not query:
        return False
    return any(
        isinstance(value, Mapping) and "$in" in value and is_list(value["$in"]) and not value["$in"]
        for value in query.values()
    )


def is_list(value: Any) -> bool:
    """Whether a value of a query is a collection of values."""
    return isinstance(value, list | tuple | set | frozenset)


def in_order(rows: Iterable[Any], order: Any) -> tuple[Any, ...]:
    """Sort rows by a `$sort`, as daemons do and some finds do not: stable, rows without the field first.

    Values of different kinds are in the order of `rank`. Rows without `get` stay as they came.
    """
    found = tuple(rows)
    if isinstance(order, Mapping) and all(hasattr(row, "get") for row in found):
        for name, direction in reversed(tuple(order.items())):
            found = tuple(sorted(found, key=_by(name), reverse=str(direction) == "-1"))
    return found


def _by(name: str) -> Callable[[Any], tuple[int, Any]]:
    return lambda row: rank(row.get(name))


def rank(value: Any) -> tuple[int, Any]:
    """A sort key for any JSON value: missing values first, then numbers, then text, then the rest."""
    if value is None:
        return (0, 0)
    if isinstance(value, int | float):
        return (1, value)
    return (2, value) if isinstance(value, str) else (3, str(value))
