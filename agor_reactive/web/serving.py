"""Serves an ASGI app on loopback in the caller's event loop, until the block ends: for the command line, for tests."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Generator
from contextlib import asynccontextmanager
from typing import Any

import uvicorn

from agor_reactive.transport.listening import listen

__all__ = ["serve"]

_LAST_SECONDS = 1


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield  # signals are the caller's


@asynccontextmanager
async def serve(app: Any, *, port: int = 0) -> AsyncIterator[str]:
    """Serve `app`; yields its address, as in ``http://127.0.0.1:8080``. Raises OSError when the port is taken.

    Nothing is logged, and messages are not compressed: a WebSocket would compress the same patch for each browser.
    """
    sock = listen(port)
    config = uvicorn.Config(
        app,
        loop="none",
        ws="websockets-sansio",
        lifespan="off",
        log_config=None,
        log_level=None,
        access_log=False,
        server_header=False,
        ws_per_message_deflate=False,
        timeout_graceful_shutdown=_LAST_SECONDS,
    )
    server = _Server(config)
    work = asyncio.get_running_loop().create_task(server.serve(sockets=[sock]), name="web server")
    try:
        yield f"http://127.0.0.1:{sock.getsockname()[1]}"
    finally:
        server.should_exit = True
        await work
        sock.close()
