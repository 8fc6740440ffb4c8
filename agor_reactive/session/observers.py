"""Telling listeners without being harmed by them.

A listener that raises, unsubscribes itself or changes what it listens to while being told harms no sibling and does not
reach the producer. Its failure is reported, once per listener, through a hook.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from reactivex import Observable, abc
from reactivex.disposable import Disposable

__all__ = ["EventSubject", "ListenerFailure", "OnListenerFailure", "log_failure"]

T = TypeVar("T")

_log = logging.getLogger("agor_reactive")

WHATEVER_A_LISTENER_RAISES = (Exception, asyncio.CancelledError, GeneratorExit)
"""What is kept from the producer and from siblings. A cancellation that a listener raises (it asked a cancelled future
for its result) is its own: nobody cancelled the task that notifies it."""


@dataclass(frozen=True, slots=True)
class ListenerFailure:
    """A listener raised: `error` is what it raised, `emitting` says what it was being told, `listener` who it is."""

    error: BaseException
    emitting: str
    listener: str


OnListenerFailure = Callable[[ListenerFailure], None]


def log_failure(failure: ListenerFailure) -> None:
    """The hook that is used when none is given: one ERROR line with the listener's traceback."""
    _log.error("%s raised while being told of %s", failure.listener, failure.emitting, exc_info=failure.error)


def report(on_failure: OnListenerFailure, failure: ListenerFailure) -> None:
    """Hand a failure to the hook; a hook that raises is reported itself, in the log."""
    try:
        on_failure(failure)
    except WHATEVER_A_LISTENER_RAISES:
        _log.exception("the hook for failures of listeners raised")
        log_failure(failure)


def name_of(listener: Any) -> str:
    """What to call a listener in a report."""
    return getattr(listener, "__qualname__", None) or type(listener).__qualname__


class _Listening(Generic[T]):
    """One who listens, and where: undoing finds it wherever it has been moved to."""

    __slots__ = ("callback", "home", "observer", "reported")

    def __init__(
        self, home: EventSubject[T], callback: Callable[[T], Any], observer: abc.ObserverBase[T] | None
    ) -> None:
        self.home: EventSubject[T] | None = home
        self.callback = callback
        self.observer = observer
        self.reported = False

    def undo(self) -> None:
        home, self.home = self.home, None
        if home is not None:
            home.forget(self)


class EventSubject(Observable[T], Generic[T]):
    """A hot Observable fed by one serial writer. Late observers get what comes after they came.

    Unlike RxPY's Subject it takes no lock, and an observer that raises is reported, once, and left subscribed: the
    stream of the others goes on, the producer never notices. `listening` is empty when nobody listens; `changed` is
    called whenever it is another.
    """

    def __init__(
        self, emitting: str, on_failure: OnListenerFailure, changed: Callable[[], None] = lambda: None
    ) -> None:
        super().__init__()
        self._emitting = emitting
        self._on_failure = on_failure
        self._changed = changed
        self.listening: tuple[_Listening[T], ...] = ()
        self._completed = False

    @property
    def listener_count(self) -> int:
        """How many listen."""
        return len(self.listening)

    def listen(self, callback: Callable[[T], Any]) -> Callable[[], None]:
        """Call `callback` with every item. Returns the undo."""
        return self._add(_Listening(self, callback, None)).undo

    def _add(self, listening: _Listening[T]) -> _Listening[T]:
        self._now((*self.listening, listening))
        return listening

    def _now(self, listening: tuple[_Listening[T], ...]) -> None:
        self.listening = listening
        self._changed()

    def _subscribe_core(
        self, observer: abc.ObserverBase[T], scheduler: abc.SchedulerBase | None = None
    ) -> abc.DisposableBase:
        if self._completed:
            observer.on_completed()
            return Disposable()
        return Disposable(self._add(_Listening(self, observer.on_next, observer)).undo)

    def forget(self, listening: _Listening[T]) -> None:
        """Tell that one no more."""
        self._now(tuple(other for other in self.listening if other is not listening))

    def emit(self, item: T) -> None:
        """Tell everybody who listens at this moment."""
        for listening in self.listening:
            if listening.home is self:
                try:
                    listening.callback(item)
                except WHATEVER_A_LISTENER_RAISES as error:
                    self._report(error, listening)

    def _report(self, error: BaseException, listening: _Listening[T]) -> None:
        if not listening.reported:
            listening.reported = True
            report(self._on_failure, ListenerFailure(error, self._emitting, name_of(listening.callback)))

    def move_to(self, other: EventSubject[T]) -> None:
        """Let everybody listen to `other` from now on."""
        moving = self.listening
        self._now(())
        for listening in moving:
            listening.home = other
        other._now((*other.listening, *moving))

    def complete(self) -> None:
        """No more items: tell observers, let go of everybody."""
        self._completed = True
        ending = self.listening
        self._now(())
        for listening in ending:
            listening.home = None
            if listening.observer is not None:
                try:
                    listening.observer.on_completed()
                except WHATEVER_A_LISTENER_RAISES as error:
                    self._report(error, listening)
