"""Limits how often a callback runs, and runs it once more after the last request. Knows only timers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

__all__ = ["INTERVAL", "Throttle", "Timers"]

INTERVAL = 0.1
"""Least seconds between two updates of a page."""


class Timers(Protocol):
    """What `Throttle` uses of an event loop."""

    def time(self) -> float: ...
    def call_later(self, delay: float, callback: Callable[[], None], /) -> asyncio.TimerHandle: ...


class Throttle:
    """Runs `callback` on request: at once if the last run is `interval` seconds ago, else when that time has passed."""

    def __init__(self, callback: Callable[[], None], timers: Timers, *, interval: float = INTERVAL) -> None:
        self.interval = interval
        self._callback = callback
        self._timers = timers
        self._last = float("-inf")
        self._timer: asyncio.TimerHandle | None = None

    def request(self) -> None:
        """Run the callback as soon as the interval allows."""
        if self._timer is None:
            wait = self._last + self.interval - self._timers.time()
            if wait <= 0:
                self._run()
            else:
                self._timer = self._timers.call_later(wait, self._run)

    def _run(self) -> None:
        self.cancel()
        self._last = self._timers.time()
        self._callback()

    def cancel(self) -> None:
        """Drop a pending request."""
        timer, self._timer = self._timer, None
        if timer is not None:
            timer.cancel()
