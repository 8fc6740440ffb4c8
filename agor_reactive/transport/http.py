"""REST over httpx2: the drivers of `rest.exchange` on `httpx2.Client` and `httpx2.AsyncClient`.

They send bytes, wait, and hold the lock under which one caller renews the login for all. `rest` decides what to send,
when, and what an answer means. No httpx2 exception leaves this module.
"""

from __future__ import annotations

import asyncio
import logging
import os
import random as _random
import threading
import time
import warnings
from collections.abc import Callable, Mapping
from inspect import isawaitable, iscoroutine
from typing import Any, TypeVar

import httpx2

from agor_reactive.calls.drivers import carried_out, drive, drive_async
from agor_reactive.calls.effects import NO_OPTIONS, Call, CallOptions, EffectGenerator, GetToken, Sleep
from agor_reactive.calls.own_loop import OwnLoop
from agor_reactive.calls.retries import RetryPolicy
from agor_reactive.errors import (
    NotAuthenticated,
    UsageError,
)
from agor_reactive.models.secrecy import hide, hide_fields, hide_values, reveal_values
from agor_reactive.transport.address import Address
from agor_reactive.transport.credentials import Credentials, Secret
from agor_reactive.transport.environment import UNUSABLE, unusable
from agor_reactive.transport.http_answers import Body, QuietURL, link_error
from agor_reactive.transport.login import Login, LoginStep
from agor_reactive.transport.rest import (
    AuthState,
    Renew,
    RestEffect,
    Send,
    exchange,
)
from agor_reactive.transport.tls import Verify, ssl_setting
from agor_reactive.transport.user_agent import with_user_agent

__all__ = ["MAX_RESPONSE", "AsyncRest", "Rest"]

C = TypeVar("C", httpx2.Client, httpx2.AsyncClient)
T = TypeVar("T")
LoginEffect = RestEffect | GetToken

_log = logging.getLogger("agor_reactive.calls")

MAX_RESPONSE = 64_000_000
"""The largest answer that is read by default, in bytes after decompression."""

# Node closes idle connections after 5 s; a write on a connection that is being closed would have an unknown outcome.
_LIMITS = httpx2.Limits(keepalive_expiry=2.0)


