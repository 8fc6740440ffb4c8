"""Membership in the rooms of sessions: newer daemons send stream events only to sockets that joined.

One membership per session and connection, however many pipelines want it. Joins and leaves of one session are sent one
after the other, so that the last one is in force. A join whose answer is not known (a timeout, an unreadable answer)
may have made the connection a member: the book says so, and such a room is left too. Facts of the wire: ``create
session-streams {session_id}`` answers the full id; ``remove session-streams <full id>`` leaves; older daemons have no
such service and send everything to everyone.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from agor_reactive.calls.backoff import Backoff, no_jitter
from agor_reactive.errors import AgorError, Forbidden, NotAuthenticated, NotFound
from agor_reactive.transport.seam import Link

__all__ = ["JOIN_TIMEOUT", "Rooms"]

JOIN_TIMEOUT = 5.0
"""Seconds to wait for a join to be acknowledged before reading without it."""

SERVICE = "session-streams"

_LEAVING = Backoff(first=0.5, most=10.0, jitter=(1.0, 1.0))
_TRIES = 5
"""How often a room is left, on one connection, until the daemon confirms it."""

_log = logging.getLogger("agor_reactive")


@dataclass(slots=True, eq=False)
class _Room:
    """One session's membership. Written by `Rooms` only.

    `member_since`: the epoch of the connection that is a member; `unsure_since`: of one that may be.
    """

    session_id: str
    loop: asyncio.AbstractEventLoop
    wanted_by: int = 0
    member_since: int | None = None
    unsure_since: int | None = None
    known_as: str = ""
    lost: int = 0
    joining: tuple[int, int] | None = None
    last: asyncio.Task[None] | None = None
    pause: asyncio.Future[None] | None = None
    tasks: set[asyncio.Task[None]] = field(default_factory=set)


class Rooms:
    """The memberships of one client. `sleep` waits, as the client waits."""

    def __init__(
        self,
        link: Link,
        *,
        timeout: float = JOIN_TIMEOUT,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._link = link
        self._timeout = timeout
        self._sleep = sleep
        self._rooms: dict[str, _Room] = {}

    @property
    def count(self) -> int:
        """How many rooms are wanted or being left."""
        return len(self._rooms)

    @property
    def members(self) -> frozenset[str]:
        """The sessions whose room the present connection is a member of, as far as the daemon's answers say."""
        epoch = self._link.status.epoch
        return frozenset(room.session_id for room in self._rooms.values() if room.member_since == epoch)

    def want(self, session_id: str) -> None:
        """One more pipeline wants that session's events."""
        room = self._rooms.setdefault(session_id, _Room(session_id, asyncio.get_running_loop()))
        room.wanted_by += 1
        if room.pause is not None:
            room.pause.cancel()  # a leave waits for its next try, which would make this one wait too

    async def join(self, session_id: str) -> None:
        """Be a member on the present connection. Raises what the daemon answers: `NotFound` where it has no rooms."""
        room = self._rooms.get(session_id)
        if room is None or room.wanted_by <= 0:
            return  # released before this began: the leave has been said, and must stay the last word
        before = room.last
        now = (self._link.status.epoch, room.lost)
        if before is not None and not before.done() and before.get_name() == "join" and room.joining == now:
            await asyncio.shield(before)  # a join is on its way, on this connection and login: it is ours too
            return
        if (before is None or before.done()) and room.member_since == self._link.status.epoch:
            return
        room.joining = now
        joining = self._follow(room, "join", before)
        await asyncio.shield(joining)

    def forget(self, session_id: str) -> None:
        """The login ended and took the membership along, though the connection stayed (FeathersJS does so)."""
        room = self._rooms.get(session_id)
        if room is not None:
            room.member_since = room.unsure_since = None
            room.lost += 1

    def leave(self, session_id: str) -> None:
        """One pipeline less wants them. The last one leaves the room, after what is on its way."""
        room = self._rooms.get(session_id)
        if room is None:
            return
        room.wanted_by -= 1
        if room.wanted_by <= 0:
            self._follow(room, "leave", room.last)

    def _follow(self, room: _Room, name: str, before: asyncio.Task[None] | None) -> asyncio.Task[None]:
        step = self._join(room, before) if name == "join" else self._leave(room, before)
        # The last release may come when the loop does not run (a REPL): the leave goes out when it does.
        task = room.loop.create_task(step, name=name)
        room.last = task
        room.tasks.add(task)
        task.add_done_callback(room.tasks.discard)
        task.add_done_callback(_look)
        return task

    async def _join(self, room: _Room, before: asyncio.Task[None] | None) -> None:
        await _settled(before)
        epoch, lost = self._link.status.epoch, room.lost
        if room.wanted_by <= 0:
            return  # released while this waited
        if room.member_since == epoch:
            return  # the leave before this one found that the room is wanted
        try:
            answer: Any = await self._link.call(
                "create", SERVICE, {"session_id": room.session_id}, timeout=self._timeout
            )
        except (Forbidden, NotAuthenticated, NotFound):
            raise  # certainly no member
        except BaseException:
            if room.lost == lost and room.member_since != epoch:
                room.unsure_since = epoch
            raise
        named = answer.get("session_id") if isinstance(answer, dict) else None
        room.known_as = named if isinstance(named, str) and named else room.session_id
        if room.lost == lost:  # else the login ended while this was under way, and the membership with it
            room.member_since, room.unsure_since = epoch, None

    async def _leave(self, room: _Room, before: asyncio.Task[None] | None) -> None:
        await _settled(before)
        try:
            if self._is_over(room):
                await self._leave_until_confirmed(room)
        finally:
            # Only now: who wants the room meanwhile finds this one, and joins after the leave.
            if self._is_over(room) and self._rooms.get(room.session_id) is room:
                del self._rooms[room.session_id]

    def _is_over(self, room: _Room) -> bool:
        """Whether the leave that runs now is the last word."""
        return room.wanted_by <= 0 and room.last is asyncio.current_task()

    async def _leave_until_confirmed(self, room: _Room) -> None:
        epoch = self._link.status.epoch
        for attempt in range(1, _TRIES + 1):
            status = self._link.status
            # A membership ends with its connection.
            if status.epoch != epoch or not status.up or epoch not in (room.member_since, room.unsure_since):
                return
            room.member_since, room.unsure_since = None, epoch  # until it is answered, it is one or the other
            lost = room.lost
            try:
                await self._link.call("remove", SERVICE, room.known_as or room.session_id, timeout=self._timeout)
            except (Forbidden, NotAuthenticated, NotFound):
                room.unsure_since = None
                return
            except AgorError as error:
                _log.debug("the room of session %s was not left: %s", room.session_id, error)
                if attempt == _TRIES or room.lost != lost:
                    return
                await self._pause(room, _LEAVING.delay(attempt, no_jitter))
                if not self._is_over(room):
                    return
            else:
                room.unsure_since = None
                return

    async def _pause(self, room: _Room, seconds: float) -> None:
        room.pause = asyncio.ensure_future(self._sleep(seconds))
        try:
            await asyncio.wait([room.pause])
        finally:
            room.pause.cancel()
            room.pause = None

    async def close(self) -> None:
        """Forget every room. The link is closed next, which ends every membership: a leave is sent, but its answer,
        which a daemon that hangs never gives, is not waited for."""
        tasks = [task for room in self._rooms.values() for task in room.tasks]
        if tasks:
            await asyncio.sleep(0)  # leaves that are not sent yet
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._rooms.clear()


async def _settled(before: asyncio.Task[None] | None) -> None:
    if before is not None and not before.done():
        await asyncio.wait([before])


def _look(task: asyncio.Task[None]) -> None:
    """Take the outcome, so that asyncio does not complain of one nobody waited for."""
    if not task.cancelled():
        task.exception()
