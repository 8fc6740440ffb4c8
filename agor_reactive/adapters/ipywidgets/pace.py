"""Doing something at most so often, and once more after the last time it was asked for. Knows an event loop only."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

__all__ = ["INTERVAL", "Pace", "Timers"]

INTERVAL = 0.1
"""Seconds between two updates of a page, at least."""


class Timers(Protocol):
    """What is used of an event loop."""

    def time(self) -> float: ...
    def call_later(self, delay: float, callback: Callable[[], None], /) -> asyncio.TimerHandle: ...


class Pace:
    """Calls `deed` when asked to, at once if the last time is `interval` seconds ago, else when that time is over."""

    def __init__(self, deed: Callable[[], None], timers: Timers, *, interval: float = INTERVAL) -> None:
        self.interval = interval
        self._deed = deed
        self._timers = timers
        self._last = float("-inf")
        self._timer: asyncio.TimerHandle | None = None

    def ask(self) -> None:
        """Something is new."""
        if self._timer is None:
            wait = self._last + self.interval - self._timers.time()
            if wait <= 0:
                self.now()
            else:
                self._timer = self._timers.call_later(wait, self.now)

    def now(self) -> None:
        """Do it now."""
        self.stop()
        self._last = self._timers.time()
        self._deed()

    def stop(self) -> None:
        """Forget what was asked for."""
        timer, self._timer = self._timer, None
        if timer is not None:
            timer.cancel()
