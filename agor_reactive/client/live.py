"""The live client: the daemon over a link that reconnects automatically, with events, listeners and reactive sessions.

It runs the same `operations` as the REST clients. python-socketio and aiohttp are imported when a client is created, so
that `import agor_reactive` stays fast.
"""

from __future__ import annotations

import asyncio
import warnings
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, Self, TypedDict, Unpack, cast

from agor_reactive.calls import arguments
from agor_reactive.calls.drivers import AsyncDriver
from agor_reactive.calls.effects import TokenProvider
from agor_reactive.calls.queries import query_of
from agor_reactive.calls.retries import RetryPolicy, check_max_retries
from agor_reactive.calls.surface import Live
from agor_reactive.client.rest import ambient_login, http_options, login_result
from agor_reactive.errors import UsageError
from agor_reactive.models import AuthenticationResult
from agor_reactive.models.secrecy import hide, hide_fields, hide_values
from agor_reactive.models.wire import LinkStatus, RawEvent
from agor_reactive.services import Services
from agor_reactive.session.collection import SessionCollection
from agor_reactive.session.registry import SessionRegistry
from agor_reactive.session.router import Router
from agor_reactive.transport.credentials import LiveLoginOptions, Secret, Strategy, credentials
from agor_reactive.transport.environment import unusable
from agor_reactive.transport.seam import Link, caller
from agor_reactive.transport.tls import Verify

if TYPE_CHECKING:
    from reactivex import Observable

    from agor_reactive.session.handles import SessionHandle

__all__ = ["Client", "ClientOptions", "Hydration", "create_client", "retain_reactive_session", "retain_sessions"]

Hydration = Literal["none", "lazy", "eager", "lean", "preview"]


class ClientOptions(TypedDict, total=False):
    """The options of `create_client`, which `connect` takes too."""

    api_key: Secret | None
    access_token: Secret | None
    refresh_token: Secret | None
    token_provider: TokenProvider | None
    profile: str | None
    read_env: bool
    timeout: float
    max_retries: int | None
    connect_timeout: float
    keep_trying: bool
    transports: Sequence[str]
    headers: Mapping[str, Secret] | None
    verify: Verify
    proxy: Secret | None
    max_response: int | None
    link: Link | None


class Client(Services[Live]):
    """The daemon over a live link, on the running event loop. Use it as an async context manager, or open and close it.

    `link`, `router`, `registry` and `runner` are the layers below; `events` is the Observable of every server event,
    with secrets removed.
    """

    def __init__(
        self,
        link: Link,
        *,
        retry: RetryPolicy | None = None,
        sleep: Callable[[float], Awaitable[Any]] = asyncio.sleep,
    ) -> None:
        self.link = link
        self.router = Router(link)
        make_calls = caller(link, retry or RetryPolicy(), sleep=sleep)
        self.runner = AsyncDriver(make_calls, sleep=sleep, own_loop=self.router.own_loop)
        super().__init__(self.runner, self.router.on)
        self._is_open = False
        self.registry = SessionRegistry(link, self.router, prompt=self.sessions.prompt)

    @property
    def url(self) -> str:
        """The daemon's address."""
        return cast(str, getattr(self.link, "url", ""))

    @property
    def status(self) -> LinkStatus:
        """The status of the link."""
        return self.link.status

    @property
    def events(self) -> Observable[RawEvent]:
        """An Observable of every server event as it arrives, with secrets replaced."""
        return self.router.events

    def on_status(self, callback: Callable[[LinkStatus], Any]) -> Callable[[], None]:
        """Call `callback` on every change of the link's status. Returns the undo."""
        return self.router.on_status(arguments.callback(callback))

    def check_loop(self) -> None:
        """Raise `WrongLoop` on another event loop than the one that opened the client, and on another thread."""
        self.router.own_loop.check()

    async def authenticate(
        self, strategy: Strategy | None = None, **login: Unpack[LiveLoginOptions]
    ) -> AuthenticationResult:
        """Log in and stay logged in: renews before expiry, and logs in after every reconnect.

        Strategies as in `RestClient.authenticate`; with `token_provider` (sync or async) the provider is called for
        every connection. Today's daemons authenticate in the handshake; there this reconnects with the new login.
        Raises `NotAuthenticated`, and `ApiKeyRestOnly` where a daemon takes keys over REST only; the previous login
        then stays in force.
        """
        self.check_loop()
        login.update(hide_fields(login))
        return login_result(await self.link.login(credentials(strategy, **login)))

    async def re_authenticate(self) -> AuthenticationResult:
        """Renew the login on the same connection, without a gap in events. Raises `NotAuthenticated`."""
        self.check_loop()
        return login_result(await self.link.renew())

    async def logout(self) -> None:
        """Log out: events stop. On older daemons the connection stays open, on today's it ends with the login.

        The daemon revokes no token.
        """
        self.check_loop()
        await self.link.logout()

    async def open(self) -> None:
        """Connect, and log in if there are credentials. Raises `CannotConnect` or `NotAuthenticated`."""
        self.router.own_loop.bind()
        await self.link.open()
        self._is_open = True

    async def close(self) -> None:
        """Release every reactive session and close the link permanently. Idempotent; nothing is left running."""
        self.check_loop()
        await self.registry.close()
        await self.link.close()
        self.router.close()

    async def wait_closed(self) -> None:
        """Wait until the client is closed; drops and reconnects do not end the wait."""
        closed = asyncio.Event()
        undo = self.router.on_status(lambda status: closed.set() if status.phase == "closed" else None)
        try:
            if self.status.phase != "closed":
                await closed.wait()
        finally:
            undo()

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def __del__(self) -> None:
        if getattr(self, "_is_open", False) and self.status.phase != "closed":
            text = f"{self!r} was not closed. Close it, or use it as a context manager."
            warnings.warn(text, ResourceWarning, stacklevel=2, source=self)

    def __repr__(self) -> str:
        return f"<Client {self.url} {self.status.phase}>"


