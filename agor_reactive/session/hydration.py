"""Carries out the fetches of the core: joins, reads, waits. Answers go back as events."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from agor_reactive.calls.answers import page_of, typed_row
from agor_reactive.calls.drivers import AsyncDriver
from agor_reactive.calls.effects import Operation
from agor_reactive.calls.mirror_reads import RowsRead, all_rows, newest_tasks
from agor_reactive.core.events import FetchAnswered, FetchFailed, Rows
from agor_reactive.core.fetches import Fetch
from agor_reactive.errors import AgorError, BadRequest, ProtocolError
from agor_reactive.models.message import Message
from agor_reactive.models.session import Session
from agor_reactive.models.task import Task
from agor_reactive.session.failures import failure_of, no_such_session
from agor_reactive.session.rooms import Rooms
from agor_reactive.transport.seam import Link, caller

__all__ = ["Hydrator", "run"]

T = TypeVar("T")

_log = logging.getLogger("agor_reactive")


async def run(link: Link, operation: Operation[T]) -> T:
    """Carry out an operation over a link."""
    return await AsyncDriver(caller(link)).run(operation)


class Hydrator:
    """Carries out `SessionState.fetches` of one session and gives the answers to `emit`.

    `limiter` bounds the reads at one time; all sessions of a client share it.
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

    def carry_out(self, fetches: tuple[Fetch, ...]) -> None:
        """Start the fetches that are not running yet, cancel those that are no longer in the list."""
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
            elif fetch.kind in ("wait", "retry"):
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
        except Exception as error:  # noqa: BLE001 - logged, and folded as a failure
            # A bug here or in a custom link. Without an event the core would wait for this fetch for ever.
            _log.exception("session %s: reading its %s failed unexpectedly", self._session_id, fetch.kind)
            failed = ProtocolError(f"an unexpected {type(error).__name__}; the log has it")
            event = FetchFailed(fetch.fetch_id, failure_of(failed, optional=False), self._clock())
        self._running.pop(fetch.fetch_id, None)
        self._emit(event, failed)

    async def _session_answered(self) -> None:
        """Wait until the session's own row has been answered, when its tasks could not be read.

        For an invalid id, `find tasks` answers 400 and `get sessions` `NotFound`. The second is the better report: it
        ends the round, and this read is cancelled with it.
        """
        read = self._session_read
        if read is not None and not read.done():
            await asyncio.wait([read])

    async def _read(self, fetch: Fetch) -> Rows:
        session_id = self._session_id
        if fetch.kind == "session":
            return Rows(session=typed_row(Session, await self._link.call("get", "sessions", session_id)))
        if fetch.kind == "queue":
            page = page_of(Task, await self._link.call("find", f"sessions/{session_id}/tasks/queue"))
            queued = tuple(row for row in page.data if isinstance(row, Task) and row.row_id)
            return Rows(tasks=queued, rejected=len(page.data) - len(queued))
        if fetch.limit:
            read = await run(self._link, newest_tasks(session_id, count=fetch.limit, since=fetch.since))
            return Rows(tasks=read.rows, older=not read.complete, rejected=read.rejected)
        if fetch.kind == "tasks":
            read = await run(self._link, all_rows("tasks", {"session_id": session_id}, Task))
            return Rows(tasks=read.rows, complete=read.complete, rejected=read.rejected)
        scope = {"session_id": session_id} if fetch.kind == "all_messages" else {"task_id": fetch.task_id}
        query = {**scope, "$sort": {"index": 1}}
        messages = await self._read_messages(query, lean=fetch.kind == "history")
        return Rows(messages=messages.rows, complete=messages.complete, rejected=messages.rejected)

    async def _read_messages(self, query: dict[str, Any], *, lean: bool) -> RowsRead[Message]:
        """The messages of a query, `lean` without the payload of tools; in full where the daemon refuses that."""
        if lean and not self._refuses_lean:
            try:
                return await run(self._link, all_rows("messages", {**query, "transcript": "lean"}, Message))
            except BadRequest:
                # Daemons of 22 August 2026 have rooms and check filters, but do not know this one yet.
                found = await run(self._link, all_rows("messages", query, Message))
                self._refuses_lean = True
                return found
        return await run(self._link, all_rows("messages", query, Message))

    def stop(self) -> None:
        """Cancel every fetch."""
        self.carry_out(())
