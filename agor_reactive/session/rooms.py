"""Membership in the rooms of sessions: newer daemons send stream events only to sockets that joined.

One membership per session and connection, however many pipelines want it. Joins and leaves of one session go out one
after the other, so that the last word is the right one. Facts of the wire: ``create session-streams {session_id}``
answers the full id; ``remove session-streams <full id>`` leaves; older daemons have no such service and send everything
to everyone.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

from agor_reactive.errors import AgorError
from agor_reactive.transport.seam import Link

__all__ = ["JOIN_TIMEOUT", "Rooms"]

JOIN_TIMEOUT = 5.0
"""Seconds to wait for a join to be acknowledged before reading without it."""

SERVICE = "session-streams"


@dataclass(slots=True, eq=False)
class _Room:
    """One session's membership. Written by `Rooms` only."""

    session_id: str
    wanted_by: int = 0
    member_since: int | None = None
    known_as: str = ""
    lost: int = 0
    joining: tuple[int, int] | None = None
    last: asyncio.Task[None] | None = None
    tasks: set[asyncio.Task[None]] = field(default_factory=set)


class Rooms:
    """The memberships of one client."""

    def __init__(self, link: Link, *, timeout: float = JOIN_TIMEOUT) -> None:
        self._link = link
        self._timeout = timeout
        self._rooms: dict[str, _Room] = {}
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def count(self) -> int:
        """How many rooms are wanted or being left."""
        return len(self._rooms)

    def want(self, session_id: str) -> None:
        """One more pipeline wants that session's events."""
        self._loop = asyncio.get_running_loop()
        self._rooms.setdefault(session_id, _Room(session_id)).wanted_by += 1

    async def join(self, session_id: str) -> None:
        """Be a member on the present connection. Raises what the daemon answers: `NotFound` where it has no rooms."""
        room = self._rooms.setdefault(session_id, _Room(session_id))
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
            room.member_since = None
            room.lost += 1

    def leave(self, session_id: str) -> None:
        """One pipeline less wants them. The last one leaves the room, after whatever is on its way."""
        room = self._rooms.get(session_id)
        if room is None:
            return
        room.wanted_by -= 1
        if room.wanted_by <= 0:
            self._follow(room, "leave", room.last)

    def _follow(self, room: _Room, name: str, before: asyncio.Task[None] | None) -> asyncio.Task[None]:
        step = self._join(room, before) if name == "join" else self._leave(room, before)
        # The last release may come when the loop does not run (a REPL): the leave goes out when it does.
        task = (self._loop or asyncio.get_running_loop()).create_task(step, name=name)
        room.last = task
        room.tasks.add(task)
        task.add_done_callback(room.tasks.discard)
        task.add_done_callback(_look)
        return task

    async def _join(self, room: _Room, before: asyncio.Task[None] | None) -> None:
        await _settled(before)
        epoch, lost = self._link.status.epoch, room.lost
        answer: Any = await self._link.call("create", SERVICE, {"session_id": room.session_id}, timeout=self._timeout)
        named = answer.get("session_id") if isinstance(answer, dict) else None
        room.known_as = named if isinstance(named, str) and named else room.session_id
        if room.lost == lost:  # else the login ended while this was under way, and the membership with it
            room.member_since = epoch

    async def _leave(self, room: _Room, before: asyncio.Task[None] | None) -> None:
        await _settled(before)
        if room.wanted_by > 0:
            # Somebody came meanwhile; its join, if it made one, comes after this leave.
            if room.last is asyncio.current_task():
                return
        elif self._rooms.get(room.session_id) is room and room.last is asyncio.current_task():
            del self._rooms[room.session_id]
        status = self._link.status
        if room.member_since != status.epoch or not status.up:
            return
        room.member_since = None
        try:
            await self._link.call("remove", SERVICE, room.known_as, timeout=self._timeout)
        except AgorError:
            # The connection may be gone, and the membership with it; or the daemon did not answer. Nobody is left to
            # tell, and nothing more can be done than to have asked.
            return

    async def close(self) -> None:
        """Wait for leaves on their way; then forget."""
        tasks = [task for room in self._rooms.values() for task in room.tasks]
        if tasks:
            await asyncio.wait(tasks, timeout=self._timeout)
        for task in tasks:
            task.cancel()
        self._rooms.clear()


async def _settled(before: asyncio.Task[None] | None) -> None:
    if before is not None and not before.done():
        await asyncio.wait([before])


def _look(task: asyncio.Task[None]) -> None:
    """Take the outcome, so that asyncio does not complain of one nobody waited for."""
    if not task.cancelled():
        task.exception()
