"""The live link: one supervised connection at a time that logs in, stays logged in, and comes back by itself.

There is one path for the first connect, a drop, a server's kick and a daemon's restart: connect bare, log in, wait for
that answer, and only then let calls through. `connection.Connection` moves the bytes, `credentials.Login` knows how to
log in; this module knows when. It gives events no meaning.
"""

from __future__ import annotations

import asyncio
import logging
import random as _random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from inspect import isawaitable
from typing import Any, Final

from agor_reactive.errors import (
    AgorError,
    CannotConnect,
    ConnectionLost,
    Forbidden,
    LinkError,
    NotAuthenticated,
    NotConnected,
    UsageError,
    WrongLoop,
)
from agor_reactive.models.wire import LinkPhase, LinkStatus, RawEvent
from agor_reactive.transport.address import Address
from agor_reactive.transport.connection import MAX_FRAME, Connection, ConnectOptions
from agor_reactive.transport.credentials import Credentials, Login, LoginStep
from agor_reactive.transport.seam import OnEvent, OnStatus
from agor_reactive.transport.steps import AskProvider, Steps, drive_async
from agor_reactive.transport.tls import Verify, ssl_setting

__all__ = ["Backoff", "SocketLink"]

log = logging.getLogger(__name__)

_SHORTEST_LIFE: Final = 0.05  # seconds


@dataclass(frozen=True, slots=True)
class Backoff:
    """Waits between tries, in seconds: doubling from `first` to `most`, each shortened at random by up to half.

    A connection that held for `steady` seconds starts the count anew; one that is cut at once does not, so a daemon
    that kicks on sight is not hammered.
    """

    first: float = 0.2
    most: float = 10.0
    steady: float = 5.0

    def delay(self, attempt: int, random: Callable[[], float]) -> float:
        """The wait before try number `attempt` (from 1); `random` gives numbers in [0, 1)."""
        longest = min(self.most, self.first * 2.0 ** min(attempt - 1, 30))
        return longest * (1.0 - random() / 2.0)


