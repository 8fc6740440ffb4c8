"""A small daemon-like server for these tests: real Socket.IO over real sockets, acks as Feathers gives them.

`handshake` makes it one of today's daemons: an access token on the request or no connection, logins over REST only. It
can misbehave on purpose: refuse logins, let them expire, kick, abort the TCP connection, never answer. It runs on the
test's own loop, on loopback, on a port of its own.
"""

from __future__ import annotations

import asyncio
import functools
import json
import socket
import uuid
from collections.abc import Callable
from typing import Any

import socketio
import uvicorn

from tests.contract.waiting import eventually

Answer = Callable[..., Any]

UNAUTHENTICATED = {
    "name": "NotAuthenticated",
    "message": "Not authenticated",
    "code": 401,
    "className": "not-authenticated",
}
IMMUTABLE = {"name": "NotAuthenticated", "message": "Socket connection authentication is immutable", "code": 401}
NO_IDENTITY = ("Invalid or expired authentication token", {"code": 401, "className": "not-authenticated"})
REFUSED = {"name": "NotAuthenticated", "message": "Invalid login", "code": 401, "className": "not-authenticated"}
NO_REFRESH = {"name": "NotAuthenticated", "message": "Invalid or expired refresh token", "code": 401}


class FeathersServer:
    """`frames` is what arrived, as (socket number, method, service, *args); sockets are numbered as they connect."""

    def __init__(self) -> None:
        self.frames: list[tuple[Any, ...]] = []
        self.answers: dict[tuple[str, str], Answer] = {}
        self.keys = {"agor_sk_good"}
        self.passwords = {"a@example.test": "pw"}
        self.access: set[str] = set()
        self.refresh: set[str] = set()
        self.life = 900.0
        self.kick_at_expiry = False
        self.auth_gate: asyncio.Event | None = None  # logins wait for it
        self.connections = 0
        self.refused_calls = 0
        self.handshake = False
        self.health: dict[str, Any] = {"status": "ok", "timestamp": 1, "version": "0.1.0"}
        self.greeting: dict[str, Any] | None = None  # the payload of `server-info`
        self.refusals: list[Any] = []  # answers to the next connects, in order; None lets one through
        self.rest_keys: set[str] = set()  # keys that REST accepts, even if logins refuse them
        self.requests: list[tuple[str, str]] = []  # the REST requests, as (method, path)
        self.announced = 0
        self.lets_bare_in = False
        self._numbers: dict[str, int] = {}
        self._logged_in: dict[str, asyncio.TimerHandle | None] = {}
        self._stopping = asyncio.Event()
        self.port = 0

    # ---- running ----

    async def start(self, port: int = 0) -> None:
        self._stopping = asyncio.Event()
        self.sio = socketio.AsyncServer(async_mode="asgi", cors_allowed_origins="*")
        self.sio.on("connect", self._connected)
        self.sio.on("disconnect", self._disconnected)
        self.sio.on("*", self._call)
        sock = socket.socket()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(("127.0.0.1", port))
        self.port = sock.getsockname()[1]
        config = uvicorn.Config(
            socketio.ASGIApp(self.sio, other_asgi_app=self._rest),
            log_level="critical",
            lifespan="off",
            ws="websockets-sansio",
            timeout_graceful_shutdown=1,
        )
        self._server = uvicorn.Server(config)
        self._serving = asyncio.create_task(self._server.serve(sockets=[sock]))
        await until(lambda: self._server.started)

    async def stop(self) -> None:
        """Stop as by SIGKILL: every connection drops."""
        self._stopping.set()
        for timer in self._logged_in.values():
            if timer is not None:
                timer.cancel()
        for listening in self._server.servers:
            listening.close()
        self._server.should_exit = True
        self.abort()
        await self._serving
        await self.sio.shutdown()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    # ---- faults ----

    def abort(self) -> None:
        """Abort every TCP connection."""
        for protocol in list(self._server.server_state.connections):
            if protocol.transport is not None:
                protocol.transport.abort()

    async def kick(self) -> None:
        """Send ``41`` to every socket, as after a graceful stop or an expired login."""
        for sid in list(self._numbers):
            await self.sio.disconnect(sid)

    async def emit(self, topic: str, *payload: Any) -> None:
        """Emit an event to every socket that is logged in."""
        for sid in list(self._logged_in):
            await self.sio.emit(topic, payload, to=sid)

    def logins(self) -> list[Any]:
        return [frame[3].get("strategy") for frame in self.frames if frame[1:3] == ("create", "authentication")]

    # ---- answering ----

    async def _connected(self, sid: str, environ: Any, auth: Any = None) -> None:
        self.connections += 1
        refusal = self.refusals.pop(0) if self.refusals else None
        bearer = environ.get("HTTP_AUTHORIZATION", "").removeprefix("Bearer ")
        let_in = bearer in self.access or (self.lets_bare_in and not bearer)
        if refusal is None and self.handshake and not let_in:
            refusal = NO_IDENTITY
        if refusal is not None:
            raise socketio.exceptions.ConnectionRefusedError(*refusal)
        self._numbers[sid] = self.connections
        if bearer in self.access:
            self._logged_in[sid] = None
        if self.greeting is not None:
            await self.sio.emit("server-info", self.greeting, to=sid)

    def _disconnected(self, sid: str, reason: str | None = None) -> None:
        self._numbers.pop(sid, None)
        timer = self._logged_in.pop(sid, None)
        if timer is not None:
            timer.cancel()

    async def _call(self, method: str, sid: str, *args: Any) -> Any:
        service, rest = args[0], args[1:]
        if service == "session-streams" and "capability" in rest[0]:
            self.announced += 1
            return None, {"session_id": "", "subscribed": False}
        self.frames.append((self._numbers.get(sid), method, service, *rest))
        if service.startswith("authentication"):
            if self.auth_gate is not None:
                await self.auth_gate.wait()
            if self.handshake:
                return IMMUTABLE
            return self._authenticate(sid, method, service, rest)
        if sid not in self._logged_in and service != "health":
            self.refused_calls += 1
            return UNAUTHENTICATED
        answer = self.answers.get((method, service))
        if answer is None:
            return {
                "name": "NotFound",
                "message": f"Service '{service}' not found",
                "code": 404,
                "className": "not-found",
            }
        result = answer(*rest)
        if result is NEVER:
            await self._stopping.wait()
            return None
        return result if isinstance(result, dict) and "code" in result else (None, result)

    async def _rest(self, scope: Any, receive: Any, send: Any) -> None:
        """Logins, refreshes, ``/health`` and ``/sessions`` over HTTP."""
        body = b""
        while (part := await receive()).get("more_body"):
            body += part["body"]
        method, service = scope["method"], scope["path"].strip("/")
        self.requests.append((method, service))
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        bearer = headers.get("authorization", "").removeprefix("Bearer ")
        if service == "health":
            status, answer = 200, self.health
        elif service.startswith("authentication") and method == "POST":
            if self.auth_gate is not None:
                await self.auth_gate.wait()
            found = self._authenticate("", "create", service, (json.loads(body + part["body"]),))
            status, answer = (201, found[1]) if isinstance(found, tuple) else (401, found)
        elif bearer in self.rest_keys | self.access:
            status, answer = 200, {"total": 0, "data": []}
        else:
            status, answer = 401, UNAUTHENTICATED
        json_type = [(b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": status, "headers": json_type})
        await send({"type": "http.response.body", "body": json.dumps(answer).encode()})

    def _authenticate(self, sid: str, method: str, service: str, args: tuple[Any, ...]) -> Any:
        if method == "remove":
            self._logged_in.pop(sid, None)
            return None, {}
        body = args[0]
        if service == "authentication/refresh":
            if body.get("refreshToken") not in self.refresh:
                return NO_REFRESH
            return None, {"accessToken": self.mint(), "refreshToken": self.mint_refresh(), "user": {}}
        good = (
            body.get("apiKey") in self.keys
            or body.get("accessToken") in self.access
            or ("email" in body and self.passwords.get(body["email"]) == body.get("password"))
        )
        if not good:
            return REFUSED
        if sid:
            timer = self._logged_in.get(sid)
            if timer is not None:
                timer.cancel()
            loop = asyncio.get_running_loop()
            self._logged_in[sid] = loop.call_later(self.life, self._expire, sid) if self.kick_at_expiry else None
        access = body.get("accessToken") or self.mint()
        result: dict[str, Any] = {
            "accessToken": access,
            "authentication": {"strategy": body["strategy"], "payload": {"iat": 1000.0, "exp": 1000.0 + self.life}},
            "user": {"user_id": "u1"},
        }
        if "accessToken" not in body:
            result["refreshToken"] = self.mint_refresh()
        return None, result

    def _expire(self, sid: str) -> None:
        self._background = asyncio.ensure_future(self.sio.disconnect(sid))

    def mint(self) -> str:
        token = f"access-{uuid.uuid4().hex}"
        self.access.add(token)
        return token

    def mint_refresh(self) -> str:
        token = f"refresh-{uuid.uuid4().hex}"
        self.refresh.add(token)
        return token


NEVER = object()
"""An answer that never comes."""


until = functools.partial(eventually, timeout=5.0)
