"""The live client without `await`: the same surface, blocking, on an event loop in a thread of its own.

For a plain REPL, a notebook cell, Streamlit, Dash, a script with threads. There is one implementation: every call here
runs the async one on that loop and waits. State is read from any thread; callbacks come on the loop's thread, or
wherever `deliver` puts them.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import threading
import weakref
from collections.abc import Callable, Coroutine, Iterator
from types import TracebackType
from typing import Any, Self, TypeVar

from reactivex import Observable

from agor_reactive.client import Client, create_client
from agor_reactive.core.snapshot import SessionState
from agor_reactive.errors import CallTimeout, UsageError
from agor_reactive.faces import LiveBlocked, Pages
from agor_reactive.models import AuthenticationResult, Message, Task
from agor_reactive.models.outcome import Outcome
from agor_reactive.models.wire import LinkStatus, RawEvent
from agor_reactive.services import SERVICES, Deliver, Service, Services
from agor_reactive.session.handles import SessionHandle
from agor_reactive.transport.address import DEFAULT_URL
from agor_reactive.transport.codec import service_path
from agor_reactive.transport.steps import Operation

__all__ = ["BlockingClient", "BlockingHandle", "connect"]

T = TypeVar("T")
_TICK = 0.2
"""Seconds after which a waiting main thread looks up, so that Ctrl-C is heard on Windows too."""


class LoopThread:
    """An event loop on a daemon thread. `run` waits for a coroutine on it from any other thread."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._main, name="agor-reactive", daemon=True)
        self._thread.start()

    def _main(self) -> None:
        asyncio.set_event_loop(self.loop)
        self.loop.run_forever()
        # What was left is cancelled and given its turn to end, so that nothing complains when it is collected.
        left = asyncio.all_tasks(self.loop)
        for task in left:
            task.cancel()
        if left:
            self.loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
        self.loop.run_until_complete(self.loop.shutdown_asyncgens())
        self.loop.close()

    def run(self, work: Coroutine[Any, Any, T], timeout: float | None = None) -> T:
        """The result of `work`. Raises what it raises, and `CallTimeout` after `timeout` seconds; it is then cancelled.

        Raises `UsageError` on the loop's own thread, where waiting would never end.
        """
        if threading.current_thread() is self._thread or not self._thread.is_alive():
            work.close()
            raise UsageError(
                "a callback runs on the client's own thread, where a blocking call would never end; "
                "hand the work to another thread (see `deliver`)"
                if self._thread.is_alive()
                else "the client is closed; make a new one"
            )
        future = asyncio.run_coroutine_threadsafe(work, self.loop)
        waited = 0.0
        try:
            while True:
                tick = _TICK if timeout is None else min(_TICK, max(timeout - waited, 0.0))
                done, _ = concurrent.futures.wait((future,), tick)
                if done:
                    return future.result()
                waited += tick
                if timeout is not None and waited >= timeout:
                    raise CallTimeout(f"nothing came of it within {timeout:g} s")
        except BaseException:
            future.cancel()
            raise

    def call(self, function: Callable[..., T], *args: Any) -> T:
        """The result of a plain function, called on the loop."""

        async def work() -> T:
            return function(*args)

        return self.run(work())

    def stop(self) -> None:
        """End the loop and its thread. Idempotent; must not be called on it."""
        if self._thread.is_alive():
            self.loop.call_soon_threadsafe(self.loop.stop)
            self._thread.join()


class _Newest:
    """Hands snapshots over to another thread: at most one call waits there, and it tells the newest."""

    def __init__(self, callback: Callable[[SessionState], Any], deliver: Deliver) -> None:
        self._callback = callback
        self._deliver = deliver
        self._lock = threading.Lock()
        self._state: SessionState | None = None
        self._waiting = False

    def __call__(self, state: SessionState) -> None:
        with self._lock:
            self._state = state
            if self._waiting:
                return
            self._waiting = True
        self._deliver(self._tell)

    def _tell(self) -> None:
        with self._lock:
            state, self._waiting = self._state, False
        if state is not None:
            self._callback(state)


