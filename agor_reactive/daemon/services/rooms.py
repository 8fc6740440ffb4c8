"""Session rooms of today's daemon: a session's stream events go to the sockets in its room."""

from __future__ import annotations

from agor_reactive.daemon.context import DaemonContext
from agor_reactive.daemon.faults import bad_request
from agor_reactive.daemon.services.base import Call, Connection, Service
from agor_reactive.daemon.store import Row

__all__ = ["SessionStreams"]


class SessionStreams(Service):
    """Joins and leaves session rooms, over the socket only. A membership ends with its connection."""

    path = "session-streams"

    def __init__(self, context: DaemonContext) -> None:
        self._context = context

    def create(self, data: Row, call: Call) -> Row:
        """Join a session's room; the answer has the full id. With `capability` alone: stop copies of own sessions."""
        connection = _socket(call)
        if data.get("capability") is True:
            connection.announce_capability()
            if not data.get("session_id"):
                return {"session_id": "", "subscribed": False}
        if not data.get("session_id"):
            raise bad_request("session_id is required")
        session_id = self._context.sessions.get(data["session_id"])["session_id"]
        connection.join(session_id)
        return {"session_id": session_id, "subscribed": True}

    def remove(self, session_id: str | None, call: Call) -> Row:
        """Leave a room, by the full session id. Idempotent, also for a removed session."""
        connection = _socket(call)
        if session_id is None:
            raise bad_request("session_id is required")
        connection.leave(session_id)
        return {"session_id": session_id, "subscribed": False}


def _socket(call: Call) -> Connection:
    if call.connection is None:
        raise bad_request("session-streams works over a socket only")
    return call.connection
