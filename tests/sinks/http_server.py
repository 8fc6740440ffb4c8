"""A small HTTP server on loopback whose answers are decided in advance: what Slack and webhooks do on a bad day."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

__all__ = ["HttpServer", "Taken", "serving"]

OK = "ok"
CLOSE = "close"
"""The socket is closed before an answer, and the request is not taken."""
TAKEN_THEN_CLOSE = "taken then close"
"""The request is taken, and the answer is lost."""
CUT = "cut"
"""The request is taken and answered with 200, and the socket is closed in the middle of the body."""


@dataclass(frozen=True)
class Taken:
    """One request that the server took."""

    headers: dict[str, str]
    body: Any
    raw: bytes


@dataclass
class HttpServer:
    """`plan` has the next answers: OK, CLOSE, TAKEN_THEN_CLOSE, CUT, a status or (status, headers); OK when empty.

    `taken` are the requests that were answered with 2xx or lost after they were taken; `seen` counts all. With `gate`
    requests wait until it is set.
    """

    plan: deque[Any] = field(default_factory=deque)
    taken: list[Taken] = field(default_factory=list)
    seen: int = 0
    port: int = 0
    reply: Any = "ok"
    gate: asyncio.Event | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/services/T0/B0/sEcReT"

    @property
    def texts(self) -> list[str]:
        return [one.body["text"] for one in self.taken]

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await self._head(reader):
                headers = {
                    name.strip().lower(): value.strip()
                    for name, _, value in (line.partition(":") for line in head.split("\r\n")[1:])
                    if name
                }
                raw = await reader.readexactly(int(headers.get("content-length", "0")))
                self.seen += 1
                if self.gate is not None:
                    await self.gate.wait()
                action = self.plan.popleft() if self.plan else OK
                if action == CLOSE:
                    return
                if action in (OK, TAKEN_THEN_CLOSE, CUT):
                    self.taken.append(Taken(headers, json.loads(raw), raw))
                if action == TAKEN_THEN_CLOSE:
                    return
                if action == CUT:
                    writer.write(b"HTTP/1.1 200 X\r\nContent-Length: 100\r\n\r\no")
                    await writer.drain()
                    return
                status, more = (200, {}) if action == OK else action if isinstance(action, tuple) else (action, {})
                body = self.reply if status == 200 else "no_service"
                text = (body if isinstance(body, str) else json.dumps(body)).encode()
                lines = [
                    f"HTTP/1.1 {status} X",
                    f"Content-Length: {len(text)}",
                    *(f"{k}: {v}" for k, v in more.items()),
                ]
                writer.write("\r\n".join([*lines, "", ""]).encode() + text)
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            return
        finally:
            writer.close()

    @staticmethod
    async def _head(reader: asyncio.StreamReader) -> str:
        try:
            return (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        except asyncio.IncompleteReadError:
            return ""


@asynccontextmanager
async def serving(plan: Iterable[Any] = ()) -> AsyncIterator[HttpServer]:
    """The server, on an ephemeral port."""
    server = HttpServer(deque(plan))
    listening = await asyncio.start_server(server.answer, "127.0.0.1", 0)
    server.port = listening.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        if server.gate is not None:
            server.gate.set()
        listening.close()
        await listening.wait_closed()
