"""From raw events to snapshots: parse, fold, keep the newest, notify once per loop tick.

`fold_events` does the same as an RxPY operator, for logs, tests and other streams of events.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from typing import Any

from reactivex import Observable, abc

from agor_reactive.core.fold import fold, fold_run, initial_state
from agor_reactive.core.parse import parse_payload
from agor_reactive.core.snapshot import SessionState
from agor_reactive.models.wire import EventRun, RawEvent
from agor_reactive.session.newest import NewestSubject
from agor_reactive.session.observers import EventSubject, OnListenerFailure
from agor_reactive.session.router import shown, unshared

__all__ = ["StateSubject", "fold_events"]


def fold_events(
    session_id: str, *, task_hydration: str = "lazy", state: SessionState | None = None
) -> Callable[[Observable[Any]], Observable[SessionState]]:
    """An RxPY operator: an Observable of `RawEvent` or core events in, an Observable of `SessionState` out.

    Emits one snapshot per event that changes something, from `state` on (default: nothing known). It parses and folds
    in one step, so that a pipeline over a log costs little more than the fold.

    >>> import reactivex
    >>> from agor_reactive.models import RawEvent
    >>> chunk = {"session_id": "s", "message_id": "m", "chunk": "Hi", "sequence": 0}
    >>> seen = []
    >>> _ = reactivex.of(RawEvent("messages streaming:chunk", chunk)).pipe(fold_events("s")).subscribe(seen.append)
    >>> seen[-1].streaming_messages["m"].text
    'Hi'
    """

    def operate(source: Observable[Any]) -> Observable[SessionState]:
        def subscribe(
            observer: abc.ObserverBase[SessionState], scheduler: abc.SchedulerBase | None = None
        ) -> abc.DisposableBase:
            current = state if state is not None else initial_state(session_id, task_hydration=task_hydration)

            def on_next(item: Any) -> None:
                nonlocal current
                event = parse_payload(item.topic, item.payload) if type(item) is RawEvent else item
                if event is not None:
                    after = fold(current, event)
                    if after is not current:
                        current = after
                        observer.on_next(after)

            return source.subscribe(on_next, observer.on_error, observer.on_completed, scheduler=scheduler)

        return Observable(subscribe)

    return operate


Moved = Callable[[SessionState, SessionState], None]
"""Called with the snapshots before and after."""


MOST_PENDING = 512
"""When so many events of one session are collected, they are folded at once, not on the tick."""

_AT_ONCE = frozenset({"sessions removed"})
"""Topics after which nothing is collected any more: what follows (fetches given up, callers rejected) cannot wait."""


class StateSubject(NewestSubject[SessionState]):
    """The newest snapshot of one session: `receive` takes an event of the wire into it.

    Events are collected and folded in one batch: on the loop's next tick, before listeners are notified, or earlier if
    `value` is read, an event of this process is folded, or `MOST_PENDING` are here. So `value` has every event received
    so far, except for a reader on another thread: that gets the whole snapshot of the last batch and folds nothing,
    because only the loop's thread writes.

    `events_to`, if there is one, gets each event at once. `moved` is called when more than rows and text has changed.
    """

    __slots__ = ("_moved", "_pending", "_thread", "events_to")

    def __init__(
        self,
        state: SessionState,
        loop: asyncio.AbstractEventLoop,
        on_failure: OnListenerFailure,
        moved: Moved = lambda before, after: None,
    ) -> None:
        super().__init__(state, loop, emitting="a snapshot of a session", on_failure=on_failure)
        self.events_to: EventSubject[RawEvent] | None = None
        self._moved = moved
        self._pending: list[Sequence[Any]] = []
        self._thread = threading.get_ident()

    def receive(self, events: EventRun, at: float) -> None:
        """Take events of this session, whose payloads are only its own, received at that time. Hot path."""
        if self.events_to is not None and len(events) > 1:
            for number, event in enumerate(events):
                try:
                    self.receive((event,), at)
                except BaseException:  # a listener was interrupted: the rest comes on the next tick
                    asyncio.get_running_loop().call_soon(self.receive, events[number + 1 :], at)
                    raise
            return
        pending = self._pending
        pending += events
        if not self.waits:
            self.waits = True
            tick = self._tick
            if tick.waiting:
                tick.waiting[self] = None  # as `add` does, without a call: most sessions wait beside another
            else:
                tick.add(self)
        if len(pending) >= MOST_PENDING:
            self._fold_pending()
        else:
            for topic, _ in events:
                if topic in _AT_ONCE:
                    self._fold_pending()
                    break
        if self.events_to is not None:
            topic, payload = events[0]
            self.events_to.emit(shown(RawEvent(topic, payload, at), unshared(payload)))

    @property
    def value(self) -> SessionState:
        """The newest snapshot, with every event received so far; on another thread, that of the last batch."""
        if self._pending and threading.get_ident() == self._thread:
            self._fold_pending()
        return self._newest

    def _fold_pending(self) -> None:
        pending, before = self._pending, self._newest
        after = fold_run(before, pending)
        # Only now: events are not lost if an interrupt ends the fold.
        self._newest = after
        if self._pending is pending:
            self._pending = []
        base, was = after._base, before._base
        if base is not was and (base.books is not was.books or base.status is not was.status):
            self._moved(before, after)
