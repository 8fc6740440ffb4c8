"""Publishes the newest of a line of immutable values: at most once per loop tick, and never an older one."""

from __future__ import annotations

import asyncio
import time
import weakref
from collections.abc import Callable
from typing import Any, Protocol, TypeVar

from agor_reactive.calls.own_loop import OwnLoop
from agor_reactive.session.observers import GuardedSubject, OnListenerFailure, Subscription

__all__ = ["NewestSubject"]


class _Revised(Protocol):
    @property
    def revision(self) -> int: ...


V = TypeVar("V", bound=_Revised)

TICK_BUDGET = 0.005
"""Seconds. A tick that has published for so long leaves the other subjects to the next tick and yields to the loop."""


class _Tick:
    """The subjects to publish on a loop's next tick: one callback on the loop, however many of them changed."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        # Weak, because the loop is the key that this tick is kept under: a strong reference would keep both.
        self._loop = weakref.ref(loop)
        self.waiting: dict[NewestSubject[Any], None] = {}
        self._scheduled: asyncio.Handle | None = None

    def add(self, subject: NewestSubject[Any]) -> None:
        """Publish the subject's value on the next tick."""
        if not self.waiting:
            loop = self._loop()
            if loop is not None:
                self._scheduled = loop.call_soon(self._publish)
        self.waiting[subject] = None

    def remove(self, subject: NewestSubject[Any]) -> None:
        """Do not publish it."""
        self.waiting.pop(subject, None)
        if not self.waiting and self._scheduled is not None:
            self._scheduled.cancel()
            self._scheduled = None

    def _publish(self) -> None:
        self._scheduled = None
        waiting, self.waiting = self.waiting, {}
        subject: NewestSubject[Any] | None = None
        ends_at = time.perf_counter() + TICK_BUDGET
        is_over = False
        try:
            for subject in waiting:
                if not subject.waits:  # a listener of another subject has ended this one
                    continue
                if is_over:
                    self.add(subject)
                    continue
                subject.waits = False
                subject.notify(subject.value)
                is_over = time.perf_counter() > ends_at
        except BaseException:  # KeyboardInterrupt or SystemExit: the listeners not yet called are called next tick
            for other in waiting:
                if other.waits or other is subject:
                    other.waits = True
                    self.add(other)
            raise


_ticks: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, _Tick] = weakref.WeakKeyDictionary()


def _tick_of(loop: asyncio.AbstractEventLoop) -> _Tick:
    tick = _ticks.get(loop)
    if tick is None:
        tick = _ticks[loop] = _Tick(loop)
    return tick


class NewestSubject(GuardedSubject[V]):
    """The newest value and its listeners, which are notified at most once per loop tick, in rising revision.

    As an Observable it gives a new observer the current value at once, then each newest one. `waits`: its listeners
    will be notified on the next tick.
    """

    __slots__ = ("_newest", "_tick", "waits")

    def __init__(
        self, value: V, loop: asyncio.AbstractEventLoop, *, emitting: str, on_failure: OnListenerFailure
    ) -> None:
        super().__init__(emitting, on_failure, OwnLoop(loop))
        self._newest = value
        self.waits = False
        self._tick = _tick_of(loop)

    @property
    def value(self) -> V:
        """The newest value."""
        return self._newest

    def put(self, value: V) -> None:
        """Replace the value. Listeners get the newest one there is on the next tick."""
        self._newest = value
        if not self.waits and self.subscriptions:
            self.waits = True
            self._tick.add(self)

    def notify(self, value: V) -> None:
        """Notify every listener that has not had this value or a later one. Hot path."""
        revision = value.revision
        for subscription in self.subscriptions:
            if subscription.revision < revision:
                subscription.revision = revision
                subscription.notify(value)

    @staticmethod
    def _notify(subscription: Subscription[V], value: V) -> None:
        revision = value.revision
        if subscription.revision < revision:
            subscription.revision = revision
            subscription.notify(value)

    def add(self, on_next: Callable[[V], Any], on_completed: Callable[[], Any] | None = None) -> Subscription[V]:
        """Call `on_next` with the current value at once, then with each newest one."""
        subscription = super().add(on_next, on_completed)
        self._notify(subscription, self.value)
        return subscription

    def move_to(self, other: GuardedSubject[V]) -> None:
        """Hand every subscription over to `other`, whose revisions count from elsewhere."""
        moving = self.subscriptions
        self._cancel()
        super().move_to(other)
        assert isinstance(other, NewestSubject)
        for subscription in moving:
            subscription.revision = -1
            other._notify(subscription, other.value)

    def _cancel(self) -> None:
        if self.waits:
            self.waits = False
            self._tick.remove(self)

    def complete(self, last: V | None = None) -> None:
        """Give every listener `last` if it has not had it, then complete. Idempotent.

        `last` is the last value that counts: by then `value` may be one that was emptied at the end.
        """
        if self._completed:
            return
        self._completed = True
        self._cancel()
        if last is not None:
            self.notify(last)
        super().complete()
