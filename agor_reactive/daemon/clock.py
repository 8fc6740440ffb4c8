"""Time and identity for the embedded daemon: what the hour is, how to wait, what the next id is.

Everything that would make two runs with one seed differ comes from here, so that a test can hand in its own. Secrets
(keys, signing secrets, passwords) do not: they come from `secrets` and are never seeded.
"""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from random import Random
from typing import Protocol
from uuid import UUID

__all__ = ["Clock", "Ids", "WallClock", "iso"]


class Clock(Protocol):
    """What the daemon asks of time."""

    def time(self) -> float:
        """Seconds since the epoch."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait that long on the running loop."""
        ...


class WallClock:
    """The machine's time and asyncio's own timers."""

    def time(self) -> float:
        return time.time()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


def iso(seconds: float) -> str:
    """`seconds` since the epoch the way the wire writes instants: UTC, milliseconds, a closing Z."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class Ids:
    """UUIDs of the kinds a daemon hands out, drawn from one seeded source.

    Rows get version 7 (time first, rising even within one millisecond); streamed messages version 4, because a real
    executor invents those itself.
    """

    def __init__(self, clock: Clock, rng: Random) -> None:
        self._clock = clock
        self._rng = rng
        self._last = 0

    def row(self) -> str:
        """A fresh id for a row, greater than every one before it."""
        millis = int(self._clock.time() * 1000)
        # 48 bits of time and 12 of counter make the ordered head; a burst within a millisecond counts upwards.
        head = max((millis << 12) | self._rng.getrandbits(10), self._last + 1)
        self._last = head
        bits = ((head >> 12) << 80) | (7 << 76) | ((head & 0xFFF) << 64) | (2 << 62) | self._rng.getrandbits(62)
        return str(UUID(int=bits))

    def stream(self) -> str:
        """A fresh id for a message that will be streamed before it is saved."""
        return str(UUID(int=self._rng.getrandbits(128), version=4))
