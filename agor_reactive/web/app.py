"""`viewer`: the pages and WebSockets of a client's sessions as one ASGI app. Browsers of one session share a feed."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

from starlette.requests import HTTPConnection, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route, Router, WebSocketRoute
from starlette.websockets import WebSocket

from agor_reactive.client import Client
from agor_reactive.errors import AgorError, UsageError
from agor_reactive.models.ids import is_full_id
from agor_reactive.session.collection import SessionCollection
from agor_reactive.web.connection import Connection
from agor_reactive.web.feed import AnyFeed, SessionFeed, SessionsFeed
from agor_reactive.web.guard import LOOPBACK, Authorize, Guard, Scope
from agor_reactive.web.pages import element_response, page_response

__all__ = ["Viewer", "viewer"]

_log = logging.getLogger("agor_reactive.web")

Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]

_LIST = ""


def viewer(
    client: Client,
    *,
    authorize: Authorize,
    allow_prompts: bool = False,
    allowed_hosts: Collection[str] = LOOPBACK,
    allowed_origins: Collection[str] = (),
    query: Mapping[str, Any] | None = None,
    task_hydration: str = "lazy",
) -> Viewer:
    """An ASGI app that shows the sessions of `client` in browsers: mount it, or serve it with uvicorn.

    Serve it on the event loop of the client. `authorize` is called with the ASGI scope of every request and WebSocket
    (``scope["path_params"]["session_id"]`` is there for one session), again for each action, and every minute; what it
    refuses is answered with 403. It may be async. Without `allow_prompts` nothing can be changed. `allowed_hosts` are
    the names under which the app is reached; `allowed_origins` are other origins, such as
    ``https://portal.example.com``, whose pages may have an ``<agor-session>``. `query` chooses what is listed, as in
    `retain_sessions` (default: sessions that are not archived); it does not limit access. `task_hydration` is how
    sessions are opened.

    Raises `UsageError` for an `allowed_origins` that is none.

    >>> view = viewer(client, authorize=is_member)      # doctest: +SKIP
    >>> app = FastAPI(lifespan=view.lifespan)           # doctest: +SKIP
    >>> app.mount("/agor", view)                        # doctest: +SKIP
    """
    if not callable(authorize):
        raise UsageError("authorize is a function of the ASGI scope that returns whether the request is allowed")
    guard = Guard(authorize, allowed_hosts, allowed_origins)
    return Viewer(client, guard, changeable=allow_prompts, query=query, task_hydration=task_hydration)


class Viewer:
    """An ASGI app made by `viewer`. `viewers` counts the browsers that are connected, by session ("" is the list)."""

    def __init__(
        self, client: Client, guard: Guard, *, changeable: bool, query: Mapping[str, Any] | None, task_hydration: str
    ) -> None:
        self._client = client
        self._guard = guard
        self._changeable = changeable
        self._query = {"archived": False} if query is None else query
        self._hydration = task_hydration
        self._feeds: dict[str, AnyFeed] = {}
        self._counts: dict[str, int] = {}
        self._router = Router(
            [
                Route("/", self._page),
                Route("/sessions/{session_id}", self._page),
                Route("/agor-session.js", self._element),
                WebSocketRoute("/ws", self._socket),
                WebSocketRoute("/sessions/{session_id}/ws", self._socket),
            ],
            redirect_slashes=False,
        )

    @property
    def viewers(self) -> Mapping[str, int]:
        """How many browsers are connected, by session id; "" is the list."""
        return dict(self._counts)

    @asynccontextmanager
    async def lifespan(self, app: Any = None) -> AsyncIterator[None]:
        """Open the client, and close it at the end: the `lifespan` of an app whose client nothing else opens.

        Raises `CannotConnect` or `NotAuthenticated`: the app then does not start.
        """
        async with self._client:
            yield

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] in ("http", "websocket"):
            refusal = await self._guard.refusal(scope)
            if refusal is not None:
                await _refuse(refusal, scope, receive, send)
                return
        await self._router(scope, receive, send)

    # ----------------------------------------------------------------------------------------------------------- pages

    async def _page(self, request: Request) -> Response:
        if not _is_known_form(request):
            return PlainTextResponse("Not found", status_code=404)
        return page_response(request, self._guard)

    async def _element(self, request: Request) -> Response:
        return element_response(request, self._guard)

    # --------------------------------------------------------------------------------------------------------- sockets

    async def _socket(self, websocket: WebSocket) -> None:
        key = str(websocket.path_params.get("session_id", _LIST))
        if not _is_known_form(websocket):
            await websocket.close(1008)
            return
        try:
            feed = self._feed(key)
        except AgorError as error:
            _log.error("a browser could not be served: %s", error)
            await websocket.close(1011)
            return
        authorized = partial(self._guard.authorized, websocket.scope)
        connection = Connection(websocket, feed, authorized, changeable=self._changeable)
        feed.join(connection)
        self._counts[key] = self._counts.get(key, 0) + 1
        try:
            await connection.run()
        finally:
            self._counts[key] -= 1
            if feed.leave(connection):
                del self._counts[key], self._feeds[key]
                feed.close()

    def _feed(self, key: str) -> AnyFeed:
        """The feed of a session, or of the list; made for the first browser."""
        feed = self._feeds.get(key)
        if feed is None:
            if key == _LIST:
                feed = SessionsFeed(SessionCollection(self._client, self._query))
            else:
                handle = self._client.registry.retain(key, task_hydration=self._hydration)
                feed = SessionFeed(handle, changeable=self._changeable)
            self._feeds[key] = feed
        return feed


def _is_known_form(request: HTTPConnection) -> bool:
    """Whether the path names no session, or one by its full id: a prefix would not be what `authorize` compares."""
    session_id = request.path_params.get("session_id")
    return session_id is None or (is_full_id(session_id) and session_id == session_id.lower())


async def _refuse(why: str, scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.close", "code": 1008})
    else:
        await PlainTextResponse(why, status_code=403)(scope, receive, send)
