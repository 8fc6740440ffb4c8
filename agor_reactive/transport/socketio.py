"""The live link: keeps one supervised connection logged in, and reconnects it.

The first connect, a drop, a disconnect by the server and a daemon's restart share one path. `connect_ways` says how the
daemon authenticates a connection. `connection.Connection` moves the bytes, `link_login.LinkLogin` logs in; this module
decides when to connect. It does not interpret events.
"""

from __future__ import annotations

import asyncio
import logging
import random as _random
import time
from collections.abc import Awaitable, Callable, Mapping, MutableMapping, Sequence
from typing import TYPE_CHECKING, Any

from pydantic import SecretStr

from agor_reactive.calls.backoff import Backoff
from agor_reactive.calls.effects import Call
from agor_reactive.calls.methods import STANDARD_METHODS
from agor_reactive.calls.own_loop import OwnLoop
from agor_reactive.calls.retries import RetryPolicy
from agor_reactive.errors import (
    AgorError,
    Forbidden,
    LinkError,
    NotAuthenticated,
    NotConnected,
    TooManyRequests,
    UsageError,
)
from agor_reactive.models.secrecy import hide, hide_values
from agor_reactive.models.wire import EventRun, LinkStatus
from agor_reactive.transport.address import Address
from agor_reactive.transport.connect_ways import ConnectWay, DetectedWay
from agor_reactive.transport.connection import MAX_FRAME, Connection, ConnectOptions
from agor_reactive.transport.credentials import ApiKey, Credentials, Secret
from agor_reactive.transport.link_login import LinkLogin
from agor_reactive.transport.link_state import LinkState
from agor_reactive.transport.login import Login
from agor_reactive.transport.rest_login import RestLogin
from agor_reactive.transport.seam import OnEvents, OnStatus
from agor_reactive.transport.tls import Verify, ssl_setting

if TYPE_CHECKING:
    from agor_reactive.transport.http import AsyncRest

__all__ = ["SocketLink"]

log = logging.getLogger(__name__)


