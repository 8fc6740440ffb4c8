"""`select`: one part of each snapshot, when it has changed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from reactivex import Observable, abc

__all__ = ["select"]

S = TypeVar("S")
T = TypeVar("T")

_NOTHING: Any = object()


def select(fn: Callable[[S], T]) -> Callable[[Observable[S]], Observable[T]]:
    """Emit `fn` of each item, unless it is the same object as the one before.

    Unchanged parts of a snapshot are the same objects, so this compares by identity and never by value. What `fn`
    raises ends the stream with that error.

    ::

        snapshots  --1a----2a----3b--|
                   select(letter)
                   --a-----------b---|
    """

    def operate(source: Observable[S]) -> Observable[T]:
        def subscribe(observer: abc.ObserverBase[T], scheduler: abc.SchedulerBase | None = None) -> abc.DisposableBase:
            last = _NOTHING

            def on_next(item: S) -> None:
                nonlocal last
                try:
                    part = fn(item)
                except Exception as error:  # noqa: BLE001  # RxPY: what a callback raises is the error of the stream
                    observer.on_error(error)
                    return
                if part is not last:
                    last = part
                    observer.on_next(part)

            return source.subscribe(on_next, observer.on_error, observer.on_completed, scheduler=scheduler)

        return Observable(subscribe)

    return operate
