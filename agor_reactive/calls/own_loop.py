"""The event loop that an asyncio object belongs to, and the one check that it is used there."""

from __future__ import annotations

import asyncio
import threading

from agor_reactive.errors import WrongLoop

__all__ = ["OwnLoop"]


class OwnLoop:
    """The event loop of one client and all that it makes: `loop`, of this thread, or that of the first `bind`."""

    __slots__ = ("_loop", "_thread")

    def __init__(self, loop: asyncio.AbstractEventLoop | None = None) -> None:
        self._loop = loop
        self._thread = threading.get_ident()

    def bind(self) -> None:
        """Belong to the running loop from now on. Raises `WrongLoop` if it belongs to another one already."""
        self.check()
        if self._loop is None:
            self._loop, self._thread = asyncio.get_running_loop(), threading.get_ident()

    def check(self) -> None:
        """Raise `WrongLoop` on another event loop, and on a thread without one.

        The loop's thread may use it while the loop does not run: a REPL runs its loop now and then.
        """
        if self._loop is None:
            return
        try:
            running = asyncio.get_running_loop()
        except RuntimeError:
            if self._thread != threading.get_ident():
                raise WrongLoop(
                    "This object belongs to the thread of its event loop; use agor_reactive.connect() across threads."
                ) from None
            return
        if running is not self._loop:
            raise WrongLoop("This object belongs to another event loop. Create one client per loop.")