class SocketLink:
    """Implements `agor_reactive.transport.seam.Link` over Socket.IO.

    `timeout` is a call's default, `connect_timeout` covers one connect, both in seconds. `clock` gives epoch seconds
    (receipt of events), `random` numbers in [0, 1). With `keep_trying`, `open` waits for a daemon that is not up yet.
    `ways` remembers the way to connect by address; by default the whole process shares one.
    """

    def __init__(
        self,
        url: str,
        *,
        credentials: Credentials | None = None,
        transports: Sequence[str] = ("websocket",),
        timeout: float = 20.0,
        connect_timeout: float = 10.0,
        keep_trying: bool = False,
        backoff: Backoff | None = None,
        headers: Mapping[str, Secret] | None = None,
        verify: Verify = True,
        proxy: Secret | None = None,
        proxy_from_env: bool = True,
        max_response: int = MAX_FRAME,
        random: Callable[[], float] = _random.random,
        clock: Callable[[], float] = time.time,
        ways: MutableMapping[str, ConnectWay] | None = None,
    ) -> None:
        hidden_proxy: SecretStr | None = hide(proxy)
        hidden_headers: Mapping[str, SecretStr] = hide_values(headers or {})
        headers = proxy = None
        self._address = Address.parse(url)
        self._options = ConnectOptions(
            tuple(transports),
            connect_timeout,
            hidden_headers,
            ssl_setting(verify) if self._address.is_tls else True,
            hidden_proxy,
            proxy_from_env,
            max_response,
        )
        self._timeout = timeout
        self._keep_trying = keep_trying
        self._backoff = backoff or Backoff()
        self._random = random
        self._clock = clock
        self._state = LinkState()
        self._detected = DetectedWay(self._address.url, ways)
        self._on_events: OnEvents | None = None
        self.own_loop = OwnLoop()
        self._rest = RestLogin(self._make_rest, timeout=min(timeout, connect_timeout))
        self._login = LinkLogin(
            self._address.url,
            self._state,
            self._detected,
            self._rest,
            make=self._login_for,
            timeout=timeout,
            backoff=self._backoff,
            random=random,
        )
        self._login.current = None if credentials is None else self._login_for(credentials)

    # ---- Link ----

    @property
    def status(self) -> LinkStatus:
        return self._state.status

    @property
    def url(self) -> str:
        """The daemon's address."""
        return self._address.url

    @property
    def user_id(self) -> str | None:
        login = self._login.current
        return None if login is None else login.user_id

    @property
    def connect_way(self) -> ConnectWay | None:
        """How this daemon authenticates a connection; None while unknown."""
        return self._detected.way

    def listen(self, on_events: OnEvents, on_status: OnStatus) -> None:
        self._on_events = on_events
        self._state.on_status = on_status

    async def open(self) -> None:
        self.own_loop.bind()
        state = self._state
        if state.status.phase == "closed":
            raise UsageError("this link is closed; create a new client")
        if state.supervisor is None:
            state.opened = asyncio.get_running_loop().create_future()
            state.supervisor = asyncio.create_task(self._supervise(), name=f"agor link {self._address.url}")
            state.supervisor.add_done_callback(self._supervisor_ended)
        assert state.opened is not None
        try:
            await asyncio.shield(state.opened)
        except BaseException:
            await self.close()
            raise

    async def call(self, method: str, service: str, *args: Any, timeout: float | None = None) -> Any:
        self.own_loop.bind()
        limit = self._timeout if timeout is None else timeout
        if self._login.pending is not None:
            limit = await self._login.wait_pending(self._login.pending, method, service, limit)
        status, connection = self._state.status, self._state.connection
        if connection is None and status.phase == "unauthenticated":
            return await self._call_without_socket(method, service, args, limit)
        if connection is None or not status.up:
            hint = "it reconnects" if status.phase == "reconnecting" else "open a client first"
            raise NotConnected(f"{method} {service}: the link is {status.phase}; nothing was sent ({hint})")
        return await connection.call(method, service, args, timeout=limit)

    async def _call_without_socket(self, method: str, service: str, args: tuple[Any, ...], limit: float) -> Any:
        """Make a call without a login (``health``) over REST, where the daemon admits no unauthenticated connection."""
        if method not in STANDARD_METHODS:
            reason = self._state.status.reason or "not logged in yet"
            raise NotAuthenticated(f"{method} {service}: not connected ({reason}); authenticate first", code=401)
        return await self._rest.call(Call(method, service, args), timeout=limit)

    async def login(self, credentials: Credentials) -> Mapping[str, Any]:
        self.own_loop.bind()
        return await self._login.log_in(credentials)

    async def renew(self) -> Mapping[str, Any]:
        self.own_loop.bind()
        return await self._login.renew()

    async def logout(self) -> None:
        self.own_loop.bind()
        await self._login.log_out()

    async def close(self) -> None:
        self.own_loop.bind()
        state = self._state
        supervisor, state.supervisor = state.supervisor, None
        if supervisor is not None and not supervisor.done():
            supervisor.cancel()
            await asyncio.gather(supervisor, return_exceptions=True)
        if state.status.phase != "closed":
            state.notify("closed")
        state.not_live(NotConnected("the link was closed meanwhile"))
        if state.opened is not None and not state.opened.done():
            state.opened.set_exception(NotConnected("the link was closed while it was opening"))
            state.opened.exception()  # `open` may not be waiting
        await self._rest.close()

    # ---- the supervisor ----

    def _supervisor_ended(self, supervisor: asyncio.Task[None]) -> None:
        """Report the end of the supervisor, without which the link does not reconnect."""
        state = self._state
        if supervisor is not state.supervisor or state.opened is None or not state.opened.done():
            return  # closed by us, or `open` raises the error
        if not supervisor.cancelled() and supervisor.exception() is None and state.opened.exception() is not None:
            return
        why = "it was cancelled" if supervisor.cancelled() else f"{type(supervisor.exception()).__name__}"
        log.error("the link to %s has ended: %s; create a new client", self._address.url, why)
        state.notify("closed", reason=f"the link's task ended ({why})")
        state.not_live(NotConnected("the link has ended; create a new client"))

    async def _supervise(self) -> None:
        state = self._state
        attempt = 0
        loop = asyncio.get_running_loop()
        while True:
            began = loop.time()
            try:
                reason = await self._one_connection()
                if reason is None:  # the user ended or replaced it
                    attempt = 0
                    continue
                if loop.time() - began >= self._backoff.steady:
                    attempt = 0
                at_least = 0.0
            except Exception as error:  # noqa: BLE001 - a token provider may raise anything
                state.not_live(error)
                if self._refuse_to_open(error):
                    return
                reason = str(error) if isinstance(error, AgorError) else f"{type(error).__name__} of the token provider"
                at_least = (error.retry_after or 0.0) if isinstance(error, TooManyRequests) else 0.0
            attempt += 1
            delay = max(self._backoff.delay(attempt, self._random), at_least)
            state.notify(state.down, attempt=attempt, next_try_in=delay, reason=reason)
            state.plan_changed.clear()
            await state.until(loop.time() + delay, None)

    def _refuse_to_open(self, error: Exception) -> bool:
        """Whether `open` fails with `error`, which also ends the supervisor."""
        opened = self._state.opened
        if opened is None or opened.done() or (self._keep_trying and isinstance(error, LinkError)):
            return False
        opened.set_exception(error)
        return True

    async def _one_connection(self) -> str | None:
        """Connect, log in, and wait until the connection ends. Raises if it could not be established.

        Returns the reason of its end; None to reconnect without a pause, or to wait for a login.
        """
        state = self._state
        state.plan_changed.clear()
        self._detected.greeting = None
        if self.connect_way != "handshake":
            connection = self._connect()
            try:
                await connection.open()
            except NotAuthenticated:
                self._detected.bare_refused()
                return None
            self._detected.way = "bare"
            return await self._stay(connection, self._login.log_in_first())
        login, refused = self._login.current, self._login.refused
        if login is None or (refused is not None and refused[0] is login):
            await self._wait_for_login(None if login is None or refused is None else refused[1])
            return None
        try:
            connection = await self._login.open_as(login, self._connect)
        except (NotAuthenticated, Forbidden) as error:
            explained = await self._login.explained(error, login)
            state.not_live(explained)
            if state.is_opening:
                raise explained from None
            # A retry would be refused again: no connection until the next `authenticate`.
            self._login.refused = (login, explained)
            return None
        if login is not self._login.current:  # `authenticate` was called meanwhile
            await connection.close()
            return None
        return await self._stay(connection, self._be_live(connection))

    async def _stay(self, connection: Connection, begin: Awaitable[None]) -> str | None:
        """Use an open connection until it ends."""
        state = self._state
        try:
            state.connection = connection
            state.epoch += 1
            await begin
            if state.connection is connection:
                state.be_open()
            await self._login.keep(connection)
            reason = await connection.lost
            return reason if state.connection is connection else None
        finally:
            ours = state.connection is connection
            state.connection = None if ours else state.connection
            if ours and state.status.up and connection.lost.done():
                state.notify(state.down, reason=connection.lost.result())
            await connection.close()

    async def _be_live(self, connection: Connection) -> None:
        self._login.refused = None
        if self._detected.sends_no_events:
            self._connect_bare_instead(connection)
            return
        await self._login.go_live(connection)
        self._state.went_live()

    def _connect_bare_instead(self, connection: Connection) -> None:
        state = self._state
        self._detected.way = "bare"
        state.connection = None
        if state.status.up:
            state.notify(state.down, reason="the daemon is of an older version; connecting without a login")
        connection.end("the connection was opened with a login")

    async def _wait_for_login(self, refused: AgorError | None) -> None:
        state = self._state
        reason = "not logged in yet" if refused is None else str(refused)
        if state.status.phase != "unauthenticated":
            state.notify("unauthenticated", reason=reason)
        state.be_open()
        await state.until(None, None)

    def _connect(self) -> Connection:
        return Connection(self._address, self._options, on_events=self._deliver)

    def _make_rest(self, key: ApiKey | None) -> AsyncRest:
        from agor_reactive.transport.http import AsyncRest  # imports an HTTP library, so only when needed

        options = self._options
        return AsyncRest(
            self._address.url,
            credentials=key,
            headers=options.headers,
            verify=options.verify,
            proxy=options.proxy,
            proxy_from_env=options.proxy_from_env,
            retry=RetryPolicy(max_retries=0),  # the link retries with its back-off
        )

    def _login_for(self, credentials: Credentials) -> Login:
        self._address.warn_if_exposed()
        return Login(credentials, monotonic=lambda: asyncio.get_running_loop().time(), wall=self._clock)

    # ---- events ----

    def _deliver(self, events: EventRun) -> None:
        if self._detected.greeting is None:
            events = self._up_to_greeting(events)
        listener = self._on_events
        if listener is None:
            return
        try:
            listener(events, self._clock())
        except (Exception, asyncio.CancelledError, GeneratorExit):
            log.exception("the listener failed on an event")

    def _up_to_greeting(self, events: EventRun) -> EventRun:
        """The events that count: if the daemon's greeting shows that this connection brings none, those up to it."""
        for number, (topic, payload) in enumerate(events):
            if topic == "server-info":
                self._detected.greeting = payload
                connection = self._state.connection
                if connection is not None and self._detected.sends_no_events:
                    self._connect_bare_instead(connection)
                    return events[: number + 1]
                break
        return events
