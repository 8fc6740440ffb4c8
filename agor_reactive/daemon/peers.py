"""One Socket.IO connection: who it is, when that ends, which audiences it belongs to.

Joining and leaving goes through the outbox, so that an event which was decided before reaches the old audience.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, Protocol

import socketio

from agor_reactive.daemon.user_directory import Identity

__all__ = ["LOGGED_IN", "SERVICES", "Peer", "owner_room", "session_room"]

LOGGED_IN = "authenticated"
SERVICES = "services"


class Outbox(Protocol):
    """What a peer needs of all the sockets."""

    server: socketio.AsyncServer

    def later(self, job: Callable[[], Awaitable[Any]]) -> None:
        """Do something in the order of what leaves."""
        ...

    def kick_at(self, peer: Peer, when: float) -> asyncio.TimerHandle:
        """Cut the peer when the time comes, in seconds since the epoch."""
        ...


class Peer:
    """A connection. `identity` is None until it is logged in."""

    def __init__(self, outbox: Outbox, sid: str, engine_sid: str) -> None:
        self._outbox = outbox
        self.sid = sid
        self.engine_sid = engine_sid
        self.address = ""
        self.identity: Identity | None = None
        self.auth_result: dict[str, Any] | None = None
        self._rooms: set[str] = set()
        self._expiry: asyncio.TimerHandle | None = None

    def admit(self, identity: Identity) -> None:
        """Accept the identity of a handshake: events flow at once, and only service tokens are cut at their end."""
        self.identity = identity
        if identity.service and identity.expires_at is not None:
            self._expiry = self._outbox.kick_at(self, identity.expires_at)
        self._enter(LOGGED_IN)
        self._enter(SERVICES if identity.service else owner_room(identity.user["user_id"]))

    def login(self, identity: Identity, result: dict[str, Any]) -> None:
        """Accept a login on the connected socket; the socket is cut when the token ends."""
        self.forget_expiry()
        self.identity = identity
        self.auth_result = result
        if identity.expires_at is not None:
            self._expiry = self._outbox.kick_at(self, identity.expires_at)
        self._enter(LOGGED_IN)

    def logout(self) -> None:
        self.forget_expiry()
        self.identity = None
        self.auth_result = None
        for room in list(self._rooms):
            self._exit(room)

    def join(self, session_id: str) -> None:
        self._enter(session_room(session_id))

    def leave(self, session_id: str) -> None:
        self._exit(session_room(session_id))

    def announce_capability(self) -> None:
        """From now on stream events come for joined sessions only, not for all that the user owns."""
        if self.identity is not None:
            self._exit(owner_room(self.identity.user["user_id"]))

    def forget_expiry(self) -> None:
        if self._expiry is not None:
            self._expiry.cancel()
            self._expiry = None

    def _enter(self, room: str) -> None:
        self._rooms.add(room)
        self._outbox.later(partial(self._outbox.server.enter_room, self.sid, room))

    def _exit(self, room: str) -> None:
        self._rooms.discard(room)
        self._outbox.later(partial(self._outbox.server.leave_room, self.sid, room))


def session_room(session_id: str) -> str:
    """Where the stream events of a session go."""
    return f"session/{session_id}"


def owner_room(user_id: str) -> str:
    """Where copies of stream events go for sockets that know no rooms."""
    return f"owner/{user_id}"
