"""Carries out what the core asks for: joins, reads rows, waits. Answers go back as events.

Rows come through `paging`, as they do everywhere. Only what every daemon takes is requested; sorting is done here.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

from agor_reactive.calls.answers import page_of, typed_row
from agor_reactive.calls.drivers import AsyncDriver
from agor_reactive.calls.effects import Operation
from agor_reactive.calls.paging import OutOfReach, Walk
from agor_reactive.core.events import FetchAnswered, FetchFailed, Rows
from agor_reactive.core.fetches import Fetch
from agor_reactive.errors import AgorError, BadRequest, ProtocolError
from agor_reactive.models.base import WireModel, instant
from agor_reactive.models.message import Message
from agor_reactive.models.session import Session
from agor_reactive.models.task import Task
from agor_reactive.session.failures import failure_of, no_such_session
from agor_reactive.session.rooms import Rooms
from agor_reactive.transport.seam import Link, caller

__all__ = ["FURTHEST", "PAGE", "Hydrator", "walk"]

T = TypeVar("T")
R = TypeVar("R", bound=WireModel)

_log = logging.getLogger("agor_reactive")

PAGE = 1000
"""Rows a page."""

FURTHEST = 10_000
"""The largest `$skip` and `$limit` that daemons take."""

_OLDER = 100
"""Tasks a page when more than the newest are wanted."""


class Hydrator:
    """The shell of one session: carries out `SessionState.fetches` and reports to `emit`.

    At most so many reads at once as `limiter` lets through (shared by all sessions of a client).
    """

    def __init__(
        self,
        session_id: str,
        link: Link,
        rooms: Rooms,
        *,
        limiter: asyncio.Semaphore,
        emit: Callable[[FetchAnswered | FetchFailed, AgorError | None], None],
        clock: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]],
    ) -> None:
        self._session_id = session_id
        self._link = link
        self._rooms = rooms
        self._limiter = limiter
        self._emit = emit
        self._clock = clock
        self._sleep = sleep
        self._running: dict[int, asyncio.Task[None]] = {}
        self._session_read: asyncio.Task[None] | None = None
        self._refuses_lean = False

    @property
    def running(self) -> int:
        """How many asks are being carried out."""
        return len(self._running)

    def carry_out(self, fetches: tuple[Fetch, ...]) -> None:
        """Start what is asked and not yet running; stop what is no longer asked."""
        wanted = {fetch.fetch_id for fetch in fetches}
        for fetch_id in [fetch_id for fetch_id in self._running if fetch_id not in wanted]:
            self._running.pop(fetch_id).cancel()
        for fetch in fetches:
            if fetch.fetch_id not in self._running:
                task = asyncio.get_running_loop().create_task(self._carry(fetch), name=f"agor {fetch.kind}")
                self._running[fetch.fetch_id] = task
                if fetch.kind == "session":
                    self._session_read = task

    async def _carry(self, fetch: Fetch) -> None:
        optional = fetch.kind in ("join", "rejoin", "queue")
        event: FetchAnswered | FetchFailed
        failed: AgorError | None = None
        try:
            if fetch.kind in ("join", "rejoin"):
                if fetch.delay:
                    await self._sleep(fetch.delay)
                await self._rooms.join(self._session_id)
                rows = Rows()
            elif fetch.kind == "wait":
                await self._sleep(fetch.delay)
                rows = Rows()
            else:
                async with self._limiter:
                    rows = await self._read(fetch)
            event = FetchAnswered(fetch.fetch_id, rows, self._clock())
        except AgorError as error:
            if fetch.kind == "tasks":
                await self._session_answered()
            failed = error = no_such_session(error, self._session_id) if fetch.kind == "session" else error
            event = FetchFailed(fetch.fetch_id, failure_of(error, optional=optional), self._clock())
        except Exception as error:  # noqa: BLE001 - logged, and told as a failure
            # A mistake of ours, or of a link that is not ours: told as a failure, or everybody would wait for ever.
            _log.exception("session %s: reading its %s failed unexpectedly", self._session_id, fetch.kind)
            failed = ProtocolError(f"an unexpected {type(error).__name__}; the log has it")
            event = FetchFailed(fetch.fetch_id, failure_of(failed, optional=False), self._clock())
        self._running.pop(fetch.fetch_id, None)
        self._emit(event, failed)

    async def _session_answered(self) -> None:
        """Wait until the session's own row has been answered, when its tasks could not be read.

        An id that is none makes `find tasks` a 400 and `get sessions` a `NotFound`. Whichever came first, the second is
        what is reported: it ends the round, and this read is cancelled with it.
        """
        read = self._session_read
        if read is not None and not read.done():
            await asyncio.wait([read])

    async def _read(self, fetch: Fetch) -> Rows:
        session_id = self._session_id
        if fetch.kind == "session":
            return Rows(session=typed_row(Session, await self._link.call("get", "sessions", session_id)))
        if fetch.kind == "queue":
            answer = await self._link.call("find", f"sessions/{session_id}/tasks/queue")
            queued, rejected = _typed(Task, page_of(Task, answer).data)
            return Rows(tasks=queued, rejected=rejected)
        if fetch.limit:
            tasks, older, rejected = await _run(
                self._link, newest_tasks(session_id, count=fetch.limit, since=fetch.since)
            )
            return Rows(tasks=tasks, older=older, rejected=rejected)
        if fetch.kind == "tasks":
            tasks, complete, rejected = await walk(self._link, "tasks", {"session_id": session_id}, Task)
            return Rows(tasks=tasks, complete=complete, rejected=rejected)
        scope = {"session_id": session_id} if fetch.kind == "all_messages" else {"task_id": fetch.task_id}
        query = {**scope, "$sort": {"index": 1}}
        messages, complete, rejected = await self._read_messages(query, lean=fetch.kind == "history")
        return Rows(messages=messages, complete=complete, rejected=rejected)

    async def _read_messages(self, query: dict[str, Any], *, lean: bool) -> tuple[tuple[Message, ...], bool, int]:
        """The messages of a query, `lean` without the payload of tools; in full where the daemon refuses that."""
        if lean and not self._refuses_lean:
            try:
                return await walk(self._link, "messages", {**query, "transcript": "lean"}, Message)
            except BadRequest:
                # Daemons of 22 August 2026 have rooms and check filters, but do not know this one yet.
                found = await walk(self._link, "messages", query, Message)
                self._refuses_lean = True
                return found
        return await walk(self._link, "messages", query, Message)

    def stop(self) -> None:
        """Give up everything."""
        self.carry_out(())


async def walk(link: Link, service: str, query: dict[str, Any], model: type[R]) -> tuple[tuple[R, ...], bool, int]:
    """All rows of a query: the rows, whether they are all, and how many could not be read.

    Not all: the daemon gives access to the first 20,000 rows only. Raises what the daemon answers, and `ProtocolError`
    when it promises more rows than it gives.
    """
    pages: Walk[Any] = Walk(service, query, PAGE)
    complete = True
    try:
        await _run(link, pages.collect())
    except OutOfReach:
        complete = False
    found, rejected = _typed(model, list(pages.found.values()))
    return found, complete, rejected


async def _run(link: Link, operation: Operation[T]) -> T:
    return await AsyncDriver(caller(link)).run(operation, None)


def _typed(model: type[R], rows: Sequence[Any]) -> tuple[tuple[R, ...], int]:
    found = tuple(row for row in rows if isinstance(row, model) and row.row_id)
    return found, len(rows) - len(found)


def newest_tasks(session_id: str, *, count: int, since: str = "") -> Operation[tuple[tuple[Task, ...], bool, int]]:
    """The newest `count` tasks that do not wait, all that are not older than `since`, and those that wait among them.

    Also whether there are older ones, and how many rows could not be read. Daemons of June 2026 give a session's tasks
    in order of creation whatever `$sort` says: there they are read from the end backwards.
    """
    wanted_since = instant(since)
    walk: Walk[Any] = Walk("tasks", {"session_id": session_id, "$sort": {"created_at": -1}}, count + 1)
    rows = list((yield from walk.step()) or ())
    walk.resize(_OLDER)
    if not walk.done and not _newest_first(rows):
        reach = walk.total
        if reach is None or reach > 2 * FURTHEST:
            yield from walk.collect()  # the count is no use; this ends, or says why not
            rows = [*rows, *walk.found.values()]
        else:
            return (yield from _from_the_end(session_id, reach, count, wanted_since))
    while not walk.done and not _enough(rows, count, wanted_since):
        rows += (yield from walk.step()) or ()
    tasks, rejected = _typed(Task, rows)
    kept, older = _newest(tasks, count, wanted_since)
    return kept, older or not walk.done, rejected


def _newest_first(rows: list[Any]) -> bool:
    """Whether a daemon heeded the order: the first row is newer than the last."""
    made = [instant(row.created_at) or 0.0 for row in rows if isinstance(row, Task)]
    return bool(made) and made[0] > made[-1]


def _enough(rows: list[Any], count: int, since: float | None) -> bool:
    tasks, _ = _typed(Task, rows)
    first = min((instant(task.created_at) or 0.0 for task in tasks), default=0.0)
    return sum(1 for task in tasks if not task.queued) >= count and (since is None or first <= since)


def _from_the_end(
    session_id: str, end: int, count: int, since: float | None
) -> Operation[tuple[tuple[Task, ...], bool, int]]:
    """As `newest_tasks`, of `end` tasks in order of creation. Removals shift nothing that is still to be read."""
    found: dict[str, Task] = {}
    rejected = 0
    while end > 0 and not _enough(list(found.values()), count, since):
        begun = max(end - (_OLDER if found else count), 0)
        skip = min(begun, FURTHEST)
        query = {"session_id": session_id, "$sort": {"created_at": 1}, "$skip": skip}
        walk: Walk[Any] = Walk("tasks", query, end - skip)
        rows: list[Any] = []
        while len(rows) < end - skip and (page := (yield from walk.step())) is not None:
            rows += page
        tasks, bad = _typed(Task, rows[begun - skip :])
        rejected += bad
        for task in tasks:
            found.setdefault(task.task_id, task)
        end = begun
    kept, older = _newest(tuple(found.values()), count, since)
    return kept, older or end > 0, rejected


def _newest(tasks: tuple[Task, ...], count: int, since: float | None) -> tuple[tuple[Task, ...], bool]:
    """Of what was read, no more than was requested; and whether something was left out."""
    made = sorted((instant(task.created_at) or 0.0 for task in tasks if not task.queued), reverse=True)
    if len(made) <= count:
        return tasks, False
    first = made[count - 1]
    first = first if since is None else min(first, since)
    kept = tuple(task for task in tasks if task.queued or (instant(task.created_at) or 0.0) >= first)
    return kept, len(kept) < len(tasks)
