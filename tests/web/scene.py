"""An embedded daemon, a client of it, and a web view of that client on loopback."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from websockets.asyncio.client import ClientConnection, connect

import agor_reactive as agor
from agor_reactive.daemon import EmbeddedDaemon
from agor_reactive.web import Viewer, viewer
from agor_reactive.web.serving import serve

__all__ = ["Scene", "anybody", "next_message", "scene"]


def anybody(scope: Any) -> bool:
    return True


class Scene:
    """The parts of a running web view."""

    def __init__(self, daemon: EmbeddedDaemon, client: agor.Client, app: Viewer, url: str, session_id: str) -> None:
        self.daemon, self.client, self.app, self.url, self.session_id = daemon, client, app, url, session_id

    @property
    def page(self) -> str:
        return f"{self.url}/sessions/{self.session_id}"

    def socket(self, path: str | None = None, **options: Any) -> connect:
        """A browser's WebSocket: of the session, or of another path."""
        path = f"/sessions/{self.session_id}/ws" if path is None else path
        return connect(f"ws{self.url.removeprefix('http')}{path}", proxy=None, **options)


@asynccontextmanager
async def scene(
    *, speed: float = 20, wrap: Callable[[Viewer], Any] = lambda app: app, **options: Any
) -> AsyncIterator[Scene]:
    """A web view of one session, served. `wrap` puts the viewer into another app."""
    async with EmbeddedDaemon(speed=speed) as daemon, agor.create_client(daemon.url, api_key=daemon.api_key) as client:
        row = {"branch_id": daemon.workspace_id, "agentic_tool": "claude-code", "title": "Fix the report"}
        session = await client.service("sessions").create(row)
        app = viewer(client, **{"authorize": anybody, **options})
        async with serve(wrap(app)) as url:
            yield Scene(daemon, client, app, url, session.session_id)


async def next_message(socket: ClientConnection, *ops: str) -> dict[str, Any]:
    """The next message, of one of these kinds if some are named."""
    async with asyncio.timeout(10):
        while True:
            message: dict[str, Any] = json.loads(await socket.recv())
            if not ops or message["op"] in ops:
                return message
