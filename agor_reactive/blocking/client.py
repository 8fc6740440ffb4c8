"""The live client for plain threads: every call runs on its loop's thread and blocks until it ends."""

from __future__ import annotations

import contextlib
import warnings
import weakref
from collections.abc import Callable, Coroutine, Iterator, Mapping
from functools import partial
from typing import Any, Self, TypeVar, Unpack, cast

from reactivex import Observable

from agor_reactive.blocking.handle import BlockingHandle
from agor_reactive.blocking.portal import LoopThread, blocking, emitting_on_loop, handed_over
from agor_reactive.blocking.sessions import BlockingSessions
from agor_reactive.calls.drivers import Pages
from agor_reactive.calls.effects import CallOptions, Operation
from agor_reactive.calls.paging import FilterCheck
from agor_reactive.calls.surface import LiveSync
from agor_reactive.client import Client, ClientOptions, Hydration, create_client, retain_sessions
from agor_reactive.errors import UsageError
from agor_reactive.models import AuthenticationResult
from agor_reactive.models.secrecy import hide, hide_fields, hide_values
from agor_reactive.models.wire import LinkStatus, RawEvent
from agor_reactive.services import Deliver, Services
from agor_reactive.transport.credentials import LiveLoginOptions, Strategy
from agor_reactive.transport.own_daemons import check_not_blocked

__all__ = ["BlockingClient", "connect"]

T = TypeVar("T")


class _PortalDriver:
    """Runs operations on the client's loop, for callers that wait on another thread."""

    filters: FilterCheck | None = None

    def __init__(self, live: Client, portal: LoopThread) -> None:
        self._live = live
        self._portal = portal

    def run(self, operation: Operation[T], options: CallOptions | None = None, /) -> T:
        return self._portal.run(self._live.runner.run(operation, options))

    def walk(self, pages: Pages[T], options: CallOptions | None = None, /) -> Iterator[T]:
        while (rows := self.run(pages.step(), options)) is not None:
            yield from rows

    def check_loop(self) -> None:
        """Any thread may use it."""

    def listen(self, path: str, event: str, callback: Callable[[Any], Any]) -> Callable[[], None]:
        undo = self._portal.call(self._live.router.on, path, event, callback)
        return lambda: self._portal.let_go(undo)


class BlockingClient(Services[LiveSync]):
    """The live client for plain threads. Created by `connect`; close it, or use it as a context manager.

    `live` is the async client behind it; `sessions` and `tasks` are its services, blocking.
    """

    def __init__(self, live: Client, portal: LoopThread) -> None:
        self.live = live
        self._portal = portal
        driver = _PortalDriver(live, portal)
        super().__init__(driver, driver.listen)
        # A client that is collected without `close` must not keep its thread and connection.
        self._finalizer = weakref.finalize(self, _end_unclosed, live, portal)

    @property
    def url(self) -> str:
        """The daemon's address."""
        return self.live.url

    @property
    def status(self) -> LinkStatus:
        """The status of the link."""
        return self.live.status

    @property
    def events(self) -> Observable[RawEvent]:
        """An Observable of every server event, with secrets removed; it emits on the loop's thread."""
        return emitting_on_loop(self.live.events, self._portal)

    def on_status(self, callback: Callable[[LinkStatus], Any], *, deliver: Deliver | None = None) -> Callable[[], None]:
        """Call `callback` on every change of the link's status, as in `Client.on_status`. Returns the undo."""
        undo = self._portal.call(self.live.on_status, handed_over(callback, deliver))
        return lambda: self._portal.let_go(undo)

    def retain(self, session_id: str, *, task_hydration: Hydration = "lazy") -> BlockingHandle:
        """Retain a live mirror of one session. See `retain_reactive_session`."""
        handle = self._portal.call(lambda: self.live.registry.retain(session_id, task_hydration=task_hydration))
        return BlockingHandle(handle, self._portal)

    def retain_sessions(self, *, query: Mapping[str, Any] | None = None) -> BlockingSessions:
        """Retain a live collection of the sessions that match `query`. See `agor_reactive.retain_sessions`."""
        return BlockingSessions(self._portal.call(lambda: retain_sessions(self.live, query=query)), self._portal)

    def authenticate(self, strategy: Strategy | None = None, **login: Unpack[LiveLoginOptions]) -> AuthenticationResult:
        """Log in and stay logged in; see `Client.authenticate`."""
        login.update(hide_fields(login))
        return self._portal.run(self.live.authenticate(strategy, **login))

    re_authenticate = blocking(Client.re_authenticate)
    logout = blocking(Client.logout)

    def run(self, work: Coroutine[Any, Any, T], timeout: float | None = None) -> T:
        """Run your own coroutine on the client's loop and wait for it."""
        return self._portal.run(work, timeout)

    def close(self) -> None:
        """Release every session, close the link, end the thread. Idempotent."""
        if self._finalizer.detach() is not None:
            _end(self.live, self._portal)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<BlockingClient {self.url} {self.status.phase}>"


def _end_unclosed(live: Client, portal: LoopThread) -> None:
    try:
        text = f"<BlockingClient {live.url}> was not closed. Close it, or use it as a context manager."
        warnings.warn(text, ResourceWarning, stacklevel=2)
    finally:
        _end(live, portal)


def _end(live: Client, portal: LoopThread) -> None:
    if portal.alive:
        if not portal.is_here:
            with contextlib.suppress(UsageError):
                portal.wait(live.close())
            portal.stop()
        else:  # collected on the loop's own thread, which cannot wait for itself
            portal.loop.create_task(live.close()).add_done_callback(lambda _: portal.loop.stop())


def connect(url: str | None = None, **options: Unpack[ClientOptions]) -> BlockingClient:
    """Connect a live client without `await`, and log in if there are credentials.

    `options` are those of `create_client`. It also works inside a running event loop (a notebook cell), since it has
    its own thread. Raises `CannotConnect` and `NotAuthenticated`, and `UsageError` for a daemon that the caller's own
    event loop serves: blocked, it could not answer.

    >>> with connect("http://localhost:3030", api_key=key) as client:      # doctest: +SKIP
    ...     page = client.service("sessions").find()
    """
    options.update(cast(ClientOptions, hide_fields(options)))
    if "headers" in options:
        options["headers"] = hide_values(options["headers"])
    if "proxy" in options:
        options["proxy"] = hide(options["proxy"])
    portal = LoopThread()
    live: Client | None = None

    async def make() -> Client:
        return create_client(url, **options)

    try:
        live = portal.run(make())
        portal.check = partial(check_not_blocked, live.url, instead="create_client")
        portal.run(live.open())
    except BaseException:
        if live is not None:
            portal.wait(live.close())
        portal.stop()
        raise
    return BlockingClient(live, portal)
