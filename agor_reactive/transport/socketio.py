"""The live link: keeps one supervised connection logged in, and reconnects it.

The first connect, a drop, a disconnect by the server and a daemon's restart share one path. How a connection is
authenticated depends on the daemon's version (`ConnectWay`), which is detected by trying and remembered per address:

* ``bare`` (until August 2026): connect unauthenticated, log in with ``create authentication``, wait for the answer.
* ``handshake`` (since late August 2026): a bare connection is refused with 401; log in over REST, then connect with the
  access token on the request. The socket outlives the token and cannot log in again.

Bare is tried first at an unknown address, which costs one refusal on today's daemons. ``/health`` could hint at them,
but looks the same on daemons of 22 August 2026 (0.25.2), where bare is better: there a connection with a token on the
request ends with that token, even after later logins, and its calls skip the checks for members.

`connection.Connection` moves the bytes, `credentials.Login` knows how to log in, `rest_login.RestLogin` makes the REST
calls; this module decides when. It does not interpret events.
"""

from __future__ import annotations

import asyncio
import logging
import random as _random
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, MutableMapping, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Final, Literal

from pydantic import SecretStr

from agor_reactive.calls.backoff import Backoff
from agor_reactive.calls.effects import Call, EffectGenerator
from agor_reactive.calls.methods import STANDARD_METHODS
from agor_reactive.calls.own_loop import OwnLoop
from agor_reactive.calls.retries import RetryPolicy
from agor_reactive.errors import (
    AgorError,
    ApiKeyRestOnly,
    CannotConnect,
    ConnectionLost,
    Forbidden,
    LinkError,
    NotAuthenticated,
    NotConnected,
    TooManyRequests,
    UsageError,
)
from agor_reactive.models.secrecy import hide, hide_values
from agor_reactive.models.wire import LinkPhase, LinkStatus, RawEvent
from agor_reactive.transport.address import Address
from agor_reactive.transport.connection import MAX_FRAME, Connection, ConnectOptions
from agor_reactive.transport.credentials import ApiKey, Credentials, Login, LoginStep, Secret
from agor_reactive.transport.rest_login import RestLogin, run_login
from agor_reactive.transport.seam import OnEvent, OnStatus
from agor_reactive.transport.tls import Verify, ssl_setting

if TYPE_CHECKING:
    from agor_reactive.transport.http import AsyncRest

__all__ = ["ConnectWay", "SocketLink"]

log = logging.getLogger(__name__)

ConnectWay = Literal["bare", "handshake"]
"""How a daemon authenticates a connection; see the top of this module."""

_WAYS: Final[dict[str, ConnectWay]] = {}
"""The detected way to connect per address, for every link of this process."""

_IMMUTABLE: Final = "immutable"  # in the answer of a daemon whose sockets cannot log in after the handshake

