"""The REST clients: `RestClient` for plain scripts, `AsyncRestClient` for asyncio. No socket, no live events.

They hold a login and run `operations` over `transport.http`, which is imported when a client is created, so that
`import agor_reactive` does not wait for httpx2.
"""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Self, Unpack

from agor_reactive.calls import arguments
from agor_reactive.calls.drivers import AsyncDriver, SyncDriver
from agor_reactive.calls.effects import Call, CallOptions, TokenProvider
from agor_reactive.calls.paging import FilterCheck
from agor_reactive.calls.raw import RawDriver
from agor_reactive.calls.retries import RetryPolicy, check_max_retries
from agor_reactive.calls.surface import Async, RawAsync, RawSync, Sync
from agor_reactive.errors import Forbidden, NotAuthenticated
from agor_reactive.models import AuthenticationResult, row_from_wire
from agor_reactive.models.secrecy import hide, hide_fields, hide_values, reveal_fields
from agor_reactive.profiles import resolve
from agor_reactive.services import Services
from agor_reactive.transport.credentials import ApiKey, Credentials, LoginOptions, Secret, Strategy, credentials
from agor_reactive.transport.tls import Verify

if TYPE_CHECKING:
    import httpx2

    from agor_reactive.transport.http import AsyncRest, Rest
    from agor_reactive.transport.rest import AuthState

__all__ = ["AsyncRestClient", "RestClient", "create_async_rest_client", "create_rest_client"]


def given_credentials(**ways: Any) -> Credentials | None:
    """Make credentials from these arguments; None without any."""
    return credentials(**ways) if any(value is not None for value in ways.values()) else None


def http_options(
    headers: Mapping[str, Secret] | None, verify: Verify, proxy: Secret | None, max_response: int | None
) -> dict[str, Any]:
    """The transport options that REST and socket share; unset ones are left to the transport's defaults.

    Raises `UsageError` for values that cannot be sent.
    """
    arguments.header_fields(headers)
    arguments.proxy_address(proxy)
    most = {} if max_response is None else {"max_response": max_response}
    return {"headers": headers, "verify": verify, "proxy": proxy, **most}


def login_result(answer: Mapping[str, Any]) -> AuthenticationResult:
    return row_from_wire(AuthenticationResult, reveal_fields(answer))


def _filter_check(session: AuthState) -> FilterCheck:
    """Create the filter check: some daemons drop filters of callers with an API key."""
    return FilterCheck(lambda: session.login is not None and isinstance(session.login.credentials, ApiKey))


@contextlib.contextmanager
def _advising(call: Call) -> Iterator[None]:
    """Add advice to a refusal of ``users``: over REST, daemons of June 2026 refuse every credential there."""
    try:
        yield
    except (NotAuthenticated, Forbidden) as error:
        if call.service.strip("/").partition("/")[0] != "users":
            raise
        advice = f"{error}; this daemon always refuses it over REST; use a live client (create_client, connect)"
        raise type(error)(advice, name=error.name, code=error.code, data=error.data) from None


def _caller(rest: Rest) -> Callable[[Call, CallOptions], Any]:
    def call(call: Call, options: CallOptions) -> Any:
        with _advising(call):
            return rest.call(call, options)

    return call


def _async_caller(rest: AsyncRest) -> Callable[[Call, CallOptions], Awaitable[Any]]:
    async def call(call: Call, options: CallOptions) -> Any:
        with _advising(call):
            return await rest.call(call, options)

    return call


class RestClient(Services[Sync]):
    """A blocking client over plain HTTP: no socket, no event loop. Close it, or use it as a context manager."""

    def __init__(self, rest: Rest) -> None:
        self._rest = rest
        super().__init__(SyncDriver(_caller(rest), sleep=rest.sleep, filters=_filter_check(rest.session)))

    @property
    def url(self) -> str:
        """The daemon's address."""
        return self._rest.url

    def authenticate(self, strategy: Strategy | None = None, **login: Unpack[LoginOptions]) -> AuthenticationResult:
        """Log in and stay logged in: an expired token is refreshed automatically. Raises `NotAuthenticated`.

        Strategies: ``"api-key"`` (`api_key`), ``"jwt"`` (`access_token`, optional `refresh_token`), ``"local"``
        (`email`, `password`); by default the arguments decide.
        """
        login.update(hide_fields(login))
        return login_result(self._rest.log_in(credentials(strategy, **login)))

    def re_authenticate(self) -> AuthenticationResult:
        """Renew the token with the current credentials. Raises `NotAuthenticated`."""
        return login_result(self._rest.renew())

    def logout(self) -> None:
        """Forget the login. The daemon revokes nothing: a token stays valid until it expires."""
        self._rest.session.adopt(None)

    def close(self) -> None:
        """Close every connection. Idempotent."""
        self._rest.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<RestClient {self.url}>"

    @property
    def with_raw_response(self) -> Services[RawSync]:
        """The same services, whose methods return a `RawResponse`: the result with status, headers and body.

        ``client.with_raw_response.sessions.get(id)`` is fully typed; ``client.sessions.with_raw_response.get(id)``
        works, too.
        """
        return Services(RawDriver(self._driver))


