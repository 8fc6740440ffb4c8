"""Finding rows in one go, however many: batches of ids, pages that survive rows coming and going, a walk that ends.

Facts of the wire: sessions, tasks and other services with a query schema refuse operators, `$limit` and `$skip` above
10,000; tasks of one session ignore `$sort`; some services ignore `$skip` or clamp `$limit`; a query string holds a few
thousand characters. So a walk takes nothing for granted: each page begins with the last row of the one before it, every
row has an identity, and a page that brings nothing new ends the walk after a few more tries. Knows neither REST nor
sockets.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cmp_to_key
from typing import Any, Final, Generic, TypeVar

from agor_reactive.answers import answer_of, model_of, page_of, whole_number
from agor_reactive.errors import BadRequest, UsageError
from agor_reactive.models import Page, WireModel
from agor_reactive.transport.codec import dumps
from agor_reactive.transport.query import MOST_ALTERNATIVES, is_empty_match
from agor_reactive.transport.steps import Call, Operation

__all__ = ["IDS_A_CALL", "MOST_IDS", "OnProgress", "Walk", "find", "find_all"]

T = TypeVar("T")
Query = Mapping[str, Any]

OnProgress = Callable[[int, int | None], Any]
"""Told after each page: how many rows there are so far, and how many there will be, None as long as nobody knows."""

IDS_A_CALL: Final = 100
"""Values of one `$in` sent at once; a longer list is asked for in several calls."""

MOST_IDS: Final = 10_000
"""Values of one `$in` that a single `find` takes: 100 calls."""

_MOST_ROWS_A_PAGE: Final = 10_000  # and the largest `$skip`: a daemon refuses more with a 400, or clamps
_MOST_FRUITLESS: Final = 12

# These have a query schema that knows no operators, so pages cannot begin at a value.
_NO_OPERATORS: Final = frozenset({"sessions", "tasks", "boards", "users", "branches", "worktrees", "repos"})


def batches(query: Query) -> list[dict[str, Any]]:
    """The queries that together mean this one: its longest `$in`, or a long `$or`, cut into pieces."""
    lists = {
        name: list(dict.fromkeys(value["$in"]))
        for name, value in query.items()
        if isinstance(value, Mapping) and _is_list(value.get("$in")) and len(value["$in"]) > IDS_A_CALL
    }
    if lists:
        name = max(lists, key=lambda key: len(lists[key]))
        pieces = _cut(lists[name], IDS_A_CALL)
        return [{**query, name: {**query[name], "$in": piece}} for piece in pieces]
    alternatives = query.get("$or")
    if _is_list(alternatives) and len(alternatives or ()) > MOST_ALTERNATIVES:
        return [{**query, "$or": piece} for piece in _cut(list(alternatives or ()), MOST_ALTERNATIVES)]
    return [dict(query)]


def _cut(items: list[Any], size: int) -> list[list[Any]]:
    return [items[start : start + size] for start in range(0, len(items), size)]


def _is_list(value: Any) -> bool:
    return isinstance(value, list | tuple | set | frozenset)


def find(path: str, query: Query | None) -> Operation[Any]:
    """What a find answers; of a long `$in`, one page made of all the calls it took."""
    if is_empty_match(query):
        return Page((), 0, whole_number((query or {}).get("$limit")), 0)
    if query and (parts := batches({name: value for name, value in query.items() if name != "$or"}))[1:]:
        return (yield from _find_in_parts(path, query, parts))
    answer = yield Call("find", path, () if query is None else (dict(query),))
    model = model_of(path)
    return page_of(model, answer) if isinstance(answer, list) else answer_of(model, answer)


def _find_in_parts(path: str, query: Query, parts: list[dict[str, Any]]) -> Operation[Page[Any]]:
    if len(parts) * IDS_A_CALL > MOST_IDS:
        raise UsageError(f"$in of more than {MOST_IDS:,} values; find_all and iterate take any number")
    limit, skip = (_whole_or_refuse(query.get(name), name) for name in ("$limit", "$skip"))
    wanted = {} if limit is None else {"$limit": min((skip or 0) + limit, _MOST_ROWS_A_PAGE)}
    rows: list[Any] = []
    total = 0
    for part in parts:
        asked = {name: value for name, value in part.items() if name not in ("$limit", "$skip")}
        asked |= {"$or": query["$or"]} if "$or" in query else {}
        page = page_of(model_of(path), (yield Call("find", path, ({**asked, **wanted},))))
        rows += page.data
        total += page.total
    ordered = in_order(rows, query.get("$sort"))
    begin = skip or 0
    return Page(ordered[begin : None if limit is None else begin + limit], total, limit, begin)


def _whole_or_refuse(value: Any, name: str) -> int | None:
    if value is None:
        return None
    number = whole_number(value)
    if number is None or number < 0:
        raise UsageError(f"{name} is a whole number, not {value!r}")
    return number


def find_all(path: str, query: Query | None, page_size: int, on_progress: OnProgress | None) -> Operation[Any]:
    """Every row that fits, each once, in its newest form; sorted here if the query has `$sort`."""
    walk: Walk[Any] = Walk(path, query, page_size, on_progress)
    found: dict[Any, Any] = {}
    while (page := (yield from walk.turn())) is not None:
        found.update(page)
    return in_order(list(found.values()), (query or {}).get("$sort"))


class Walk(Generic[T]):
    """Every row that fits, page by page: `step` gives the rows that are new, None after the last page."""

    def __init__(self, path: str, query: Query | None, page_size: int, on_progress: OnProgress | None = None) -> None:
        asked = dict(query or {})
        limit = whole_number(asked.pop("$limit", None))
        size = min(page_size if limit is None else limit, _MOST_ROWS_A_PAGE)
        start = whole_number(asked.pop("$skip", None)) or 0
        asked = _with_identity(path, asked)
        parts = [] if is_empty_match(query) else batches(asked)
        if size < 1:
            raise UsageError("a page has at least one row")
        if start and len(parts) > 1:
            raise UsageError("$skip does not go with an $in of so many values")
        self._cursors = [_Cursor(path, part, size, start) for part in parts]
        self._seen: set[Any] = set()
        self._ended = 0
        self._on_progress = on_progress

    def step(self) -> Operation[tuple[T, ...] | None]:
        """The rows of the next page that were in none before; None after the last."""
        while True:
            before = len(self._seen)
            fresh: list[Any] = []
            page = yield from self.turn(fresh)
            if page is None or len(self._seen) > before:
                return None if page is None else tuple(fresh)

    def turn(self, fresh: list[Any] | None = None) -> Operation[list[tuple[Any, Any]] | None]:
        """The next page as pairs of identity and row, known rows too; None after the last. New rows go into `fresh`."""
        while self._cursors and self._cursors[0].done:
            self._ended += self._cursors.pop(0).count
        if not self._cursors:
            return None
        cursor = self._cursors[0]
        page = yield from cursor.turn(self._seen)
        for key, row in page:
            if key not in self._seen:
                self._seen.add(key)
                if fresh is not None:
                    fresh.append(row)
        if self._on_progress is not None:
            all_known = len(self._cursors) == 1 and cursor.total is not None
            self._on_progress(
                len(self._seen), self._ended + max(cursor.total or 0, cursor.count) if all_known else None
            )
        return page


class _Cursor:
    """Where a walk stands in the rows of one query. `count` is how many new rows it has brought, `total` how many the
    daemon says there are."""

    def __init__(self, path: str, query: Query, size: int, start: int) -> None:
        self.done = False
        self.count = 0
        self.total: int | None = None
        self._path = path
        self._model = model_of(path)
        self._query = query
        self._size = size
        self._start = start
        self._position = start
        self._first: Any = None
        self._last: Any = None
        self._overlap = 0
        self._fruitless = 0
        self._step = 1  # how many rows a page really brings: a daemon may clamp
        self._whole = False  # `$skip` is ignored here: all at one go, then
        self._same: list[Any] | None = None  # what came without `$skip`; with it the same means that nothing helps
        self._clamped = False
        self._values = _Values.of(path, query)

    def turn(self, seen: set[Any]) -> Operation[list[tuple[Any, Any]]]:
        by_value = self._goes_by_value()
        if by_value and self._values is not None:
            skip, limit = 0, min(self._size + self._values.ties, _MOST_ROWS_A_PAGE)
            asked = {**self._values.query(), "$limit": limit}
        else:
            skip, limit = self._window()
            asked = {**self._query, "$limit": limit, **({"$skip": skip} if skip else {})}
        try:
            page = page_of(self._model, (yield Call("find", self._path, (asked,))))
        except (BadRequest, UsageError) as error:
            if by_value:
                self._go_on_by_place()
            elif isinstance(error, BadRequest) and skip > _MOST_ROWS_A_PAGE and not self._clamped:
                self._clamped = True
            else:
                raise
            return []
        if by_value and not (yield from self._fits(page)):
            self._go_on_by_place()
            return []
        rows = [(identity(row, skip + place), row) for place, row in enumerate(page.data)]
        fresh = sum(1 for key, _ in rows if key not in seen)
        self.count += fresh
        self._fruitless = 0 if fresh else self._fruitless + 1
        self._step = max(self._step, min(len(rows) - self._overlap, self._size))
        if by_value:
            self._by_value(page, fresh)
        elif not self._by_place(page, rows, skip, seen):
            rows, self.count = [], self.count - fresh
        if self._values is not None:
            self._values.note(page.data)
        if self._fruitless > _MOST_FRUITLESS + self._position // self._step:
            self.done = True
        return rows

    def _goes_by_value(self) -> bool:
        """A text is compared the same everywhere. A number is where places do not reach: as text it may fit the wrong
        rows, which `_fits` can only see as long as none are removed meanwhile."""
        values = self._values
        if values is None or not values.begun:
            return False
        return isinstance(values.value, str) or (self._clamped and self._position >= 2 * _MOST_ROWS_A_PAGE)

    def _window(self) -> tuple[int, int]:
        if self._whole:
            return 0, min(self.total or 0, _MOST_ROWS_A_PAGE)
        skip = self._position - self._overlap
        limit = self._size + self._overlap
        if self._overlap and self._path == "messages":
            # Over REST the daemon has to be asked without `$skip`, and would send the rows so far with every page.
            limit = max(limit, (self.total or 0) - skip)
        if self._clamped:
            if self._position >= 2 * _MOST_ROWS_A_PAGE:
                raise UsageError(
                    f"{self._path}: this daemon lets one reach {2 * _MOST_ROWS_A_PAGE:,} rows of a query, "
                    f"and there are {self.total:,}; narrow the query"
                )
            skip, limit = min(skip, _MOST_ROWS_A_PAGE), _MOST_ROWS_A_PAGE
        return skip, min(limit, _MOST_ROWS_A_PAGE)

    def _by_place(self, page: Page[Any], rows: list[tuple[Any, Any]], skip: int, seen: set[Any]) -> bool:
        """Take in a page that began at a place. False: it may leave a gap, so the walk goes back some way first."""
        self.total = page.total
        keys = [key for key, _ in rows]
        if self._whole:
            self.done = len(keys) >= page.total
            if not self.done and all(key in seen for key in keys):
                # Not all fit into one answer, and nothing is new: perhaps rows had come before the first one, no more.
                self._whole, self._first, self._same = False, None, keys
                self._position, self._last, self._overlap = len(keys), keys[-1] if keys else None, int(bool(keys))
            return True
        if keys and keys == self._same and skip > self._start and self._fruitless > 4:
            self.done = True
            return True
        if self._last is not None:
            if keys and keys[0] == self._first and self._last != self._first and skip > self._start:
                self._whole = True
                return True
            if skip > self._start and not any(key in seen for key in keys):
                # The row this page should have begun with is not in it: rows before it have gone. Back half a page, so
                # that the next one brings new rows, too, however often this happens.
                self._position, self._overlap = max(self._start, skip - max(1, self._step // 2)), 0
                return False
        elif keys:
            self._first = keys[0]
        self._position = skip + len(keys)
        if keys:
            self._last, self._overlap = keys[-1], 1
        self.done = not keys or self._position >= page.total
        return True

    def _by_value(self, page: Page[Any], fresh: int) -> None:
        """Take in a page that began at a value."""
        if len(page) >= page.total:
            self.done = True
        elif not fresh:  # the operator is ignored here, or more rows share the value than fit into a page
            self._go_on_by_place()

    def _fits(self, page: Page[Any]) -> Operation[bool]:
        """Whether a page that began at a value can be all that it should be.

        Facts of the wire: over REST a number stays text on some services, and then fits no row, or the wrong ones. So
        with numbers the rows that are left are counted: there must be at least as many from that value on.
        """
        if self._values is None or self.total is None:
            return True
        if not isinstance(self._values.value, str):
            if page.total < self.total - self.count:  # by numbers that may be old
                now = page_of(self._model, (yield Call("find", self._path, ({**self._query, "$limit": 1},))))
                self.total = now.total
            return page.total >= self.total - self.count
        return bool(page.data) or self.count >= min(self.total, 2 * _MOST_ROWS_A_PAGE)

    def _go_on_by_place(self) -> None:
        self._values = None
        self._position, self._overlap = self._start + self.count, 1


class _Values:
    """Paging by the field that the rows are sorted by: the next page begins at the last value seen."""

    def __init__(self, query: Query, field: str, operator: str) -> None:
        self.begun = False
        self.ties = 0
        self._query = query
        self._field = field
        self._operator = operator
        self.value: Any = None

    @classmethod
    def of(cls, path: str, query: Query) -> _Values | None:
        """None where the order does not allow it: not sorted by one field, or operators are refused or ignored."""
        order = query.get("$sort")
        if path in _NO_OPERATORS or not isinstance(order, Mapping) or len(order) != 1 or query.get("$select"):
            return None
        if path == "messages" and ("session_id" in query or "task_id" in query):
            return None
        ((field, direction),) = order.items()
        operator = {"1": "$gte", "-1": "$lte"}.get(str(direction))
        given = query.get(field)
        if operator is None or (given is not None and (not isinstance(given, Mapping) or operator in given)):
            return None
        return cls(query, field, operator)

    def query(self) -> dict[str, Any]:
        return {**self._query, self._field: {**(self._query.get(self._field) or {}), self._operator: self.value}}

    def note(self, rows: Sequence[Any]) -> None:
        """Remember the last value, and how many rows of this page have it."""
        values = [row.get(self._field) for row in rows if isinstance(row, WireModel | Mapping)]
        last = values[-1] if values else None
        self.begun = isinstance(last, str | int | float) and not isinstance(last, bool)
        self.ties = values.count(last)
        self.value = last


def _with_identity(path: str, query: dict[str, Any]) -> dict[str, Any]:
    """The query, its ``$select`` with the field that tells rows apart: without it rows that look alike would be one."""
    model, wanted = model_of(path), query.get("$select")
    if model is None or not model.id_field or not _is_list(wanted) or wanted is None:
        return query
    name = model.model_fields[model.id_field].alias or model.id_field
    return query if name in wanted else {**query, "$select": [*wanted, name]}


def identity(row: Any, place: int) -> Any:
    """What tells a row from others: its id, else all that it says; its place when it is no object."""
    if isinstance(row, WireModel):
        return row.row_id or dumps(row)
    if isinstance(row, Mapping):
        for name in ("id", "_id"):
            if isinstance(row.get(name), str):
                return row[name]
        return dumps(row)
    return place


def in_order(rows: Sequence[Any], order: Any) -> tuple[Any, ...]:
    """By a `$sort`, which some finds ignore. Rows without the field come first, as in the daemon's own sort."""

    def compare(one: Any, other: Any) -> int:
        for field, direction in order.items():
            left, right = one.get(field), other.get(field)
            if left == right:
                continue
            if left is None or right is None:
                sign = -1 if left is None else 1
            else:
                try:
                    sign = -1 if left < right else 1
                except TypeError:
                    continue
            return -sign if str(direction) == "-1" else sign
        return 0

    if not isinstance(order, Mapping) or not all(hasattr(row, "get") for row in rows):
        return tuple(rows)
    return tuple(sorted(rows, key=cmp_to_key(compare)))
