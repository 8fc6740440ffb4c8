"""The frame of an operator that finds items in each snapshot or event."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeAlias, TypeVar

from reactivex import Observable, abc

from agor_reactive.core.snapshot import Base, SessionState
from agor_reactive.errors import UsageError
from agor_reactive.models.wire import RawEvent

__all__ = ["Finder", "Item", "Source", "finding", "nothing"]

T = TypeVar("T")

Item: TypeAlias = SessionState | RawEvent | tuple[float, SessionState]
"""What operators take: a snapshot, an event, or what `Log.states` yields: a snapshot with its time."""

Source: TypeAlias = Observable[SessionState] | Observable[RawEvent] | Observable[tuple[float, SessionState]]

Finder = Callable[[Any], Iterable[T]]
"""Finds items in one snapshot or in one event; it remembers those before."""


def nothing(item: Any) -> tuple[()]:
    """Find nothing."""
    return ()


def finding(
    name: str, make: Callable[[], tuple[Finder[T], Finder[T]]], *, in_text: bool = False
) -> Callable[[Source], Observable[T]]:
    """An operator that emits what a finder finds. `make` makes two for each subscription: of snapshots, of events.

    A snapshot that differs from the one before in streamed text only, as most do, is looked at with `in_text` only.
    What a finder raises ends the stream with that error, as does an item that is neither (`UsageError`).
    """

    def operate(source: Any) -> Observable[T]:
        def subscribe(observer: abc.ObserverBase[T], scheduler: abc.SchedulerBase | None = None) -> abc.DisposableBase:
            in_state, in_event = make()
            on_next = observer.on_next
            last: Base | None = None

            def take(item: Any) -> None:
                nonlocal last
                try:
                    if type(item) is tuple:
                        item = item[-1]
                    if type(item) is SessionState:
                        base = item._base  # not the property: this is the hot path
                        if base is last and not in_text:
                            return
                        last = base
                        found = in_state(item)
                    elif type(item) is RawEvent:
                        found = in_event(item)
                    else:
                        raise UsageError(f"{name} takes snapshots or events, not a {type(item).__name__}")
                    if not found:
                        return
                    found = tuple(found)
                except Exception as error:  # noqa: BLE001 - RxPY: what an operator raises is the error of the stream
                    observer.on_error(error)
                    return
                for one in found:
                    on_next(one)

            taking: abc.DisposableBase = source.subscribe(
                take, observer.on_error, observer.on_completed, scheduler=scheduler
            )
            return taking

        return Observable(subscribe)

    return operate
