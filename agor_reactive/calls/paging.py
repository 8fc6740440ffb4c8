"""Finds rows: one page, all, or page by page; complete and each once, whatever parts of a query the daemon applies.

A walk continues until the answer's `total` is reached, else until a page is empty. Rows created or removed meanwhile
hide no other row. Rows that do not match the query (`answers.belonging`) are left out and counted. When the daemon
counts more rows than it returns, the walk raises `ProtocolError`. `page_strategies` decides how pages are requested. A
query string holds a few thousand characters, so a long ``$in`` is split over several calls. Knows neither REST nor
sockets.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any, Final, Generic, TypeVar

from agor_reactive.calls.answers import answer_of, belonging, checked_fields, model_of, page_of, whole_number
from agor_reactive.calls.effects import Call, Operation
from agor_reactive.calls.id_ranges import ById
from agor_reactive.calls.limits import check_rows
from agor_reactive.calls.page_strategies import MOST_ROWS_A_PAGE, ByPlace, ByValue, OutOfReach, Source
from agor_reactive.calls.queries import MOST_ALTERNATIVES, Query, in_order, is_empty_match, is_list
from agor_reactive.calls.service_table import facts_of
from agor_reactive.errors import BadRequest, DaemonError, ProtocolError, UsageError
from agor_reactive.models import Page

__all__ = [
    "IDS_A_CALL",
    "MOST_IDS",
    "FilterCheck",
    "OnPage",
    "OutOfReach",
    "Walk",
    "find",
    "find_all",
]

_log = logging.getLogger("agor_reactive")

T = TypeVar("T")

OnPage = Callable[[int, int | None], Any]
"""Called after each page with the number of rows so far and the expected number, None while that is unknown."""

IDS_A_CALL: Final = 100
"""The most values of one `$in` in a call; a longer list is split over several calls."""

MOST_IDS: Final = 10_000
"""The most values of one `$in` in a single `find`: 100 calls."""

_PAGE: Final = 1_000
_MOST_PAGES_OF_A_FIND: Final = 100


_NO_ID: Final = "00000000-0000-7000-8000-000000000000"


class FilterCheck:
    """Checks once per service whether a daemon applies filters, with a condition that matches no row.

    `in_doubt` says whether to check: over REST with an API key, where daemons of August 2026 drop filters.
    """

    def __init__(self, in_doubt: Callable[[], bool]) -> None:
        self._in_doubt = in_doubt
        self._heeded: dict[str, bool] = {}

    def heeded(self, path: str, query: Query) -> Operation[bool]:
        """Whether the daemon applies the conditions of this query. A daemon that refuses the check does read
        conditions."""
        ids = [name for name, value in checked_fields(path, query).items() if name.endswith("_id")]
        model = model_of(path)
        if not ids and model is not None and model.id_field:
            ids = [model.model_fields[model.id_field].alias or model.id_field]
        if not ids or not self._in_doubt():
            return True
        if path not in self._heeded:
            try:
                answer = page_of(model, (yield Call("find", path, ({**dict.fromkeys(ids, _NO_ID), "$limit": 1},))))
            except DaemonError:
                return True
            self._heeded[path] = not answer.data
        return self._heeded[path]


def batches(query: Query) -> list[dict[str, Any]]:
    """Split a query: its longest `$in`, or a long `$or`, is cut into parts."""
    lists = {
        name: list(dict.fromkeys(value["$in"]))
        for name, value in query.items()
        if isinstance(value, Mapping) and is_list(value.get("$in")) and len(value["$in"]) > IDS_A_CALL
    }
    if lists:
        name = max(lists, key=lambda key: len(lists[key]))
        pieces = _cut(lists[name], IDS_A_CALL)
        return [{**query, name: {**query[name], "$in": piece}} for piece in pieces]
    alternatives = query.get("$or")
    if is_list(alternatives) and len(alternatives or ()) > MOST_ALTERNATIVES:
        return [{**query, "$or": piece} for piece in _cut(list(alternatives or ()), MOST_ALTERNATIVES)]
    return [dict(query)]


def _cut(items: list[Any], size: int) -> list[list[Any]]:
    return [items[start : start + size] for start in range(0, len(items), size)]


def find(path: str, query: Query | None, filters: FilterCheck | None = None) -> Operation[Any]:
    """Find one page. A long `$in` takes several calls, whose rows make one page.

    If the daemon drops filters (`filters`) or rows of the page do not match, the page is filled by a walk that leaves
    such rows out. Raises `ProtocolError` when 100 pages do not hold enough matching rows.
    """
    if is_empty_match(query):
        return Page((), 0, whole_number((query or {}).get("$limit")), 0)
    if query and (parts := batches({name: value for name, value in query.items() if name != "$or"}))[1:]:
        return (yield from _find_in_parts(path, query, parts))
    answer = yield Call("find", path, () if query is None else (dict(query),))
    model = model_of(path)
    found = page_of(model, answer) if isinstance(answer, list) else answer_of(model, answer)
    belongs = belonging(path, query or {})
    data = answer if isinstance(answer, list) else answer.get("data") if isinstance(found, Page) else ()
    if not isinstance(found, Page) or not query or not checked_fields(path, query):
        return found
    heeded = all(map(belongs, data))
    if heeded and filters is not None and (query.get("$skip") or found.total > len(found)):
        heeded = yield from filters.heeded(path, query)
    return found if heeded else (yield from _find_among_others(path, query, found))


def _find_among_others(path: str, query: Query, page: Page[Any]) -> Operation[Page[Any]]:
    """Make the page of a `find` whose filter the daemon dropped, by a walk from the first row."""
    limit, skip = (whole_number(query.get(name)) for name in ("$limit", "$skip"))
    limit, skip = (page.limit if limit is None else limit), skip or 0
    asked = {name: value for name, value in query.items() if name not in ("$limit", "$skip")}
    walk: Walk[Any] = Walk(path, asked, _PAGE)
    wanted = None if limit is None else skip + limit
    rows = yield from _first_rows(walk, wanted or None, _MOST_PAGES_OF_A_FIND)
    if not walk.done and (wanted is None or len(rows) < wanted):
        raise ProtocolError(
            f"{path}: this daemon ignored a filter, and {_MOST_PAGES_OF_A_FIND} pages do not hold all rows that fit; "
            "use find_all, or log in with a token instead of an API key"
        )
    total = len(rows) if walk.done else max(walk.total or 0, len(rows))
    return Page(tuple(rows[skip:wanted]), total, limit, skip)


def _find_in_parts(path: str, query: Query, parts: list[dict[str, Any]]) -> Operation[Page[Any]]:
    if len(parts) * IDS_A_CALL > MOST_IDS:
        raise UsageError(f"$in of more than {MOST_IDS:,} values; find_all and iterate take any number")
    limit, skip = (_whole_or_refuse(query.get(name), name) for name in ("$limit", "$skip"))
    wanted = None if limit is None else (skip or 0) + limit
    rows: list[Any] = []
    total = 0
    for part in parts:
        asked = {name: value for name, value in part.items() if name not in ("$limit", "$skip")}
        asked |= {"$or": query["$or"]} if "$or" in query else {}
        walk: Walk[Any] = Walk(path, asked, max(1, _PAGE if wanted is None else wanted))
        found = yield from _first_rows(walk, wanted)
        rows += found
        total += len(found) if walk.done else max(walk.total or 0, len(found))
    ordered = in_order(rows, query.get("$sort"))
    return Page(ordered[skip or 0 : wanted], total, limit, skip or 0)


def _first_rows(walk: Walk[T], count: int | None, most_pages: int | None = None) -> Operation[list[T]]:
    """The first `count` rows of a walk or a few more, from at most `most` pages; all rows when `count` is None."""
    rows: list[T] = []
    pages = 0
    while (count is None or len(rows) < max(count, 1)) and (most_pages is None or pages < most_pages):
        page = yield from walk.step()
        if page is None:
            break
        rows += page
        pages += 1
    return rows


def _whole_or_refuse(value: Any, name: str) -> int | None:
    if value is None:
        return None
    number = whole_number(value)
    if number is None or number < 0:
        raise UsageError(f"{name} is a whole number, not {value!r}")
    return number


def find_all(
    path: str,
    query: Query | None,
    page_size: int,
    on_page: OnPage | None,
    filters: FilterCheck | None = None,
) -> Operation[Any]:
    """Find every matching row once, in its newest version; sorted here if the query has `$sort`."""
    walk: Walk[Any] = Walk(path, query, page_size, on_page, filters)
    yield from walk.collect()
    return in_order(list(walk.found.values()), (query or {}).get("$sort"))


class Walk(Generic[T]):
    """Walks every matching row, page by page: `step` returns the new rows, None after the last.

    Pages begin at a value where the order allows, else at an offset. `collect` reads all remaining rows at once, by id
    ranges where the daemon offers them. Raises `ProtocolError` when the daemon counts more rows than it returned, and
    `OutOfReach` where it does not give access to all.
    """

    def __init__(
        self,
        path: str,
        query: Query | None,
        page_size: int,
        on_page: OnPage | None = None,
        filters: FilterCheck | None = None,
    ) -> None:
        asked = dict(query or {})
        limit = whole_number(asked.pop("$limit", None))
        size = min(page_size if limit is None else limit, MOST_ROWS_A_PAGE)
        start = whole_number(asked.pop("$skip", None)) or 0
        asked = _with_checked_fields(path, asked)
        parts = [] if is_empty_match(query) else batches(asked)
        if size < 1:
            raise UsageError("a page has at least one row")
        if start and len(parts) > 1:
            raise UsageError("$skip does not go with an $in of so many values")
        self.found: dict[Any, T] = {}
        self._parts = [_Part(path, part, size, start) for part in parts]
        self._seen: set[Any] = set()
        self._ended = 0
        self._on_page = on_page
        self._doubted = (filters, path, parts, size, start) if filters is not None and start and parts else None
        self._to_skip = 0
        self._skipped: set[Any] = set()

    @property
    def done(self) -> bool:
        """Whether every row has been read."""
        return all(part.done for part in self._parts)

    @property
    def total(self) -> int | None:
        """The number of rows by the daemon's count, without those left out; None while unknown."""
        if not self._parts:
            return self._ended
        part = self._parts[0]
        known = len(self._parts) == 1 and part.total is not None
        return self._ended + max((part.total or 0) - len(part.source.left_out), part.count) if known else None

    def resize(self, page_size: int) -> None:
        """Set the page size of the next pages."""
        for part in self._parts:
            part.places.size = page_size

    def step(self) -> Operation[tuple[T, ...] | None]:
        """The new rows of the next page; None after the last."""
        while (page := (yield from self._next_page())) is not None:
            if fresh := tuple(row for _, row, new in page if new):
                return fresh
        return None

    def collect(self) -> Operation[None]:
        """Read all remaining rows into `found`: the newest version of each row, by key."""
        while (page := (yield from self._next_page())) is not None:
            self.found.update((key, row) for key, row, _ in page)
            part = self._parts[0]
            if not part.done and (ranges := part.ranges) is not None:
                part.ranges = None
                size = min(part.places.size, part.places.most)
                rows = yield from ranges.read(dict(part.first), size, self._report_ranges)
                if rows is not None:
                    self._replace(part, rows, ranges.id_field)

    def _replace(self, part: _Part, rows: dict[Any, T], id_field: str) -> None:
        """Replace the rows of a part's first page by all its rows, in their order."""
        self.found = {key: row for key, row in self.found.items() if key not in part.known}
        order = part.source.query.get("$sort") or facts_of(part.source.path).own_order
        ordered: tuple[Any, ...] = in_order(list(rows.values()), order)
        self.found |= {row.get(id_field): row for row in ordered}
        self._seen |= rows.keys()
        part.count, part.done = len(rows), True

    def _next_page(self) -> Operation[list[tuple[Any, Any, bool]] | None]:
        """The next page: key, row, and whether it is new. None after the last."""
        if self._doubted is not None:
            yield from self._skip_here_where_filters_are_dropped(*self._doubted)
            self._doubted = None
        while self._parts and self._parts[0].done:
            self._ended += self._parts.pop(0).count
        if not self._parts:
            return None
        rows = yield from self._parts[0].next_page()
        page = []
        check_rows(len(self._seen) + len(rows), self._parts[0].source.path)
        for key, row in rows:
            new = key not in self._seen
            self._seen.add(key)
            if new and self._to_skip:
                self._to_skip -= 1
                self._skipped.add(key)
            elif key not in self._skipped:
                page.append((key, row, new))
        self._report()
        return page

    def _skip_here_where_filters_are_dropped(
        self, filters: FilterCheck, path: str, parts: list[dict[str, Any]], size: int, start: int
    ) -> Operation[None]:
        """Skip matching rows here: a daemon that drops filters would skip rows of any kind."""
        if checked_fields(path, parts[0]) and not (yield from filters.heeded(path, parts[0])):
            self._parts = [_Part(path, parts[0], size, 0)]
            self._parts[0].ranges = None
            self._to_skip = start

    def _report(self) -> None:
        if self._on_page is not None:
            self._on_page(len(self._seen), self.total)

    def _report_ranges(self, count: int) -> None:
        """Report progress of id ranges: they may begin at the first row again, so only rows beyond the first page
        count."""
        if self._on_page is not None and self._ended + count > len(self._seen):
            self._on_page(self._ended + count, self.total)


