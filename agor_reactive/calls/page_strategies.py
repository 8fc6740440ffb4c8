"""How the pages of one query are requested: by offset (`$skip`), or by value (from the last value of the sort field).

Each strategy makes the next query and reads its answer; `paging` has the loop. No strategy trusts the length of a page:
daemons clamp `$limit` silently, to 10,000, 1,000 or 100, refuse it, or ignore `$skip`. Knows neither REST nor sockets.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from agor_reactive.calls.answers import belonging, checked, model_of, page_of, row_of, wire_number
from agor_reactive.calls.effects import Call, Operation
from agor_reactive.calls.queries import Query
from agor_reactive.calls.service_table import facts_of
from agor_reactive.errors import BadRequest, ProtocolError, UsageError
from agor_reactive.models.json_text import json_bytes

__all__ = ["MOST_ROWS_A_PAGE", "Answer", "ByPlace", "ByValue", "OutOfReach", "Source"]


MOST_ROWS_A_PAGE: Final = 10_000
"""The largest `$limit` and `$skip`: daemons refuse more with a 400, or clamp."""

_MOST_FRUITLESS: Final = 12
"""Pages in a row without a new row before a walk gives up. More where many rows of short pages are known, since as many
may have been created or removed meanwhile; at most `_MOST_FRUITLESS_OF_ANY`."""

_MOST_FRUITLESS_OF_ANY: Final = 100
_MOST_EMPTY: Final = 2
_MOST_REFUSED: Final = 3


class OutOfReach(UsageError):
    """The query has more rows than the daemon gives access to."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One page of raw rows.

    `data` are its rows as JSON, `keys` their identities; `rows` are key and model of the rows that match the query.
    `total` is None where the daemon gives no usable one. `unpaged`: a bare list. `as_text`: the daemon echoes numbers
    as the text they were sent as (June 2026, messages over REST), and then sends all rows from `$skip` on.
    """

    data: Sequence[Any]
    keys: list[Any]
    rows: list[tuple[Any, Any]]
    total: int | None
    unpaged: bool
    as_text: bool


class Source:
    """The rows of one query of one service. `left_out` holds the keys of rows that did not match (see `belonging`)."""

    def __init__(self, path: str, query: Query) -> None:
        self.path = path
        self.query = query
        self.left_out: set[Any] = set()
        self._model = model_of(path)
        self._id_fields = (self._model.id_field,) if self._model is not None and self._model.id_field else ("id", "_id")
        self._belongs = belonging(path, query)

    def page(self, asked: Query) -> Operation[Answer]:
        """Read one page: find with the query and `asked` merged. Raises the daemon's error, or `ProtocolError`.

        Rows stay JSON where `asked` selects fields, because only their keys are read.
        """
        answer = yield Call("find", self.path, ({**self.query, **asked},))
        unpaged = isinstance(answer, list)
        if unpaged:
            data: list[Any] = checked(answer)
        elif isinstance(answer, dict) and isinstance(answer.get("data"), list):
            data = checked(answer)["data"]
        else:
            page_of(self._model, answer)  # raises
            raise AssertionError
        keys = self._keys(data)
        rows = []
        for key, row in zip(keys, data, strict=True):
            if self._belongs(row):
                rows.append((key, row if "$select" in asked else row_of(self._model, row)))
            else:
                self.left_out.add(key)
        total = len(data) if unpaged else wire_number(answer.get("total"))
        as_text = not unpaged and isinstance(answer.get("limit"), str)
        return Answer(data, keys, rows, total if total is None or total >= 0 else None, unpaged, as_text)

    def _keys(self, data: Sequence[Any]) -> list[Any]:
        """The identities of a page's rows: the id, or the content and which one of that content in the page it is.

        The same page again has the same identities, so a walk notices that it brings nothing new.
        """
        alike: Counter[bytes] = Counter()
        keys: list[Any] = []
        for row in data:
            key: Any = self._id_of(row)
            if key is None:
                content = json_bytes(row)
                key = (content, alike[content])
                alike[content] += 1
            keys.append(key)
        return keys

    def _id_of(self, row: Any) -> str | None:
        if isinstance(row, Mapping):
            for name in self._id_fields:
                value = row.get(name)
                if isinstance(value, str) and value:
                    return value
        return None


class ByPlace:
    """Pages by `$skip`. Each page overlaps the previous one by a row, so that rows created or removed before it are
    noticed: when no row of a page is known, some were removed, and the walk goes back half a page.

    Pages of one row cannot overlap: after each row the one before it is read again. Rows that are removed and others
    that are created between these two reads are then not noticed.

    It is `done` when the daemon's `total` is reached or, without a usable total, when a page has no row after its
    overlap. `failure` is the error to raise after the rows of this page are used, also when page after page brings no
    new row.
    """

    def __init__(self, path: str, size: int, start: int) -> None:
        self.done = False
        self.failure: ProtocolError | OutOfReach | None = None
        self.total: int | None = None
        self.most = MOST_ROWS_A_PAGE
        self.size = size
        self._path = path
        self._start = start
        self._position = start
        self._overlap = 0
        self._first: Any = None
        self._last: Any = None
        self._asked: dict[str, int] = {}
        self._step = 1  # the most new rows in a page
        self._longest = 0  # the most rows in a page
        self._single = False  # pages have one row
        self._as_text = False
        self._at_once = False  # `$skip` is ignored: ask for all rows in one page
        self._last_page = False  # `$skip` has reached its limit
        self._refused = 0
        self._fruitless = 0
        self._empty = 0
        self._promised: int | None = None

    def window(self) -> dict[str, int]:
        """The `$limit` and `$skip` of the next page."""
        if self._at_once:
            self._asked = {"$limit": min(self.total or self.most, self.most)}
            return self._asked
        skip = self._position - self._overlap
        limit = min(self.size + self._overlap, self.most)
        if self._as_text and self._overlap:
            limit = max(limit, (self.total or 0) - skip)  # they are sent anyway
        if self._single:
            limit = 1
        if self._last_page:
            skip, limit = min(skip, MOST_ROWS_A_PAGE), self.most
        self._asked = {"$limit": limit, **({"$skip": skip} if skip else {})}
        return self._asked

    def refused(self, error: BadRequest | UsageError) -> bool:
        """Whether another `$limit` can be tried after this refusal."""
        self._refused += 1
        if not isinstance(error, BadRequest) or self._refused > _MOST_REFUSED:
            return False
        if self._asked.get("$skip", 0) > MOST_ROWS_A_PAGE and not self._last_page:
            self._last_page = True
            return True
        allowed = _largest_limit(error)
        if allowed is not None and 0 < allowed < self._asked["$limit"]:
            self.most = allowed
            return True
        return False

    def take(self, page: Answer, known: Collection[Any]) -> bool:
        """Take a page. False when it may leave a gap to the `known` rows; its rows are then not used."""
        keys, skip = page.keys, self._asked.get("$skip", 0)
        self._refused = 0
        self._promised = page.total
        sensible = page.total is not None and page.total >= skip + len(keys)
        self.total = page.total if sensible else None
        self._as_text = self._as_text or page.as_text
        if page.unpaged:
            self.done = True
            return True
        fresh = sum(1 for key in keys if key not in known)
        single = self._single and not self._last_page
        moved = not single and skip > self._start and bool(known) and fresh == len(keys)
        self._fruitless = 0 if fresh and not moved else self._fruitless + 1
        if self._fruitless > min(_MOST_FRUITLESS + 2 * len(known) // self._step, _MOST_FRUITLESS_OF_ANY):
            self._give_up(len(known))
            return True
        if self._at_once:
            self._take_all(keys, fresh)
            return True
        if single:
            self._take_single(keys, skip, known)
            return True
        if skip > self._start and keys and keys[0] == self._first and self._last != self._first:
            self._at_once = True
            return True
        if moved:
            self._position, self._overlap = max(self._start, skip - max(1, self._step // 2)), 0
            return False
        self._longest = max(self._longest, len(keys))
        more = self.total is None or skip + len(keys) < self.total
        if self._overlap and len(keys) == 1 == self._longest and not fresh and more:
            self._single, self._overlap = True, 0
            return True
        self._step = max(self._step, min(len(keys) - self._overlap, self.size))
        self._position = skip + len(keys)
        nothing_more = not fresh and len(keys) <= self._overlap
        if keys:
            self._first = keys[0] if self._first is None else self._first
            self._last, self._overlap = keys[-1], 1
        self._end_if_reached(skip, len(known) + fresh, nothing_more=nothing_more)
        return True

    def _take_single(self, keys: list[Any], skip: int, known: Collection[Any]) -> None:
        """Take a page of one row: the one at the position, or the one before it, which shows whether rows moved."""
        if not self._overlap:
            self._last = keys[0] if keys else _NO_ROW
            if self.total is None and len(known) == 1 and self._last in known:
                self.done = True  # `$skip` has no effect: the list has one row
                return
            if self._position > self._start:
                self._overlap = 1
                return
        elif not keys or keys[0] == self._last or keys[0] not in known:
            self._position, self._overlap = max(self._start, self._position - 2), 0
            return
        nothing_more = self._last is _NO_ROW
        self._position += 0 if nothing_more else 1
        self._overlap = 0
        self._end_if_reached(skip, len(known), nothing_more=nothing_more)

    def _end_if_reached(self, skip: int, count: int, *, nothing_more: bool) -> None:
        if (self.total is not None and self._position >= self.total) or (self.total is None and nothing_more):
            self.done = True
        elif self._last_page and skip >= MOST_ROWS_A_PAGE:
            self.failure = OutOfReach(
                f"{self._path}: this daemon gives access to the first {self._position:,} rows of a query, and there "
                f"are {_counted(self.total)}; narrow the query"
            )
        elif nothing_more:
            self._empty += 1  # a single one may be a row that was removed between counting and reading
            if self._empty > _MOST_EMPTY:
                self._give_up(count)

    def _give_up(self, count: int) -> None:
        if self._promised is not None and count >= self._promised:
            self.done = True
            return
        said = "repeats its pages" if self._promised is None else f"counts {_counted(self._promised)} rows"
        self.failure = ProtocolError(
            f"{self._path}: the daemon {said} and gave {count:,}; read them again, or narrow the query"
        )

    def _take_all(self, keys: list[Any], fresh: int) -> None:
        if self.total is not None and len(keys) >= self.total:
            self.done = True
        elif not fresh:
            if self.total is None and len(keys) < self._asked["$limit"]:
                self.done = True  # `$limit` and `$skip` have no effect: the list has no pages
                return
            # Not all rows fit into one page. Rows may have been created before the first one, and `$skip` may work.
            self._at_once, self._first = False, _NO_ROW
            self._position, self._overlap = len(keys), int(bool(keys))
            self._last = keys[-1] if keys else None

    def go_on_after(self, count: int) -> None:
        """Continue at that offset, after rows that another strategy has read."""
        self._position, self._overlap = self._start + count, min(count, 1)


_NO_ROW: Final = object()


def _counted(total: int | None) -> str:
    return "more" if total is None else f"{total:,}"


def _largest_limit(error: BadRequest) -> int | None:
    """The largest `$limit` allowed according to a refusal, as JSON schema validators report it."""
    for item in error.data if isinstance(error.data, list) else ():
        if isinstance(item, Mapping) and "$limit" in str(item.get("instancePath")):
            params = item.get("params")
            return wire_number(params.get("limit")) if isinstance(params, Mapping) else None
    return None


class ByValue:
    """Pages by the sort field: the next page begins at the last value seen.

    Only for text (ids, timestamps): some daemons compare a number in a query string as text, which matches other rows.
    """

    def __init__(self, size: int, query: Query, field: str, operator: str) -> None:
        self.done = False
        self.total: int | None = None
        self._size = size
        self._query = query
        self._field = field
        self._operator = operator
        self._value: Any = None
        self._ties = 0

    @classmethod
    def of(cls, path: str, query: Query, size: int) -> ByValue | None:
        """Create it; None when the query is not sorted by exactly one field, or operators are refused or ignored."""
        order = query.get("$sort")
        if (
            facts_of(path).refuses_operators
            or not isinstance(order, Mapping)
            or len(order) != 1
            or query.get("$select")
        ):
            return None
        if path == "messages" and ("session_id" in query or "task_id" in query):
            return None
        ((field, direction),) = order.items()
        operator = {"1": "$gte", "-1": "$lte"}.get(str(direction))
        given = query.get(field)
        if operator is None or (given is not None and (not isinstance(given, Mapping) or operator in given)):
            return None
        return cls(size, query, field, operator)

    @property
    def begun(self) -> bool:
        """Whether a value to begin at is known."""
        return isinstance(self._value, str)

    def window(self) -> dict[str, Any]:
        """The condition and `$limit` of the next page."""
        condition = {**(self._query.get(self._field) or {}), self._operator: self._value}
        return {self._field: condition, "$limit": min(self._size + self._ties, MOST_ROWS_A_PAGE)}

    def take(self, page: Answer, known: Collection[Any]) -> bool:
        """Take a page. False when it does not begin at the value or adds no row; pages then go by offset."""
        self.total = page.total
        values = [row.get(self._field) if isinstance(row, Mapping) else None for row in page.data]
        if page.total is None or not all(isinstance(value, str) and self._after(value) for value in values):
            return False
        self.done = len(values) >= page.total and bool(values)
        return self.done or any(key not in known for key in page.keys)

    def _after(self, value: str) -> bool:
        return bool(value >= self._value if self._operator == "$gte" else value <= self._value)

    def note(self, data: Sequence[Any]) -> None:
        """Remember the last value, and how many rows of the page have it."""
        values = [row.get(self._field) for row in data if isinstance(row, Mapping)]
        self._value = values[-1] if values else self._value
        self._ties = values.count(self._value)