class BlockingHandle:
    """A live mirror of one session, for plain threads. See `SessionHandle`; here nothing is awaited.

    >>> with client.retain(session_id) as handle:                          # doctest: +SKIP
    ...     handle.ready()
    ...     task = handle.prompt("Run the tests.")
    ...     done = handle.wait_for(lambda state: state.get_task(task.task_id).ended)
    """

    def __init__(self, handle: SessionHandle, portal: LoopThread) -> None:
        self._handle = handle
        self._portal = portal

    @property
    def live(self) -> SessionHandle:
        """The handle behind this one, for views, which find its loop by themselves: ``SessionView(handle.live)``."""
        return self._handle

    @property
    def session_id(self) -> str:
        """The session's full id, once known."""
        return self._handle.session_id

    @property
    def state(self) -> SessionState:
        """The newest snapshot, from any thread: it is immutable."""
        return self._handle.state

    @property
    def snapshots(self) -> Observable[SessionState]:
        """The snapshots as an Observable that calls on the loop's thread (`observe_on` moves it)."""
        return self._handle.shared.latest

    @property
    def events(self) -> Observable[RawEvent]:
        """Every event of the session as an Observable that calls on the loop's thread."""
        return self._handle.shared.events

    def ready(self, timeout: float | None = None) -> SessionState:
        """Wait for the first reading to end; see `SessionHandle.ready`. Raises `CallTimeout`."""
        return self._portal.run(self._handle.ready(), timeout)

    def subscribe(
        self, callback: Callable[[SessionState], Any], *, deliver: Deliver | None = None
    ) -> Callable[[], None]:
        """Call `callback` with the current snapshot, then with the newest whenever there is a newer. Returns the undo.

        It is called on the loop's thread, or by `deliver`, which then has at most one call waiting.
        """
        tell = callback if deliver is None else _Newest(callback, deliver)
        subscription = self._portal.call(self._handle.subscribe, tell)

        def undo() -> None:
            self._portal.loop.call_soon_threadsafe(subscription.dispose)

        return undo

    def states(self, timeout: float | None = None) -> Iterator[SessionState]:
        """The current snapshot, then the newest whenever there is a newer; never a backlog.

        Ends when the handle is released. Raises `CallTimeout` when none comes for `timeout` seconds.
        """
        states = self._handle.states()

        async def following() -> SessionState | None:
            return await anext(states, None)

        try:
            while (state := self._portal.run(following(), timeout)) is not None:
                yield state
        finally:
            self._portal.run(states.aclose())  # type: ignore[attr-defined]

    def wait_for(self, condition: Callable[[SessionState], Any], timeout: float | None = None) -> SessionState:
        """The first snapshot, from now on, of which `condition` holds. It is asked on the loop's thread.

        Raises `CallTimeout`, and `UsageError` if the handle is released before.
        """

        async def waiting() -> SessionState:
            async for state in self._handle.states():
                if condition(state):
                    return state
            raise UsageError("the handle was released before the condition held")

        return self._portal.run(waiting(), timeout)

    def prompt(self, text: str, **options: Any) -> Task:
        """Send a prompt; see `SessionHandle.prompt`."""
        return self._portal.run(self._handle.prompt(text, **options))

    def ask(self, text: str, *, timeout: float | None = None, at_permission: bool = True, **options: Any) -> Outcome:
        """Send a prompt and wait for its end; see `SessionHandle.ask`."""
        return self._portal.run(self._handle.ask(text, timeout=timeout, at_permission=at_permission, **options))

    def wait(self, task_id: str, *, timeout: float | None = None, at_permission: bool = True) -> Outcome:
        """Wait for the end of a task; see `SessionHandle.wait`."""
        return self._portal.run(self._handle.wait(task_id, timeout=timeout, at_permission=at_permission))

    def load_task_messages(self, task_id: str) -> tuple[Message, ...]:
        """Read a task's messages and keep them; see `SessionHandle.load_task_messages`."""
        return self._portal.run(self._handle.load_task_messages(task_id))

    def unload_task_messages(self, task_id: str) -> None:
        """Let go of a task's messages."""
        self._portal.call(self._handle.unload_task_messages, task_id)

    def load_older_tasks(self) -> SessionState:
        """Read a page more of older tasks."""
        return self._portal.run(self._handle.load_older_tasks())

    def resync(self) -> SessionState:
        """Read everything again."""
        return self._portal.run(self._handle.resync())

    def release(self) -> None:
        """Give the lease back. Twice changes nothing."""
        if not self._handle.released:
            self._portal.call(self._handle.release)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.release()

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> Any:
        return self._handle._repr_mimebundle_(include, exclude)

    def __repr__(self) -> str:
        return repr(self._handle).replace("SessionHandle", "BlockingHandle", 1)


