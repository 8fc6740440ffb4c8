"""The order of a live collection's rows, newest change first, kept while they change.

Sorting 2,000 rows, whose times are text, takes some 2 ms: too long for each event of a fleet. Here a changed row costs
a look-up by bisection, and the rows in order a copy of the list.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Callable, Iterable

from agor_reactive.core.persistent import PMap
from agor_reactive.models.base import instant
from agor_reactive.models.session import Session

__all__ = ["Recency"]

_Entry = tuple[float, str, Session]


def _entry(row: Session) -> _Entry:
    return (instant(row.last_updated) or instant(row.created_at) or 0.0, row.session_id, row)


class Recency:
    """The newest rows of a collection in order; of older ones it sorts anew.

    `in_order` makes another order of that one.
    """

    def __init__(self, in_order: Callable[[Iterable[Session]], tuple[Session, ...]] | None = None) -> None:
        self._in_order = in_order
        self._newest: PMap[str, Session] = PMap()
        self._entries: list[_Entry] | None = []  # the oldest first; ids differ, so rows are never compared

    def take(self, rows: PMap[str, Session], changed: str | None = None) -> None:
        """`rows` are the newest now; of the ones before they differ in the row of the session `changed` at most."""
        before, self._newest = self._newest, rows
        if changed is None:
            self._entries = self._entries if rows is before else None  # sorted once somebody looks
        elif self._entries is not None:
            old, new = before.get(changed), rows.get(changed)
            if old is not None:
                del self._entries[bisect_left(self._entries, _entry(old)[:2])]
            if new is not None:
                insort(self._entries, _entry(new))

    def ordered(self, rows: PMap[str, Session]) -> tuple[Session, ...]:
        """The rows, newest change first, or as `in_order` says."""
        if rows is self._newest:
            if self._entries is None:
                self._entries = sorted(map(_entry, rows.values()))
            entries = self._entries
        else:
            entries = sorted(map(_entry, rows.values()))
        found = tuple([row for _, _, row in reversed(entries)])
        return found if self._in_order is None else self._in_order(found)
