"""Drivers: carry out the effects of an operation, on the calling thread or on the running event loop."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from agor_reactive.calls.effects import NO_OPTIONS, Call, CallOptions, Effect, EffectGenerator, Operation, Sleep
from agor_reactive.calls.own_loop import OwnLoop

if TYPE_CHECKING:
    from agor_reactive.calls.paging import FilterCheck

__all__ = ["AsyncDriver", "Driver", "Pages", "SyncDriver", "carried_out", "drive", "drive_async"]

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)
E = TypeVar("E")
F = TypeVar("F")


class Pages(Protocol[T_co]):
    """A source of pages: each `step` yields the next page of rows, None after the last."""

    def step(self) -> Operation[tuple[T_co, ...] | None]: ...


class Driver(Protocol):
    """Runs operations. `run` returns the result or an awaitable of it, `walk` an iterator of either kind.

    `filters` checks whether the daemon drops filters; None where no daemon does. `check_loop` raises `WrongLoop` where
    the driver may not be used; `run` and `walk` do so when they are awaited.
    """

    filters: FilterCheck | None

    def run(self, operation: Operation[Any], options: CallOptions | None = None, /) -> Any: ...

    def walk(self, pages: Pages[Any], options: CallOptions | None = None, /) -> Any: ...

    def check_loop(self) -> None: ...


def drive(operation: EffectGenerator[E, T], perform: Callable[[E], Any]) -> T:
    """Run `operation`; `perform` carries out each effect. Its exceptions are raised at the operation's ``yield``."""
    try:
        effect = next(operation)
        while True:
            try:
                answer = perform(effect)
            except Exception as error:  # noqa: BLE001 - handed to the operation, which decides
                effect = operation.throw(error)
            else:
                effect = operation.send(answer)
    except StopIteration as stop:
        result: T = stop.value
        return result
    finally:
        operation.close()


async def drive_async(operation: EffectGenerator[E, T], perform: Callable[[E], Awaitable[Any]]) -> T:
    """Run `operation`, awaiting `perform` for each effect; see `drive`."""
    try:
        effect = next(operation)
        while True:
            try:
                answer = await perform(effect)
            except Exception as error:  # noqa: BLE001 - handed to the operation, which decides
                effect = operation.throw(error)
            else:
                effect = operation.send(answer)
    except StopIteration as stop:
        result: T = stop.value
        return result
    finally:
        operation.close()


def carried_out(
    operation: EffectGenerator[E, T], perform: Callable[[E], EffectGenerator[F, Any]]
) -> EffectGenerator[F, T]:
    """Run `operation`; `perform` carries out each effect by other effects; see `drive`."""
    try:
        effect = next(operation)
        while True:
            try:
                answer = yield from perform(effect)
            except Exception as error:  # noqa: BLE001 - handed to the operation, which decides
                effect = operation.throw(error)
            else:
                effect = operation.send(answer)
    except StopIteration as stop:
        result: T = stop.value
        return result
    finally:
        operation.close()


class SyncDriver:
    """Runs operations on the calling thread. `call` makes one call; `sleep` and `clock` count in seconds."""

    def __init__(
        self,
        call: Callable[[Call, CallOptions], Any],
        *,
        sleep: Callable[[float], Any] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
        filters: FilterCheck | None = None,
    ) -> None:
        self.filters = filters
        self._call = call
        self._sleep = sleep
        self._clock = clock

    def run(self, operation: Operation[T], options: CallOptions | None = None, /) -> T:
        return drive(operation, lambda effect: self._perform(effect, options or NO_OPTIONS))

    def walk(self, pages: Pages[T], options: CallOptions | None = None, /) -> Iterator[T]:
        while (rows := self.run(pages.step(), options)) is not None:
            yield from rows

    def check_loop(self) -> None:
        """Any thread may use it."""

    def _perform(self, effect: Effect, options: CallOptions) -> Any:
        if isinstance(effect, Call):
            return self._call(effect, options)
        return self._sleep(effect.seconds) if isinstance(effect, Sleep) else self._clock()


class AsyncDriver:
    """Runs operations on the running event loop, which must be `own_loop`; see `SyncDriver`."""

    def __init__(
        self,
        call: Callable[[Call, CallOptions], Awaitable[Any]],
        *,
        sleep: Callable[[float], Awaitable[Any]] = asyncio.sleep,
        clock: Callable[[], float] = time.monotonic,
        filters: FilterCheck | None = None,
        own_loop: OwnLoop | None = None,
    ) -> None:
        self.filters = filters
        self.check_loop = (own_loop or OwnLoop()).check
        self._call = call
        self._sleep = sleep
        self._clock = clock

    async def run(self, operation: Operation[T], options: CallOptions | None = None, /) -> T:
        self.check_loop()
        return await drive_async(operation, lambda effect: self._perform(effect, options or NO_OPTIONS))

    async def walk(self, pages: Pages[T], options: CallOptions | None = None, /) -> AsyncIterator[T]:
        while (rows := await self.run(pages.step(), options)) is not None:
            for row in rows:
                yield row

    async def _perform(self, effect: Effect, options: CallOptions) -> Any:
        if isinstance(effect, Call):
            return await self._call(effect, options)
        return await self._sleep(effect.seconds) if isinstance(effect, Sleep) else self._clock()