class _PortalRunner:
    """Runs operations on the client's loop, for whoever waits on another thread."""

    def __init__(self, live: Client, portal: LoopThread) -> None:
        self._live = live
        self._portal = portal

    def run(self, operation: Operation[T], timeout: float | None, /) -> T:
        return self._portal.run(self._live.runner.run(operation, timeout))

    def walk(self, pages: Pages[T], timeout: float | None, /) -> Iterator[T]:
        while (rows := self.run(pages.step(), timeout)) is not None:
            yield from rows


class BlockingClient(Services[LiveBlocked]):
    """The live client for plain threads. Made by `connect`; close it, or use it as a context manager.

    `live` is the async client behind it, `sessions` and `tasks` are its helpers, blocking.
    """

    def __init__(self, live: Client, portal: LoopThread) -> None:
        self.live = live
        self._portal = portal
        self._runner = _PortalRunner(live, portal)
        # One that is forgotten without being closed must not keep its thread and connection.
        self._finalizer = weakref.finalize(self, _end, live, portal)

    def _listen(self, path: str, event: str, callback: Callable[[Any], Any]) -> Callable[[], None]:
        undo = self._portal.call(self.live.router.on, path, event, callback)
        return lambda: self._portal.call(undo)

    @property
    def url(self) -> str:
        """The daemon's address."""
        return self.live.url

    @property
    def status(self) -> LinkStatus:
        """Where the link stands."""
        return self.live.status

    @property
    def events(self) -> Observable[RawEvent]:
        """Every server event, secrets taken out; it calls on the loop's thread."""
        return self.live.events

    def _make_service(self, path: str) -> Service[Any, Any, Any, Any]:
        return SERVICES.get(service_path(path), Service)(path, self._runner, self._listen)

    def retain(self, session_id: str, *, task_hydration: str = "lazy") -> BlockingHandle:
        """A live mirror of one session, to be released. See `retain_reactive_session`."""
        handle = self._portal.call(lambda: self.live.registry.retain(session_id, task_hydration=task_hydration))
        return BlockingHandle(handle, self._portal)

    def authenticate(self, *args: Any, **credentials: Any) -> AuthenticationResult:
        """Log in, and stay so; see `Client.authenticate`."""
        return self._portal.run(self.live.authenticate(*args, **credentials))

    def re_authenticate(self) -> AuthenticationResult:
        """Extend the login; see `Client.re_authenticate`."""
        return self._portal.run(self.live.re_authenticate())

    def logout(self) -> None:
        """Log out; see `Client.logout`."""
        self._portal.run(self.live.logout())

    def run(self, work: Coroutine[Any, Any, T], timeout: float | None = None) -> T:
        """Run a coroutine of one's own on the client's loop and wait for it, for what has no blocking form."""
        return self._portal.run(work, timeout)

    def close(self) -> None:
        """Release every session, close the link, end the thread. Idempotent."""
        self._finalizer()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<BlockingClient {self.url} {self.status.phase}>"


def _end(live: Client, portal: LoopThread) -> None:
    if portal._thread.is_alive():
        if portal._thread is not threading.current_thread():
            with contextlib.suppress(UsageError):
                portal.run(live.close())
            portal.stop()
        else:  # collected on the loop's own thread: it cannot wait for itself
            portal.loop.create_task(live.close()).add_done_callback(lambda _: portal.loop.stop())


def connect(url: str = DEFAULT_URL, **options: Any) -> BlockingClient:
    """A live client without `await`, connected and, given credentials, logged in.

    `options` are those of `create_client`. It works inside a running event loop too (a notebook cell), since it lives
    on a thread of its own. Raises `CannotConnect` and `NotAuthenticated`.

    >>> with connect("http://localhost:3030", api_key=key) as client:      # doctest: +SKIP
    ...     page = client.service("sessions").find()
    """
    portal = LoopThread()
    live: Client | None = None

    async def make() -> Client:
        return create_client(url, **options)

    try:
        live = portal.run(make())
        portal.run(live.open())
    except BaseException:
        if live is not None:
            portal.run(live.close())
        portal.stop()
        raise
    return BlockingClient(live, portal)
