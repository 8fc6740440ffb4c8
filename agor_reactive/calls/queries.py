"""Prepares query objects: checks them, converts collections to lists, and finds queries that match nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from agor_reactive.errors import UsageError

__all__ = ["DEEPEST_QUERY", "MOST_ALTERNATIVES", "Query", "is_empty_match", "is_list", "query_of"]

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
