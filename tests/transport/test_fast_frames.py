"""Plain events take the fast lane past python-socketio; all other frames do not.

Here the server is bytes on a socket, so that frames of both kinds come in one read, in the order that the test says."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from itertools import count, pairwise
from typing import Any

import pytest
from aiohttp import ClientSession, WSMsgType, web

from agor_reactive.calls.backoff import Backoff
from agor_reactive.models.wire import EventRun, LinkStatus, RawEvent
from agor_reactive.transport.frames import _BURST, event_lane
from agor_reactive.transport.socketio import SocketLink
from tests.transport.conftest import one_by_one
from tests.transport.feathers import until

WITHIN = 5.0
OPEN = '0{"sid":"e","upgrades":[],"pingInterval":25000,"pingTimeout":60000,"maxPayload":1000000}'
Blast = Callable[[web.WebSocketResponse, str], Awaitable[None]]


class Received:
    """The recorder of a link, in order: payloads of events, ``("ack", result)`` once a call has its answer."""

    def __init__(self, link: SocketLink) -> None:
        self.link = link
        self.received: list[str] = []  # what the server got
        self.items: list[Any] = []
        self.statuses: list[LinkStatus] = []
        self.runs: list[tuple[float, list[Any]]] = []
        link.listen(self._events, self.statuses.append)

    def _events(self, events: EventRun, at: float) -> None:
        self.runs.append((at, [payload for _, payload in events]))
        one_by_one(self._event)(events, at)

    def _event(self, event: RawEvent) -> None:
        self.items.append(event.payload)

    async def call(self) -> None:
        self.items.append(("ack", await self.link.call("get", "frames", "1", timeout=WITHIN)))


@asynccontextmanager
async def server_of(handler: Callable[[web.Request], Awaitable[web.WebSocketResponse]]) -> AsyncIterator[str]:
    """A server whose every path is answered by that handler; its address."""
    app = web.Application()
    app.router.add_get("/{path:.*}", handler)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


@asynccontextmanager
async def serving(blast: Blast) -> AsyncIterator[Received]:
    """A link to a server that answers any call by `blast(socket, ack id)`."""
    received: list[str] = []

    async def serve(request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(compress=False)
        await socket.prepare(request)
        await socket.send_str(OPEN)
        async for message in socket:
            if message.type is not WSMsgType.TEXT:
                continue
            received.append(message.data)
            if message.data.startswith("40"):
                await socket.send_str('40{"sid":"s"}')
            elif message.data.startswith("42") and '"get"' in message.data:
                await blast(socket, message.data[2 : message.data.index("[")])
        return socket

    async with server_of(serve) as address:
        link = SocketLink(address, backoff=Backoff(first=0.01), clock=partial(next, count(1.0)))
        collected = Received(link)
        try:
            await link.open()
            collected.received = received
            yield collected
        finally:
            await link.close()


def event(payload: Any) -> str:
    return "42" + json.dumps(["messages created", payload])


async def test_order_holds_whichever_way_a_frame_takes() -> None:
    async def blast(socket: web.WebSocketResponse, ack: str) -> None:
        for number in range(0, 60, 6):
            await socket.send_str(event(number))
            await socket.send_str(f'42/other,["messages created",{number}]')  # another namespace: not ours
            await socket.send_str('451-["messages created",{"_placeholder":true,"num":0}]')
            await socket.send_bytes(b"binary")
            await socket.send_str(event(number + 2))
            await socket.send_str(f'427["messages created",{number + 3}]')  # asks for an ack
            await socket.send_str(event(number + 4))
            await socket.send_str(event(number + 5))
        await socket.send_str(f"43{ack}[null,true]")

    async with serving(blast) as collected:
        await collected.call()
        expected: list[Any] = []
        for number in range(0, 60, 6):
            expected += [number, b"binary", number + 2, number + 3, number + 4, number + 5]
        assert collected.items == [*expected, ("ack", True)]


async def test_an_ack_is_not_seen_before_the_events_that_came_ahead_of_it() -> None:
    async def blast(socket: web.WebSocketResponse, ack: str) -> None:
        frames = [event(number) for number in range(2 * _BURST + 7)]
        await asyncio.gather(*(socket.send_str(frame) for frame in (*frames, f"43{ack}[null,1]", event("after"))))

    async with serving(blast) as collected:
        await collected.call()
        await until(lambda: "after" in collected.items)
        at = collected.items.index(("ack", 1))
        assert [item for item in collected.items[:at] if item != "after"] == list(range(2 * _BURST + 7))


async def test_events_that_are_here_together_come_together_with_one_time_of_receipt() -> None:
    async def blast(socket: web.WebSocketResponse, ack: str) -> None:
        frames = [event(number) for number in range(100)]
        frames[50:50] = ['42["messages created"]', '42["messages created",1,2]', "42[broken"]
        await asyncio.gather(*(socket.send_str(frame) for frame in (*frames, f"43{ack}[null,1]")))

    async with serving(blast) as collected:
        await collected.call()
    runs = [payloads for _, payloads in collected.runs]
    unreadable = {"session_ids": []}
    assert [payload for run in runs for payload in run] == [*range(50), None, 1, unreadable, *range(50, 100)]
    assert len(runs) <= 5
    times = [at for at, _ in collected.runs]
    assert times == sorted(set(times))


async def test_the_frame_after_events_is_returned_once_they_are_delivered() -> None:
    """`receive` is awaited directly here, as python-engineio does from Python 3.12 on: without a task in between."""
    delivered: list[Any] = []

    async def serve(request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(compress=False)
        await socket.prepare(request)
        await asyncio.gather(*(socket.send_str(frame) for frame in (event(1), event(2), "430[null,1]")))
        await socket.receive()
        return socket

    lane = event_lane(delivered.extend, lambda size: None, lambda: None)
    async with server_of(serve) as address, ClientSession(ws_response_class=lane) as session:
        socket = await session.ws_connect(address)
        assert (await socket.receive()).data == "430[null,1]"
        assert [payload for _, payload in delivered] == [1, 2]
        await socket.close()


async def test_the_loop_gets_its_turn_during_a_long_run_of_events() -> None:
    turns: list[int] = []

    async def blast(socket: web.WebSocketResponse, ack: str) -> None:
        await asyncio.gather(*(socket.send_str(event(number)) for number in range(20 * _BURST)))
        await socket.send_str(f"43{ack}[null,1]")

    async with serving(blast) as collected:
        over = asyncio.ensure_future(collected.call())
        while not over.done():
            turns.append(len(collected.items))
            await asyncio.sleep(0)
        await over
    steps = [later - earlier for earlier, later in pairwise(turns)]
    assert max(steps) <= 2 * _BURST


async def test_an_event_larger_than_aiohttps_own_limit_and_the_one_after_it_arrive() -> None:
    async def blast(socket: web.WebSocketResponse, ack: str) -> None:
        await socket.send_str(event("x" * 5_000_000))
        await socket.send_str(event("small"))
        await socket.send_str(f"43{ack}[null,1]")

    async with serving(blast) as collected:
        await collected.call()
        assert [len(item) for item in collected.items[:-1]] == [5_000_000, 5]


async def test_a_ping_among_events_is_answered() -> None:
    async def blast(socket: web.WebSocketResponse, ack: str) -> None:
        for frame in (event(1), "2", event(2), f"43{ack}[null,1]"):
            await socket.send_str(frame)

    async with serving(blast) as collected:
        await collected.call()
        await until(lambda: "3" in collected.received)
        assert collected.items == [1, 2, ("ack", 1)]


@pytest.mark.parametrize("ending", ["frame", "packet", "kick"])
async def test_events_ahead_of_an_end_arrive_and_the_end_is_seen(ending: str) -> None:
    async def blast(socket: web.WebSocketResponse, ack: str) -> None:
        await socket.send_str(f"43{ack}[null,1]")
        await socket.send_str(event("last"))
        if ending == "frame":
            await socket.close()
        else:
            await socket.send_str("1" if ending == "packet" else "41")

    async with serving(blast) as collected:
        await collected.call()
        await until(lambda: any(status.phase == "reconnecting" for status in collected.statuses))
        assert "last" in collected.items
