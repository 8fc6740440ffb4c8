"""Async iteration of an Observable: what happens to items that come faster than they are taken.

An Observable pushes: on its own event loop it cannot be made to wait. So items are dropped there, and counted. A source
that runs when it is subscribed to, as the replay of a log, can wait, on a separate thread.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass
from typing import Generic, Literal, TypeVar

from reactivex import Observable, abc

from agor_reactive.errors import UsageError

__all__ = ["Buffer", "Buffering", "Iteration", "back_pressure", "buffered", "iterate", "newest"]

T = TypeVar("T")

WhenFull = Literal["drop_oldest", "drop_newest", "wait"]


@dataclass(frozen=True, slots=True)
class Buffering:
    """How many items are kept for a slow consumer, and what happens when one more comes."""

    most: int
    when_full: WhenFull

    def __post_init__(self) -> None:
        if type(self.most) is not int or self.most < 1:
            raise UsageError(f"A buffer holds 1 item or more, not {self.most!r}.")
        if self.when_full not in ("drop_oldest", "drop_newest", "wait"):
            raise UsageError(f"when_full is 'drop_oldest' or 'drop_newest', not {self.when_full!r}.")


def newest() -> Buffering:
    """Keep the newest item only: for snapshots, which contain what came before."""
    return Buffering(1, "drop_oldest")


def buffered(most: int, *, when_full: Literal["drop_oldest", "drop_newest"] = "drop_oldest") -> Buffering:
    """Keep up to `most` items, then drop the oldest or the newest, and count it (`Iteration.dropped`)."""
    return Buffering(most, when_full)


def back_pressure(most: int = 1) -> Buffering:
    """Let the source wait while `most` items are kept: nothing is dropped.

    The source is subscribed to on a separate thread and must emit there: a log, an iterable. Snapshots and
    events of a live session cannot wait; they raise `WrongLoop`.
    """
    return Buffering(most, "wait")


class _Closed(Exception):
    """Ends a source whose consumer has left."""


class Buffer(Generic[T]):
    """The items that wait for one consumer on the running event loop. `put` and `end` may be called on any thread.

    `dropped` counts the items that were dropped; `ended` is True after `end`, whose error is `error`.
    """

    def __init__(self, policy: Buffering) -> None:
        self._most = policy.most
        self._when_full = policy.when_full
        self._items: deque[T] = deque()
        self._loop = asyncio.get_running_loop()
        self._thread = threading.get_ident()
        self._room = threading.Semaphore(policy.most)
        self._closed = False
        self.changed = asyncio.Event()
        self.dropped = 0
        self.ended = False
        self.error: Exception | None = None

    def __len__(self) -> int:
        return len(self._items)

    def put(self, item: T) -> None:
        """Keep an item. With `back_pressure` this blocks until there is room."""
        here = threading.get_ident() == self._thread
        if self._when_full == "wait":
            if here:
                raise UsageError("The source emits on the event loop and cannot wait; use newest() or buffered(n).")
            self._room.acquire()
            if self._closed:
                raise _Closed
        if here:
            self._add(item)
        else:
            self._call(lambda: self._add(item))

    def end(self, error: Exception | None = None) -> None:
        """The source has completed, or failed with `error`."""
        if threading.get_ident() == self._thread:
            self._finish(error)
        else:
            self._call(lambda: self._finish(error))

    def take(self) -> T:
        """The oldest item. Raises IndexError if there is none."""
        item = self._items.popleft()
        self._room.release()
        return item

    def close(self) -> None:
        """The consumer has left. A source that waits goes on and is ended by its next item."""
        self._closed = True
        self._items.clear()
        self._room.release()

    def _call(self, function: Callable[[], None]) -> None:
        try:
            self._loop.call_soon_threadsafe(function)
        except RuntimeError:  # the loop has been closed, and the consumer with it
            if self._when_full == "wait":
                raise _Closed from None

    def _add(self, item: T) -> None:
        if len(self._items) >= self._most and self._when_full != "wait":
            self.dropped += 1
            if self._when_full == "drop_newest":
                return
            self._items.popleft()
        self._items.append(item)
        self.changed.set()

    def _finish(self, error: Exception | None) -> None:
        self.ended, self.error = True, error
        self.changed.set()


class Iteration(Generic[T]):
    """The items of an Observable for `async for`, made by `iterate`. `dropped` counts those that were dropped."""

    def __init__(self, source: Observable[T], policy: Buffering) -> None:
        self._source = source
        self._policy = policy
        self.dropped = 0

    def __aiter__(self) -> AsyncGenerator[T, None]:
        return self._items()

    async def _items(self) -> AsyncGenerator[T, None]:
        buffer: Buffer[T] = Buffer(self._policy)
        before = self.dropped
        subscription: abc.DisposableBase | None = None
        if self._policy.when_full == "wait":
            threading.Thread(target=self._run, args=(buffer,), name="agor iterate", daemon=True).start()
        else:
            subscription = self._source.subscribe(buffer.put, buffer.end, buffer.end)
        try:
            while True:
                buffer.changed.clear()
                self.dropped = before + buffer.dropped
                while buffer:
                    item = buffer.take()
                    self.dropped = before + buffer.dropped
                    yield item
                if buffer.ended:
                    if buffer.error is not None:
                        raise buffer.error
                    return
                await buffer.changed.wait()
        finally:
            buffer.close()
            if subscription is not None:
                subscription.dispose()

    def _run(self, buffer: Buffer[T]) -> None:
        try:
            self._source.subscribe(buffer.put, buffer.end, buffer.end)
        except _Closed:
            pass
        except Exception as error:  # noqa: BLE001 - raised where the items are awaited
            buffer.end(error)


def iterate(source: Observable[T], policy: Buffering | None = None) -> Iteration[T]:
    """Iterate over the items of any Observable with ``async for``.

    It is subscribed to when the iteration begins, and unsubscribed from when it ends, also by ``break``. After the last
    item the error of the source is raised, if it has one. `policy` is `newest()`, `buffered(n)` (the default, of 1,000
    items) or `back_pressure()`.

    >>> async for call in iterate(handle.snapshots.pipe(tool_calls()), buffered(100)):    # doctest: +SKIP
    ...     print(call.name, call.duration)
    """
    return Iteration(source, buffered(1_000) if policy is None else policy)
