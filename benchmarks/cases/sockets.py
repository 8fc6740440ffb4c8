"""20,000 chunks over a real Socket.IO connection, the server in another process.

Ours is a complete client: the frames are folded into a session's state, whose subscriber is notified. The bases are the
stock `socketio.AsyncClient`, and socket.io-client on Node, each with an empty handler.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from typing import Any

import socketio

from agor_reactive import create_client, retain_reactive_session
from agor_reactive.core import SessionState
from benchmarks.cases import Plan
from benchmarks.measure import Side, Timing, interleave, quiet
from benchmarks.processes import NODE, Talker, node_client_is_here, talk
from benchmarks.table import Line, Row, Skipped

__all__ = ["socket"]

BOUND = 9.0
NODE_BOUND = 1.0
_ENOUGH = 60.0  # seconds per blast


def socket(plan: Plan) -> Iterator[Line]:
    chunks = plan.scale(20_000, 500)
    node_is_missing = node_client_is_here()
    with ExitStack() as stack, asyncio.Runner() as runner:
        server = stack.enter_context(talk("python", "-m", "benchmarks.blaster", str(chunks)))
        greeting = server.read()
        url = f"http://127.0.0.1:{greeting['port']}"
        sides: dict[str, Side] = {}
        clients = AsyncExitStack()
        try:
            ours = runner.run(clients.enter_async_context(_ours(url, greeting["session_id"], chunks)))
            stock = runner.run(clients.enter_async_context(_stock(url, chunks)))
            sides["ours"] = lambda: _blast(runner, ours, plan.timing) / chunks
            sides["stock"] = lambda: _blast(runner, stock, plan.timing) / chunks
            if node_is_missing is None:
                node = stack.enter_context(talk("node", str(NODE / "client.mjs"), url, str(chunks)))
                version = node.read()["node"]
                sides["node"] = lambda: _node_blast(node) / chunks
            turns = interleave(sides, plan.timing)
        finally:
            runner.run(clients.aclose())
    stock_ns = turns.ns("stock")
    yield Row("stock socketio, empty handler", stock_ns)
    # The bound is on events per second.
    yield Row("socket to state", turns.ns("ours"), "stock", stock_ns, turns.ratio("stock", "ours"), BOUND, ">=")
    if node_is_missing is None:
        ratio = turns.ratio("node", "ours")
        yield Row("socket to state", turns.ns("ours"), "node client", turns.ns("node"), ratio, NODE_BOUND, ">=")
        ratio = turns.ratio("stock", "node")
        yield Row(f"socket.io-client, node {version}", turns.ns("node"), "stock", stock_ns, ratio)
    else:
        yield Skipped("socket.io-client on node", node_is_missing)


class _Client:
    """A connected client that requests a blast and reports when its last event is processed."""

    def __init__(self, ask: Any) -> None:
        self._ask = ask
        self.over = asyncio.Event()

    async def blast(self) -> int:
        """Request a blast, and return the ns until its end."""
        self.over.clear()
        begun = time.perf_counter_ns()
        await self._ask()
        async with asyncio.timeout(_ENOUGH):
            await self.over.wait()
        return time.perf_counter_ns() - begun


def _blast(runner: asyncio.Runner, client: _Client, timing: Timing) -> int:
    with quiet(timing):
        return runner.run(client.blast())


def _node_blast(node: Talker) -> int:
    node.send("blast")
    taken: int = node.read()["ns"]
    return taken


@asynccontextmanager
async def _ours(url: str, session_id: str, chunks: int) -> AsyncIterator[_Client]:
    async with create_client(url) as client, retain_reactive_session(client, session_id) as handle:
        await handle.ready()
        asked = _Client(lambda: client.link.call("blast", "chunks", timeout=_ENOUGH))
        ended: set[str] = set()

        def look(state: SessionState) -> None:
            streams: Mapping[str, Any] = state.streaming_messages
            for stream in streams.values():
                if stream.message_id not in ended and not stream.streaming and stream.chunk_count == chunks:
                    ended.add(stream.message_id)
                    asked.over.set()

        handle.subscribe(look)
        yield asked


@asynccontextmanager
async def _stock(url: str, chunks: int) -> AsyncIterator[_Client]:
    client = socketio.AsyncClient(reconnection=False)
    asked = _Client(lambda: client.emit("blast", chunks))
    client.on("messages streaming:chunk", lambda payload: None)
    client.on("messages streaming:end", lambda payload: asked.over.set())
    await client.connect(url, transports=["websocket"])
    try:
        yield asked
    finally:
        await client.disconnect()
