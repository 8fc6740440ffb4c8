"""Drops, kicks, restarts, failed connects and closing: the live link reconnects, or ends without leaks."""

from __future__ import annotations

import asyncio
import gc
import socket
from typing import Any

import pytest

from agor_reactive.calls.backoff import Backoff
from agor_reactive.errors import (
    CannotConnect,
    ConnectionLost,
    NotConnected,
    OutcomeUnknown,
    WrongLoop,
)
from agor_reactive.transport.credentials import ApiKey
from agor_reactive.transport.socketio import SocketLink
from tests.transport.conftest import Received
from tests.transport.feathers import NEVER, FeathersServer, until

KEY = ApiKey("agor_sk_good")


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


async def test_a_drop_fails_every_call_in_flight_at_once(server: FeathersServer) -> None:
    server.answers["find", "tasks"] = server.answers["create", "tasks"] = lambda *_: NEVER
    async with Received(server.url, credentials=KEY) as received:
        calls = [
            asyncio.ensure_future(received.link.call("find", "tasks")),
            asyncio.ensure_future(received.link.call("create", "tasks", {})),
        ]
        await until(lambda: len(server.frames) == 3)
        server.abort()
        async with asyncio.timeout(1):
            read, write = await asyncio.gather(*calls, return_exceptions=True)
        assert isinstance(read, ConnectionLost)
        assert isinstance(write, OutcomeUnknown)
        await until(lambda: received.link.status.phase == "live")
        assert [frame[1:3] for frame in server.frames].count(("create", "tasks")) == 1


async def test_calls_while_down_are_refused_at_once_and_never_sent(server: FeathersServer) -> None:
    async with Received(server.url, credentials=KEY, backoff=Backoff(first=0.2, most=0.2)) as received:
        server.abort()
        await until(lambda: received.link.status.phase == "reconnecting")
        with pytest.raises(NotConnected):
            await received.link.call("create", "sessions/s/prompt", {"prompt": "hi"})
        await until(lambda: received.link.status.phase == "live")
    assert all("prompt" not in frame[2] for frame in server.frames)


@pytest.mark.parametrize("how", ["kick", "abort"])
async def test_kick_and_drop_both_come_back_logged_in_as_a_new_epoch(server: FeathersServer, how: str) -> None:
    async with Received(server.url, credentials=KEY) as received:
        for epoch in (2, 3):
            await server.kick() if how == "kick" else server.abort()
            await until(
                lambda epoch=epoch: received.link.status.phase == "live" and received.link.status.epoch == epoch
            )
        await server.emit("tasks patched", {"n": 1})
        await until(lambda: received.events)
        assert len(received.events) == 1
        assert server.refused_calls == 0
    tries = [status for status in received.statuses if status.phase == "reconnecting" and status.attempt]
    assert [status.attempt for status in tries] == [1, 2]


async def test_a_daemon_restart_is_survived(server: FeathersServer) -> None:
    async with Received(server.url, credentials=KEY) as received:
        port = server.port
        await server.stop()
        await until(lambda: received.link.status.attempt >= 3)
        await server.start(port)
        await until(lambda: received.link.status.phase == "live")
        assert received.link.status.epoch == 2


async def test_open_raises_when_nothing_listens_there(no_leaks: Any) -> None:
    before = no_leaks.tasks()
    link = SocketLink(f"http://127.0.0.1:{free_port()}")
    with pytest.raises(CannotConnect, match="is it running"):
        await link.open()
    assert link.status.phase == "closed"
    await no_leaks(before)


async def test_open_keeps_trying_when_asked_to(server: FeathersServer) -> None:
    port = server.port
    await server.stop()
    received = Received(f"http://127.0.0.1:{port}", credentials=KEY, keep_trying=True)
    opening = asyncio.ensure_future(received.link.open())
    await until(lambda: received.link.status.attempt >= 2)
    assert received.link.status.phase == "connecting"
    await server.start(port)
    await opening
    assert received.link.status.phase == "live"
    await received.link.close()


async def test_something_that_is_no_daemon_is_cannot_connect() -> None:
    async def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi")
        writer.close()

    async with await asyncio.start_server(hang_up, "127.0.0.1", 0) as other:
        port = other.sockets[0].getsockname()[1]
        for transports in (("websocket",), ("polling",)):
            with pytest.raises(CannotConnect):
                await SocketLink(f"http://127.0.0.1:{port}", transports=transports).open()


async def test_a_daemon_that_never_answers_the_handshake_is_cannot_connect_in_time(no_leaks: Any) -> None:
    writers: list[asyncio.StreamWriter] = []

    async def stall(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)

    before = no_leaks.tasks()
    async with await asyncio.start_server(stall, "127.0.0.1", 0) as other:
        port = other.sockets[0].getsockname()[1]
        with pytest.raises(CannotConnect, match="did not answer within"):
            await SocketLink(f"http://127.0.0.1:{port}", connect_timeout=0.1).open()
        for writer in writers:
            writer.close()
    await no_leaks(before)


async def test_close_during_back_off_closes_for_good(server: FeathersServer, no_leaks: Any) -> None:
    before = no_leaks.tasks()
    port = server.port
    async with Received(server.url, credentials=KEY, backoff=Backoff(first=30.0, most=30.0)) as received:
        await server.stop()
        await until(lambda: received.link.status.attempt == 1)
        async with asyncio.timeout(1):
            await received.link.close()
        await server.start(port)
        connections = server.connections
    assert received.phases[-1] == "closed"
    assert server.connections == connections
    with pytest.raises(NotConnected):
        await received.link.call("find", "tasks")
    await no_leaks(before)


async def test_close_while_connecting_leaves_nothing(no_leaks: Any) -> None:
    writers: list[asyncio.StreamWriter] = []

    async def stall(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)

    before = no_leaks.tasks()
    async with await asyncio.start_server(stall, "127.0.0.1", 0) as other:
        link = SocketLink(f"http://127.0.0.1:{other.sockets[0].getsockname()[1]}")
        opening = asyncio.ensure_future(link.open())
        await until(lambda: writers)
        await link.close()
        with pytest.raises(NotConnected):
            await opening
        for writer in writers:
            writer.close()
    await no_leaks(before)


async def test_opening_and_closing_many_times_leaves_nothing(server: FeathersServer, no_leaks: Any) -> None:
    import engineio

    before, engines = no_leaks.tasks(), list(engineio.base_client.connected_clients)
    for number in range(20):
        async with Received(server.url, credentials=KEY) as received:
            if number % 2:
                await server.kick()
            await server.emit("tasks patched", {})
    await no_leaks(before)
    assert engineio.base_client.connected_clients == engines
    gc.collect()
    assert received.phases[-1] == "closed"


def test_a_second_loop_is_told_so_at_once() -> None:
    link = SocketLink(f"http://127.0.0.1:{free_port()}")

    async def open_it() -> None:
        with pytest.raises(CannotConnect):
            await link.open()

    async def call_it() -> None:
        with pytest.raises(WrongLoop):
            await link.call("find", "tasks")

    asyncio.run(open_it())
    asyncio.run(call_it())


def test_back_off_doubles_to_its_cap_and_jitters_over_all_of_it() -> None:
    backoff = Backoff(first=0.5, most=30.0)
    assert [backoff.delay(n, lambda: 1.0) for n in (1, 2, 3, 10, 5000)] == [0.5, 1.0, 2.0, 30.0, 30.0]
    assert [backoff.delay(n, lambda: 0.25) for n in (1, 10)] == [0.125, 7.5]
    assert backoff.delay(1, lambda: 0.0) == 0.0
