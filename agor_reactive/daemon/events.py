"""The daemon's events, and their audiences.

A publication is an event with an audience; the socket side delivers it. Nothing here knows sockets or rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
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
    """One outgoing event. `session_id` is set when `audience` is "stream"."""

    name: str
    payload: Any
    audience: Literal["authenticated", "everyone", "stream"] = "authenticated"
    session_id: str | None = None


class Bus:
    """Publishes in call order; the sink must not block and must not raise.

    `handshake`: today's rules. Stream events have the audience "stream"; there are no unnamed twins, no events of
    custom routes, and no event reaches a socket that is not logged in.
    """

    def __init__(self, *, handshake: bool) -> None:
        self._handshake = handshake
        self._sink: Callable[[Publication], None] | None = None
        self._held: list[Publication] | None = None

    def deliver_to(self, sink: Callable[[Publication], None]) -> None:
        self._sink = sink

    def publish(self, name: str, payload: Any) -> None:
        """Publish to every authenticated socket; with `handshake`, stream events go to the audience of their
        session."""
        if self._handshake and name in STREAM_EVENTS:
            session_id = payload.get("session_id") if isinstance(payload, dict) else None
            self._send(Publication(name, payload, "stream", str(session_id)))
        else:
            self._send(Publication(name, payload))

    def row(self, service: str, verb: str, row: Any) -> None:
        """Publish a row event after its unnamed twin, as for every write through the base adapter."""
        self.twin(verb)
        self.publish(f"{service} {verb}", row)

    def twin(self, verb: str) -> None:
        """Publish the unnamed event with a null payload; none with `handshake`."""
        if not self._handshake:
            self._send(Publication(verb, None))

    def route(self, path: str, result: Any) -> None:
        """Publish the event of a custom route's create; none with `handshake`."""
        if not self._handshake:
            self.publish(f"{path} created", result)

    def broadcast(self, name: str, payload: Any) -> None:
        """Publish to every socket, logged in or not; with `handshake` an ordinary event."""
        self._send(Publication(name, payload, "authenticated" if self._handshake else "everyone"))

    @contextmanager
    def held(self) -> Iterator[list[Publication]]:
        """Collect the events published inside the block. `release` sends them later.

        The body must not await, or it would collect publications of other tasks.
        """
        held: list[Publication] = []
        self._held = held
        try:
            yield held
        finally:
            self._held = None

    def release(self, held: list[Publication]) -> None:
        for publication in held:
            self._send(publication)

    def _send(self, publication: Publication) -> None:
        if self._held is not None:
            self._held.append(publication)
        elif self._sink is not None:
            self._sink(publication)
