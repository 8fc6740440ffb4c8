"""`observe`: keeps a trait of any widget equal to a value selected from a session's state."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from agor_reactive.adapters.page.publisher import run_on_loop
from agor_reactive.adapters.page.throttle import INTERVAL, Throttle, Timers
from agor_reactive.core.snapshot import SessionState
from agor_reactive.session.handles import SessionHandle, checked_handle

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
    """Set ``widget.<trait>`` to ``select(state)``, now and whenever it differs; returns the undo.

    At most once in `interval` seconds; the last value is always set. Ends when the widget is closed. An exception of
    `select` or the widget is reported once and ends nothing. Show text of models in widgets for text (`Label`, `Text`),
    not in `HTML`.

    >>> observe(handle, progress, lambda state: len(state.tasks))      # doctest: +SKIP
    """
    handle = checked_handle(handle, "observe")
    shared = handle.entry
    newest = [handle.state]
    last: list[Any] = []
    undo: list[Callable[[], None]] = []

    def update() -> None:
        if getattr(widget, "comm", True) is None:
            stop()
            return
        value = select(newest[0])
        if not last or (last[0] is not value and last[0] != value):
            last[:] = [value]
            setattr(widget, trait, value)

    throttle = Throttle(update, timers or shared.loop, interval=interval)

    def show(state: SessionState) -> None:
        newest[0] = state
        throttle.request()

    def stop() -> None:
        throttle.cancel()
        if undo:
            undo.pop()()

    def start() -> None:
        undo.append(handle.subscribe(show))

    run_on_loop(shared.loop, start)
    return lambda: run_on_loop(shared.loop, stop)