_SHORTEST_LIFE: Final = 0.05  # seconds


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
        self._status = LinkStatus("connecting")
        self._on_event: OnEvent | None = None
        self._on_status: OnStatus | None = None
        self._login = None if credentials is None else self._login_for(credentials)
        self.own_loop = OwnLoop()
        self._supervisor: asyncio.Task[None] | None = None
        self._connection: Connection | None = None
        self._opened: asyncio.Future[None] | None = None
        self._epoch = 0
        self._login_pending: asyncio.Future[None] | None = None  # pending while calls must wait for a login
        self._logging_in = asyncio.Lock()
        self._plan_changed = asyncio.Event()
        self._ways = _WAYS if ways is None else ways
        self._handshake_sure = False  # a bare connection was refused, so no doubt is left
        self._greeting: Any = None  # the daemon's greeting on this connection
        self._refused: tuple[Login, AgorError] | None = None  # not retried before a new login
        self._going_live: set[asyncio.Future[None]] = set()
        self._rest = RestLogin(self._make_rest, timeout=min(timeout, connect_timeout))

    # ---- Link ----

    @property
    def status(self) -> LinkStatus:
        return self._status

    @property
    def url(self) -> str:
        """The daemon's address."""
        return self._address.url

    @property
    def user_id(self) -> str | None:
        return None if self._login is None else self._login.user_id

    @property
    def connect_way(self) -> ConnectWay | None:
        """How this daemon authenticates a connection; None while unknown."""
        return self._ways.get(self._address.url)

    def listen(self, on_event: OnEvent, on_status: OnStatus) -> None:
        self._on_event = on_event
        self._on_status = on_status

    async def open(self) -> None:
        self.own_loop.bind()
        if self._status.phase == "closed":
            raise UsageError("this link is closed; create a new client")
        if self._supervisor is None:
            self._opened = asyncio.get_running_loop().create_future()
            self._supervisor = asyncio.create_task(self._supervise(), name=f"agor link {self._address.url}")
            self._supervisor.add_done_callback(self._supervisor_ended)
        assert self._opened is not None
        try:
            await asyncio.shield(self._opened)
        except BaseException:
            await self.close()
            raise

    async def call(self, method: str, service: str, *args: Any, timeout: float | None = None) -> Any:
        self.own_loop.bind()
        limit = self._timeout if timeout is None else timeout
        if self._login_pending is not None:
            limit = await self._hold_until_login(self._login_pending, method, service, limit)
        connection = self._connection
        if connection is None and self._status.phase == "unauthenticated":
            return await self._call_without_socket(method, service, args, limit)
        if connection is None or not self._status.up:
            hint = "it reconnects" if self._status.phase == "reconnecting" else "open a client first"
            raise NotConnected(f"{method} {service}: the link is {self._status.phase}; nothing was sent ({hint})")
        return await connection.call(method, service, args, timeout=limit)

    async def _call_without_socket(self, method: str, service: str, args: tuple[Any, ...], limit: float) -> Any:
        """Make a call without a login (``health``) over REST, where the daemon admits no unauthenticated connection."""
        if method not in STANDARD_METHODS:
            reason = self._status.reason or "not logged in yet"
            raise NotAuthenticated(f"{method} {service}: not connected ({reason}); authenticate first", code=401)
        return await self._rest.call(Call(method, service, args), timeout=limit)

    async def login(self, credentials: Credentials) -> Mapping[str, Any]:
        self.own_loop.bind()
        login = self._login_for(credentials)
        if self.connect_way == "handshake":
            return await self._connect_as(login)
        async with self._logging_in:
            try:
                answer = await self._run_login(login, login.log_in())
            except NotAuthenticated as error:
                raise await self._explained(error, login) from None
            self._login = login
        return answer

    async def renew(self) -> Mapping[str, Any]:
        self.own_loop.bind()
        login = self._login
        if login is None:
            raise NotAuthenticated("there is no login to renew; authenticate first")
        if self.connect_way == "handshake":
            if self._connection is None:  # refused, or down: reconnect with the new credentials
                return await self._connect_as(login)
            async with self._logging_in:
                renewed: Mapping[str, Any] = await self._over_rest(login.earn() if login.renewable else login.log_in())
                return renewed
        async with self._logging_in:
            return await self._run_login(login, login.renew() if login.renewable else login.log_in())

    async def logout(self) -> None:
        self.own_loop.bind()
        async with self._logging_in:
            self._login = None
            connection = self._connection
            if self.connect_way == "handshake":
                # The login belongs to the connection: a logout has to close it.
                self._connection = None
                if self._status.phase != "closed":
                    self._notify("unauthenticated", reason="logged out")
                if connection is not None:
                    await connection.close()
            elif connection is not None and self._status.phase == "live":
                with suppress(NotAuthenticated):
                    await connection.call("remove", "authentication", (None, {}), timeout=self._timeout)
                if not connection.lost.done():
                    self._notify("unauthenticated", reason="logged out")
        self._plan_changed.set()

    async def close(self) -> None:
        self.own_loop.bind()
        supervisor, self._supervisor = self._supervisor, None
        if supervisor is not None and not supervisor.done():
            supervisor.cancel()
            await asyncio.gather(supervisor, return_exceptions=True)
        if self._status.phase != "closed":
            self._notify("closed")
        self._not_live(NotConnected("the link was closed meanwhile"))
        if self._opened is not None and not self._opened.done():
            self._opened.set_exception(NotConnected("the link was closed while it was opening"))
            self._opened.exception()  # `open` may not be waiting
        await self._rest.close()

    # ---- the supervisor ----

    def _supervisor_ended(self, supervisor: asyncio.Task[None]) -> None:
        """Report the end of the supervisor, without which the link does not reconnect."""
        if supervisor is not self._supervisor or self._opened is None or not self._opened.done():
            return  # closed by us, or `open` raises the error
        if not supervisor.cancelled() and supervisor.exception() is None and self._opened.exception() is not None:
            return
        why = "it was cancelled" if supervisor.cancelled() else f"{type(supervisor.exception()).__name__}"
        log.error("the link to %s has ended: %s; create a new client", self._address.url, why)
        self._notify("closed", reason=f"the link's task ended ({why})")
        self._not_live(NotConnected("the link has ended; create a new client"))

    async def _supervise(self) -> None:
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
                self._not_live(error)
                if self._refuse_to_open(error):
                    return
                reason = str(error) if isinstance(error, AgorError) else f"{type(error).__name__} of the token provider"
                at_least = (error.retry_after or 0.0) if isinstance(error, TooManyRequests) else 0.0
            attempt += 1
            delay = max(self._backoff.delay(attempt, self._random), at_least)
            self._notify(self._down, attempt=attempt, next_try_in=delay, reason=reason)
            self._plan_changed.clear()
            await self._until(loop.time() + delay, None)

    @property
    def _down(self) -> LinkPhase:
        return "reconnecting" if self._opened is not None and self._opened.done() else "connecting"

    def _refuse_to_open(self, error: Exception) -> bool:
        """Whether `open` fails with `error`, which also ends the supervisor."""
        opened = self._opened
        if opened is None or opened.done() or (self._keep_trying and isinstance(error, LinkError)):
            return False
        opened.set_exception(error)
        return True

    async def _one_connection(self) -> str | None:
        """Connect, log in, and wait until the connection ends. Raises if it could not be established.

        Returns the reason of its end; None to reconnect without a pause, or to wait for a login.
        """
        self._plan_changed.clear()
        self._greeting = None
        if self.connect_way != "handshake":
            connection = Connection(self._address, self._options, on_event=self._deliver)
            try:
                await connection.open()
            except NotAuthenticated:
                self._ways[self._address.url] = "handshake"
                self._handshake_sure = True
                return None
            self._ways[self._address.url] = "bare"
            return await self._stay(connection, self._log_in_first())
        login = self._login
        if login is None or (self._refused is not None and self._refused[0] is login):
            refused = None if login is None or self._refused is None else self._refused[1]
            await self._wait_for_login(refused)
            return None
        try:
            connection = await self._open_as(login)
        except (NotAuthenticated, Forbidden) as error:
            explained = await self._explained(error, login)
            self._not_live(explained)
            if self._opened is not None and not self._opened.done():
                raise explained from None
            # A retry would be refused again: no connection until the next `authenticate`.
            self._refused = (login, explained)
            return None
        if login is not self._login:  # `authenticate` was called meanwhile
            await connection.close()
            return None
        return await self._stay(connection, self._be_live(connection))

    async def _stay(self, connection: Connection, begin: Awaitable[None]) -> str | None:
        """Use an open connection until it ends."""
        try:
            self._connection = connection
            self._epoch += 1
            await begin
            if self._connection is connection:
                self._be_open()
            await self._keep_logged_in(connection)
            reason = await connection.lost
            return reason if self._connection is connection else None
        finally:
            ours = self._connection is connection
            self._connection = None if ours else self._connection
            if ours and self._status.up and connection.lost.done():
                self._notify(self._down, reason=connection.lost.result())
            await connection.close()

    def _be_open(self) -> None:
        if self._opened is not None and not self._opened.done():
            self._opened.set_result(None)

    # ---- unauthenticated connection, then a login ----

    async def _log_in_first(self) -> None:
        """Log in a new connection; calls made meanwhile wait for it."""
        login = self._login
        if login is None:
            self._notify("unauthenticated", reason="not logged in yet")
            return
        try:
            async with self._logging_in:
                await self._run_login(login, login.log_in())
        except (NotAuthenticated, Forbidden) as error:
            if _IMMUTABLE in str(error) and self._connection is not None:
                self._ways[self._address.url] = "handshake"
                self._connection.end("the connection was opened without a login")
                self._connection = None
                return
            explained = await self._explained(error, login)
            if self._opened is not None and not self._opened.done():
                raise explained from None
            # A retry would be refused again: stay connected, unauthenticated, until the next `authenticate`.
            self._notify("unauthenticated", reason=str(explained))
        except LinkError as error:
            raise CannotConnect(f"{self._address.url} was reached, but its login was not answered: {error}") from None

    # ---- authenticated connection ----

    def _is_deaf(self) -> bool:
        """Whether the connection will never receive events: daemons of June accept a token in the handshake, too.

        Newer ones name themselves with a ``bootId`` when they greet a connection. Without it a bare connection is tried
        next; if that is refused, the daemon is known to be newer.
        """
        greeting = self._greeting
        newer = greeting is None or (isinstance(greeting, Mapping) and "bootId" in greeting)
        return not newer and not self._handshake_sure and self.connect_way == "handshake"

    def _connect_bare_instead(self, connection: Connection) -> None:
        self._ways[self._address.url] = "bare"
        self._connection = None
        if self._status.up:
            self._notify(self._down, reason="the daemon is of an older version; connecting without a login")
        connection.end("the connection was opened with a login")

    async def _open_as(self, login: Login) -> Connection:
        """Open a connection with the login's access token; after a refusal, once more with a new token.

        A refusal does not prove a bad token: every failure of a handshake looks the same.
        """
        for last in (False, True):
            async with self._logging_in:
                token = await self._over_rest(login.token())
            connection = Connection(self._address, self._options, on_event=self._deliver)
            try:
                await connection.open(token)
            except NotAuthenticated as error:
                if last or not login.renewable:
                    raise NotAuthenticated(
                        f"{self._address.url} refused the access token of this login ({error}); authenticate again",
                        name=error.name,
                        code=401,
                    ) from None
                login.discard_access()
            else:
                self._ways[self._address.url] = "handshake"
                return connection
        raise AssertionError("unreachable")

    async def _go_live(self, connection: Connection) -> None:
        """Let calls through. First announce that this client joins session rooms, so that it gets no second copy of the
        text as a session's owner (daemons without rooms refuse that, without effect)."""
        await connection.announce("create", "session-streams", {"capability": True})
        self._notify("live")

    async def _be_live(self, connection: Connection) -> None:
        self._refused = None
        if self._is_deaf():
            self._connect_bare_instead(connection)
            return
        await self._go_live(connection)
        for future in self._going_live:
            if not future.done():
                future.set_result(None)
        self._going_live.clear()

    def _not_live(self, error: Exception) -> None:
        """Fail the login that waits for a new connection with `error`."""
        for future in self._going_live:
            if not future.done():
                future.set_exception(error)
        self._going_live.clear()

    async def _wait_for_login(self, refused: AgorError | None) -> None:
        reason = "not logged in yet" if refused is None else str(refused)
        if self._status.phase != "unauthenticated":
            self._notify("unauthenticated", reason=reason)
        self._be_open()
        await self._until(None, None)

    async def _connect_as(self, login: Login) -> Mapping[str, Any]:
        """Log in over REST, then replace the connection: a socket's authentication cannot be changed."""
        async with self._logging_in:
            try:
                answer: Mapping[str, Any] = await self._over_rest(login.log_in())
            except NotAuthenticated as error:
                raise await self._explained(error, login) from None
        if self._supervisor is None:
            raise NotConnected("the link is not open; open it first")
        self._login, self._refused = login, None
        live: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._going_live.add(live)
        connection, self._connection = self._connection, None
        if connection is not None:
            self._notify("reconnecting", reason="logging in with other credentials")
            await connection.close()
        self._plan_changed.set()
        await live
        return answer

    async def _over_rest(self, steps: EffectGenerator[LoginStep, Any]) -> Any:
        return await self._rest.run(steps)

    async def _explained(self, error: AgorError, login: Login) -> AgorError:
        """The error for a refused API key: a bad key, or a good key that this daemon accepts over REST only."""
        key = login.credentials
        if (
            not isinstance(error, NotAuthenticated)
            or not isinstance(key, ApiKey)
            or not await self._rest.takes_key(key)
        ):
            return error
        return ApiKeyRestOnly(
            f"{self._address.url} accepts this API key over REST but no API key for a live connection (daemons of "
            "August "
            "2026 do so). Log in with e-mail and password (strategy='local'), or give an access token (access_token=), "
            "which POST /authentication returns for e-mail and password",
            name=error.name,
            code=error.code,
        )

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

    # ---- staying logged in ----

    async def _keep_logged_in(self, connection: Connection) -> None:
        """Renew the login before it expires, until the connection ends, where the connection would end with the
        login."""
        loop = asyncio.get_running_loop()
        refused: Login | None = None
        failures = 0
        while not connection.lost.done():
            self._plan_changed.clear()
            login = self._login
            due = None
            if login is not None and login is not refused and self._status.phase == "live":
                due = login.renew_at if self.connect_way == "bare" else None
            if due is not None and failures:
                due = max(due, loop.time() + self._backoff.delay(failures, self._random))
            if login is None or due is None or due > loop.time():
                await self._until(due, connection.lost)
                if due is None or loop.time() < due:
                    continue
            if login is None or connection.lost.done() or login is not self._login:
                continue
            try:
                async with self._logging_in:
                    await self._run_login(login, login.renew())
                # A very short-lived token must not cause renewals without a pause.
                short = login.renew_at is not None and login.renew_at < loop.time() + _SHORTEST_LIFE
                failures = failures + 1 if short else 0
            except (NotAuthenticated, Forbidden) as error:
                # The daemon ends the connection at expiry, and the status shows it. No second attempt before that.
                refused = login
                log.warning("the login could not be renewed: %s", error)
            except Exception as error:  # noqa: BLE001 - a token provider may raise anything
                failures += 1
                what = str(error) if isinstance(error, AgorError) else type(error).__name__
                log.info("the login could not be renewed yet: %s", what)

    async def _until(self, due: float | None, lost: asyncio.Future[str] | None) -> None:
        """Wait for a new plan, the end of the connection, or the time `due`."""
        loop = asyncio.get_running_loop()
        changed = asyncio.ensure_future(self._plan_changed.wait())
        watched: set[asyncio.Future[Any]] = {changed} if lost is None else {lost, changed}
        wait = None if due is None else max(0.0, due - loop.time())
        try:
            await asyncio.wait(watched, timeout=wait, return_when=asyncio.FIRST_COMPLETED)
        finally:
            changed.cancel()

    # ---- logging in ----

    async def _run_login(self, login: Login, steps: EffectGenerator[LoginStep, Mapping[str, Any]]) -> Mapping[str, Any]:
        """Run the operation of a login on the current connection, and go live. The caller holds the lock."""
        connection = self._connection
        if connection is None:
            raise NotConnected("the link is not connected; nothing was sent")

        with self._calls_held_back():
            answer = await run_login(
                steps, lambda call: connection.call(call.method, call.service, call.args, timeout=self._timeout)
            )
            if connection.lost.done():
                raise ConnectionLost(f"the connection dropped right after the login ({connection.lost.result()})")
            if self._status.phase != "live" or self._status.epoch != self._epoch:
                await self._go_live(connection)
        self._plan_changed.set()
        return answer

    @contextmanager
    def _calls_held_back(self) -> Iterator[None]:
        """Hold calls back until the login ends, because earlier calls would be refused."""
        if self._status.phase == "live" and self._status.epoch == self._epoch:
            yield
            return
        pending = self._login_pending = asyncio.get_running_loop().create_future()
        try:
            yield
        finally:
            self._login_pending = None
            pending.set_result(None)

    async def _hold_until_login(self, pending: asyncio.Future[None], method: str, service: str, limit: float) -> float:
        """Wait for the current login; returns the rest of `limit`, in seconds."""
        loop = asyncio.get_running_loop()
        started = loop.time()
        done, _ = await asyncio.wait({pending}, timeout=limit)
        if not done:
            raise NotConnected(f"{method} {service}: still logging in after {limit:g} s; nothing was sent")
        return max(0.0, limit - (loop.time() - started))

    def _login_for(self, credentials: Credentials) -> Login:
        self._address.warn_if_exposed()
        return Login(credentials, monotonic=lambda: asyncio.get_running_loop().time(), wall=self._clock)

    # ---- notifying ----

    def _deliver(self, topic: str, payload: Any) -> None:
        if topic == "server-info":
            self._greeting = payload
            if self._connection is not None and self._is_deaf():
                self._connect_bare_instead(self._connection)
        listener = self._on_event
        if listener is None:
            return
        try:
            listener(RawEvent(topic, payload, self._clock()))
        except (Exception, asyncio.CancelledError, GeneratorExit):
            log.exception("the listener failed on an event")

    def _notify(
        self, phase: LinkPhase, *, attempt: int = 0, next_try_in: float | None = None, reason: str | None = None
    ) -> None:
        self._status = LinkStatus(phase, attempt, next_try_in, reason, self._epoch)
        if self._on_status is None:
            return
        try:
            self._on_status(self._status)
        except (Exception, asyncio.CancelledError, GeneratorExit):
            log.exception("the listener failed on status %s", phase)
