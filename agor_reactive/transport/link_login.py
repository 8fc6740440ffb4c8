"""Logs in a live link and keeps it logged in: over its connection, or over REST before it connects (`connect_ways`).

`login.Login` knows how to log in, `rest_login.RestLogin` makes the REST calls; this module decides over which of
the two, and when to renew.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any, Final

from agor_reactive.calls.backoff import Backoff
from agor_reactive.calls.effects import EffectGenerator
from agor_reactive.errors import (
    AgorError,
    ApiKeyRestOnly,
    CannotConnect,
    ConnectionLost,
    Forbidden,
    LinkError,
    NotAuthenticated,
    NotConnected,
)
from agor_reactive.transport.connect_ways import DetectedWay
from agor_reactive.transport.connection import Connection
from agor_reactive.transport.credentials import ApiKey, Credentials
from agor_reactive.transport.link_state import LinkState
from agor_reactive.transport.login import Login, LoginStep
from agor_reactive.transport.rest_login import RestLogin, run_login

__all__ = ["LinkLogin"]

log = logging.getLogger(__name__)

_IMMUTABLE: Final = "immutable"  # in the answer of a daemon whose sockets cannot log in after the handshake

_SHORTEST_LIFE: Final = 0.05  # seconds


class LinkLogin:
    """The login of one link. `rest` makes REST calls to the daemon at `url`, `make` makes credentials a login,
    `timeout` is for each call of a login, in seconds. `random` gives numbers in [0, 1)."""

    def __init__(
        self,
        url: str,
        state: LinkState,
        detected: DetectedWay,
        rest: RestLogin,
        *,
        make: Callable[[Credentials], Login],
        timeout: float,
        backoff: Backoff,
        random: Callable[[], float],
    ) -> None:
        self._url = url
        self._state = state
        self._detected = detected
        self._rest = rest
        self._make = make
        self._timeout = timeout
        self._backoff = backoff
        self._random = random
        self._logging_in = asyncio.Lock()
        self.current: Login | None = None
        """The login in force; None when not logged in."""
        self.refused: tuple[Login, AgorError] | None = None
        """A login that the daemon refused and why; not retried before a new one."""
        self.pending: asyncio.Future[None] | None = None
        """Pending while calls must wait for a login."""

    async def log_in(self, credentials: Credentials) -> Mapping[str, Any]:
        """Log in, and stay logged in with these credentials; see `seam.Link.login`."""
        login = self._make(credentials)
        if self._detected.way == "handshake":
            return await self._connect_as(login)
        async with self._logging_in:
            try:
                answer = await self._run(login, login.log_in())
            except NotAuthenticated as error:
                raise await self.explained(error, login) from None
            self.current = login
        return answer

    async def renew(self) -> Mapping[str, Any]:
        """Renew the login; see `seam.Link.renew`."""
        login = self.current
        if login is None:
            raise NotAuthenticated("there is no login to renew; authenticate first")
        if self._detected.way == "handshake":
            if self._state.connection is None:  # refused, or down: reconnect with the new credentials
                return await self._connect_as(login)
            async with self._logging_in:
                steps = login.earn() if login.renewable else login.log_in()
                renewed: Mapping[str, Any] = await self._rest.run(steps)
                return renewed
        async with self._logging_in:
            return await self._run(login, login.renew() if login.renewable else login.log_in())

    async def log_out(self) -> None:
        """Log out and forget the credentials; see `seam.Link.logout`."""
        state = self._state
        async with self._logging_in:
            self.current = None
            connection = state.connection
            if self._detected.way == "handshake":
                # The login belongs to the connection: a logout has to close it.
                state.connection = None
                if state.status.phase != "closed":
                    state.notify("unauthenticated", reason="logged out")
                if connection is not None:
                    await connection.close()
            elif connection is not None and state.status.phase == "live":
                with suppress(NotAuthenticated):
                    await connection.call("remove", "authentication", (None, {}), timeout=self._timeout)
                if not connection.lost.done():
                    state.notify("unauthenticated", reason="logged out")
        state.plan_changed.set()

    # ---- unauthenticated connection, then a login ----

    async def log_in_first(self) -> None:
        """Log in a new connection; calls made meanwhile wait for it."""
        state, login = self._state, self.current
        if login is None:
            state.notify("unauthenticated", reason="not logged in yet")
            return
        try:
            async with self._logging_in:
                await self._run(login, login.log_in())
        except (NotAuthenticated, Forbidden) as error:
            if _IMMUTABLE in str(error) and state.connection is not None:
                self._detected.way = "handshake"
                state.connection.end("the connection was opened without a login")
                state.connection = None
                return
            explained = await self.explained(error, login)
            if state.is_opening:
                raise explained from None
            # A retry would be refused again: stay connected, unauthenticated, until the next `authenticate`.
            state.notify("unauthenticated", reason=str(explained))
        except LinkError as error:
            raise CannotConnect(f"{self._url} was reached, but its login was not answered: {error}") from None

    # ---- authenticated connection ----

    async def open_as(self, login: Login, connect: Callable[[], Connection]) -> Connection:
        """Open a connection with the login's access token; after a refusal, once more with a new token.

        A refusal does not prove a bad token: every failure of a handshake looks the same.
        """
        for last in (False, True):
            async with self._logging_in:
                token = await self._rest.run(login.token())
            connection = connect()
            try:
                await connection.open(token)
            except NotAuthenticated as error:
                if last or not login.renewable:
                    raise NotAuthenticated(
                        f"{self._url} refused the access token of this login ({error}); authenticate again",
                        name=error.name,
                        code=401,
                    ) from None
                login.discard_access()
            else:
                self._detected.way = "handshake"
                return connection
        raise AssertionError("unreachable")

    async def go_live(self, connection: Connection) -> None:
        """Let calls through. First announce that this client joins session rooms, so that it gets no second copy of the
        text as a session's owner (daemons without rooms refuse that, without effect)."""
        await connection.announce("create", "session-streams", {"capability": True})
        self._state.notify("live")

    async def _connect_as(self, login: Login) -> Mapping[str, Any]:
        """Log in over REST, then replace the connection: a socket's authentication cannot be changed."""
        state = self._state
        async with self._logging_in:
            try:
                answer: Mapping[str, Any] = await self._rest.run(login.log_in())
            except NotAuthenticated as error:
                raise await self.explained(error, login) from None
        if state.supervisor is None:
            raise NotConnected("the link is not open; open it first")
        self.current, self.refused = login, None
        live = state.next_live()
        connection, state.connection = state.connection, None
        if connection is not None:
            state.notify("reconnecting", reason="logging in with other credentials")
            await connection.close()
        state.plan_changed.set()
        await live
        return answer

    async def explained(self, error: AgorError, login: Login) -> AgorError:
        """The error for a refused API key: a bad key, or a good key that this daemon accepts over REST only."""
        key = login.credentials
        if (
            not isinstance(error, NotAuthenticated)
            or not isinstance(key, ApiKey)
            or not await self._rest.takes_key(key)
        ):
            return error
        return ApiKeyRestOnly(
            f"{self._url} accepts this API key over REST but no API key for a live connection (daemons of August "
            "2026 do so). Log in with e-mail and password (strategy='local'), or give an access token (access_token=), "
            "which POST /authentication returns for e-mail and password",
            name=error.name,
            code=error.code,
        )

    # ---- staying logged in ----

    async def keep(self, connection: Connection) -> None:
        """Renew the login before it expires, until the connection ends, where the connection would end with the
        login."""
        state = self._state
        loop = asyncio.get_running_loop()
        refused: Login | None = None
        failures = 0
        while not connection.lost.done():
            state.plan_changed.clear()
            login = self.current
            due = None
            if login is not None and login is not refused and state.status.phase == "live":
                due = login.renew_at if self._detected.way == "bare" else None
            if due is not None and failures:
                due = max(due, loop.time() + self._backoff.delay(failures, self._random))
            if login is None or due is None or due > loop.time():
                await state.until(due, connection.lost)
                if due is None or loop.time() < due:
                    continue
            if login is None or connection.lost.done() or login is not self.current:
                continue
            try:
                async with self._logging_in:
                    await self._run(login, login.renew())
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

    # ---- on the connection ----

    async def _run(self, login: Login, steps: EffectGenerator[LoginStep, Mapping[str, Any]]) -> Mapping[str, Any]:
        """Run the operation of a login on the current connection, and go live. The caller holds the lock."""
        state = self._state
        connection = state.connection
        if connection is None:
            raise NotConnected("the link is not connected; nothing was sent")

        with self._calls_held_back():
            answer = await run_login(
                steps, lambda call: connection.call(call.method, call.service, call.args, timeout=self._timeout)
            )
            if connection.lost.done():
                raise ConnectionLost(f"the connection dropped right after the login ({connection.lost.result()})")
            if state.status.phase != "live" or state.status.epoch != state.epoch:
                await self.go_live(connection)
        state.plan_changed.set()
        return answer

    @contextmanager
    def _calls_held_back(self) -> Iterator[None]:
        """Hold calls back until the login ends, because earlier calls would be refused."""
        if self._state.status.phase == "live" and self._state.status.epoch == self._state.epoch:
            yield
            return
        pending = self.pending = asyncio.get_running_loop().create_future()
        try:
            yield
        finally:
            self.pending = None
            pending.set_result(None)

    async def wait_pending(self, pending: asyncio.Future[None], method: str, service: str, limit: float) -> float:
        """Wait for the login under way, `pending`; returns the rest of `limit`, in seconds."""
        loop = asyncio.get_running_loop()
        started = loop.time()
        done, _ = await asyncio.wait({pending}, timeout=limit)
        if not done:
            raise NotConnected(f"{method} {service}: still logging in after {limit:g} s; nothing was sent")
        return max(0.0, limit - (loop.time() - started))
