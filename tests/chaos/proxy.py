"""A bad network on loopback: a TCP proxy that drops, stalls, cuts mid-frame, delays and throttles.

Knows bytes and connections, not their meaning. `schedule` decides what happens when.
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
    """Listens on a free port and forwards everything to `target`, with the current faults.

    `accepted` counts connections, `unreachable` those without a listening target.
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
        """The address to use instead of the target's."""
        assert self._server is not None
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    @property
    def open_count(self) -> int:
        """The number of open connections."""
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

    # ---- faults; each returns the number of affected connections ----

    def drop(self) -> int:
        """Reset every connection: bytes in transit are lost."""
        hit = [wire for wire in self._wires if not wire.over]
        for wire in hit:
            wire.reset()
        return len(hit)

    def cut_mid_frame(self, *, towards_client: bool) -> int:
        """Forward half of the next piece in that direction, then end the connection."""
        hit = [wire for wire in self._wires if not wire.over]
        for wire in hit:
            wire.half_then_end = "client" if towards_client else "daemon"
        return len(hit)

    def stall(self) -> None:
        """Forward nothing in either direction until `go_on`: connections stay open and silent."""
        self._going.clear()

    def go_on(self) -> None:
        """Forward again, held bytes first."""
        self._going.set()

    def delay(self, seconds: float) -> None:
        """Forward every piece with a delay."""
        self._delay = seconds

    def throttle(self, bytes_per_second: float | None) -> None:
        """Limit the throughput; None removes the limit."""
        self._rate = bytes_per_second

    def refuse(self, *, refusing: bool) -> None:
        """Reset new connections at once."""
        self._refusing = refusing

    def calm(self) -> None:
        """End all faults."""
        self.go_on()
        self.delay(0.0)
        self.throttle(None)
        self.refuse(refusing=False)
        for wire in self._wires:
            wire.half_then_end = None

    # ---- forwarding ----

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
        """Wait for the delay of a piece of that size."""
        if self._delay:
            await asyncio.sleep(self._delay)
        if self._rate:
            await asyncio.sleep(size / self._rate)
        await self._going.wait()

    @property
    def slice(self) -> int | None:
        """The size into which pieces are split, if any."""
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
        """End the connection as a lost network does."""
        self._end(_reset)

    def _end(self, how: Callable[[asyncio.StreamWriter], None]) -> None:
        if not self.over:
            self.over = True
            how(self._client)
            how(self._daemon)
        if not self.ended.done():
            self.ended.set_result(None)


def _reset(writer: asyncio.StreamWriter) -> None:
    """Close with a TCP reset."""
    sock = writer.get_extra_info("socket")
    if sock is not None:
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