def create_client(
    url: str | None = None,
    *,
    api_key: Secret | None = None,
    access_token: Secret | None = None,
    refresh_token: Secret | None = None,
    token_provider: TokenProvider | None = None,
    profile: str | None = None,
    read_env: bool = True,
    timeout: float = 20.0,
    max_retries: int | None = None,
    connect_timeout: float = 10.0,
    keep_trying: bool = False,
    transports: Sequence[str] = ("websocket",),
    headers: Mapping[str, Secret] | None = None,
    verify: Verify = True,
    proxy: Secret | None = None,
    max_response: int | None = None,
    link: Link | None = None,
) -> Client:
    """Create a live client: the surface of the REST clients, plus events and reactive sessions.

    It connects when it is opened (``async with``), and reconnects automatically. Credentials may be given here or to
    `authenticate` later; without them, and without `url`, they are those of `profile` or the environment, as in
    `create_rest_client`. `max_retries` is how often a call is repeated that the daemon refused for being busy; a link
    that is down raises at once. `timeout` is for each call, `connect_timeout` for the first connect, in seconds; with
    `keep_trying`, opening waits for a daemon that is not up yet instead of raising `CannotConnect`. `verify`, `proxy`
    and `max_response` are as in `create_rest_client`; a larger frame ends the connection, and the status has the
    reason. `link` replaces the connection (for tests: `agor_reactive.transport.scripted.ScriptedLink`).

    >>> async with create_client("http://localhost:3030", api_key=key) as client:     # doctest: +SKIP
    ...     off = client.service("messages").on("created", print)
    """
    api_key, access_token, refresh_token, proxy = hide(api_key, access_token, refresh_token, proxy)
    headers = hide_values(headers)
    check_max_retries(max_retries)
    arguments.check_timeout(timeout)
    arguments.check_timeout(connect_timeout, "connect_timeout")
    if link is None:
        try:
            from agor_reactive.transport.socketio import SocketLink
        except OSError as error:  # aiohttp reads files named in the environment when it is imported
            raise unusable(error) from None

        address, given = ambient_login(
            url,
            profile,
            read_env=read_env,
            api_key=api_key,
            access_token=access_token,
            refresh_token=refresh_token,
            token_provider=token_provider,
        )
        link = SocketLink(
            address,
            credentials=given,
            transports=transports,
            timeout=timeout,
            connect_timeout=connect_timeout,
            keep_trying=keep_trying,
            **http_options(headers, verify, proxy, max_response),
        )
    return Client(link, retry=None if max_retries is None else RetryPolicy(max_retries))


def retain_reactive_session(client: Client, session_id: str, *, task_hydration: Hydration = "lazy") -> SessionHandle:
    """Retain a live mirror of one session, shared by all its handles on this client. Release it, or use ``async with``.

    Raises `UsageError` outside an event loop and for a client that has no live sessions, `WrongLoop` on another loop.
    """
    _check_mirrors(client)
    return client.registry.retain(session_id, task_hydration=task_hydration)


def retain_sessions(client: Client, *, query: Mapping[str, Any] | None = None) -> SessionCollection:
    """Retain a live collection of the sessions that match `query`. Close it, or use ``async with``.

    `query` is a field's value, or operators: ``$in $nin $ne $lt $lte $gt $gte`` of a field (a dotted name looks
    inside), ``$or`` and ``$and`` of queries, and ``$sort`` for the order of `rows.ordered`. Sessions are matched on the
    client, with the semantics of FeathersJS, because daemons refuse operators. The collection has all matching
    sessions, so ``$limit`` and ``$skip`` raise `UsageError`: slice `rows.ordered` instead. Raises `UsageError` for any
    other operator, and what `retain_reactive_session` raises.

    >>> async with retain_sessions(client, query={"status": {"$in": ["idle", "failed"]}}) as found:    # doctest: +SKIP
    ...     rows = await found.ready()
    """
    _check_mirrors(client)
    asked = query_of(query)
    if asked is not None and {"$limit", "$skip"} & set(asked):
        raise UsageError(
            "a live collection has all matching sessions; slice its `rows.ordered` instead of $limit, $skip"
        )
    return SessionCollection(client, asked)


def _check_mirrors(client: Client) -> None:
    if not isinstance(getattr(client, "registry", None), SessionRegistry):
        raise UsageError(
            "for a client from connect() use client.retain(…) and client.retain_sessions(…)"
            if hasattr(client, "retain")
            else "only a live client has live sessions; create one with create_client (or connect, without await)"
        )
    client.check_loop()
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        raise UsageError(
            "live sessions need a running event loop; call this in a coroutine, or use connect()"
        ) from None
