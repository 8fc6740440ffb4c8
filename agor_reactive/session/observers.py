"""Notifies listeners so that none can harm another: the one guarded way to publish events, snapshots and rows.

A listener that raises, unsubscribes itself or changes what it listens to while it is called does not affect the other
listeners or the producer. Its first failure is reported through a hook.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from reactivex import Observable, abc
from reactivex.disposable import Disposable

from agor_reactive.calls.own_loop import OwnLoop

__all__ = ["EventSubject", "GuardedSubject", "ListenerFailure", "OnListenerFailure", "Subscription", "log_failure"]

T = TypeVar("T")

_log = logging.getLogger("agor_reactive")

_WHATEVER_A_LISTENER_RAISES = (Exception, asyncio.CancelledError, GeneratorExit)
"""What is kept from the producer and from other listeners. A `CancelledError` that a listener raises (it asked a
cancelled future for its result) is not a cancellation of the task that notifies it."""


@dataclass(frozen=True, slots=True)
class ListenerFailure:
    """A listener raised `error`. `emitting` says what was published, `listener` names the callback."""

    error: BaseException
    emitting: str
    listener: str


OnListenerFailure = Callable[[ListenerFailure], None]


def log_failure(failure: ListenerFailure) -> None:
    """The default hook: one ERROR line with the listener's traceback."""
    _log.error("%s raised on %s", failure.listener, failure.emitting, exc_info=failure.error)


def _name_of(listener: Any) -> str:
    """What a report calls a listener."""
    return getattr(listener, "__qualname__", None) or type(listener).__qualname__


class Subscription(Generic[T]):
    """A listener of one subject. Calling it, or `dispose`, unsubscribes; twice changes nothing.

    `revision` is the highest one that the listener has been called with; subjects of values with revisions write it.
    """

    __slots__ = ("_on_completed", "_on_next", "_reported", "revision", "subject")

    def __init__(
        self, subject: GuardedSubject[T], on_next: Callable[[T], Any], on_completed: Callable[[], Any] | None
    ) -> None:
        self.subject: GuardedSubject[T] | None = subject
        self.revision = -1
        self._on_next = on_next
        self._on_completed = on_completed
        self._reported = False

    def notify(self, item: T) -> None:
        """Call the listener with `item`, unless it has unsubscribed."""
        subject = self.subject
        if subject is not None:
            try:
                self._on_next(item)
            except _WHATEVER_A_LISTENER_RAISES as error:
                self._report(subject, error)

    def complete(self) -> None:
        """Unsubscribe the listener and call its `on_completed`."""
        subject, self.subject = self.subject, None
        if subject is not None and self._on_completed is not None:
            try:
                self._on_completed()
            except _WHATEVER_A_LISTENER_RAISES as error:
                self._report(subject, error)

    def _report(self, subject: GuardedSubject[T], error: BaseException) -> None:
        """Pass the listener's first failure to the hook. A hook that raises is logged, with the failure."""
        if not self._reported:
            self._reported = True
            failure = ListenerFailure(error, subject.emitting, _name_of(self._on_next))
            try:
                subject.on_failure(failure)
            except _WHATEVER_A_LISTENER_RAISES:
                _log.exception("the hook for failures of listeners raised")
                log_failure(failure)

    def dispose(self) -> None:
        """Unsubscribe."""
        subject, self.subject = self.subject, None
        if subject is not None:
            subject.remove(self)

    __call__ = dispose


class GuardedSubject(Observable[T], Generic[T]):
    """An Observable fed by one serial writer. A listener that raises is reported once and stays subscribed.

    Unlike RxPY's Subject it takes no lock, and neither the other listeners nor the producer notice a failure.
    `emitting` names what is published in reports of failures. Only `own_loop` may subscribe, since it is the writer.
    """

    __slots__ = ("_completed", "_own_loop", "emitting", "on_failure", "subscriptions")

    def __init__(self, emitting: str, on_failure: OnListenerFailure, own_loop: OwnLoop) -> None:
        super().__init__()
        self._own_loop = own_loop
        self.emitting = emitting
        self.on_failure = on_failure
        self.subscriptions: tuple[Subscription[T], ...] = ()
        self._completed = False

    @property
    def subscription_count(self) -> int:
        """How many listeners there are."""
        return len(self.subscriptions)

    def add(self, on_next: Callable[[T], Any], on_completed: Callable[[], Any] | None = None) -> Subscription[T]:
        """Call `on_next` with every item from now on, `on_completed` at the end; at once if that has come.

        Raises `WrongLoop` on another event loop or thread.
        """
        subscription = Subscription(self, on_next, on_completed)
        if self._completed:
            subscription.complete()
        else:
            self._own_loop.check()
            self._replace((*self.subscriptions, subscription))
        return subscription

    def remove(self, subscription: Subscription[T]) -> None:
        """Drop a subscription; `Subscription.dispose` calls this."""
        self._replace(tuple(other for other in self.subscriptions if other is not subscription))

    def _replace(self, subscriptions: tuple[Subscription[T], ...]) -> None:
        self.subscriptions = subscriptions

    def move_to(self, other: GuardedSubject[T]) -> None:
        """Hand every subscription over to `other`."""
        moving = self.subscriptions
        self._replace(())
        for subscription in moving:
            subscription.subject = other
        other._replace((*other.subscriptions, *moving))

    def complete(self) -> None:
        """Complete and drop every listener. Idempotent."""
        self._completed = True
        ending = self.subscriptions
        self._replace(())
        for subscription in ending:
            subscription.complete()

    def _subscribe_core(
        self, observer: abc.ObserverBase[T], scheduler: abc.SchedulerBase | None = None
    ) -> abc.DisposableBase:
        return Disposable(self.add(observer.on_next, observer.on_completed).dispose)


class EventSubject(GuardedSubject[T]):
    """A hot Observable of events: every listener gets each item that is emitted while it is subscribed.

    `changed` is called whenever `subscriptions` has changed.
    """

    __slots__ = ("_changed",)

    def __init__(
        self,
        emitting: str,
        on_failure: OnListenerFailure,
        own_loop: OwnLoop,
        changed: Callable[[], None] = lambda: None,
    ) -> None:
        super().__init__(emitting, on_failure, own_loop)
        self._changed = changed

    def _replace(self, subscriptions: tuple[Subscription[T], ...]) -> None:
        self.subscriptions = subscriptions
        self._changed()

    def emit(self, item: T) -> None:
        """Call every listener that is subscribed at this moment."""
        for subscription in self.subscriptions:
            subscription.notify(item)
