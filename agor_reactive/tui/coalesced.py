"""Paints at most so often, and always what is newest: thousands of chunks cost as many paints as fit, and keys wait for
one paint at most."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from textual.message_pump import MessagePump

__all__ = ["Coalesced"]

INTERVAL = 0.08
"""Least seconds between the end of a paint and the next one."""


class Coalesced:
    """Calls `paint` in the message loop of a widget, soon after `ask`. `paint` may be asked for on any tick."""

    def __init__(self, owner: MessagePump, paint: Callable[[], object], *, interval: float = INTERVAL) -> None:
        self._owner = owner
        self._paint = paint
        self._interval = interval
        self._asked = False
        self._ended = float("-inf")
        self.painted = 0

    def ask(self) -> None:
        """Ask for a paint; while one is due, this does nothing."""
        if self._asked:
            return
        self._asked = True
        loop = asyncio.get_running_loop()
        wait = self._ended + self._interval - loop.time()
        if wait > 0:
            # A timer of textual can be made in the context of its app only; snapshots come in the client's.
            loop.call_later(wait, self._owner.call_later, self._run)
        else:
            self._owner.call_later(self._run)

    def _run(self) -> None:
        self._asked = False
        self.painted += 1
        self._paint()
        self._ended = asyncio.get_running_loop().time()
