"""Session rooms of newer daemons: only who joined a session hears its stream events."""

from __future__ import annotations

from agor_reactive.daemon.faults import bad_request, method_not_allowed
from agor_reactive.daemon.kernel import Kernel
from agor_reactive.daemon.services.base import Call, Service
from agor_reactive.daemon.store import Row

__all__ = ["SessionStreams"]


class SessionStreams(Service):
    path = "session-streams"

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel

    def create(self, data: Row, call: Call) -> Row:
        """Join; the answer names the full id whatever was asked with."""
        if call.connection is None:
            raise method_not_allowed("create", self.path)
        if not data.get("session_id"):
            raise bad_request("session_id is required")
        session_id = self._kernel.sessions.get(data["session_id"])["session_id"]
        call.connection.join(session_id)
        return {"session_id": session_id}

    def remove(self, session_id: str | None, call: Call) -> Row:
        """Leave, by the full id; leaving twice or a session that is gone is no fault."""
        if call.connection is None:
            raise method_not_allowed("remove", self.path)
        if session_id is None:
            raise bad_request("session_id is required")
        call.connection.leave(session_id)
        return {"session_id": session_id}
