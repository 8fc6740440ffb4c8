"""The live client: the daemon over a link that heals itself, with events, listeners and reactive sessions.

It runs the same `operations` as the REST clients. python-socketio and aiohttp are imported where a client is made:
`import agor_reactive` stays cheap.
"""

from __future__ import annotations

import asyncio
import ssl as _ssl
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Self, TypeVar, cast, overload

from agor_reactive.models import AuthenticationResult, Board, Branch, Message, Repo, Session, Task, User, Worktree
from agor_reactive.models.wire import LinkStatus, RawEvent
from agor_reactive.operations import model_of, row_of
from agor_reactive.rest_clients import given_credentials, login_result
from agor_reactive.services import AsyncService, AsyncSessions, AsyncTasks
from agor_reactive.session.registry import SessionRegistry
from agor_reactive.session.router import Router
from agor_reactive.transport.address import DEFAULT_URL
from agor_reactive.transport.codec import service_path
from agor_reactive.transport.credentials import Strategy, credentials
from agor_reactive.transport.seam import Link
from agor_reactive.transport.steps import Call, Operation, TokenProvider, drive_async

if TYPE_CHECKING:
    from reactivex import Observable

    from agor_reactive.session.handles import SessionHandle

__all__ = ["Client", "LiveService", "create_client", "retain_reactive_session"]

T = TypeVar("T")
R = TypeVar("R")

_ROW_EVENTS = frozenset({"created", "patched", "updated", "removed", "queued"})


class LiveService(AsyncService[R]):
    """A service over the live link: it also has custom methods as attributes, and listeners.

    ``await client.service("messages").find_by_task({"task_id": …})`` calls the wire's ``findByTask``.
    """

    def __init__(self, path: str, client: Client) -> None:
        super().__init__(path, client._run)
        self._router = client.router
        self._undos: list[tuple[str, Callable[[Any], Any], Callable[[], None]]] = []

    def on(self, event: str, callback: Callable[[Any], Any]) -> Callable[[], None]:
        """Call `callback` with what every such event carries (a typed row, where there is one); returns the undo.

        Called on the loop, in order of arrival. One that raises is reported and harms nobody.
        """
        model = model_of(self.path) if event in _ROW_EVENTS else None

        def tell(payload: Any) -> Any:
            return callback(row_of(model, payload))

        undo = self._router.on(self.path, event, tell)
        entry = (event, callback, undo)
        self._undos.append(entry)

        def leave() -> None:
            if entry in self._undos:
                self._undos.remove(entry)
            undo()

        return leave

    def off(self, event: str, callback: Callable[[Any], Any] | None = None) -> None:
        """Stop calling `callback` (or every callback) for `event`. Unknown ones change nothing."""
        for entry in tuple(self._undos):
            if entry[0] == event and callback in (None, entry[1]):
                self._undos.remove(entry)
                entry[2]()

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if name.startswith("_"):
            raise AttributeError(name)
        head, *rest = name.split("_")
        method = head + "".join(part[:1].upper() + part[1:] for part in rest)

        async def custom(data: Any = None, query: Mapping[str, Any] | None = None) -> Any:
            return await self.call(method, data, query)

        return custom


class Client:
    """The daemon over a live link, on the running event loop. Use it as an async context manager, or open and close it.

    `link`, `router` and `registry` are the layers below; `events` is the Observable of every server event, secrets
    taken out.
    """

    def __init__(self, link: Link) -> None:
        self.link = link
        self.router = Router(link)
        self.sessions = AsyncSessions(self._run)
        self.tasks = AsyncTasks(self._run)
        self.registry = SessionRegistry(link, self.router, prompt=self.sessions.prompt)
        self._services: dict[str, LiveService[Any]] = {}

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

    @overload
    def service(self, path: Literal["sessions"]) -> LiveService[Session]: ...
    @overload
    def service(self, path: Literal["tasks"]) -> LiveService[Task]: ...
    @overload
    def service(self, path: Literal["messages"]) -> LiveService[Message]: ...
    @overload
    def service(self, path: Literal["boards"]) -> LiveService[Board]: ...
    @overload
    def service(self, path: Literal["branches"]) -> LiveService[Branch]: ...
    @overload
    def service(self, path: Literal["worktrees"]) -> LiveService[Worktree]: ...
    @overload
    def service(self, path: Literal["repos"]) -> LiveService[Repo]: ...
    @overload
    def service(self, path: Literal["users"]) -> LiveService[User]: ...
    @overload
    def service(self, path: str) -> LiveService[Any]: ...
    def service(self, path: str) -> LiveService[Any]:
        """The service at `path`; the same object while it has listeners, so that `off` finds what `on` added."""
        path = service_path(path)
        service = self._services.get(path)
        if service is None:
            # Routes with ids in them are many and have no listeners: only top-level services are kept.
            service = LiveService(path, self)
            if path.count("/") < 2:
                self._services[path] = service
        return service

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

    async def _run(self, operation: Operation[T], /) -> T:
        return await drive_async(operation, self._call)

    async def _call(self, call: Call) -> Any:
        return await self.link.call(call.method, call.service, *call.args)


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
    ssl: _ssl.SSLContext | None = None,
    link: Link | None = None,
) -> Client:
    """A live client: the same surface, plus events and reactive sessions, over a link that heals itself.

    Nothing happens until it is opened (``async with``). Credentials may be given here or to `authenticate` later.
    `timeout` is for each call, `connect_timeout` for the first connect, in seconds; with `keep_trying`, opening waits
    for a daemon that is not up yet instead of raising `CannotConnect`. `link` replaces the connection (for tests:
    `agor_reactive.transport.scripted.ScriptedLink`).

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
            headers=headers,
            ssl=ssl,
        )
    return Client(link)


def retain_reactive_session(
    client: Client, session_id: str, *, task_hydration: Literal["none", "lazy", "eager", "lean"] = "lazy"
) -> SessionHandle:
    """A live mirror of one session, shared by everyone who retains it on this client. Release it, or ``async with``."""
    return client.registry.retain(session_id, task_hydration=task_hydration)
