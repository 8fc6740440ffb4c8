"""All sessions that one client mirrors: shares entries between handles, resolves short ids, ends everything."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Awaitable, Callable

from agor_reactive.calls.operations import session_id_in
from agor_reactive.core.events import NotResolved
from agor_reactive.core.snapshot import HYDRATIONS
from agor_reactive.errors import AgorError, ProtocolError, UsageError
from agor_reactive.models.ids import is_full_id
from agor_reactive.models.task import Task
from agor_reactive.session.entry import SessionEntry
from agor_reactive.session.failures import MAY_PASS, failure_of, no_such_session, retry_delays
from agor_reactive.session.handles import SessionHandle
from agor_reactive.session.rooms import JOIN_TIMEOUT, Rooms
from agor_reactive.session.router import Router
from agor_reactive.transport.seam import Link

__all__ = ["AT_ONCE", "SessionRegistry"]

AT_ONCE = 4
"""Concurrent reads of all sessions of one client."""

Prompt = Callable[..., Awaitable[Task]]

_SHORT = re.compile(r"[0-9a-fA-F-]{1,35}\Z")


class SessionRegistry:
    """The mirrored sessions of one client. Belongs to one event loop.

    `prompt` sends a prompt to a session (the client's `sessions.prompt`). `clock` gives epoch seconds.
    """

    def __init__(
        self,
        link: Link,
        router: Router,
        *,
        prompt: Prompt | None = None,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        join_timeout: float = JOIN_TIMEOUT,
    ) -> None:
        self.router = router
        self.rooms = Rooms(link, timeout=join_timeout, sleep=sleep)
        self.limiter = asyncio.Semaphore(AT_ONCE)
        self.clock = clock
        self.sleep = sleep
        self.prompt = prompt
        self._link = link
        self._entry: dict[tuple[str, str], SessionEntry] = {}
        self._full: dict[str, str] = {}
        self._resolving: dict[SessionEntry, asyncio.Task[None]] = {}
        self._closed = False

    @property
    def sessions(self) -> tuple[SessionEntry, ...]:
        """The sessions mirrored now."""
        return tuple(self._entry.values())

    def retain(self, session_id: str, *, task_hydration: str = "lazy") -> SessionHandle:
        """A handle of that session (full or short id), to be released. Handles share one mirror.

        Raises `UsageError` for an unknown `task_hydration`, an empty id, or a closed client; `WrongLoop`.
        """
        self.router.own_loop.check()
        if task_hydration not in HYDRATIONS:
            raise UsageError(f"task_hydration is one of {', '.join(HYDRATIONS)}, not {task_hydration!r}")
        if not isinstance(session_id, str) or not session_id.strip():
            raise UsageError("a session id is a non-empty string")
        session_id = session_id.strip()
        if _SHORT.match(session_id) or is_full_id(session_id):
            session_id = session_id.lower()  # events are routed by the spelling of the daemon's rows
        if self._closed:
            raise UsageError("the client is closed; make a new one")
        known = self._full.get(session_id, session_id)
        entry = self._entry.get((known, task_hydration))
        if entry is None:
            self.router.own_loop.bind()
            entry = SessionEntry(known, task_hydration, self)
            self._entry[entry.key] = entry
            if _SHORT.match(known) and not is_full_id(known):
                self._resolving[entry] = asyncio.get_running_loop().create_task(self._resolve(entry))
            else:
                entry.start(known)
        entry.lease()
        return SessionHandle(entry, self)

    def ended(self, entry: SessionEntry) -> None:
        """Forget an entry that has been disposed."""
        if self._entry.get(entry.key) is entry:
            del self._entry[entry.key]
        resolving = self._resolving.pop(entry, None)
        if resolving is not None:
            resolving.cancel()

    async def _resolve(self, entry: SessionEntry) -> None:
        """Make a short id a full one, once, by reading the session; then start the entry, or join one of that id.

        Facts of the wire: short ids are prefixes, several routes take full ids only, and 8 characters are soon
        ambiguous.
        """
        short = entry.session_id
        for delay in retry_delays():
            await self._until_up()
            try:
                full = await self._full_id(short)
                break
            except AgorError as error:
                failure = failure_of(no_such_session(error, short), optional=False)
                entry.apply(NotResolved(failure))
                if failure.kind not in MAY_PASS:
                    return
                await self.sleep(delay)
        self._full[short] = full
        self._resolving.pop(entry, None)
        del self._entry[entry.key]
        other = self._entry.get((full, entry.task_hydration))
        if other is not None:
            entry.move_into(other)
        else:
            self._entry[(full, entry.task_hydration)] = entry
            entry.start(full)

    async def _full_id(self, short: str) -> str:
        full = session_id_in(await self._link.call("get", "sessions", short))
        if full is None:
            raise ProtocolError("the daemon answered `get sessions` with something that is no session")
        return full

    async def _until_up(self) -> None:
        if self._link.status.up:
            return
        up: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        undo = self.router.on_status(lambda status: up.set_result(None) if status.up and not up.done() else None)
        try:
            await up
        finally:
            undo()

    async def close(self) -> None:
        """Dispose every session, leave every room."""
        self._closed = True
        for entry in tuple(self._entry.values()):
            entry.dispose()
        resolving = tuple(self._resolving.values())
        for task in resolving:
            task.cancel()
        await asyncio.gather(*resolving, return_exceptions=True)
        self._resolving.clear()
        await self.rooms.close()
