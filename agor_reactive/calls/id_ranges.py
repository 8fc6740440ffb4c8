"""Reads the rows of one session or task by ranges of their ids, where the daemon offers them. Knows neither REST nor
sockets."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from agor_reactive.calls.effects import Operation
from agor_reactive.calls.limits import check_rows
from agor_reactive.calls.page_strategies import Source
from agor_reactive.calls.queries import Query
from agor_reactive.calls.service_table import facts_of
from agor_reactive.errors import BadRequest, ProtocolError

__all__ = ["ById"]

_TRIES: Final = 3
_LAST: Final = "ffffffff-ffff-7fff-bfff-ffffffffffff"


class ById:
    """Rows of one session or task by id ranges, so that created or removed rows do not shift others out of a page.

    Fact of the wire: since August 2026 messages and tasks take ``<id>: {$gt, $lte}`` together with an exact session
    (or, for messages, task). Older daemons refuse or ignore that; `read` then returns None.
    """

    _NOT_WITH: Final = ("$select", "$or", "$and")

    def __init__(self, source: Source, id_field: str) -> None:
        self._source = source
        self.id_field = id_field

    @classmethod
    def of(cls, source: Source) -> ById | None:
        """Create it; None for queries that daemons offer no ranges for."""
        facts, query = facts_of(source.path), source.query
        id_field = "" if facts.model is None else facts.model.id_field
        scoped = any(isinstance(query.get(name), str) for name in facts.id_ranges_in)
        if not scoped or id_field in query or any(name in query for name in cls._NOT_WITH):
            return None
        return cls(source, id_field)

    def read(
        self, first: Mapping[Any, Any], size: int, on_rows: Callable[[int], Any]
    ) -> Operation[dict[Any, Any] | None]:
        """Read all rows by key; None where ranges are not offered. `first` are the rows of the page already read.

        If that page is in id order, the ranges begin after it. A second walk over the ids alone checks the first. If
        rows still differ after a few attempts, this raises `ProtocolError`, because a row could be missing. `on_rows`
        is called after each page with the number of rows so far.
        """
        keys = list(first)
        in_order = all(isinstance(key, str) for key in keys) and keys == sorted(keys)
        found = dict(first) if in_order else {}
        begin = keys[-1] if found else ""
        before: set[Any] | None = None
        try:
            for _ in range(_TRIES):
                top = yield from self._top()
                if top is None or (before is None and any(not isinstance(key, str) or key > top for key in keys)):
                    return None
                if len(keys) < 2 and (yield from self._above(top)):
                    return None
                rows = yield from self._walk(top, begin, {"$limit": size}, on_rows, len(found) if begin else 0)
                only_ids = {"$limit": size, "$select": [self.id_field]}
                listed = yield from self._walk(top, "", only_ids)
                if rows is None or listed is None:
                    return None
                found |= rows
                missing = listed.keys() - found.keys()
                if not missing or (before is not None and not missing & before):
                    return {key: row for key, row in found.items() if key in listed}
                begin, before = "", set(listed)
        except BadRequest:
            return None
        raise ProtocolError(f"the rows of {self._source.path} kept changing while they were read. Read them again")

    def _top(self) -> Operation[str | None]:
        page = yield from self._source.page({"$sort": {self.id_field: -1}, "$limit": 1, "$select": [self.id_field]})
        return page.keys[0] if page.keys and isinstance(page.keys[0], str) else None

    def _above(self, top: str) -> Operation[bool]:
        """Whether the daemon gives rows above the top one: it ignores ranges or their order, which pages of one row do
        not show otherwise."""
        above = {self.id_field: {"$gt": top, "$lte": _LAST}, "$limit": 1, "$select": [self.id_field]}
        return bool((yield from self._source.page(above)).keys)

    def _walk(
        self, top: str, last: str, asked: Query, on_rows: Callable[[int], Any] | None = None, before: int = 0
    ) -> Operation[dict[Any, Any] | None]:
        """Read the rows after `last`, up to `top`; None when a page shows that the range or the order was ignored."""
        found: dict[Any, Any] = {}
        while last != top:
            condition = {"$gt": last, "$lte": top} if last else {"$lte": top}
            page = yield from self._source.page({**asked, self.id_field: condition, "$sort": {self.id_field: 1}})
            if not page.keys:
                break
            for key in page.keys:
                if not isinstance(key, str) or not last < key <= top:
                    return None
                last = key
            found.update(page.rows)
            check_rows(len(found), self._source.path)
            if on_rows is not None:
                on_rows(before + len(found))
        return found
