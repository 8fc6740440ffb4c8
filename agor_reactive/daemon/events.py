"""What the daemon tells the world, and to whom.

A publication is a fact with an audience; the socket side delivers it. Nothing here knows sockets or rows.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

__all__ = ["MESSAGE_EVENTS", "STREAM_EVENTS", "TASK_EVENTS", "Bus", "Publication"]

MESSAGE_EVENTS = frozenset(
    {
        "created", "updated", "patched", "removed", "queued",
        "streaming:start", "streaming:chunk", "streaming:end", "streaming:error",
        "thinking:start", "thinking:chunk", "thinking:end", "permission_resolved",
    }
)  # fmt: skip
TASK_EVENTS = frozenset(
    {
        "created", "updated", "patched", "removed", "queued",
        "failed", "tool:start", "tool:complete", "thinking:chunk",
    }
)  # fmt: skip
STREAM_EVENTS = frozenset(
    {
        "messages streaming:start", "messages streaming:chunk", "messages streaming:end", "messages streaming:error",
        "messages thinking:start", "messages thinking:chunk", "messages thinking:end",
        "tasks tool:start", "tasks tool:complete", "tasks thinking:chunk",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Publication:
    """One event on its way out. `room` is a session id when `audience` is "room"."""

    name: str
    payload: Any
    audience: Literal["authenticated", "everyone", "room"] = "authenticated"
    room: str | None = None


class Bus:
    """Publishes in call order; the sink must not block and must not raise."""

    def __init__(self, *, rooms: bool) -> None:
        self._rooms = rooms
        self._sink: Callable[[Publication], None] | None = None

    def deliver_to(self, sink: Callable[[Publication], None]) -> None:
        self._sink = sink

    def publish(self, name: str, payload: Any) -> None:
        """To every authenticated socket; stream events only to the session's room where the era has rooms."""
        if self._rooms and name in STREAM_EVENTS and isinstance(payload, dict):
            self._send(Publication(name, payload, "room", str(payload.get("session_id"))))
        else:
            self._send(Publication(name, payload))

    def row(self, service: str, verb: str, row: Any) -> None:
        """A row event behind its nameless twin, as every write through the base adapter is told."""
        self.twin(verb)
        self.publish(f"{service} {verb}", row)

    def twin(self, verb: str) -> None:
        """The nameless event with a null payload."""
        self._send(Publication(verb, None))

    def broadcast(self, name: str, payload: Any) -> None:
        """To every socket, logged in or not."""
        self._send(Publication(name, payload, "everyone"))

    def _send(self, publication: Publication) -> None:
        if self._sink is not None:
            self._sink(publication)
