"""Encodes query objects as query strings that the daemon's REST parser (`qs`) decodes to the same object. No IO.

Lists use the ``name[]=a`` form, which stays a list for one item and for more than twenty; indexes would become an
object on older daemons (on newer ones, Express 4.22, both forms hold 1,000). An empty list has no form:
`calls.queries.is_empty_match` says when it matches no row.
"""

# Not qs-codec (tried 1.6): one query needs both list formats, `[]` for scalars and indices for objects, and it has one
# per call; it writes a UUID or an unknown object as an empty value and drops empty lists without an error.

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from datetime import date, datetime
from enum import Enum
from numbers import Integral, Real
from typing import Any, Final
from urllib.parse import quote
from uuid import UUID

from agor_reactive.calls.queries import MOST_ALTERNATIVES, is_list
from agor_reactive.errors import UsageError
from agor_reactive.transport.codec import moment

__all__ = ["LocalSlice", "rest_query", "to_query_string"]

Query = Mapping[str, Any]

_DEEPEST: Final = 5  # qs reads no deeper nesting; the rest becomes part of a key


def to_query_string(query: Query | None) -> str:
    """Encode `query`, percent-encoded, in the given order. Raises `UsageError` for values that have no form."""
    return "&".join(f"{quote(key, safe='$')}={quote(value, safe='')}" for key, value in _pairs(query or {}, "", 0))


def _pairs(value: Any, name: str, depth: int) -> Iterator[tuple[str, str]]:
    if depth > _DEEPEST + 1:
        raise UsageError(f"the query is nested too deeply at {name!r}; over REST {_DEEPEST} levels are read")
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from _pairs(item, f"{name}[{key}]" if name else str(key), depth + 1)
    elif is_list(value):
        for index, item in enumerate(value):
            if index >= MOST_ALTERNATIVES and isinstance(item, Mapping):
                raise UsageError(
                    f"{name} has more than {MOST_ALTERNATIVES} alternatives, more than REST can carry. Use find_all or "
                    "iterate, which split them"
                )
            # Objects in a list need indexes to keep their fields together; scalars must have none.
            nested = isinstance(item, Mapping) or is_list(item)
            yield from _pairs(item, f"{name}[{index}]" if nested else f"{name}[]", depth + 1)
    else:
        yield name, _scalar(value, name)


def _scalar(value: Any, name: str) -> str:
    if value is None:
        return ""  # as qs writes it; the daemon's schema reads an empty string as null where null is allowed
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Enum):
        return _scalar(value.value, name)
    if isinstance(value, float) and not math.isfinite(value):
        raise UsageError(f"{value} at {name!r} cannot be sent in a query")
    if isinstance(value, datetime):
        return moment(value)
    if isinstance(value, (str, int, float, date, UUID)):
        return str(value)
    if isinstance(value, Integral):  # numpy integers, and other integers that are not int
        return str(int(value))
    if isinstance(value, Real):
        return _scalar(float(value), name)
    raise UsageError(f"a {type(value).__name__} at {name!r} cannot be sent in a query")


class LocalSlice:
    """Cuts an answer to `limit` rows, where the daemon added `$skip` and `$limit` as text.

    In June 2026 numbers in a query string of ``messages`` stay text: ``$skip=1&$limit=2`` gives rows 1 to "12", and the
    answer echoes "1" and "2". So the answer begins at the right row and has too many. Later daemons read and echo
    numbers; their answers are not cut.
    """

    __slots__ = ("limit",)

    def __init__(self, limit: int) -> None:
        self.limit = limit

    def of(self, answer: Any) -> Any:
        """Cut `answer` (a page) to the requested rows."""
        if not isinstance(answer, Mapping) or not isinstance(answer.get("data"), list):
            return answer
        if not any(isinstance(answer.get(name), str) for name in ("limit", "skip")):
            return answer
        return {**answer, "data": answer["data"][: self.limit]}


def _refuse_what_stays_text(value: Any, name: str = "") -> None:
    if isinstance(value, Mapping):
        for key, item in value.items():
            if key not in ("$limit", "$skip", "$sort", "$select"):
                _refuse_what_stays_text(item, str(key) if not str(key).startswith("$") else name)
    elif is_list(value):
        for item in value:
            _refuse_what_stays_text(item, name)
    elif value is None or isinstance(value, Real):
        raise UsageError(
            f"over REST, messages are compared as text only, so {name}: {value!r} would match none. Use a live client "
            "(create_client, connect), or filter the rows in Python"
        )


def rest_query(service: str, query: Query | None) -> tuple[Query | None, LocalSlice | None]:
    """The query to send over REST for a find, and how to cut its answer (see `LocalSlice`).

    In June 2026 a condition on a number, boolean or null silently matches no message over REST: this raises
    `UsageError`.
    """
    if service != "messages" or not query:
        return query, None
    _refuse_what_stays_text(query)
    try:
        skip, limit = (None if query.get(name) is None else int(query[name]) for name in ("$skip", "$limit"))
    except (TypeError, ValueError):
        if "$skip" not in query:
            return query, None
        raise UsageError("$skip and $limit are whole numbers") from None
    return query, None if skip is None or limit is None else LocalSlice(max(0, limit))