class _RestBase:
    """The common part of both. `timeout` in seconds covers connecting and each read; `random` gives numbers in [0, 1).

    `verify` as in `tls`, `proxy` and `timeout` as in httpx2; `max_response` is the largest answer, in bytes.
    `http_client` is used instead of a client of our own, as it is, and not closed; `timeout` None is then its own.
    """

    _kind: type[httpx2.Client] | type[httpx2.AsyncClient]

    def __init__(
        self,
        url: str,
        *,
        credentials: Credentials | None = None,
        timeout: float | httpx2.Timeout | None = None,
        retry: RetryPolicy | None = None,
        headers: Mapping[str, Secret] | None = None,
        verify: Verify = True,
        proxy: Secret | None = None,
        proxy_from_env: bool = True,
        max_response: int = MAX_RESPONSE,
        http_client: httpx2.Client | httpx2.AsyncClient | None = None,
        random: Callable[[], float] = _random.random,
        wall: Callable[[], float] = time.time,
    ) -> None:
        proxy = hide(proxy)
        headers = self._headers = hide_values(headers or {})
        self._address = Address.parse(url)
        self._retry = retry or RetryPolicy()
        self._random = random
        self._wall = wall
        self._base_url = httpx2.URL(self._address.url)
        self._given: Any = http_client
        # The timeout of each request: a client that was given has its own, which `timeout` replaces.
        self._timeout = timeout if http_client is not None else None
        if http_client is not None:
            self._check_given(http_client, verify, proxy)
        self._options: dict[str, Any] = {
            "base_url": self._address.url,
            "timeout": 30.0 if timeout is None else timeout,
            "limits": _LIMITS,
            "follow_redirects": False,
            "proxy": proxy,
            "trust_env": proxy is None and proxy_from_env and not self._address.is_loopback,
            # Loading the system's certificates takes longer than a request, and plain HTTP does not need them.
            "verify": ssl_setting(verify) if self._address.is_tls else False,
        }
        self._max_response = max_response
        self._closed = self._is_used = False
        self.session = AuthState(None if credentials is None else self._login_for(credentials))

    @property
    def url(self) -> str:
        """The daemon's address."""
        return self._address.url

    def _check_given(self, client: Any, verify: Verify, proxy: Any) -> None:
        if not isinstance(client, self._kind):
            raise UsageError(
                f"http_client is a httpx2.{self._kind.__name__} here, not {type(client).__module__}."
                f"{type(client).__name__}"
            )
        if verify is not True or proxy is not None:
            raise UsageError("verify= and proxy= belong to the http_client; set them where it is made")

    def _login_for(self, credentials: Credentials) -> Login:
        self._address.warn_if_exposed()
        return Login(credentials, monotonic=time.monotonic, wall=self._wall)

    def _exchange(
        self, call: Call, *, login: bool = True, options: CallOptions = NO_OPTIONS
    ) -> EffectGenerator[RestEffect, Any]:
        self._refuse_if_closed()
        self._is_used = True
        return exchange(call, self.session, retry=self._retry, random=self._random, login=login, options=options)

    def __del__(self) -> None:
        if getattr(self, "_is_used", False) and not self._closed:
            text = f"The REST client of {self.url} was not closed. Close it, or use it as a context manager."
            warnings.warn(text, ResourceWarning, stacklevel=2, source=self)

    def _refuse_if_closed(self) -> None:
        if self._closed:
            raise UsageError("this client was closed; make a new one") from None

    def _request(self, client: httpx2.Client | httpx2.AsyncClient, send: Send, timeout: float | None) -> httpx2.Request:
        wanted = send.request
        url = self._base_url.copy_with(raw_path=(self._address.prefix + wanted.target).encode("ascii"))
        limit = self._timeout if timeout is None else timeout
        extra: dict[str, Any] = {} if limit is None else {"timeout": limit}
        request = client.build_request(
            wanted.verb, url, content=wanted.body, headers=self._all_headers(wanted.all_headers()), **extra
        )
        request.url = QuietURL(request.url)
        return request

    def _all_headers(self, of_request: Mapping[str, str]) -> dict[str, str]:
        return {**with_user_agent(reveal_values(self._headers)), **of_request}

    # ---- logging in: one caller at a time, under the lock of the subclass

    def _log_in(self, credentials: Credentials) -> EffectGenerator[LoginEffect, Mapping[str, Any]]:
        login = self._login_for(credentials)
        answer = yield from self._over_http(login.log_in())
        self.session.adopt(login)
        return answer

    def _renew(self) -> EffectGenerator[LoginEffect, Mapping[str, Any]]:
        login = self.session.login
        if login is None:
            raise NotAuthenticated("there is no login to renew; authenticate first")
        answer = yield from self._over_http(login.renew() if login.renewable else login.log_in())
        self.session.renewed()
        return answer

    def _renew_once(self, seen: int) -> EffectGenerator[LoginEffect, None]:
        """Get a new token, unless another caller just got one. Raises that caller's refusal."""
        session, login = self.session, self.session.login
        if session.generation != seen or login is None:
            return
        if session.refusal is not None:
            raise session.refusal
        try:
            yield from self._over_http(login.log_in() if login.tokens.access is None else login.renew())
        except NotAuthenticated as error:
            session.refused(error)
            raise
        session.renewed()

    def _over_http(
        self, steps: EffectGenerator[LoginStep, Mapping[str, Any]]
    ) -> EffectGenerator[LoginEffect, Mapping[str, Any]]:
        """Carry out the steps of a login: its calls are requests without a token."""

        def perform(step: LoginStep) -> EffectGenerator[LoginEffect, Any]:
            if isinstance(step, GetToken):
                return (yield step)
            return hide_fields((yield from self._exchange(step, login=False)))

        return carried_out(steps, perform)


def _made(kind: Callable[..., C], options: Mapping[str, Any]) -> C:
    """Create an HTTP client. Raises `UsageError` for unusable environment variables."""
    try:
        return kind(**reveal_values(options))
    except (*UNUSABLE, httpx2.InvalidURL) as error:
        failed = unusable(error)
    raise failed  # not from within: the error behind it has the frames that hold the proxy's password


