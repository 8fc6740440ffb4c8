"""What browsers cost the server of a web view: the CPU of fifty WebSockets of one session over that of one.

The server is a process of its own, with the client in it, and reports its CPU time. The daemon is another, the browsers
are in this one: they read and confirm as a page does.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Iterator
from typing import Any

import agor_reactive as agor
from benchmarks.cases import Plan
from benchmarks.processes import talk
from benchmarks.table import Line, Row, Skipped

__all__ = ["web"]

BOUND = 3.0
VIEWERS = 50
CONFIRM = 0.9  # seconds, as a page waits


def web(plan: Plan) -> Iterator[Line]:
    try:
        import agor_reactive.daemon
        import agor_reactive.web  # noqa: F401
    except ImportError:
        yield Skipped("web viewers", 'needs pip install "agor-reactive[daemon,web]"')
        return
    viewers, chunks = plan.scale(VIEWERS, 5), plan.scale(2_000, 200)
    with talk("python", "-m", "agor_reactive.daemon", "--quiet", "--speed", "4") as daemon:
        found = daemon.read()
        env = {**os.environ, "AGOR_DAEMON_URL": found["url"], "AGOR_API_KEY": found["api_key"]}
        costs: dict[int, list[tuple[float, int]]] = {1: [], viewers: []}
        for _ in range(3 if not plan.scale.quick else 1):
            for count in costs:
                with talk("python", "-m", "benchmarks.web_server", env=env) as server:
                    url = server.read()["url"]
                    costs[count].append(asyncio.run(_watched(found, url, server, count, chunks)))
        daemon.end()
    (one, _), (many, messages) = min(costs[1]), min(costs[viewers])
    what = f"{chunks:,} chunks"
    bound = None if plan.scale.quick else BOUND
    name, note = f"web server, {viewers} viewers, {what}", f"{messages} messages each"
    yield Row(name, many * 1e9, "1 viewer", one * 1e9, many / one, bound, note=note)


async def _watched(daemon: dict[str, Any], url: str, server: Any, viewers: int, chunks: int) -> tuple[float, int]:
    """Seconds of CPU of the server while one reply is written and that many browsers read it; messages to each."""
    from websockets.asyncio.client import connect

    async with agor.create_async_rest_client(daemon["url"], api_key=daemon["api_key"]) as rest:
        place = (await rest.service("branches").find())[0]
        session = await rest.service("sessions").create({"branch_id": place.branch_id, "agentic_tool": "codex"})
        address = f"ws{url.removeprefix('http')}/sessions/{session.session_id}/ws"
        begun, ended = asyncio.Event(), asyncio.Event()

        got = 0

        async def read() -> None:
            nonlocal got
            async with connect(address, proxy=None, compression=None) as socket:
                await socket.send('{"op":"sync"}')
                loop, due = asyncio.get_running_loop(), 0.0
                async for text in socket:
                    begun.set()
                    got += 1
                    if loop.time() > due:
                        due = loop.time() + CONFIRM
                        await socket.send(json.dumps({"op": "seen", "seq": json.loads(text)["seq"]}))
                    if '"completed"' in text:
                        ended.set()
                        return

        reading = [asyncio.ensure_future(read()) for _ in range(viewers)]
        await begun.wait()
        await asyncio.sleep(1)  # what a beginning costs is not what is measured
        before = _cpu(server)
        await rest.sessions.prompt(session.session_id, f"[tools:0] [chunks:{chunks}]")
        await ended.wait()
        await asyncio.gather(*reading)
        return _cpu(server) - before, got // viewers


def _cpu(server: Any) -> float:
    server.send("cpu")
    return float(server.read()["cpu"])
