"""Accepts requests from local addresses and in the supported protocol version only.

Web pages must not reach a daemon on the user's machine, so a foreign Host (DNS rebinding) or Origin (cross-site
request) is refused before the request is processed.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import parse_qs, urlsplit

from starlette.responses import JSONResponse, PlainTextResponse, Response

__all__ = ["LoopbackGuard"]

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

_LOCAL = frozenset({"localhost", "127.0.0.1", "::1"})
_SOCKET_PATH = "/socket.io"


class LoopbackGuard:
    """Sends socket traffic to one application and the rest to another."""

    def __init__(self, sockets: App, rest: App) -> None:
        self._sockets = sockets
        self._rest = rest

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            return
        refusal = self._refusal(scope)
        if refusal is None:
            app = self._sockets if _for_sockets(scope) else self._rest
            await app(scope, receive, send)
        elif scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 1008})
        else:
            await refusal(scope, receive, send)

    def _refusal(self, scope: Scope) -> Response | None:
        headers = {name.lower(): value.decode("latin-1") for name, value in scope["headers"]}
        if not _local(f"//{headers.get(b'host', '')}"):
            return PlainTextResponse("This daemon answers on loopback names only.", status_code=403)
        if b"origin" in headers and not _local(headers[b"origin"]):
            return PlainTextResponse("This daemon does not answer pages of other origins.", status_code=403)
        if _for_sockets(scope):
            query = parse_qs(scope.get("query_string", b"").decode("latin-1"))
            if "sid" not in query and query.get("EIO") != ["4"]:
                return JSONResponse({"code": 5, "message": "Unsupported protocol version"}, status_code=400)
        elif scope["type"] == "websocket":
            return PlainTextResponse("Not found", status_code=404)
        return None


def _for_sockets(scope: Scope) -> bool:
    path = str(scope["path"])
    return path == _SOCKET_PATH or path.startswith(_SOCKET_PATH + "/")


def _local(address: str) -> bool:
    try:
        return urlsplit(address).hostname in _LOCAL
    except ValueError:
        return False