class _Part:
    """One query of a walk.

    `known` are the keys of all rows read, `count` is how many of them match, `first` are those of the first page.
    """

    def __init__(self, path: str, query: Query, size: int, start: int) -> None:
        self.source = Source(path, query)
        self.known: set[Any] = set()
        self.count = 0
        self.done = False
        self.first: list[tuple[Any, Any]] = []
        self.places = ByPlace(path, size, start)
        self.ranges = None if start else ById.of(self.source)
        self._values = ByValue.of(path, query, size)

    @property
    def total(self) -> int | None:
        """The daemon's own count."""
        return self.places.total

    def next_page(self) -> Operation[list[tuple[Any, Any]]]:
        """The next page: key and row of those that match. Empty when another strategy is tried next."""
        if self.places.failure is not None:
            raise self.places.failure
        values = self._values if self._values is not None and self._values.begun else None
        strategy = values or self.places
        try:
            page = yield from self.source.page(strategy.window())
        except (BadRequest, UsageError) as error:
            if values is not None:
                self._go_on_by_place()
            elif not self.places.refused(error):
                raise
            return []
        none_left_out = not self.source.left_out
        if not strategy.take(page, self.known):
            if values is not None:
                self._go_on_by_place()
            return []
        if self.source.left_out and none_left_out:
            _log.info("find %s: the daemon ignored a filter; rows that do not match are left out", self.source.path)
        self.count += sum(1 for key, _ in page.rows if key not in self.known)
        self.known.update(page.keys)
        self.first = self.first or page.rows
        if self._values is not None:
            self._values.note(page.data)
        self.done = strategy.done
        return page.rows

    def _go_on_by_place(self) -> None:
        self._values = None
        self.places.go_on_after(len(self.known))


def _with_checked_fields(path: str, query: dict[str, Any]) -> dict[str, Any]:
    """The query, with the id and the checked fields added to its ``$select``."""
    model, wanted = model_of(path), query.get("$select")
    if model is None or not model.id_field or not is_list(wanted) or wanted is None:
        return query
    names = [model.model_fields[model.id_field].alias or model.id_field]
    names += [name for name in checked_fields(path, query) if name.endswith("_id")]
    missing = [name for name in dict.fromkeys(names) if name not in wanted]
    return {**query, "$select": [*wanted, *missing]} if missing else query
