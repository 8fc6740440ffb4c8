"""Time and ids of the embedded daemon: the clock, sleeping, and the next id.

Everything that would make two runs with one seed differ comes from here, so that a test can replace it. Secrets (keys,
signing secrets, passwords) come from the module `secrets` and are never seeded.
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
    """The daemon's interface to time."""

    def time(self) -> float:
        """Seconds since the epoch."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Sleep on the running loop, in seconds."""
        ...


class WallClock:
    """The system's time and asyncio's timers."""

    def time(self) -> float:
        return time.time()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


def iso(seconds: float) -> str:
    """Format epoch seconds as on the wire: UTC, milliseconds, ``Z``."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class Ids:
    """UUIDs as a daemon creates them, from one seeded source.

    Rows get version 7 (time first, increasing even within one millisecond); streamed messages version 4, because a real
    executor creates those.
    """

    def __init__(self, clock: Clock, rng: Random) -> None:
        self._clock = clock
        self._rng = rng
        self._last = 0

    def row(self) -> str:
        """Create an id for a row, greater than all previous ones."""
        millis = int(self._clock.time() * 1000)
        # The ordered head has 48 bits of time and a 12-bit counter, which increases within a millisecond.
        head = max((millis << 12) | self._rng.getrandbits(10), self._last + 1)
        self._last = head
        bits = ((head >> 12) << 80) | (7 << 76) | ((head & 0xFFF) << 64) | (2 << 62) | self._rng.getrandbits(62)
        return str(UUID(int=bits))

    def stream(self) -> str:
        """Create an id for a message that is streamed before it is saved."""
        return str(UUID(int=self._rng.getrandbits(128), version=4))
