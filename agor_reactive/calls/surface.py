"""How an operation, written once, is offered to those who wait for it and to those who await it.

A service is a class of *deeds*: methods that are generators of wishes (`transport.steps`). It is a face of one of two
kinds, `Blocked` or `Awaited`: the kind is a type parameter, so that a type checker knows ``Task`` from
``Coroutine[Task]``. A `Runner` behind the face does the wishes. Knows no REST, no socket, no service.

Every deed takes `timeout`, in seconds, for each request that it makes; None is the client's own. The face takes it out:
the body of a deed never looks at it. What lasts (`lasting`) takes it for the whole, and looks at it itself.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from functools import wraps
from types import MethodType
from typing import Any, Concatenate, Generic, ParamSpec, Protocol, TypeVar, overload

from agor_reactive.calls.arguments import patience, time_limit
from agor_reactive.calls.effects import Call, Operation, Pause, Wish, drive, drive_async
from agor_reactive.calls.versions import explained

__all__ = [
    "Awaited",
    "AwaitedRunner",
    "Blocked",
    "BlockingRunner",
    "Deed",
    "Face",
    "Hearing",
    "Live",
    "LiveBlocked",
    "Pages",
    "Runner",
    "Stream",
    "deed",
    "lasting",
    "stream",
]

P = ParamSpec("P")
T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)
Kind = TypeVar("Kind", covariant=True)


class Blocked:
    """The kind of a face whose methods return when the work is done."""


class Awaited:
    """The kind of a face whose methods are awaited."""


class Hearing:
    """The kind of a face that also hears events (`on`, `off`)."""


class Live(Awaited, Hearing):
    """What `create_client` gives: awaited, with events."""


class LiveBlocked(Blocked, Hearing):
    """What `connect` gives: blocking, with events."""


class Pages(Protocol[T_co]):
    """Rows that come a page at a time: each `step` is the next page, None after the last."""

    def step(self) -> Operation[tuple[T_co, ...] | None]: ...


class Runner(Protocol):
    """Does what operations wish. `run` returns the result or an awaitable of it, `walk` an iterator of either kind."""

    def run(self, operation: Operation[Any], timeout: float | None, /) -> Any: ...

    def walk(self, pages: Pages[Any], timeout: float | None, /) -> Any: ...


class Face(Generic[Kind]):
    """Something with deeds, run by `runner`."""

    def __init__(self, runner: Runner) -> None:
        self._runner = runner


class Deed(Generic[P, T]):
    """A method of a face, made of an operation."""

    def __init__(self, operation: Callable[Concatenate[Any, P], Operation[T]], *, lasting: bool = False) -> None:
        begin: Callable[..., Operation[T]] = operation

        @wraps(operation)
        def method(face: Face[Any], *args: Any, timeout: float | None = None, **kwargs: Any) -> Any:
            if lasting:
                patience(timeout)
                return face._runner.run(explained(begin(face, *args, timeout=timeout, **kwargs)), None)
            if timeout is not None:
                time_limit(timeout)
            return face._runner.run(explained(begin(face, *args, **kwargs)), timeout)

        self.operation = operation
        self._method = method
        self.__doc__ = operation.__doc__

    @overload
    def __get__(self, face: None, owner: Any = None) -> Deed[P, T]: ...
    @overload
    def __get__(self, face: Face[Blocked], owner: Any = None) -> Callable[P, T]: ...
    @overload
    def __get__(self, face: Face[Awaited], owner: Any = None) -> Callable[P, Coroutine[Any, Any, T]]: ...
    def __get__(self, face: Any, owner: Any = None) -> Any:
        return self if face is None else MethodType(self._method, face)


class Stream(Generic[P, T]):
    """A method of a face that is iterated: with `for` on a blocking face, with `async for` on an awaited one."""

    def __init__(self, pages: Callable[Concatenate[Any, P], Pages[T]]) -> None:
        @wraps(pages)
        def method(face: Face[Any], *args: Any, timeout: float | None = None, **kwargs: Any) -> Any:
            if timeout is not None:
                time_limit(timeout)
            return face._runner.walk(pages(face, *args, **kwargs), timeout)

        self.pages = pages
        self._method = method
        self.__doc__ = pages.__doc__

    @overload
    def __get__(self, face: None, owner: Any = None) -> Stream[P, T]: ...
    @overload
    def __get__(self, face: Face[Blocked], owner: Any = None) -> Callable[P, Iterator[T]]: ...
    @overload
    def __get__(self, face: Face[Awaited], owner: Any = None) -> Callable[P, AsyncIterator[T]]: ...
    def __get__(self, face: Any, owner: Any = None) -> Any:
        return self if face is None else MethodType(self._method, face)


def deed(operation: Callable[Concatenate[Any, P], Operation[T]]) -> Deed[P, T]:
    """Make a method of an operation. Its signature must have `timeout`."""
    return Deed(operation)


def lasting(operation: Callable[Concatenate[Any, P], Operation[T]]) -> Deed[P, T]:
    """Make a method of an operation that waits: its `timeout` is for the whole, and its own business."""
    return Deed(operation, lasting=True)


def stream(pages: Callable[Concatenate[Any, P], Pages[T]]) -> Stream[P, T]:
    """Make a method that is iterated. Its signature must have `timeout`."""
    return Stream(pages)


class BlockingRunner:
    """Does the wishes on the calling thread. `call` makes one call; `sleep` and `clock` count in seconds."""

    def __init__(
        self,
        call: Callable[[Call, float | None], Any],
        *,
        sleep: Callable[[float], Any] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._call = call
        self._sleep = sleep
        self._clock = clock

    def run(self, operation: Operation[T], timeout: float | None, /) -> T:
        return drive(operation, lambda wish: self._do(wish, timeout))

    def walk(self, pages: Pages[T], timeout: float | None, /) -> Iterator[T]:
        while (rows := self.run(pages.step(), timeout)) is not None:
            yield from rows

    def _do(self, wish: Wish, timeout: float | None) -> Any:
        if isinstance(wish, Call):
            return self._call(wish, timeout)
        return self._sleep(wish.seconds) if isinstance(wish, Pause) else self._clock()


class AwaitedRunner:
    """Does the wishes on the running event loop; see `BlockingRunner`."""

    def __init__(
        self,
        call: Callable[[Call, float | None], Awaitable[Any]],
        *,
        sleep: Callable[[float], Awaitable[Any]] = asyncio.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._call = call
        self._sleep = sleep
        self._clock = clock

    async def run(self, operation: Operation[T], timeout: float | None, /) -> T:
        return await drive_async(operation, lambda wish: self._do(wish, timeout))

    async def walk(self, pages: Pages[T], timeout: float | None, /) -> AsyncIterator[T]:
        while (rows := await self.run(pages.step(), timeout)) is not None:
            for row in rows:
                yield row

    async def _do(self, wish: Wish, timeout: float | None) -> Any:
        if isinstance(wish, Call):
            return await self._call(wish, timeout)
        return await self._sleep(wish.seconds) if isinstance(wish, Pause) else self._clock()
