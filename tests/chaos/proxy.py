"""A bad network on loopback: a TCP proxy that drops, stalls, cuts mid-frame, delays and throttles.

Knows bytes and connections; nothing of what they mean. What is done when is decided by `schedule`.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import Callable
from urllib.parse import urlsplit

__all__ = ["Proxy"]

_READ = 65_536
_SLICE = 256
"""Bytes let through at a time while throttled."""


class Proxy:
    """Listens on a port of its own and passes everything on to `target`, as well or as badly as it is told to.

    `accepted` counts connections, `unreachable` those that found nobody behind the proxy.
    """

    def __init__(self, target: str) -> None:
        there = urlsplit(target)
        self._host, self._port = there.hostname or "127.0.0.1", there.port or 80
        self._wires: set[_Wire] = set()
        self._server: asyncio.Server | None = None
        self._going = asyncio.Event()
        self._going.set()
        self._delay = 0.0
        self._rate: float | None = None
        self._refusing = False
        self._closing = False
        self.accepted = 0
        self.unreachable = 0
        self.refused = 0

    @property
    def url(self) -> str:
        """Where to connect instead of the target."""
        assert self._server is not None
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    @property
    def open_count(self) -> int:
        """How many connections go through it now."""
        return len(self._wires)

    async def __aenter__(self) -> Proxy:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._closing = True
        self._server.close()
        self.calm()
        self.drop()
        await asyncio.gather(*(wire.ended for wire in tuple(self._wires)), return_exceptions=True)
        await self._server.wait_closed()

    # ---- being a bad network; each says how many connections it hit ----

    def drop(self) -> int:
        """Reset every connection: what was under way is gone."""
        hit = [wire for wire in self._wires if not wire.over]
        for wire in hit:
            wire.reset()
        return len(hit)

    def cut_mid_frame(self, *, towards_client: bool) -> int:
        """Let half of the next piece through in that direction, then end the connection."""
        hit = [wire for wire in self._wires if not wire.over]
        for wire in hit:
            wire.half_then_end = "client" if towards_client else "daemon"
        return len(hit)

    def stall(self) -> None:
        """Pass nothing on, in neither direction, until `go_on`: connections stay open and silent."""
        self._going.clear()

    def go_on(self) -> None:
        """Pass on again; what was held back comes first."""
        self._going.set()

    def delay(self, seconds: float) -> None:
        """Pass every piece on that much later."""
        self._delay = seconds

    def throttle(self, bytes_per_second: float | None) -> None:
        """Pass on no more than that; None ends it."""
        self._rate = bytes_per_second

    def refuse(self, *, refusing: bool) -> None:
        """Reset connections as soon as they are made."""
        self._refusing = refusing

    def calm(self) -> None:
        """Be a good network again."""
        self.go_on()
        self.delay(0.0)
        self.throttle(None)
        self.refuse(refusing=False)
        for wire in self._wires:
            wire.half_then_end = None

    # ---- passing on ----

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted += 1
        if self._refusing or self._closing:
            self.refused += 1
            _reset(writer)
            return
        try:
            there, back = await asyncio.open_connection(self._host, self._port)
        except OSError:
            self.unreachable += 1
            _reset(writer)
            return
        wire = _Wire(self, writer, back)
        self._wires.add(wire)
        if self._closing:
            wire.reset()
        try:
            await wire.run(reader, there)
        finally:
            self._wires.discard(wire)

    async def held_back(self, size: int) -> None:
        """Wait as long as a piece of that size is to wait."""
        if self._delay:
            await asyncio.sleep(self._delay)
        if self._rate:
            await asyncio.sleep(size / self._rate)
        await self._going.wait()

    @property
    def slice(self) -> int | None:
        """The size that pieces are broken into, if they are."""
        return _SLICE if self._rate else None


class _Wire:
    """One connection and its other half."""

    def __init__(self, proxy: Proxy, client: asyncio.StreamWriter, daemon: asyncio.StreamWriter) -> None:
        self._proxy = proxy
        self._client, self._daemon = client, daemon
        self.half_then_end: str | None = None
        self.over = False
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def run(self, from_client: asyncio.StreamReader, from_daemon: asyncio.StreamReader) -> None:
        ways = [
            asyncio.ensure_future(self._pass(from_client, self._daemon, "daemon")),
            asyncio.ensure_future(self._pass(from_daemon, self._client, "client")),
        ]
        try:
            await asyncio.wait({*ways, self.ended}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            self._end(lambda writer: writer.close())

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, towards: str) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(_READ):
                if self.half_then_end == towards and len(data) > 1:
                    writer.write(data[: len(data) // 2])
                    return
                size = self._proxy.slice or len(data)
                for start in range(0, len(data), size):
                    piece = data[start : start + size]
                    await self._proxy.held_back(len(piece))
                    writer.write(piece)
                    await writer.drain()

    def reset(self) -> None:
        """End it as a network does that is gone."""
        self._end(_reset)

    def _end(self, how: Callable[[asyncio.StreamWriter], None]) -> None:
        if not self.over:
            self.over = True
            how(self._client)
            how(self._daemon)
        if not self.ended.done():
            self.ended.set_result(None)


def _reset(writer: asyncio.StreamWriter) -> None:
    """Close with a reset instead of a goodbye."""
    sock = writer.get_extra_info("socket")
    if sock is not None:
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
