"""The reads of a mirror: all rows of a query, and the newest tasks of a session.

They ask only for what every daemon takes.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final, Generic, NamedTuple, TypeVar

from agor_reactive.calls.effects import Operation
from agor_reactive.calls.page_strategies import MOST_ROWS_A_PAGE, OutOfReach
from agor_reactive.calls.paging import Walk
from agor_reactive.errors import ProtocolError
from agor_reactive.models.base import WireModel, instant
from agor_reactive.models.task import Task

__all__ = ["MOST_ROWS", "RowsRead", "all_rows", "newest_tasks"]

M = TypeVar("M", bound=WireModel)

MOST_ROWS: Final = 2 * MOST_ROWS_A_PAGE
"""Rows of a query that daemons give access to: the largest `$skip` and the largest page after it."""

_PAGE: Final = 1000
_OLDER: Final = 100  # tasks a page when more than the newest are wanted
_MOST_FRUITLESS: Final = 3  # pages in a row, from the end backwards, without a task that was not read before


class RowsRead(NamedTuple, Generic[M]):
    """What a read brought. `complete`: there are no others; `rejected`: how many rows could not be read."""

    rows: tuple[M, ...]
    complete: bool
    rejected: int


def _rows_read(model: type[M], rows: Iterable[Any], *, complete: bool) -> RowsRead[M]:
    came = tuple(rows)
    found = tuple(row for row in came if isinstance(row, model) and row.row_id)
    return RowsRead(found, complete, len(came) - len(found))


def all_rows(service: str, query: dict[str, Any], model: type[M]) -> Operation[RowsRead[M]]:
    """All rows of a query; not `complete` where there are more than `MOST_ROWS`.

    Raises what the daemon answers, and `ProtocolError` when it promises more rows than it gives.
    """
    walk: Walk[Any] = Walk(service, query, _PAGE)
    complete = True
    try:
        yield from walk.collect()
    except OutOfReach:
        complete = False
    return _rows_read(model, walk.found.values(), complete=complete)


def newest_tasks(session_id: str, *, count: int, since: str = "") -> Operation[RowsRead[Task]]:
    """The newest `count` tasks that are not queued, all not older than `since`, and the queued ones among them.

    Not `complete` where there are older ones. Fact of the wire: daemons of June 2026 give a session's tasks in order of
    creation whatever `$sort` says; there they are read from the end backwards.
    """
    wanted_since = instant(since)
    walk: Walk[Any] = Walk("tasks", {"session_id": session_id, "$sort": {"created_at": -1}}, count + 1)
    rows: list[Any] = []
    while len(rows) < 2 and not walk.done:  # two rows tell the order; a page may have one
        rows += (yield from walk.step()) or ()
    walk.resize(_OLDER)
    if not walk.done and not _newest_first(rows):
        if walk.total is not None and walk.total <= MOST_ROWS:
            return (yield from _from_the_end(session_id, walk.total, count, wanted_since))
        yield from walk.collect()  # the count is no use; this ends, or raises why not
        rows += walk.found.values()
    while not walk.done and not _enough(rows, count, wanted_since):
        rows += (yield from walk.step()) or ()
    return _newest(_rows_read(Task, rows, complete=walk.done), count, wanted_since)


def _from_the_end(session_id: str, end: int, count: int, since: float | None) -> Operation[RowsRead[Task]]:
    """As `newest_tasks`, of `end` tasks in order of creation. Removals shift nothing that is still to be read."""
    found: dict[str, Task] = {}
    rejected = fruitless = 0
    while end > 0 and not _enough(found.values(), count, since):
        begin = max(end - (_OLDER if found else count), 0)
        skip = min(begin, MOST_ROWS_A_PAGE)
        query = {"session_id": session_id, "$sort": {"created_at": 1}, "$skip": skip}
        walk: Walk[Any] = Walk("tasks", query, end - skip)
        rows: list[Any] = []
        while len(rows) < end - skip and (page := (yield from walk.step())) is not None:
            rows += page
        read = _rows_read(Task, rows[begin - skip :], complete=False)
        rejected += read.rejected
        before = len(found)
        found = {**{task.task_id: task for task in read.rows}, **found}
        fruitless = 0 if len(found) > before else fruitless + 1
        if fruitless > _MOST_FRUITLESS:
            raise ProtocolError(f"tasks: the daemon counts more tasks than the {len(found):,} that it gave")
        end = begin
    return _newest(RowsRead(tuple(found.values()), end <= 0, rejected), count, since)


def _created(task: Task) -> float:
    return instant(task.created_at) or 0.0


def _newest_first(rows: list[Any]) -> bool:
    """Whether the daemon sorted as asked: the first row is newer than the last."""
    created = [_created(row) for row in rows if isinstance(row, Task)]
    return bool(created) and created[0] > created[-1]


def _enough(rows: Iterable[Any], count: int, since: float | None) -> bool:
    tasks = [row for row in rows if isinstance(row, Task) and row.row_id]
    first = min(map(_created, tasks), default=0.0)
    return sum(not task.queued for task in tasks) >= count and (since is None or first <= since)


def _newest(read: RowsRead[Task], count: int, since: float | None) -> RowsRead[Task]:
    """Without the rows that came beyond what was asked for, waiting ones too: what a mirror shows must not depend on
    where the daemon's pages end."""
    created = sorted((_created(task) for task in read.rows if not task.queued), reverse=True)
    if len(created) < count:
        return read
    first = created[count - 1] if since is None else min(created[count - 1], since)
    kept = tuple(task for task in read.rows if _created(task) >= first)
    return read._replace(rows=kept, complete=read.complete and len(kept) == len(read.rows))
