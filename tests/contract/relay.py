"""A way to a daemon that can be cut: a TCP relay on loopback, to the protocols above it as good as a bad network."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

__all__ = ["Way", "way_to"]


class Way:
    """Where to connect to instead of the daemon's own `url`."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._writers: set[asyncio.StreamWriter] = set()

    def cut(self) -> None:
        """End every connection without a word, as a network does. New ones are let through."""
        for writer in self._writers:
            writer.transport.abort()

    async def relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        with contextlib.suppress(OSError):
            while data := await reader.read(65_536):
                writer.write(data)
                await writer.drain()
        writer.close()
        self._writers.discard(writer)


@contextlib.asynccontextmanager
async def way_to(url: str) -> AsyncIterator[Way]:
    """A relay to the daemon at `url` for as long as the context lasts."""
    target = urlsplit(url)

    async def passed_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there, back = await asyncio.open_connection(target.hostname, target.port or 80)
        except OSError:
            writer.close()
            return
        await asyncio.gather(way.relay(reader, back), way.relay(there, writer))

    server = await asyncio.start_server(passed_on, "127.0.0.1", 0)
    way = Way(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
    try:
        yield way
    finally:
        server.close()
        way.cut()
        await server.wait_closed()
