"""Doing what the core asks for: joining, reading pages of rows, waiting. Answers go back as events.

Facts of the wire: `find tasks` with a `session_id` ignores `$sort` and every other filter, but honours `$limit` and
`$skip` (each at most 10,000, else refused); `find messages` by session or task comes by index, and its pages may begin
anywhere. So only what works everywhere is asked, and sorting is done here.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from agor_reactive.core.asks import Ask
from agor_reactive.core.events import AskAnswered, AskFailed, Rows
from agor_reactive.errors import AgorError, ProtocolError
from agor_reactive.models.base import WireModel, instant, row_from_wire
from agor_reactive.models.message import Message
from agor_reactive.models.session import Session
from agor_reactive.models.task import Task
from agor_reactive.session.failures import failure_of
from agor_reactive.session.rooms import Rooms
from agor_reactive.transport.seam import Link

__all__ = ["PAGE", "Hydrator", "read_rows", "walk"]

R = TypeVar("R", bound=WireModel)

_log = logging.getLogger("agor_reactive")

PAGE = 1000
"""Rows a page."""

FURTHEST = 10_000
"""The largest `$skip` and `$limit` that daemons take."""

_WITHOUT_END = frozenset({"messages"})
"""Services whose pages may begin anywhere and hold any number."""

WALKS = 4
"""How often a walk over pages is begun again when rows come and go under it."""


class Hydrator:
    """The shell of one session: carries out `SessionState.asks` and reports to `emit`.

    At most so many reads at once as `limiter` lets through (shared by all sessions of a client).
    """

    def __init__(
        self,
        session_id: str,
        link: Link,
        rooms: Rooms,
        *,
        limiter: asyncio.Semaphore,
        emit: Callable[[AskAnswered | AskFailed, AgorError | None], None],
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

    @property
    def running(self) -> int:
        """How many asks are being carried out."""
        return len(self._running)

    def carry_out(self, asks: tuple[Ask, ...]) -> None:
        """Start what is asked and not yet running; stop what is no longer asked."""
        wanted = {ask.ask_id for ask in asks}
        for ask_id in [ask_id for ask_id in self._running if ask_id not in wanted]:
            self._running.pop(ask_id).cancel()
        for ask in asks:
            if ask.ask_id not in self._running:
                task = asyncio.get_running_loop().create_task(self._carry(ask), name=f"agor {ask.kind}")
                self._running[ask.ask_id] = task

    async def _carry(self, ask: Ask) -> None:
        optional = ask.kind in ("join", "queue")
        event: AskAnswered | AskFailed
        failed: AgorError | None = None
        try:
            if ask.kind == "join":
                await self._rooms.join(self._session_id)
                rows = Rows()
            elif ask.kind == "wait":
                await self._sleep(ask.delay)
                rows = Rows()
            else:
                async with self._limiter:
                    rows = await self._read(ask)
            event = AskAnswered(ask.ask_id, rows, self._clock())
        except AgorError as error:
            failed = error
            event = AskFailed(ask.ask_id, failure_of(error, optional=optional), self._clock())
        except Exception as error:  # noqa: BLE001 - logged, and told as a failure
            # A mistake of ours, or of a link that is not ours: told as a failure, or everybody would wait for ever.
            _log.exception("session %s: reading its %s failed unexpectedly", self._session_id, ask.kind)
            failed = ProtocolError(f"an unexpected {type(error).__name__}; the log has it")
            event = AskFailed(ask.ask_id, failure_of(failed, optional=False), self._clock())
        self._running.pop(ask.ask_id, None)
        self._emit(event, failed)

    async def _read(self, ask: Ask) -> Rows:
        session_id = self._session_id
        if ask.kind == "session":
            row = await self._link.call("get", "sessions", session_id)
            if not isinstance(row, dict):
                raise ProtocolError("the daemon answered `get sessions` with something that is no session")
            return Rows(session=row_from_wire(Session, row))
        if ask.kind == "queue":
            answer = await self._link.call("find", f"sessions/{session_id}/tasks/queue")
            queued, rejected = read_rows(Task, rows_of(answer)[0])
            return Rows(tasks=queued, rejected=rejected)
        if ask.limit:
            tasks, older, rejected = await newest_tasks(self._link, session_id, count=ask.limit, since=ask.since)
            return Rows(tasks=tasks, older=older, rejected=rejected)
        if ask.kind == "tasks":
            tasks, complete, rejected = await walk(self._link, "tasks", {"session_id": session_id}, Task)
            return Rows(tasks=tasks, complete=complete, rejected=rejected)
        scope = {"session_id": session_id} if ask.kind == "all_messages" else {"task_id": ask.task_id}
        query = {**scope, "$sort": {"index": 1}, **({"transcript": "lean"} if ask.kind == "history" else {})}
        messages, complete, rejected = await walk(self._link, "messages", query, Message)
        return Rows(messages=messages, complete=complete, rejected=rejected)

    def stop(self) -> None:
        """Give up everything."""
        self.carry_out(())


def rows_of(answer: Any) -> tuple[list[Any], int | None]:
    """The rows of a find and how many there are in all, from a page or a bare list. Raises `ProtocolError`."""
    if isinstance(answer, list):
        return answer, len(answer)
    if isinstance(answer, dict) and isinstance(answer.get("data"), list):
        total = answer.get("total")
        return answer["data"], total if isinstance(total, int) else None
    raise ProtocolError("the daemon answered a find with neither a page nor a list of rows")


def read_rows(model: type[R], rows: list[Any]) -> tuple[tuple[R, ...], int]:
    """The rows as models, and how many could not be read at all."""
    found: list[R] = []
    for row in rows:
        if isinstance(row, dict):
            read = row_from_wire(model, row)
            if read.row_id:
                found.append(read)
    return tuple(found), len(rows) - len(found)


async def walk(link: Link, service: str, query: dict[str, Any], model: type[R]) -> tuple[tuple[R, ...], bool, int]:
    """All rows of a query, page by page: the rows, whether they are all, and how many could not be read.

    Rows that come and go meanwhile shift the pages. So each page begins with the last row of the one before it; if that
    is another row now, the walk begins again. Raises what the daemon answers, and `ProtocolError` if the rows never
    keep still.
    """
    for _ in range(WALKS):
        walked = await _walk_once(link, service, query, model)
        if walked is not None:
            return walked
    raise ProtocolError(f"the rows of {service} kept moving while they were read; read them again later")


async def _walk_once(
    link: Link, service: str, query: dict[str, Any], model: type[R]
) -> tuple[tuple[R, ...], bool, int] | None:
    found: dict[str, R] = {}
    rejected = 0
    raw: list[Any] = []
    while True:
        skip, limit = max(len(raw) - 1, 0), PAGE
        if skip >= FURTHEST and service not in _WITHOUT_END:
            if len(raw) >= 2 * FURTHEST:
                return tuple(found.values()), False, rejected
            skip, limit = FURTHEST, FURTHEST  # one last page, as far as it goes
        page = {**query, "$limit": limit, **({"$skip": skip} if skip else {})}
        rows, total = rows_of(await link.call("find", service, page))
        if skip and (not rows or (rows[0] != raw[skip] and _id(rows[0], model) != _id(raw[skip], model))):
            return None
        fresh = rows[len(raw) - skip :]
        read, bad = read_rows(model, fresh)
        rejected += bad
        for row in read:
            found[row.row_id] = row
        raw += fresh
        if len(rows) < limit or not fresh or (total is not None and len(raw) >= total):
            return tuple(found.values()), True, rejected


async def newest_tasks(
    link: Link, session_id: str, *, count: int, since: str = ""
) -> tuple[tuple[Task, ...], bool, int]:
    """The newest `count` tasks that do not wait, all that are not older than `since`, and those that wait among them.

    Read from the end backwards, since daemons give a session's tasks in order of creation only; removals meanwhile
    shift nothing that is still to be read. Also whether there are older ones, and how many rows could not be read.
    """
    _, total = rows_of(await link.call("find", "tasks", {"session_id": session_id, "$limit": 0}))
    end = total or 0
    found: dict[str, Task] = {}
    rejected = 0
    oldest_wanted = instant(since)
    while end > 0:
        begun = max(end - (count if not found else PAGE // 10), 0)
        skip = min(begun, FURTHEST)
        query = {"session_id": session_id, "$limit": end - skip, **({"$skip": skip} if skip else {})}
        rows, _ = rows_of(await link.call("find", "tasks", query))
        tasks, bad = read_rows(Task, rows[begun - skip :])
        rejected += bad
        for task in tasks:
            found.setdefault(task.task_id, task)
        end = begun
        enough = sum(1 for task in found.values() if not task.queued) >= count
        first = min((instant(task.created_at) or 0.0 for task in found.values()), default=0.0)
        if enough and (oldest_wanted is None or first <= oldest_wanted):
            break
    kept, older = _newest(tuple(found.values()), count, oldest_wanted)
    return kept, older or end > 0, rejected


def _newest(tasks: tuple[Task, ...], count: int, since: float | None) -> tuple[tuple[Task, ...], bool]:
    """Of what was read, no more than was asked for; and whether something was left out."""
    made = sorted((instant(task.created_at) or 0.0 for task in tasks if not task.queued), reverse=True)
    if len(made) <= count:
        return tasks, False
    first = made[count - 1]
    first = first if since is None else min(first, since)
    kept = tuple(task for task in tasks if task.queued or (instant(task.created_at) or 0.0) >= first)
    return kept, len(kept) < len(tasks)


def _id(row: Any, model: type[WireModel]) -> Any:
    return row.get(model.id_field) if isinstance(row, dict) else None
