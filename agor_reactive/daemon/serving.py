"""Runs uvicorn in an existing event loop: no signals, no banner, no polling, a fast shutdown."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Generator

import h11
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol
from websockets.exceptions import InvalidState

from agor_reactive.daemon.loopback_guard import LoopbackGuard
from agor_reactive.daemon.sockets import MAX_FRAME

__all__ = ["Serving"]

HEAD_TIME = 10.0
"""Seconds in which the head of a request must be here."""

_PATIENCE = 0.4


class TimedRequests(H11Protocol):
    """uvicorn's HTTP protocol with a time limit for the head of a request, which uvicorn does not have."""

    _head_due: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._time_the_head()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._time_the_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._forget_the_head()
        super().connection_lost(exc)

    def _time_the_head(self) -> None:
        if self.conn.their_state is not h11.IDLE:
            self._forget_the_head()
        elif self._head_due is None:
            self._head_due = self.loop.call_later(HEAD_TIME, self.transport.abort)

    def _forget_the_head(self) -> None:
        if self._head_due is not None:
            self._head_due.cancel()
            self._head_due = None


class Serving(uvicorn.Server):
    """Serves one application on one socket until stopped."""

    def __init__(self, app: LoopbackGuard, sock: socket.socket) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                loop="none",
                http=TimedRequests,
                ws="websockets-sansio",
                lifespan="off",
                log_config=None,
                log_level=None,
                access_log=False,
                server_header=False,
                date_header=False,
                ws_max_size=MAX_FRAME,
                ws_ping_interval=None,
                ws_ping_timeout=None,
                ws_per_message_deflate=False,
            )
        )
        self._sock = sock
        self._ended = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def begin(self) -> None:
        self._task = asyncio.get_running_loop().create_task(self.serve(sockets=[self._sock]), name="daemon http")

    def drop(self) -> None:
        """Drop every connection immediately, without a closing message."""
        for connection in list(self.server_state.connections):
            if connection.transport is not None:
                connection.transport.abort()

    async def end(self) -> None:
        """Stop listening and close all connections, quickly."""
        self._ended.set()
        if self._task is not None:
            await self._task

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield

    async def main_loop(self) -> None:
        await self.on_tick(0)
        await self._ended.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for server in self.servers:
            server.close()
        for sock in sockets or []:
            sock.close()
        for connection in list(self.server_state.connections):
            # A connection that is already closing cannot be closed again.
            with contextlib.suppress(InvalidState):
                connection.shutdown()
        loop = asyncio.get_running_loop()
        until = loop.time() + _PATIENCE
        # uvicorn has no notification for the last closed connection, so this polls.
        while (self.server_state.connections or self.server_state.tasks) and loop.time() < until:  # noqa: ASYNC110
            await asyncio.sleep(0.005)
        self.drop()
        left = list(self.server_state.tasks)
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
        for server in self.servers:
            await asyncio.wait_for(server.wait_closed(), _PATIENCE)
