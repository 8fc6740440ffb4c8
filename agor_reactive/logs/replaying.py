"""Plays a log's states again in the rhythm they came in: `replay`."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from reactivex import Observable, abc
from reactivex.disposable import SerialDisposable
from reactivex.scheduler import CurrentThreadScheduler
from reactivex.scheduler.eventloop import AsyncIOScheduler

from agor_reactive.core.snapshot import SessionState
from agor_reactive.errors import UsageError
from agor_reactive.logs.log import Log

__all__ = ["replay"]


def replay(
    log: Log, session_id: str | None = None, *, speed: float = 1.0, scheduler: abc.SchedulerBase | None = None
) -> Observable[SessionState]:
    """An Observable of a session's states, each as long after the first as it was recorded; it completes after the
    last.

    `speed` 10 plays ten times as fast, ``math.inf`` without a pause. The first state comes with the subscription. On a
    running event loop it plays there; else on the calling thread, which it blocks. `scheduler`, or that of the
    subscription, takes the place of both: on a `VirtualTimeScheduler` an hour takes no time. Every subscription reads
    the files from the beginning. Raises `UsageError`, `NotFound` and `AmbiguousId` as `Log.states` does.
    """
    if not speed > 0:
        raise UsageError(f"speed is greater than 0, not {speed!r}")
    log.states(session_id)  # a wrong id fails here and not in the subscription

    def subscribe(
        observer: abc.ObserverBase[SessionState], given: abc.SchedulerBase | None = None
    ) -> abc.DisposableBase:
        chosen = scheduler or given or _scheduler()
        states = log.states(session_id)
        pending = SerialDisposable()
        first = next(states, None)
        if first is None:
            observer.on_completed()
            return pending
        begin, started = first[0], chosen.now

        def play(present: tuple[float, SessionState]) -> None:
            """Emit every state of this moment, then wait for the next."""
            at = present[0]
            while True:
                observer.on_next(present[1])
                if pending.is_disposed:
                    return
                following = _next(states, observer)
                if following is None:
                    return
                if speed < math.inf and following[0] > at:
                    break
                present = following
            due = started + timedelta(seconds=(following[0] - begin) / speed)
            pending.disposable = chosen.schedule_absolute(due, lambda *_: play(following))

        play(first)
        return pending

    return Observable(subscribe)


def _next(states: Iterator[tuple[float, SessionState]], observer: abc.ObserverBase[Any]) -> Any:
    """The next state with its time; None at the end, of which the observer is notified."""
    try:
        following = next(states, None)
    except Exception as error:  # noqa: BLE001 - handed to the observer
        observer.on_error(error)
        return None
    if following is None:
        observer.on_completed()
    return following


def _scheduler() -> abc.SchedulerBase:
    try:
        return AsyncIOScheduler(asyncio.get_running_loop())
    except RuntimeError:
        return CurrentThreadScheduler()