class SocketLink:
    """Implements `agor_reactive.transport.seam.Link` over Socket.IO.

    `timeout` is a call's default, `connect_timeout` covers one connect, both in seconds. `clock` gives epoch seconds
    (receipt of events), `random` numbers in [0, 1). With `keep_trying`, `open` waits for a daemon that is not up yet.
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
        headers: Mapping[str, str] | None = None,
        verify: Verify = True,
        proxy: str | None = None,
        proxy_from_env: bool = True,
        max_response: int = MAX_FRAME,
        random: Callable[[], float] = _random.random,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._address = Address.parse(url)
        self._options = ConnectOptions(
            tuple(transports),
            connect_timeout,
            dict(headers or {}),
            ssl_setting(verify) if self._address.is_tls else True,
            proxy,
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
        self._loop: asyncio.AbstractEventLoop | None = None
        self._supervisor: asyncio.Task[None] | None = None
        self._connection: Connection | None = None
        self._opened: asyncio.Future[None] | None = None
        self._epoch = 0
        self._gate: asyncio.Future[None] | None = None  # pending while calls must wait for a login
        self._logging_in = asyncio.Lock()
        self._plan_changed = asyncio.Event()

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

    def listen(self, on_event: OnEvent, on_status: OnStatus) -> None:
        self._on_event = on_event
        self._on_status = on_status

    async def open(self) -> None:
        self._here()
        if self._status.phase == "closed":
            raise UsageError("this link was closed for good; make a new client")
        if self._supervisor is None:
            self._opened = asyncio.get_running_loop().create_future()
            self._supervisor = asyncio.create_task(self._supervise(), name=f"agor link {self._address.url}")
        assert self._opened is not None
        try:
            await asyncio.shield(self._opened)
        except BaseException:
            await self.close()
            raise

    async def call(self, method: str, service: str, *args: Any, timeout: float | None = None) -> Any:
        self._here()
        limit = self._timeout if timeout is None else timeout
        if self._gate is not None:
            limit = await self._pass_gate(self._gate, method, service, limit)
        connection = self._connection
        if connection is None or not self._status.up:
            hint = "it comes back by itself" if self._status.phase == "reconnecting" else "open a client first"
            raise NotConnected(f"{method} {service}: the link is {self._status.phase}; nothing was sent ({hint})")
        return await connection.call(method, service, args, timeout=limit)

    async def login(self, credentials: Credentials) -> Mapping[str, Any]:
        self._here()
        login = self._login_for(credentials)
        async with self._logging_in:
            answer = await self._run_login(login, login.log_in())
            self._login = login
        return answer

    async def renew(self) -> Mapping[str, Any]:
        self._here()
        login = self._login
        if login is None:
            raise NotAuthenticated("there is no login to renew; authenticate first")
        async with self._logging_in:
            return await self._run_login(login, login.renew() if login.renewable else login.log_in())

    async def logout(self) -> None:
        self._here()
        async with self._logging_in:
            self._login = None
            connection = self._connection
            if connection is not None and self._status.phase == "live":
                with suppress(NotAuthenticated):
                    await connection.call("remove", "authentication", (None, {}), timeout=self._timeout)
                if not connection.lost.done():
                    self._tell("unauthenticated", reason="logged out")
        self._plan_changed.set()

    async def close(self) -> None:
        self._here()
        supervisor, self._supervisor = self._supervisor, None
        if supervisor is not None and not supervisor.done():
            supervisor.cancel()
            await asyncio.gather(supervisor, return_exceptions=True)
        if self._status.phase != "closed":
            self._tell("closed")
        if self._opened is not None and not self._opened.done():
            self._opened.set_exception(NotConnected("the link was closed while it was opening"))
            self._opened.exception()  # nobody may be waiting

    # ---- the supervisor ----

    async def _supervise(self) -> None:
        attempt = 0
        loop = asyncio.get_running_loop()
        while True:
            began = loop.time()
            try:
                reason = await self._one_connection()
                if loop.time() - began >= self._backoff.steady:
                    attempt = 0
            except Exception as error:  # noqa: BLE001 - a token provider may raise anything
                if self._refuse_to_open(error):
                    return
                reason = str(error) if isinstance(error, AgorError) else f"{type(error).__name__} of the token provider"
            attempt += 1
            delay = self._backoff.delay(attempt, self._random)
            self._tell(self._down, attempt=attempt, next_try_in=delay, reason=reason)
            await asyncio.sleep(delay)

    @property
    def _down(self) -> LinkPhase:
        return "reconnecting" if self._opened is not None and self._opened.done() else "connecting"

    def _refuse_to_open(self, error: Exception) -> bool:
        """Whether `open` ends with `error`; the supervisor ends with it."""
        opened = self._opened
        if opened is None or opened.done() or (self._keep_trying and isinstance(error, LinkError)):
            return False
        opened.set_exception(error)
        return True

    async def _one_connection(self) -> str:
        """Connect, log in, and stay until the connection ends. Returns why it ended; raises if it never got up."""
        connection = Connection(self._address, self._options, on_event=self._deliver)
        try:
            await connection.open()
            self._connection = connection
            self._epoch += 1
            await self._log_in_first()
            if self._opened is not None and not self._opened.done():
                self._opened.set_result(None)
            await self._keep_logged_in(connection)
            return await connection.lost
        finally:
            self._connection = None
            if self._status.up and connection.lost.done():
                self._tell(self._down, reason=connection.lost.result())
            await connection.close()

    async def _log_in_first(self) -> None:
        """Log a fresh connection in; calls made meanwhile wait for it."""
        login = self._login
        if login is None:
            self._tell("unauthenticated", reason="not logged in yet")
            return
        try:
            async with self._logging_in:
                await self._run_login(login, login.log_in())
        except (NotAuthenticated, Forbidden) as error:
            if self._opened is not None and not self._opened.done():
                raise
            # Asking again would be refused again: stay connected, bare, until someone authenticates.
            self._tell("unauthenticated", reason=str(error))
        except LinkError as error:
            raise CannotConnect(f"{self._address.url} was reached, but its login was not answered: {error}") from None

    async def _keep_logged_in(self, connection: Connection) -> None:
        """Until the connection ends: renew the login ahead of its expiry."""
        loop = asyncio.get_running_loop()
        refused: Login | None = None
        failures = 0
        while not connection.lost.done():
            self._plan_changed.clear()
            login = self._login
            due = None
            if login is not None and login is not refused and self._status.phase == "live":
                due = login.renew_at
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
                # A token that is hardly longer-lived than the way to it must not make us ask without pause.
                short = login.renew_at is not None and login.renew_at < loop.time() + _SHORTEST_LIFE
                failures = failures + 1 if short else 0
            except (NotAuthenticated, Forbidden) as error:
                # The daemon cuts the connection at expiry, and then the status tells. No second try before that.
                refused = login
                log.warning("the login could not be renewed: %s", error)
            except Exception as error:  # noqa: BLE001 - a token provider may raise anything
                failures += 1
                what = str(error) if isinstance(error, AgorError) else type(error).__name__
                log.warning("the login could not be renewed yet: %s", what)

    async def _until(self, due: float | None, lost: asyncio.Future[str]) -> None:
        """Wait for a change of plan, the end of the connection, or the time `due`."""
        loop = asyncio.get_running_loop()
        changed = asyncio.ensure_future(self._plan_changed.wait())
        watched: set[asyncio.Future[Any]] = {lost, changed}
        wait = None if due is None else max(0.0, due - loop.time())
        try:
            await asyncio.wait(watched, timeout=wait, return_when=asyncio.FIRST_COMPLETED)
        finally:
            changed.cancel()

    # ---- logging in ----

    async def _run_login(self, login: Login, steps: Steps[LoginStep, Mapping[str, Any]]) -> Mapping[str, Any]:
        """Run the steps of a login on the present connection, and be live. The lock is the caller's."""
        connection = self._connection
        if connection is None:
            raise NotConnected("the link is not connected; nothing was sent")

        async def perform(step: LoginStep) -> Any:
            if isinstance(step, AskProvider):
                token = step.provider()
                return await token if isawaitable(token) else token
            return await connection.call(step.method, step.service, step.args, timeout=self._timeout)

        with self._calls_held_back():
            answer = await drive_async(steps, perform)
            if connection.lost.done():
                raise ConnectionLost(f"the connection dropped right after the login ({connection.lost.result()})")
            if self._status.phase != "live" or self._status.epoch != self._epoch:
                self._tell("live")
        self._plan_changed.set()
        return answer

    @contextmanager
    def _calls_held_back(self) -> Iterator[None]:
        """While not logged in yet, calls wait here rather than go out early and be refused."""
        if self._status.phase == "live" and self._status.epoch == self._epoch:
            yield
            return
        gate = self._gate = asyncio.get_running_loop().create_future()
        try:
            yield
        finally:
            self._gate = None
            gate.set_result(None)

    async def _pass_gate(self, gate: asyncio.Future[None], method: str, service: str, limit: float) -> float:
        """Wait for the login under way; returns what is left of `limit`."""
        loop = asyncio.get_running_loop()
        started = loop.time()
        done, _ = await asyncio.wait({gate}, timeout=limit)
        if not done:
            raise NotConnected(f"{method} {service}: still logging in after {limit:g} s; nothing was sent")
        return max(0.0, limit - (loop.time() - started))

    def _login_for(self, credentials: Credentials) -> Login:
        self._address.warn_if_exposed()
        return Login(credentials, monotonic=lambda: asyncio.get_running_loop().time(), wall=self._clock)

    # ---- telling ----

    def _deliver(self, topic: str, payload: Any) -> None:
        listener = self._on_event
        if listener is None:
            return
        try:
            listener(RawEvent(topic, payload, self._clock()))
        except Exception:
            log.exception("the listener failed on an event")

    def _tell(
        self, phase: LinkPhase, *, attempt: int = 0, next_try_in: float | None = None, reason: str | None = None
    ) -> None:
        self._status = LinkStatus(phase, attempt, next_try_in, reason, self._epoch)
        if self._on_status is None:
            return
        try:
            self._on_status(self._status)
        except Exception:
            log.exception("the listener failed on status %s", phase)

    def _here(self) -> None:
        loop = asyncio.get_running_loop()
        if self._loop is None:
            self._loop = loop
        elif self._loop is not loop:
            raise WrongLoop("this client belongs to another event loop; make one client per loop")