class AsyncRestClient(Services[Async]):
    """An asyncio client over plain HTTP; see `RestClient` for its methods."""

    def __init__(self, rest: AsyncRest) -> None:
        self._rest = rest
        filters = _filter_check(rest.session)
        super().__init__(AsyncDriver(_async_caller(rest), sleep=rest.sleep, filters=filters, own_loop=rest.own_loop))

    @property
    def url(self) -> str:
        """The daemon's address."""
        return self._rest.url

    async def authenticate(
        self, strategy: Strategy | None = None, **login: Unpack[LoginOptions]
    ) -> AuthenticationResult:
        """Log in and stay logged in; see `RestClient.authenticate`."""
        self._rest.own_loop.bind()
        login.update(hide_fields(login))
        return login_result(await self._rest.log_in(credentials(strategy, **login)))

    async def re_authenticate(self) -> AuthenticationResult:
        """Renew the token with the current credentials. Raises `NotAuthenticated`."""
        return login_result(await self._rest.renew())

    async def logout(self) -> None:
        """Forget the login. The daemon revokes nothing: a token stays valid until it expires."""
        self._rest.own_loop.bind()
        self._rest.session.adopt(None)

    async def close(self) -> None:
        """Close every connection. Idempotent."""
        await self._rest.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def __repr__(self) -> str:
        return f"<AsyncRestClient {self.url}>"

    @property
    def with_raw_response(self) -> Services[RawAsync]:
        """The same services, whose methods return a `RawResponse`: the result with status, headers and body.


        ``client.with_raw_response.sessions.get(id)`` is fully typed; ``client.sessions.with_raw_response.get(id)``
        works, too.
        """
        return Services(RawDriver(self._driver))


def _rest_options(timeout: Any, max_retries: int | None, http_client: Any) -> dict[str, Any]:
    import httpx2

    if timeout is not None and not isinstance(timeout, httpx2.Timeout):
        arguments.check_timeout(timeout)
    check_max_retries(max_retries)
    retry = None if max_retries is None else RetryPolicy(max_retries)
    return {"timeout": timeout, "retry": retry, "http_client": http_client}


def ambient_login(
    url: str | None, profile: str | None, *, read_env: bool, **ways: Any
) -> tuple[str, Credentials | None]:
    """The address and the credentials of a client: those given, else those of a profile or the environment."""
    given = given_credentials(**ways)
    target = resolve(url, profile=profile, has_credentials=given is not None, read_env=read_env)
    return target.url, given or given_credentials(**target.credentials)


def create_rest_client(
    url: str | None = None,
    *,
    api_key: Secret | None = None,
    access_token: Secret | None = None,
    refresh_token: Secret | None = None,
    token_provider: TokenProvider | None = None,
    profile: str | None = None,
    read_env: bool = True,
    timeout: float | httpx2.Timeout | None = None,
    max_retries: int | None = None,
    headers: Mapping[str, Secret] | None = None,
    verify: Verify = True,
    proxy: Secret | None = None,
    max_response: int | None = None,
    http_client: httpx2.Client | None = None,
) -> RestClient:
    """Create a client for plain scripts, over plain HTTP. It sends nothing before the first call.

    Without `url`, the address is that of `profile`, else ``AGOR_DAEMON_URL``; without credentials, the key is that of
    the profile, else ``AGOR_API_KEY`` (see the page on authentication). ``read_env=False`` leaves the environment and
    stored profiles out. Credentials may be given to `authenticate` later, too.

    A call is repeated, at most `max_retries` times (2), only where that cannot carry it out twice: reads while the
    daemon is busy or unreachable, writes that it refused before it did anything. As in httpx2: `timeout` in seconds
    (30), or a `httpx2.Timeout`; `verify`, the certificate authorities to trust (True, False, a path, an
    `ssl.SSLContext`); `proxy`, an address, by default the environment's. `http_client` is your own httpx2 client, with
    its proxies, authorities, transports, hooks and timeouts; it stays yours to close. `max_response` is the largest
    answer in bytes (default 64 MB); a larger one raises `ProtocolError`.

    >>> with create_rest_client("http://localhost:3030", api_key=key) as client:      # doctest: +SKIP
    ...     client.service("sessions").find({"$limit": 5})
    """
    from agor_reactive.transport.http import Rest

    api_key, access_token, refresh_token, proxy = hide(api_key, access_token, refresh_token, proxy)
    headers = hide_values(headers)
    options = _rest_options(timeout, max_retries, http_client)
    target, given = ambient_login(
        url,
        profile,
        read_env=read_env,
        api_key=api_key,
        access_token=access_token,
        refresh_token=refresh_token,
        token_provider=token_provider,
    )
    options |= http_options(headers, verify, proxy, max_response)
    return RestClient(Rest(target, credentials=given, **options))


def create_async_rest_client(
    url: str | None = None,
    *,
    api_key: Secret | None = None,
    access_token: Secret | None = None,
    refresh_token: Secret | None = None,
    token_provider: TokenProvider | None = None,
    profile: str | None = None,
    read_env: bool = True,
    timeout: float | httpx2.Timeout | None = None,
    max_retries: int | None = None,
    headers: Mapping[str, Secret] | None = None,
    verify: Verify = True,
    proxy: Secret | None = None,
    max_response: int | None = None,
    http_client: httpx2.AsyncClient | None = None,
) -> AsyncRestClient:
    """Create an asyncio REST client; see `create_rest_client`. It belongs to the event loop that uses it first."""
    from agor_reactive.transport.http import AsyncRest

    api_key, access_token, refresh_token, proxy = hide(api_key, access_token, refresh_token, proxy)
    headers = hide_values(headers)
    options = _rest_options(timeout, max_retries, http_client)
    target, given = ambient_login(
        url,
        profile,
        read_env=read_env,
        api_key=api_key,
        access_token=access_token,
        refresh_token=refresh_token,
        token_provider=token_provider,
    )
    options |= http_options(headers, verify, proxy, max_response)
    return AsyncRestClient(AsyncRest(target, credentials=given, **options))
