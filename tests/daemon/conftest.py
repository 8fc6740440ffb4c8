"""Real sockets and real HTTP against an embedded daemon on an ephemeral port."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import httpx2
import pytest
import socketio

from agor_reactive.daemon import ApiVersionName, EmbeddedDaemon

Row = dict[str, Any]


class Watcher:
    """A plain Socket.IO client that records every event."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.received: list[tuple[str, Any]] = []
        self.raw: list[tuple[Any, ...]] = []
        self.gone: list[str] = []
        self.gone_at = 0.0
        self._changed = asyncio.Event()
        self.client = socketio.AsyncClient(reconnection=False)
        self.client.on("*", self._hear)
        self.client.on("disconnect", self._leave)

    async def open(self, **more: Any) -> Watcher:
        await self.client.connect(self.url, transports=more.pop("transports", ["websocket"]), **more)
        return self

    async def close(self) -> None:
        await self.client.shutdown()

    async def call(self, *frame: Any) -> Any:
        """The ack as it came: a pair, or the bare error."""
        return await self.client.call(frame[0], frame[1:], timeout=5)

    async def ok(self, *frame: Any) -> Any:
        answer = await self.call(*frame)
        assert isinstance(answer, tuple), answer
        return answer[1]

    async def fault(self, *frame: Any) -> Row:
        answer = await self.call(*frame)
        assert isinstance(answer, dict), answer
        return answer

    async def login(self, daemon: EmbeddedDaemon) -> Row:
        """Log in on the connected socket, as before the handshake version."""
        result: Row = await self.ok("create", "authentication", {"strategy": "api-key", "apiKey": daemon.api_key})
        return result

    async def new_session(self, daemon: EmbeddedDaemon, **fields: Any) -> str:
        row = await self.ok("create", "sessions", {place_id(daemon): daemon.workspace_id, **fields})
        return str(row["session_id"])

    async def prompt(self, session_id: str, text: str, **more: Any) -> Row:
        row: Row = await self.ok("create", f"sessions/{session_id}/prompt", {"prompt": text, **more})
        return row

    async def until(self, holds: Callable[[], Any], *, seconds: float = 5) -> Any:
        """Wait for events until a condition holds; returns its result."""
        async with asyncio.timeout(seconds):
            while not (found := holds()):
                self._changed.clear()
                await self._changed.wait()
            return found

    async def ended(self, task_id: str) -> Row:
        """Wait for the task's end."""
        row: Row = await self.until(
            lambda: next(
                (
                    row
                    for row in self.of("tasks patched")
                    if row["task_id"] == task_id and row["status"] in ("completed", "failed", "stopped")
                ),
                None,
            )
        )
        return row

    def of(self, name: str) -> list[Any]:
        return [payload for received, payload in self.received if received == name]

    def names(self) -> list[str]:
        return [name for name, _ in self.received]

    def _hear(self, name: str, *args: Any) -> None:
        self.raw.append((name, *args))
        self.received.append((name, args[0] if args else None))
        self._changed.set()

    def _leave(self, reason: str) -> None:
        self.gone.append(reason)
        self.gone_at = asyncio.get_running_loop().time()
        self._changed.set()


async def log_in(daemon: EmbeddedDaemon, **credential: Any) -> Row:
    """A login over REST, with the daemon's key unless told otherwise."""
    body = credential or {"strategy": "api-key", "apiKey": daemon.api_key}
    async with httpx2.AsyncClient(base_url=daemon.url) as http:
        answer = await http.post("/authentication", json=body)
    assert answer.status_code == 201, answer.text
    result: Row = answer.json()
    return result


def bearer(token: str | None) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def place_id(daemon: EmbeddedDaemon) -> str:
    return "worktree_id" if daemon.api_version == "worktrees" else "branch_id"


def steps(watcher: Watcher) -> list[str]:
    """What was received, as `name status`; runs of chunks count once, the events of streaming routes not at all."""
    found: list[str] = []
    for name, payload in watcher.received:
        if name in ("messages/streaming created", "tasks/streaming created", "server-info"):
            continue
        words = [name]
        if isinstance(payload, dict):
            words += [str(payload[key]) for key in ("role", "status") if key in payload and "streaming" not in name]
        line = " ".join(words)
        if not (line.endswith(":chunk") and found and found[-1] == line):
            found.append(line)
    return found


Open = Callable[..., Awaitable[Watcher]]


@pytest.fixture
async def stack() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as stack:
        yield stack


@pytest.fixture
def api_version() -> ApiVersionName:
    """The API version; modules about other versions override it."""
    return "branches"


@pytest.fixture
async def start(stack: AsyncExitStack, api_version: ApiVersionName) -> Callable[..., Awaitable[EmbeddedDaemon]]:
    """Start a daemon that ends with the test."""

    async def begin(**options: Any) -> EmbeddedDaemon:
        options = {"speed": 200.0, "api_version": api_version, **options}
        return await stack.enter_async_context(EmbeddedDaemon(**options))

    return begin


@pytest.fixture
async def daemon(start: Callable[..., Awaitable[EmbeddedDaemon]]) -> EmbeddedDaemon:
    return await start()


@pytest.fixture
async def connect(stack: AsyncExitStack, daemon: EmbeddedDaemon) -> Open:
    """Open a socket, logged in as the daemon's version has it unless told otherwise, that ends with the test."""

    async def begin(to: EmbeddedDaemon | None = None, *, login: bool = True, **more: Any) -> Watcher:
        target = to or daemon
        watcher = Watcher(target.url)
        stack.push_async_callback(watcher.close)
        handshake = target.api_version == "handshake"
        if login and handshake:
            more["headers"] = bearer((await log_in(target))["accessToken"])
        await watcher.open(**more)
        if login and not handshake:
            await watcher.login(target)
        return watcher

    return begin


@pytest.fixture
async def http(daemon: EmbeddedDaemon) -> AsyncIterator[httpx2.AsyncClient]:
    async with httpx2.AsyncClient(base_url=daemon.url, headers={"X-API-Key": daemon.api_key or ""}) as client:
        yield client


@pytest.fixture
async def watcher(connect: Open) -> Watcher:
    return await connect()