class Rest(_RestBase):
    """REST on the calling thread. Safe to share between threads. Close it, or use it as a context manager."""

    _kind = httpx2.Client

    def __init__(self, url: str, *, sleep: Callable[[float], None] = time.sleep, **options: Any) -> None:
        super().__init__(url, **options)
        self.sleep = sleep
        self._lock = threading.Lock()
        self._client: httpx2.Client = self._given or _made(httpx2.Client, self._options)
        self._process = os.getpid()
        self._inherited: list[httpx2.Client] = []

    def call(self, call: Call, options: CallOptions = NO_OPTIONS) -> Any:
        """Make one call. Raises `LinkError` and `DaemonError` kinds, `ProtocolError`, `UsageError`."""
        self._be_this_process()
        return drive(self._exchange(call, options=options), lambda effect: self._perform(effect, options.timeout))

    def log_in(self, credentials: Credentials) -> Mapping[str, Any]:
        """Log in and stay logged in. Raises `NotAuthenticated`; the previous login then stays in force."""
        self._be_this_process()
        return self._run_login(self._log_in(credentials))

    def renew(self) -> Mapping[str, Any]:
        """Renew the token with the current credentials. Raises `NotAuthenticated`."""
        self._be_this_process()
        return self._run_login(self._renew())

    def close(self) -> None:
        """Close every connection, but those of a client that was given. Idempotent."""
        self._closed = True
        if self._given is None:
            self._client.close()

    def _be_this_process(self) -> None:
        """After a fork, start with new connections: processes that share one read each other's answers.

        The old ones are kept unclosed, because a TLS shutdown would end them for the parent process, too.
        """
        if self._process != os.getpid() and not self._closed:
            if self._given is not None:
                raise UsageError("the http_client of this client belongs to the process before the fork; make new ones")
            self._process = os.getpid()
            self._inherited.append(self._client)
            self._lock = threading.Lock()  # another thread may have held the lock during the fork
            self._client = _made(httpx2.Client, self._options)

    def _perform(self, effect: LoginEffect, timeout: float | None) -> Any:
        if isinstance(effect, Sleep):
            self.sleep(effect.seconds)
            return None
        if isinstance(effect, Renew):
            return self._run_login(self._renew_once(effect.generation))
        if isinstance(effect, GetToken):
            token = effect.provider()
            if isawaitable(token):
                if iscoroutine(token):
                    token.close()
                raise UsageError("an async token provider needs an async client (create_async_rest_client)")
            return hide(token)
        try:
            response = self._client.send(
                self._request(self._client, effect, timeout), stream=True, follow_redirects=False
            )
            _log.debug("%s: HTTP %d", effect.request, response.status_code)
            try:
                body = Body(response, effect, self._max_response)
                for part in response.iter_bytes():
                    body.add(part)
            finally:
                response.close()
            return body.answer()
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            failed = link_error(error, effect, self.url)
        except OSError as error:  # not a socket error, which httpx2 converts: a file named in the environment
            failed = unusable(error)
        except RuntimeError:
            self._refuse_if_closed()
            raise
        raise failed  # not from within: the error behind it has the frames that hold headers

    def _run_login(self, login: EffectGenerator[LoginEffect, T]) -> T:
        with self._lock:
            return drive(login, lambda effect: self._perform(effect, None))


class AsyncRest(_RestBase):
    """REST on the running event loop. One loop per client. Close it, or use it as an async context manager."""

    _kind = httpx2.AsyncClient

    def __init__(self, url: str, *, sleep: Callable[[float], Any] = asyncio.sleep, **options: Any) -> None:
        super().__init__(url, **options)
        self.sleep = sleep
        self._lock = asyncio.Lock()
        self.own_loop = OwnLoop()
        self._client: httpx2.AsyncClient = self._given or _made(httpx2.AsyncClient, self._options)

    async def call(self, call: Call, options: CallOptions = NO_OPTIONS) -> Any:
        """Make one call. Raises `LinkError` and `DaemonError` kinds, `ProtocolError`, `UsageError`, `WrongLoop`."""
        self.own_loop.bind()
        steps = self._exchange(call, options=options)
        return await drive_async(steps, lambda effect: self._perform(effect, options.timeout))

    async def log_in(self, credentials: Credentials) -> Mapping[str, Any]:
        """Log in and stay logged in. Raises `NotAuthenticated`; the previous login then stays in force."""
        self.own_loop.bind()
        return await self._run_login(self._log_in(credentials))

    async def renew(self) -> Mapping[str, Any]:
        """Renew the token with the current credentials. Raises `NotAuthenticated`."""
        self.own_loop.bind()
        return await self._run_login(self._renew())

    async def close(self) -> None:
        """Close every connection, but those of a client that was given. Idempotent."""
        self.own_loop.bind()
        self._closed = True
        if self._given is None:
            await self._client.aclose()

    async def _perform(self, effect: LoginEffect, timeout: float | None) -> Any:
        if isinstance(effect, Sleep):
            await self.sleep(effect.seconds)
            return None
        if isinstance(effect, Renew):
            return await self._run_login(self._renew_once(effect.generation))
        if isinstance(effect, GetToken):
            token = effect.provider()
            return hide(await token if isawaitable(token) else token)
        try:
            response = await self._client.send(
                self._request(self._client, effect, timeout), stream=True, follow_redirects=False
            )
            _log.debug("%s: HTTP %d", effect.request, response.status_code)
            try:
                body = Body(response, effect, self._max_response)
                async for part in response.aiter_bytes():
                    body.add(part)
            finally:
                await response.aclose()
            return body.answer()
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            failed = link_error(error, effect, self.url)
        except OSError as error:  # not a socket error, which httpx2 converts: a file named in the environment
            failed = unusable(error)
        except RuntimeError:
            self._refuse_if_closed()
            raise
        raise failed  # not from within: the error behind it has the frames that hold headers

    async def _run_login(self, login: EffectGenerator[LoginEffect, T]) -> T:
        async with self._lock:
            return await drive_async(login, lambda effect: self._perform(effect, None))
