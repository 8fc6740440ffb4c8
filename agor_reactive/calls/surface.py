"""Offers an operation, written once, as a method: called on a sync surface, awaited on an async one.

A surface is a class of operation methods. Its kind, `Sync` or `Async`, is a type parameter, so that a type checker can
tell ``Task`` from ``Coroutine[Task]``. A `Driver` behind the surface runs the operations.

Every operation method takes `timeout`, in seconds, for each request that it makes, and `max_retries`, how often each
is repeated; None is the client's default. The method consumes them, so the operation does not get them. With
`long_running`, `timeout` limits the whole operation, which handles it.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import AsyncIterator, Callable, Coroutine, Generator, Iterator
from functools import wraps
from types import MethodType
from typing import Any, Concatenate, Generic, ParamSpec, TypeVar, overload

from agor_reactive.calls.arguments import check_timeout, check_wait
from agor_reactive.calls.drivers import Driver
from agor_reactive.calls.effects import CallOptions, Operation
from agor_reactive.calls.paging import Walk
from agor_reactive.calls.retries import check_max_retries
from agor_reactive.calls.versions import explained
from agor_reactive.models.raw_response import RawResponse

__all__ = [
    "Async",
    "CallCoroutine",
    "Kind",
    "Live",
    "LiveSync",
    "OperationMethod",
    "PagedMethod",
    "RawAsync",
    "RawSync",
    "Surface",
    "Sync",
    "WithEvents",
    "long_running",
    "operation",
    "paged",
]

P = ParamSpec("P")
T = TypeVar("T")
Kind = TypeVar("Kind", covariant=True)


class Sync:
    """The kind of a surface whose methods return when the work is done."""


class Async:
    """The kind of a surface whose methods are awaited."""


class WithEvents:
    """The kind of a surface that also has events (`on`, `off`)."""


class Live(Async, WithEvents):
    """What `create_client` returns: async, with events."""


class LiveSync(Sync, WithEvents):
    """What `connect` returns: sync, with events."""


class RawSync:
    """As `Sync`, with the HTTP response: methods return a `RawResponse`."""


class RawAsync:
    """As `Async`, with the HTTP response: methods return a `RawResponse` when awaited."""


class CallCoroutine(Coroutine[Any, Any, T], Generic[T]):
    """How type checkers and editors see the coroutine of a call, which is a plain one.

    jedi takes the result of ``await`` from `__await__`, and does not find it in `Coroutine` itself.
    """

    @abstractmethod
    def __await__(self) -> Generator[Any, Any, T]: ...


class Surface(Generic[Kind]):
    """A class of operation methods, run by `driver`."""

    def __init__(self, driver: Driver) -> None:
        self._driver = driver


class OperationMethod(Generic[T, P]):
    """A method of a surface, made from an operation."""

    def __init__(self, operation: Callable[Concatenate[Any, P], Operation[T]], *, long_running: bool = False) -> None:
        begin: Callable[..., Operation[T]] = operation

        @wraps(operation)
        def method(
            surface: Surface[Any],
            *args: Any,
            timeout: float | None = None,
            max_retries: int | None = None,
            **kwargs: Any,
        ) -> Any:
            check_max_retries(max_retries)
            if long_running:
                check_wait(timeout)
                begun = begin(surface, *args, timeout=timeout, **kwargs)
                return surface._driver.run(explained(begun), CallOptions(None, max_retries))
            if timeout is not None:
                check_timeout(timeout)
            return surface._driver.run(explained(begin(surface, *args, **kwargs)), CallOptions(timeout, max_retries))

        self.operation = operation
        self._method = method
        self.__doc__ = operation.__doc__

    @overload
    def __get__(self, surface: None, owner: Any = None) -> OperationMethod[T, P]: ...
    @overload
    def __get__(self, surface: Surface[Sync], owner: Any = None) -> Callable[P, T]: ...
    @overload
    def __get__(self, surface: Surface[Async], owner: Any = None) -> Callable[P, CallCoroutine[T]]: ...
    @overload
    def __get__(self, surface: Surface[RawSync], owner: Any = None) -> Callable[P, RawResponse[T]]: ...
    @overload
    def __get__(self, surface: Surface[RawAsync], owner: Any = None) -> Callable[P, CallCoroutine[RawResponse[T]]]: ...
    def __get__(self, surface: Any, owner: Any = None) -> Any:
        return self if surface is None else MethodType(self._method, surface)


class PagedMethod(Generic[T, P]):
    """A method of a surface that returns an iterator: with `for` on a sync surface, with `async for` on an async
    one."""

    def __init__(self, pages: Callable[Concatenate[Any, P], Walk[T]]) -> None:
        @wraps(pages)
        def method(
            surface: Surface[Any],
            *args: Any,
            timeout: float | None = None,
            max_retries: int | None = None,
            **kwargs: Any,
        ) -> Any:
            check_max_retries(max_retries)
            if timeout is not None:
                check_timeout(timeout)
            return surface._driver.walk(pages(surface, *args, **kwargs), CallOptions(timeout, max_retries))

        self.pages = pages
        self._method = method
        self.__doc__ = pages.__doc__

    @overload
    def __get__(self, surface: None, owner: Any = None) -> PagedMethod[T, P]: ...
    @overload
    def __get__(self, surface: Surface[Sync], owner: Any = None) -> Callable[P, Iterator[T]]: ...
    @overload
    def __get__(self, surface: Surface[Async], owner: Any = None) -> Callable[P, AsyncIterator[T]]: ...
    def __get__(self, surface: Any, owner: Any = None) -> Any:
        return self if surface is None else MethodType(self._method, surface)


def operation(operation: Callable[Concatenate[Any, P], Operation[T]]) -> OperationMethod[T, P]:
    """Make a method from an operation. Its signature must have `timeout` and `max_retries`."""
    return OperationMethod(operation)


def long_running(operation: Callable[Concatenate[Any, P], Operation[T]]) -> OperationMethod[T, P]:
    """Make a method from an operation that waits: its `timeout` limits the whole operation, which handles it."""
    return OperationMethod(operation, long_running=True)


def paged(pages: Callable[Concatenate[Any, P], Walk[T]]) -> PagedMethod[T, P]:
    """Make a method that returns an iterator. Its signature must have `timeout` and `max_retries`."""
    return PagedMethod(pages)
