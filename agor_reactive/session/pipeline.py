"""From raw events to snapshots: parse, fold, keep the newest, notify once per loop tick.

`fold_events` does the same as an RxPY operator, for logs, tests and other streams of events.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from reactivex import Observable, abc

from agor_reactive.core.fold import fold, initial_state
from agor_reactive.core.parse import OWN_TOPICS, parse_payload
from agor_reactive.core.snapshot import SessionState
from agor_reactive.models.wire import RawEvent
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


class StateSubject(NewestSubject[SessionState]):
    """The newest snapshot of one session: `receive` folds an event of the wire into it.

    `events_to`, if there is one, gets that event then. `moved` is called when more than rows and text has changed. What
    an event of one session among a thousand costs is mostly the memory it touches, so all that an event needs lies in
    slots here.
    """

    __slots__ = ("_moved", "events_to")

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

    def receive(self, raw: RawEvent) -> None:
        """Fold an event of this session. Hot path."""
        event = parse_payload(raw.topic, raw.payload, OWN_TOPICS)
        if event is not None:
            before = self.value
            after = fold(before, event)
            if after is not before:
                self.value = after
                if not self.waits and self.subscriptions:
                    self.waits = True
                    tick = self._tick
                    if tick.waiting:
                        tick.waiting[self] = None  # as `add` does, without a call: most sessions wait beside another
                    else:
                        tick.add(self)
                base, was = after._base, before._base
                if base is not was and (base.books is not was.books or base.status is not was.status):
                    self._moved(before, after)
        if self.events_to is not None:
            self.events_to.emit(shown(raw, unshared(raw)))
