"""An event loop on its own thread, and calls into it from other threads. Knows no client, no session."""

# Not anyio's blocking portal (tried 4.16): `start_task_soon` waits for the loop without a limit, so no timeout holds
# while a callback keeps the loop busy; an unclosed portal blocks the interpreter's exit; a call takes twice as long.
# The waiting below stays needed all the same: 11 lines would go.

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import threading
from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Any, Concatenate, Generic, ParamSpec, Protocol, TypeVar

from reactivex import Observable, abc
from reactivex.disposable import Disposable

from agor_reactive.calls.arguments import check_wait
from agor_reactive.errors import CallTimeout, UsageError
from agor_reactive.services import Deliver

__all__ = ["LoopThread", "Newest", "blocking", "emitting_on_loop", "handed_over"]

P = ParamSpec("P")
T = TypeVar("T")
_TICK = 0.2
"""How often a waiting main thread wakes up, in seconds, so that Ctrl-C works on Windows, too."""

_CLOSED = "the client is closed; create a new one"


class LoopThread:
    """An event loop on a daemon thread. `run` waits for a coroutine on it from any other thread."""

    def __init__(self) -> None:
        self.check: Callable[[], object] = lambda: None
        """Called by `run` on the waiting thread; raises `UsageError` where the wait could never end. Set by `connect`,
        which knows the daemon."""
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._main, name="agor-reactive", daemon=True)
        self._thread.start()

    def _main(self) -> None:
        asyncio.set_event_loop(self.loop)
        self.loop.run_forever()
        # Remaining tasks are cancelled and run to their end, so that garbage collection reports none.
        left = asyncio.all_tasks(self.loop)
        for task in left:
            task.cancel()
        if left:
            self.loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
        self.loop.run_until_complete(self.loop.shutdown_asyncgens())
        self.loop.close()

    @property
    def alive(self) -> bool:
        """Whether the loop accepts work."""
        return self._thread.is_alive()

    @property
    def is_here(self) -> bool:
        """Whether the calling thread is the loop's own."""
        return threading.current_thread() is self._thread

    def run(self, work: Coroutine[Any, Any, T], timeout: float | None = None) -> T:
        """Run `work` and return its result. Raises its exception, or `CallTimeout` after `timeout` seconds, which
        cancels it.

        Raises `UsageError` on the loop's own thread and where `check` does, since waiting would never end there, and
        once the loop has ended.
        """
        try:
            check_wait(timeout)
            self.check()
        except UsageError:
            work.close()
            raise
        return self.wait(work, timeout)

    def wait(self, work: Coroutine[Any, Any, T], timeout: float | None = None) -> T:
        """`run` without `check`: for work that needs no answer of the daemon."""
        if self.is_here or not self.alive:
            work.close()
            raise UsageError(
                "callbacks run on the client's own thread, where a blocking call would never end; run it on another "
                "thread (see `deliver`)"
                if self.alive
                else _CLOSED
            )
        try:
            future = asyncio.run_coroutine_threadsafe(work, self.loop)
        except RuntimeError:  # the loop ended meanwhile
            work.close()
            raise UsageError(_CLOSED) from None
        waited = 0.0
        try:
            while True:
                tick = _TICK if timeout is None else min(_TICK, max(timeout - waited, 0.0))
                done, _ = concurrent.futures.wait((future,), tick)
                if done:
                    return future.result()
                waited += tick
                if timeout is not None and waited >= timeout:
                    raise CallTimeout(f"no result within {timeout:g} s")
                if not self.alive and not future.done():
                    raise UsageError(_CLOSED)
        except concurrent.futures.CancelledError:
            raise UsageError("the client was closed during the call; create a new one") from None
        except BaseException:
            future.cancel()
            raise

    def call(self, function: Callable[..., T], *args: Any) -> T:
        """Call a plain function on the loop and return its result: immediately on the loop's own thread."""
        if self.is_here:
            return function(*args)

        async def work() -> T:
            return function(*args)

        return self.wait(work())

    def let_go(self, undo: Callable[[], Any]) -> None:
        """Call an undo on the loop and wait for it, from any thread. Does nothing after the loop has ended."""
        if self.is_here:
            undo()
        elif self.alive:
            with contextlib.suppress(UsageError):  # the loop ended meanwhile
                self.call(undo)

    def stop(self) -> None:
        """End the loop and its thread. Idempotent; must not be called on it."""
        if self.alive:
            self.loop.call_soon_threadsafe(self.loop.stop)
            self._thread.join()


class _Blocking(Protocol):
    """The blocking form of the async object `live`."""

    @property
    def live(self) -> Any: ...

    @property
    def _portal(self) -> LoopThread: ...


def blocking(
    method: Callable[Concatenate[Any, P], Coroutine[Any, Any, T]],
) -> Callable[Concatenate[_Blocking, P], T]:
    """Make the blocking form of a method: it runs the method of `live` on the loop and waits for the result."""

    @wraps(method)
    def call(self: _Blocking, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return self._portal.run(method(self.live, *args, **kwargs))

    return call


class Newest(Generic[T]):
    """Passes values to another thread: at most one call is pending there, and it delivers the newest value."""

    def __init__(self, callback: Callable[[T], Any], deliver: Deliver) -> None:
        self._callback = callback
        self._deliver = deliver
        self._lock = threading.Lock()
        self._waiting: list[T] = []

    def __call__(self, value: T) -> None:
        with self._lock:
            waits = bool(self._waiting)
            self._waiting[:] = [value]
        if not waits:
            self._deliver(self._notify)

    def _notify(self) -> None:
        with self._lock:
            newest, self._waiting[:] = tuple(self._waiting), []
        for value in newest:
            self._callback(value)


def handed_over(callback: Callable[[T], Any], deliver: Deliver | None) -> Callable[[T], Any]:
    """Return `callback`, or a wrapper that passes each value through `deliver`."""
    if deliver is None:
        return callback
    put = deliver

    def hand_over(value: T) -> Any:
        return put(lambda: callback(value))

    return hand_over


def emitting_on_loop(source: Observable[T], portal: LoopThread) -> Observable[T]:
    """Return an Observable of the same items that any thread may subscribe to; all items arrive on the loop's thread.

    After the loop has ended, only a source that has completed can be subscribed to.
    """

    def subscribe(observer: abc.ObserverBase[T], scheduler: abc.SchedulerBase | None = None) -> abc.DisposableBase:
        if not portal.alive:
            return source.subscribe(observer)
        subscription = portal.call(source.subscribe, observer)
        return Disposable(lambda: portal.let_go(subscription.dispose))

    return Observable(subscribe)
