"""The least that a mirror of many sessions does with a chunk of text: what the cost of fan-out is compared with.

A look-up of the session, a list of what has come in this turn of the loop, and at its end for each session that got
something a new stream, a new map, a new snapshot, and one call of a subscriber. Nothing else: chunks are in order and
of one message, no other event exists, nothing fails, nothing is released. No mirror that is right is this short: what
this costs over a thousand sessions beside one is what the shape of the work costs in CPython, not what our code adds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from benchmarks.measure import now
from benchmarks.mirror import TURN

__all__ = ["Least"]


class _Stream:
    __slots__ = ("chunks", "message_id", "sequence")

    def __init__(self, message_id: str, chunks: list[str], sequence: int) -> None:
        self.message_id, self.chunks, self.sequence = message_id, chunks, sequence


class _Snapshot:
    __slots__ = ("revision", "streams")

    def __init__(self, revision: int, streams: Mapping[str, _Stream]) -> None:
        self.revision, self.streams = revision, streams


class _Mirror:
    __slots__ = ("snapshot", "waiting")

    def __init__(self) -> None:
        self.snapshot = _Snapshot(0, {})
        self.waiting: list[dict[str, Any]] = []


class Least:
    """Mirrors of these sessions, each with a subscriber that counts."""

    def __init__(self, session_ids: Sequence[str]) -> None:
        self.mirrors = {session_id: _Mirror() for session_id in session_ids}
        self.notified = 0

    def _notify(self, snapshot: _Snapshot) -> None:
        self.notified += 1

    def run_frames(self, frames: Sequence[bytes]) -> int:
        """Process the chunks in these frames, a turn at a time. Returns the time in ns, without decoding."""
        taken = 0
        for at in range(0, len(frames), TURN):
            turn = [orjson.loads(frame) for frame in frames[at : at + TURN]]
            begun = now()
            self._run(turn)
            taken += now() - begun
        return taken

    def _run(self, turn: Sequence[tuple[str, dict[str, Any]]]) -> None:
        written: list[_Mirror] = []
        for _, payload in turn:
            mirror = self.mirrors[payload["session_id"]]
            if not mirror.waiting:
                written.append(mirror)
            mirror.waiting.append(payload)
        for mirror in written:
            self._fold(mirror)

    def _fold(self, mirror: _Mirror) -> None:
        waiting, mirror.waiting = mirror.waiting, []
        before = mirror.snapshot
        message_id = waiting[0]["message_id"]
        stream = before.streams.get(message_id)
        chunks, sequence = (stream.chunks, stream.sequence) if stream is not None else ([], -1)
        for payload in waiting:
            if payload["sequence"] == sequence + 1:
                sequence += 1
                chunks.append(payload["chunk"])
        # A message that ended has left, as in a real mirror: one at a time.
        mirror.snapshot = after = _Snapshot(
            before.revision + len(waiting), {message_id: _Stream(message_id, chunks, sequence)}
        )
        self._notify(after)
