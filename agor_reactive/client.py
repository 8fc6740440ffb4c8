"""The live client: the daemon over a link that heals itself, with events, listeners and reactive sessions.

It runs the same `operations` as the REST clients. python-socketio and aiohttp are imported where a client is made:
`import agor_reactive` stays cheap.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Self, cast

from agor_reactive.faces import AwaitedRunner, Live
from agor_reactive.models import AuthenticationResult
from agor_reactive.models.wire import LinkStatus, RawEvent
from agor_reactive.rest_clients import given_credentials, http_options, login_result
from agor_reactive.services import SERVICES, Service, Services
from agor_reactive.session.registry import SessionRegistry
from agor_reactive.session.router import Router
from agor_reactive.transport.address import DEFAULT_URL
from agor_reactive.transport.codec import service_path
from agor_reactive.transport.credentials import Strategy, credentials
from agor_reactive.transport.seam import Link
from agor_reactive.transport.steps import Call, TokenProvider
from agor_reactive.transport.tls import Verify

if TYPE_CHECKING:
    from reactivex import Observable

    from agor_reactive.session.handles import SessionHandle

__all__ = ["Client", "create_client", "retain_reactive_session"]


class Client(Services[Live]):
    """The daemon over a live link, on the running event loop. Use it as an async context manager, or open and close it.

    `link`, `router`, `registry` and `runner` are the layers below; `events` is the Observable of every server event,
    secrets taken out.
    """

    def __init__(self, link: Link) -> None:
        self.link = link
        self.router = Router(link)
        self.runner = AwaitedRunner(self._call)
        self._services: dict[str, Service[Any, Any, Any, Any]] = {}
        self.registry = SessionRegistry(link, self.router, prompt=self.sessions.prompt)

    @property
    def url(self) -> str:
        """The daemon's address."""
        return cast(str, getattr(self.link, "url", ""))

    @property
    def status(self) -> LinkStatus:
        """Where the link stands."""
        return self.link.status

    @property
    def events(self) -> Observable[RawEvent]:
        """Every server event as it comes, noise included, secrets replaced."""
        return self.router.events

    def on_status(self, callback: Callable[[LinkStatus], Any]) -> Callable[[], None]:
        """Call `callback` whenever the link stands elsewhere; returns the undo."""
        return self.router.on_status(callback)

    async def authenticate(
        self,
        strategy: Strategy | None = None,
        *,
        api_key: str | None = None,
        access_token: str | None = None,
        refresh_token: str | None = None,
        email: str | None = None,
        password: str | None = None,
        token_provider: TokenProvider | None = None,
    ) -> AuthenticationResult:
        """Log in, and stay so: ahead of expiry on the same connection, and after every reconnect.

        Strategies as in `RestClient.authenticate`; with `token_provider` (sync or async) a token is asked for on every
        connection. Raises `NotAuthenticated`; a login that was in force before then stays so.
        """
        given = credentials(
            strategy,
            api_key=api_key,
            access_token=access_token,
            refresh_token=refresh_token,
            email=email,
            password=password,
            token_provider=token_provider,
        )
        return login_result(await self.link.login(given))

    async def re_authenticate(self) -> AuthenticationResult:
        """Extend the login on the same connection, without a gap in events. Raises `NotAuthenticated`."""
        return login_result(await self.link.renew())

    async def logout(self) -> None:
        """Log out: the connection stays, its events stop. The daemon revokes no token."""
        await self.link.logout()

    async def open(self) -> None:
        """Connect, and log in if there are credentials. Raises `CannotConnect` or `NotAuthenticated`."""
        self.router.bind(asyncio.get_running_loop())
        await self.link.open()

    async def close(self) -> None:
        """Release every reactive session and close the link, for good. Idempotent; nothing is left running."""
        await self.registry.close()
        await self.link.close()
        self.router.close()

    async def wait_closed(self) -> None:
        """Wait until the client is closed for good; drops and reconnects in between do not end it."""
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

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        await self.close()

    def __repr__(self) -> str:
        return f"<Client {self.url} {self.status.phase}>"

    def _make_service(self, path: str) -> Service[Any, Any, Any, Any]:
        """The same object while it has listeners, so that `off` finds what `on` added."""
        path = service_path(path)
        service = self._services.get(path)
        if service is None:
            service = SERVICES.get(path, Service)(path, self.runner, self.router.on)
            # Routes with ids in them are many and have no listeners: only top-level services are kept.
            if path in SERVICES or path.count("/") < 2:
                self._services[path] = service
        return service

    async def _call(self, call: Call, timeout: float | None) -> Any:
        return await self.link.call(call.method, call.service, *call.args, timeout=timeout)


def create_client(
    url: str = DEFAULT_URL,
    *,
    api_key: str | None = None,
    access_token: str | None = None,
    refresh_token: str | None = None,
    token_provider: TokenProvider | None = None,
    timeout: float = 20.0,
    connect_timeout: float = 10.0,
    keep_trying: bool = False,
    transports: Sequence[str] = ("websocket",),
    headers: Mapping[str, str] | None = None,
    verify: Verify = True,
    proxy: str | None = None,
    max_response: int | None = None,
    link: Link | None = None,
) -> Client:
    """A live client: the same surface, plus events and reactive sessions, over a link that heals itself.

    Nothing happens until it is opened (``async with``). Credentials may be given here or to `authenticate` later.
    `timeout` is for each call, `connect_timeout` for the first connect, in seconds; with `keep_trying`, opening waits
    for a daemon that is not up yet instead of raising `CannotConnect`. `verify`, `proxy` and `max_response` are as in
    `create_rest_client`; a frame above the bound ends the connection, and the status says why. `link` replaces the
    connection (for tests: `agor_reactive.transport.scripted.ScriptedLink`).

    >>> async with create_client("http://localhost:3030", api_key=key) as client:     # doctest: +SKIP
    ...     off = client.service("messages").on("created", print)
    """
    if link is None:
        from agor_reactive.transport.socketio import SocketLink

        given = given_credentials(
            api_key=api_key, access_token=access_token, refresh_token=refresh_token, token_provider=token_provider
        )
        link = SocketLink(
            url,
            credentials=given,
            transports=transports,
            timeout=timeout,
            connect_timeout=connect_timeout,
            keep_trying=keep_trying,
            **http_options(headers, verify, proxy, max_response),
        )
    return Client(link)


def retain_reactive_session(
    client: Client, session_id: str, *, task_hydration: Literal["none", "lazy", "eager", "lean"] = "lazy"
) -> SessionHandle:
    """A live mirror of one session, shared by everyone who retains it on this client. Release it, or ``async with``."""
    return client.registry.retain(session_id, task_hydration=task_hydration)
