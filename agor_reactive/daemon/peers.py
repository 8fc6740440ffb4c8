"""One Socket.IO connection: its user, its expiry, and its audiences.

Joins and leaves go through the outbox, so that an earlier event still reaches the old audience.
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
    """The interface of the sockets that a peer uses."""

    server: socketio.AsyncServer

    def later(self, job: Callable[[], Awaitable[Any]]) -> None:
        """Queue an action in the outgoing order."""
        ...

    def kick_at(self, peer: Peer, when: float) -> asyncio.TimerHandle:
        """Disconnect the peer at a time, in epoch seconds."""
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
        """Accept a handshake's identity: events flow at once, and only service tokens are disconnected at expiry."""
        self.identity = identity
        if identity.service and identity.expires_at is not None:
            self._expiry = self._outbox.kick_at(self, identity.expires_at)
        self._enter(LOGGED_IN)
        self._enter(SERVICES if identity.service else owner_room(identity.user["user_id"]))

    def login(self, identity: Identity, result: dict[str, Any]) -> None:
        """Accept a login on the connected socket, which is disconnected when the token expires."""
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
        """Send stream events for joined sessions only, no longer for all sessions that the user owns."""
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
    """The room for a session's stream events."""
    return f"session/{session_id}"


def owner_room(user_id: str) -> str:
    """The room for copies of stream events, for sockets that do not join session rooms."""
    return f"owner/{user_id}"
