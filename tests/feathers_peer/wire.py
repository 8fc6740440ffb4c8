"""Raw frames and raw HTTP for the tests of the peer, without agor_reactive."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import hmac
import json
import uuid
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx2
import pytest
import socketio

from tests.feathers_peer.process import JsonLineProcess, PeerUnavailable, peer_command

__all__ = ["HANDSHAKE", "Socket", "bearer", "connected", "log_in", "message", "new_session", "refused", "sign", "start"]

HANDSHAKE = "handshake"


def start(version: str = HANDSHAKE, *flags: str) -> JsonLineProcess:
    """A peer of that API version. Its greeting gets the key `version`."""
    try:
        process = JsonLineProcess(peer_command("--api-version", version, *flags))
    except PeerUnavailable as reason:
        pytest.skip(str(reason))
    process.greeting["version"] = version
    return process


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


class Socket:
    """A bare socket of python-socketio: every event in order, answers as the wire gives them."""

    def __init__(self) -> None:
        self.client = socketio.AsyncClient(reconnection=False)
        self.events: list[tuple[str, Any]] = []
        self.refusals: list[Any] = []
        self.gone = asyncio.Event()
        self._more = asyncio.Event()
        self.client.on("*", self._received)
        self.client.on("connect_error", self.refusals.append)
        self.client.on("disconnect", lambda reason: self.gone.set())

    def _received(self, event: str, *payload: Any) -> None:
        self.events.append((event, payload[0] if payload else None))
        self._more.set()

    async def call(self, *frame: Any) -> Any:
        return await self.client.call(frame[0], frame[1:], timeout=5)

    async def result(self, *frame: Any) -> Any:
        answer = await self.call(*frame)
        assert isinstance(answer, (list, tuple)), answer
        assert answer[0] is None
        return answer[1]

    async def until(self, fits: Callable[[], Any], seconds: float = 5.0) -> None:
        """Wait for events until the condition holds."""
        async with asyncio.timeout(seconds):
            while not fits():
                self._more.clear()
                await self._more.wait()

    def names(self, session_id: str | None = None) -> list[str]:
        """The events so far, of one session or all."""
        wanted = (e for e in self.events if session_id is None or (e[1] or {}).get("session_id") == session_id)
        return [name for name, _ in wanted]

    def statuses(self, session_id: str) -> list[tuple[str, str | None]]:
        """The rows of one session that came with events: their event and status."""
        return [(name, row.get("status")) for name, row in self.events if row and row.get("session_id") == session_id]


async def log_in(peer: JsonLineProcess, **credentials: str) -> dict[str, Any]:
    """One `POST /authentication`, with the API key if nothing else is given."""
    body = credentials or {"strategy": "api-key", "apiKey": peer.greeting["api_key"]}
    async with httpx2.AsyncClient(base_url=peer.greeting["url"], trust_env=False) as http:
        answer = await http.post("/authentication", json=body)
    assert answer.status_code == 201, answer.text
    result: dict[str, Any] = answer.json()
    return result


@contextlib.asynccontextmanager
async def connected(
    peer: JsonLineProcess, *, login: bool = True, token: str | None = None, auth: Any = None
) -> AsyncIterator[Socket]:
    """A socket that is logged in as its API version wants it; `token` and `auth` go into the handshake as given."""
    socket = Socket()
    handshake = peer.greeting["version"] == HANDSHAKE
    if login and handshake and token is None and auth is None:
        token = (await log_in(peer))["accessToken"]
    headers = bearer(token) if token else {}
    await socket.client.connect(peer.greeting["url"], headers=headers, auth=auth, transports=["websocket"])
    try:
        if login and not handshake:
            key = peer.greeting["api_key"]
            await socket.result("create", "authentication", {"strategy": "api-key", "apiKey": key})
        yield socket
    finally:
        await socket.client.shutdown()


async def refused(peer: JsonLineProcess, *, token: str | None = None, auth: Any = None) -> Any:
    """Return the refusal of a connection; fails if it is accepted."""
    socket = Socket()
    headers = bearer(token) if token else {}
    try:
        with pytest.raises(socketio.exceptions.ConnectionError):
            await socket.client.connect(peer.greeting["url"], headers=headers, auth=auth, transports=["websocket"])
    finally:
        await socket.client.shutdown()
    return socket.refusals[-1]


async def new_session(socket: Socket, peer: JsonLineProcess) -> str:
    place = "worktree_id" if peer.greeting["version"] == "worktrees" else "branch_id"
    made = await socket.result("create", "sessions", {place: peer.greeting["workspace_id"], "title": "wire"})
    return str(made["session_id"])


def message(session_id: str, index: int, **more: Any) -> dict[str, Any]:
    """A message as every version takes it."""
    return {
        "message_id": str(uuid.uuid4()),
        "session_id": session_id,
        "type": "user",
        "role": "user",
        "index": index,
        "timestamp": "2026-01-01T00:00:00.000Z",
        "content_preview": "x",
        "content": "x",
        **more,
    }


def sign(secret: str, **claims: Any) -> str:
    """A JWT as the daemon would make it, with these claims."""

    def encoded(data: bytes) -> str:
        return base64.urlsafe_b64encode(data).rstrip(b"=").decode()

    claims = {"iss": "agor", "aud": "https://agor.dev", **claims}
    signed = ".".join(encoded(json.dumps(part).encode()) for part in ({"alg": "HS256", "typ": "access"}, claims))
    return f"{signed}.{encoded(hmac.new(secret.encode(), signed.encode(), hashlib.sha256).digest())}"
