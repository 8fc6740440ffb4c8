"""`observe`: a trait of any widget kept equal to a slice of a session's state."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from agor_reactive.adapters.ipywidgets.pace import INTERVAL, Pace, Timers
from agor_reactive.core.snapshot import SessionState
from agor_reactive.session.handles import SessionHandle

__all__ = ["observe"]


def observe(
    handle: SessionHandle,
    widget: Any,
    select: Callable[[SessionState], Any],
    *,
    trait: str = "value",
    interval: float = INTERVAL,
    timers: Timers | None = None,
) -> Callable[[], None]:
    """Set ``widget.<trait>`` to ``select(state)``, now and whenever that differs; returns the undo.

    At most once in `interval` seconds, the last value always. Ends by itself when the widget is closed. What `select`
    or the widget raises is reported once and ends nothing. Text of others belongs into widgets that show text
    (`Label`, `Text`), not into `HTML`.

    >>> observe(handle, progress, lambda state: len(state.tasks))      # doctest: +SKIP
    """
    shared = handle.shared
    newest = [handle.state]
    seen: list[Any] = []
    undo: list[Callable[[], None]] = []

    def tell() -> None:
        if getattr(widget, "comm", True) is None:
            stop()
            return
        value = select(newest[0])
        if not seen or (seen[0] is not value and seen[0] != value):
            seen[:] = [value]
            setattr(widget, trait, value)

    pace = Pace(tell, timers or shared.loop, interval=interval)

    def show(state: SessionState) -> None:
        newest[0] = state
        pace.ask()

    def stop() -> None:
        pace.stop()
        if undo:
            undo.pop()()

    def begin() -> None:
        undo.append(handle.subscribe(show))

    def end() -> None:
        _on(shared.loop, stop)

    _on(shared.loop, begin)
    return end


def _on(loop: asyncio.AbstractEventLoop, deed: Callable[[], None]) -> None:
    try:
        here = asyncio.get_running_loop() is loop
    except RuntimeError:
        here = False
    if here:
        deed()
    elif not loop.is_closed():
        loop.call_soon_threadsafe(deed)
