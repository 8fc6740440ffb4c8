"""The protocol as bytes on loopback: handshake, frames, kicks, shutdown, the loopback guard."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import httpx2
import pytest
from websockets.asyncio.client import ClientConnection
from websockets.asyncio.client import connect as open_websocket
from websockets.exceptions import ConnectionClosed, InvalidStatus

from agor_reactive.daemon import EmbeddedDaemon

from .conftest import Open, Watcher

Start = Callable[..., Awaitable[EmbeddedDaemon]]


def address(daemon: EmbeddedDaemon) -> str:
    return f"ws://127.0.0.1:{daemon.port}/socket.io/?EIO=4&transport=websocket"


async def greeted(link: ClientConnection) -> dict[str, Any]:
    """Go through the handshake; answers the open packet."""
    opened = str(await link.recv())
    await link.send("40")
    assert str(await link.recv()).startswith('40{"sid"')
    assert str(await link.recv()).startswith('42["server-info",{"buildSha"')
    packet: dict[str, Any] = json.loads(opened[1:])
    return packet


async def until_closed(link: ClientConnection) -> list[str]:
    """Read until the server closes the connection."""
    received: list[str] = []
    async with asyncio.timeout(5):
        try:
            while True:
                received.append(str(await link.recv()))
        except ConnectionClosed:
            return received


async def ack(link: ClientConnection, number: int, *frame: Any) -> list[Any]:
    await link.send(f"42{number}{json.dumps(frame)}")
    head = f"43{number}"
    while not (text := str(await link.recv())).startswith(head):
        pass
    found: list[Any] = json.loads(text[len(head) :])
    return found


async def test_the_handshake_says_what_a_real_daemon_says(daemon: EmbeddedDaemon) -> None:
    async with open_websocket(address(daemon)) as link:
        opened = await greeted(link)
    assert opened["upgrades"] == []
    assert (opened["pingInterval"], opened["pingTimeout"], opened["maxPayload"]) == (25_000, 60_000, 1_000_000)


async def test_polling_works_and_offers_the_upgrade(daemon: EmbeddedDaemon, connect: Open) -> None:
    async with httpx2.AsyncClient(base_url=daemon.url) as http:
        start = await http.get("/socket.io/", params={"EIO": "4", "transport": "polling"})
        assert json.loads(start.text[1:])["upgrades"] == ["websocket"]
        old = await http.get("/socket.io/", params={"EIO": "3", "transport": "polling"})
        assert (old.status_code, old.json()) == (400, {"code": 5, "message": "Unsupported protocol version"})
    poller = await connect(transports=["polling"])
    assert (await poller.ok("find", "sessions"))["total"] == 0


async def test_a_frame_over_a_million_bytes_closes_the_link_without_an_ack(daemon: EmbeddedDaemon) -> None:
    async with open_websocket(address(daemon)) as link:
        await greeted(link)
        await link.send(f'420["find","sessions",{{"title":"{"x" * 1_000_000}"}}]')
        assert not [text for text in await until_closed(link) if text.startswith("430")]


async def test_a_failing_ack_has_one_argument_and_a_good_one_two(daemon: EmbeddedDaemon) -> None:
    async with open_websocket(address(daemon)) as link:
        await greeted(link)
        assert await ack(link, 0, "find", "sessions") == [
            {"name": "NotAuthenticated", "message": "Not authenticated", "code": 401, "className": "not-authenticated"}
        ]
        good = await ack(link, 1, "find", "health", {})
        assert (len(good), good[0], good[1]["status"]) == (2, None, "ok")


async def test_what_is_no_method_is_never_acknowledged(daemon: EmbeddedDaemon) -> None:
    async with open_websocket(address(daemon)) as link:
        await greeted(link)
        for number, frame in enumerate((["explode", "sessions", {}], ["find"], ["messages streaming:chunk", {}])):
            await link.send(f"42{number}{json.dumps(frame)}")
        received = []
        await link.send('429["find","health"]')
        while not (text := str(await link.recv())).startswith("439"):
            received.append(text)
        assert received == []


async def test_unknown_services_methods_and_arguments_have_their_codes(daemon: EmbeddedDaemon, connect: Open) -> None:
    watcher = await connect()
    missing = await watcher.fault("find", "nope")
    assert (missing["code"], missing["message"]) == (404, "Service 'nope' not found")
    offered = await watcher.fault("find", "tasks/bulk")
    assert (offered["code"], offered["name"]) == (405, "MethodNotAllowed")
    assert offered["message"] == "Method 'find' not allowed on service 'tasks/bulk'"
    many = await watcher.fault("get", "sessions", "x", {}, {})
    assert (many["code"], many["message"]) == (400, "Too many arguments for 'get' method")
    assert (await watcher.ok("find", "/sessions/"))["total"] == 0


async def test_a_kick_is_a_namespace_disconnect_and_a_call_after_it_ends_the_link(daemon: EmbeddedDaemon) -> None:
    async with open_websocket(address(daemon)) as link:
        await greeted(link)
        await daemon.kick_all()
        assert await link.recv() == "41"
        await link.send('420["find","health"]')
        assert not [text for text in await until_closed(link) if text.startswith("43")]


async def test_a_kicked_link_may_connect_to_the_namespace_again(daemon: EmbeddedDaemon) -> None:
    async with open_websocket(address(daemon)) as link:
        await greeted(link)
        await daemon.kick_all()
        assert await link.recv() == "41"
        await link.send("40")
        assert str(await link.recv()).startswith("40{")
        assert str(await link.recv()).startswith('42["server-info"')
        assert (await ack(link, 0, "find", "health"))[0] is None


async def test_a_call_without_an_ack_id_still_happens(daemon: EmbeddedDaemon, connect: Open) -> None:
    watcher = await connect()
    await watcher.client.emit("create", ("sessions", {"branch_id": daemon.workspace_id, "title": "quiet"}))
    await watcher.until(lambda: watcher.of("sessions created"))


async def test_a_callers_events_come_before_its_ack(daemon: EmbeddedDaemon) -> None:
    async with open_websocket(address(daemon)) as link:
        await greeted(link)
        await ack(link, 0, "create", "authentication", {"strategy": "api-key", "apiKey": daemon.api_key})
        await link.send(f"421{json.dumps(['create', 'sessions', {'branch_id': daemon.workspace_id}])}")
        received = [str(await link.recv()) for _ in range(3)]
        assert received[0] == '42["created",null]'
        assert received[1].startswith('42["sessions created",{')
        assert received[2].startswith("431[null,{")


async def test_a_graceful_stop_kicks_and_is_quick(start: Start, connect: Open) -> None:
    daemon = await start()
    watchers = [
        await connect(daemon),
        await connect(daemon, login=False),
        await connect(daemon, transports=["polling"]),
    ]
    session_id = await watchers[0].new_session(daemon)
    await watchers[0].prompt(session_id, "Go. [slow]")
    loop = asyncio.get_running_loop()
    began = loop.time()
    await daemon.stop()
    assert loop.time() - began < 1
    for watcher in watchers[:2]:
        await watcher.until(partial(getattr, watcher, "gone"))
        assert watcher.gone == ["server disconnect"]


async def test_an_abrupt_stop_is_a_lost_transport(start: Start, connect: Open) -> None:
    daemon = await start()
    watcher = await connect(daemon)
    await daemon.stop(graceful=False)
    await watcher.until(lambda: watcher.gone)
    assert watcher.gone != ["server disconnect"]


async def test_a_cut_is_a_lost_transport_and_the_daemon_goes_on(daemon: EmbeddedDaemon, connect: Open) -> None:
    watcher = await connect()
    await daemon.cut_all()
    await watcher.until(partial(getattr, watcher, "gone"))
    assert watcher.gone != ["server disconnect"]
    again = await connect()
    assert (await again.ok("find", "sessions"))["total"] == 0


async def test_a_stopped_daemon_leaves_no_task_behind() -> None:
    before = asyncio.all_tasks()
    async with EmbeddedDaemon(speed=50, api_version="branches") as daemon:
        watcher = await Watcher(daemon.url).open()
        await watcher.login(daemon)
        await watcher.prompt(await watcher.new_session(daemon), "Go. [slow]")
        await watcher.close()
    async with asyncio.timeout(2):
        while left := asyncio.all_tasks() - before:
            await asyncio.wait(left)
    assert asyncio.all_tasks() == before


@pytest.mark.parametrize("header", [{"Host": "evil.test"}, {"Origin": "http://evil.test"}, {"Origin": "null"}])
async def test_foreign_hosts_and_origins_are_turned_away(daemon: EmbeddedDaemon, header: dict[str, str]) -> None:
    async with httpx2.AsyncClient(base_url=daemon.url) as http:
        assert (await http.get("/health", headers=header)).status_code == 403
        polling = {"EIO": "4", "transport": "polling"}
        assert (await http.get("/socket.io/", params=polling, headers=header)).status_code == 403
    if "Origin" in header:
        with pytest.raises(InvalidStatus):
            async with open_websocket(address(daemon), additional_headers=header):
                pass


@pytest.mark.parametrize("origin", ["http://localhost:5173", "http://127.0.0.1:8888", "http://[::1]:3000"])
async def test_local_pages_are_welcome(daemon: EmbeddedDaemon, origin: str) -> None:
    async with httpx2.AsyncClient(base_url=daemon.url) as http:
        assert (await http.get("/health", headers={"Origin": origin, "Host": "localhost:1"})).status_code == 200
    async with open_websocket(address(daemon), additional_headers={"Origin": origin}) as link:
        await greeted(link)
