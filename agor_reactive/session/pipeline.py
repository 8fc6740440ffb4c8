"""From raw events to snapshots: parse, fold, keep the latest, tell once per loop tick.

`fold_events` is the same as an RxPY operator, for logs, tests and streams of one's own.
"""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import Callable
from typing import Any

from reactivex import Observable, abc
from reactivex.disposable import Disposable

from agor_reactive.core.fold import fold, initial_state
from agor_reactive.core.parse import OWN_TOPICS, parse_payload
from agor_reactive.core.snapshot import SessionState
from agor_reactive.models.wire import RawEvent
from agor_reactive.session.observers import EventSubject, ListenerFailure, OnListenerFailure, name_of
from agor_reactive.session.router import shown, unshared

__all__ = ["StateSubject", "Subscription", "fold_events"]


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


class Subscription:
    """One who is told of snapshots. Calling it, or `dispose`, ends that; twice changes nothing."""

    __slots__ = ("_subject", "_tell", "_told", "on_completed", "reported")

    def __init__(
        self, subject: StateSubject, tell: Callable[[SessionState], Any], on_completed: Callable[[], Any] | None
    ) -> None:
        self._subject: StateSubject | None = subject
        self._tell = tell
        self._told = -1
        self.on_completed = on_completed
        self.reported = False

    def tell(self, state: SessionState) -> None:
        """Tell of `state`, unless it, or a later one, has been told, or nobody listens any more."""
        subject = self._subject
        revision = state._revision
        if subject is None or revision <= self._told:
            return
        self._told = revision
        try:
            self._tell(state)
        except Exception as error:  # noqa: BLE001 - a subscriber's failure is reported once and harms nobody
            self._report(subject, error)

    def complete(self) -> None:
        """Tell that no more comes."""
        subject, self._subject = self._subject, None
        if subject is not None and self.on_completed is not None:
            try:
                self.on_completed()
            except Exception as error:  # noqa: BLE001 - as above
                self._report(subject, error)

    def _report(self, subject: StateSubject, error: Exception) -> None:
        if not self.reported:
            self.reported = True
            subject.on_failure(ListenerFailure(error, "a snapshot of a session", name_of(self._tell)))

    def dispose(self) -> None:
        """Be told no more."""
        subject, self._subject = self._subject, None
        if subject is not None:
            subject.forget(self)

    __call__ = dispose


class _Tick:
    """Who is to be told on a loop's next tick: one callback on the loop, however many sessions moved."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        # Weak, since the loop is this tick's key: kept by it, it would never go.
        self._loop = weakref.ref(loop)
        self.waiting: dict[StateSubject, None] = {}
        self._scheduled: asyncio.Handle | None = None

    def add(self, subject: StateSubject) -> None:
        """Tell its subscribers on the next tick."""
        if not self.waiting:
            loop = self._loop()
            if loop is not None:
                self._scheduled = loop.call_soon(self._tell)
        self.waiting[subject] = None

    def remove(self, subject: StateSubject) -> None:
        """They need not be told any more."""
        self.waiting.pop(subject, None)
        if not self.waiting and self._scheduled is not None:
            self._scheduled.cancel()
            self._scheduled = None

    def _tell(self) -> None:
        self._scheduled = None
        waiting, self.waiting = self.waiting, {}
        try:
            for subject in waiting:
                subject.waits = False
                state = subject.value
                for subscription in subject.subscriptions:
                    subscription.tell(state)
        except BaseException:  # an interrupt, or the hook for failures failed: the others still have their turn
            for other in waiting:
                if other.waits:
                    self.add(other)
            raise


_ticks: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, _Tick] = weakref.WeakKeyDictionary()


def _tick_of(loop: asyncio.AbstractEventLoop) -> _Tick:
    tick = _ticks.get(loop)
    if tick is None:
        tick = _ticks[loop] = _Tick(loop)
    return tick


Moved = Callable[[SessionState, SessionState], None]
"""Is told the snapshot before and after when more has changed than rows and text."""


class StateSubject(Observable[SessionState]):
    """The newest snapshot, and those who want to be told of it: at most once per loop tick, in rising revision.

    As an Observable it gives a new observer the current snapshot at once, then each newest one. `receive` folds an
    event of the wire into it; `heard`, if there is one, is told of that event then.

    What an event of one session among a thousand costs is mostly the memory it touches: so all that it needs of its
    session lies here, in slots.
    """

    __slots__ = ("_completed", "_moved", "_tick", "heard", "on_failure", "subscriptions", "value", "waits")

    def __init__(
        self,
        state: SessionState,
        loop: asyncio.AbstractEventLoop,
        on_failure: OnListenerFailure,
        moved: Moved = lambda before, after: None,
    ) -> None:
        super().__init__()
        self.value = state
        self.heard: EventSubject[RawEvent] | None = None
        self.on_failure = on_failure
        self._moved = moved
        self._tick = _tick_of(loop)
        self.waits = False
        self.subscriptions: tuple[Subscription, ...] = ()
        self._completed = False

    def receive(self, raw: RawEvent) -> None:
        """An event of this session. Hot path."""
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
                        tick.waiting[self] = None  # as `add` does; most sessions wait beside another
                    else:
                        tick.add(self)
                base, was = after._base, before._base
                if base is not was and (base.books is not was.books or base.status is not was.status):
                    self._moved(before, after)
        if self.heard is not None:
            self.heard.emit(shown(raw, unshared(raw)))

    @property
    def subscription_count(self) -> int:
        """How many are told."""
        return len(self.subscriptions)

    def put(self, state: SessionState) -> None:
        """Here is a newer snapshot; whoever listens is told on the next tick, of the newest there is then."""
        self.value = state
        if not self.waits and self.subscriptions:
            self.waits = True
            self._tick.add(self)

    def add(self, tell: Callable[[SessionState], Any], on_completed: Callable[[], Any] | None = None) -> Subscription:
        """Tell of the current snapshot at once, and of each newest one from now on."""
        subscription = Subscription(self, tell, on_completed)
        if self._completed:
            if on_completed is not None:
                on_completed()
            return subscription
        self.subscriptions = (*self.subscriptions, subscription)
        subscription.tell(self.value)
        return subscription

    def move_to(self, other: StateSubject) -> None:
        """Hand every subscription over to another session's line of snapshots."""
        moving, self.subscriptions = self.subscriptions, ()
        for subscription in moving:
            subscription._subject = other
            subscription._told = -1
        other.subscriptions = (*other.subscriptions, *moving)
        for subscription in moving:
            subscription.tell(other.value)
        self._cancel()

    def forget(self, subscription: Subscription) -> None:
        """Tell that one no more."""
        self.subscriptions = tuple(other for other in self.subscriptions if other is not subscription)

    def _cancel(self) -> None:
        if self.waits:
            self.waits = False
            self._tick.remove(self)

    def complete(self, last: SessionState) -> None:
        """Hand over `last`, then say that no more come, then let go of everybody.

        `last` is the snapshot before the session was let go of: nobody is handed the emptied one that `value` is now.
        """
        if self._completed:
            return
        self._completed = True
        self._cancel()
        for subscription in self.subscriptions:
            subscription.tell(last)
        ending, self.subscriptions = self.subscriptions, ()
        for subscription in ending:
            subscription.complete()

    def _subscribe_core(
        self, observer: abc.ObserverBase[SessionState], scheduler: abc.SchedulerBase | None = None
    ) -> abc.DisposableBase:
        return Disposable(self.add(observer.on_next, observer.on_completed).dispose)
