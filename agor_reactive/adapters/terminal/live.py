"""Follows a session on the screen of a terminal: at most ten paints a second; the last snapshot is always painted."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Callable
from typing import Protocol, Self

from rich.console import Console
from rich.live import Live
from rich.text import Text

from agor_reactive.adapters.terminal.layout import Layouts
from agor_reactive.adapters.terminal.lines import LineView
from agor_reactive.adapters.terminal.view import SessionView
from agor_reactive.core.snapshot import SessionState

__all__ = ["LiveView", "View", "follow"]

INTERVAL = 0.1
"""Least seconds between two paints."""


class View(Protocol):
    """Follows a session: a context manager that is given snapshots."""

    def __enter__(self) -> Self: ...
    def __exit__(self, *_: object) -> None: ...
    def show(self, state: SessionState) -> None: ...


def follow(console: Console, *, hint: str = "") -> View:
    """Return the view for the console: the whole screen of a terminal, else plain lines."""
    if console.is_terminal and not console.is_dumb_terminal:
        return LiveView(console, hint=hint)
    return LineView(console)


class LiveView:
    """Shows the newest snapshot on the whole screen. On exit it restores the screen and prints the last snapshot.

    Pass `show` to `handle.subscribe`, on the event loop. It paints at once if the last paint is `interval` seconds ago,
    else when that time has passed. The exit prints the whole session, newest lines last.
    """

    def __init__(self, console: Console, *, hint: str = "", interval: float = INTERVAL) -> None:
        self._console = console
        self._hint = hint
        self._keep_hint = False
        self._interval = interval
        self._layouts = Layouts()
        self._live: Live | None = None
        self._state: SessionState | None = None
        self._released = False
        self._painted: SessionState | None = None
        self._painted_at = float("-inf")
        self._timer: asyncio.TimerHandle | None = None
        self._unwatch_size: Callable[[], object] = lambda: None
        self.painted = 0

    def __enter__(self) -> Self:
        self._live = Live(Text(), console=self._console, screen=True, auto_refresh=False)
        self._live.start()
        self._watch_size()
        return self

    def __exit__(self, *_: object) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._unwatch_size()
        live, self._live = self._live, None
        if live is not None:
            live.stop()
        if self._state is not None:
            self._console.print(SessionView(self._state, layouts=self._layouts, released=self._released), end="")

    def show(self, state: SessionState) -> None:
        """Paint a newer snapshot, as soon as the interval allows."""
        if state.status.disposed and self._state is not None:
            # The snapshot of a released handle is empty: show the one before, as released.
            self._released = True
            self._painted = None
        else:
            self._state = state
        self._soon()

    def say(self, hint: str) -> None:
        """Show another hint on the last line, from now on below the notes, too."""
        self._keep_hint = True
        if hint != self._hint:
            self._hint = hint
            self._painted = None
            self._soon()

    def _soon(self) -> None:
        if self._live is None or self._timer is not None:
            return
        loop = asyncio.get_running_loop()
        wait = self._painted_at + self._interval - loop.time()
        if wait <= 0:
            self._paint()
        else:
            self._timer = loop.call_later(wait, self._paint)

    def _watch_size(self) -> None:
        """Paint again when the window is resized, also without new snapshots."""
        resized = getattr(signal, "SIGWINCH", None)
        if resized is not None:
            # Only the main thread's loop can handle signals; elsewhere the next snapshot is painted in the new size.
            with contextlib.suppress(RuntimeError, ValueError, NotImplementedError):
                loop = asyncio.get_running_loop()
                loop.add_signal_handler(resized, self._resize)
                self._unwatch_size = lambda: loop.remove_signal_handler(resized)

    def _resize(self) -> None:
        self._painted = None
        if self._timer is None:
            self._paint()

    def _paint(self) -> None:
        self._timer = None
        state = self._state
        if self._live is None or state is None or state is self._painted:
            return
        self._painted = state
        self.painted += 1
        size = self._console.size
        view = SessionView(
            state,
            height=size.height,
            hint=self._hint,
            keep_hint=self._keep_hint,
            layouts=self._layouts,
            released=self._released,
        )
        self._live.update(view, refresh=True)
        # Measured from the end of the paint, so that a slow terminal gets the same pause.
        self._painted_at = asyncio.get_running_loop().time()
