"""Callers that wait for the same outcome. Each has its own future, so that one may be cancelled without the others."""

from __future__ import annotations

import asyncio
from typing import Generic, TypeVar

__all__ = ["Waiters"]

T = TypeVar("T")


class Waiters(Generic[T]):
    """Futures that are resolved or rejected together; then it is empty and may be used again."""

    __slots__ = ("_futures", "_loop")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._futures: list[asyncio.Future[T]] = []

    def __len__(self) -> int:
        return len(self._futures)

    def wait(self) -> asyncio.Future[T]:
        """A future of the outcome, which the caller may cancel."""
        future: asyncio.Future[T] = self._loop.create_future()
        self._futures = [*(other for other in self._futures if not other.done()), future]
        return future

    def resolve(self, value: T) -> None:
        """Give every caller `value`."""
        ending, self._futures = self._futures, []
        for future in ending:
            if not future.done():
                future.set_result(value)

    def reject(self, error: Exception) -> None:
        """Raise `error` at every caller."""
        ending, self._futures = self._futures, []
        for future in ending:
            if not future.done():
                future.set_exception(error)
                future.exception()  # marks it as retrieved: a caller that was cancelled meanwhile never looks

    def move_to(self, other: Waiters[T]) -> None:
        """Have every caller wait for the outcome of `other`."""
        other._futures += self._futures
        self._futures = []
