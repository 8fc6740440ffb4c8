"""The live link against a real Socket.IO server: order, drops, kicks, logins, sizes, closing, no leaks."""

from __future__ import annotations

import asyncio
import gc
import socket
import threading
from typing import Any

import pytest

from agor_reactive.errors import (
    CallTimeout,
    CannotConnect,
    ConnectionLost,
    NotAuthenticated,
    NotConnected,
    NotFound,
    OutcomeUnknown,
    PayloadTooLarge,
    UsageError,
    WrongLoop,
)
from agor_reactive.transport.credentials import ApiKey, Jwt, Local, Provider
from agor_reactive.transport.socketio import Backoff, SocketLink
from tests.transport.conftest import Heard
from tests.transport.feathers import NEVER, FeathersServer, until

KEY = ApiKey("agor_sk_good")


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


async def test_a_bare_link_connects_and_waits_for_a_login(server: FeathersServer) -> None:
    async with Heard(server.url) as heard:
        assert heard.link.status.phase == "unauthenticated"
        with pytest.raises(NotAuthenticated):
            await heard.link.call("find", "tasks")
        answer = await heard.link.login(KEY)
        assert answer["user"] == {"user_id": "u1"}
        assert heard.phases == ["unauthenticated", "live"]
        assert {status.epoch for status in heard.statuses} == {1}


@pytest.mark.parametrize(
    ("transports", "count"), [(("websocket",), 3000), (("polling",), 500), (("polling", "websocket"), 500)]
)
async def test_thousands_of_chunks_arrive_in_order(
    server: FeathersServer, transports: tuple[str, ...], count: int
) -> None:
    threads = threading.active_count()
    async with Heard(server.url, credentials=KEY, transports=transports) as heard:
        for number in range(count):
            await server.emit("messages streaming:chunk", {"chunk": f"{number},"})
        await until(lambda: len(heard.events) == count)
        text = "".join(event.payload["chunk"] for event in heard.events)
        assert text == "".join(f"{number}," for number in range(count))
        assert threading.active_count() == threads


async def test_order_holds_between_plain_and_binary_events(server: FeathersServer) -> None:
    async with Heard(server.url, credentials=KEY) as heard:
        for number in range(200):
            payload = {"n": number, "blob": b"x"} if number % 3 == 0 else {"n": number}
            await server.emit("boards patched", payload)
        await until(lambda: len(heard.events) == 200)
        assert [event.payload["n"] for event in heard.events] == list(range(200))


async def test_receipt_is_stamped_once_by_the_clock(server: FeathersServer) -> None:
    ticks = iter(range(100, 200))
    async with Heard(server.url, credentials=KEY, clock=lambda: float(next(ticks))) as heard:
        first = next(ticks) + 1.0
        await server.emit("tasks patched", {"task_id": "t"})
        await server.emit("created")
        await until(lambda: len(heard.events) == 2)
        assert [(e.topic, e.payload, e.at) for e in heard.events] == [
            ("tasks patched", {"task_id": "t"}, first),
            ("created", None, first + 1),
        ]


async def test_a_large_event_and_the_one_after_it_both_arrive(server: FeathersServer) -> None:
    async with Heard(server.url, credentials=KEY) as heard:
        await server.emit("messages created", {"content": "x" * 5_000_000})
        await server.emit("messages created", {"content": "small"})
        await until(lambda: len(heard.events) == 2)
        assert [len(event.payload["content"]) for event in heard.events] == [5_000_000, 5]
        assert heard.phases == ["live"]


async def test_a_prompt_too_large_is_refused_before_it_is_sent(server: FeathersServer) -> None:
    async with Heard(server.url, credentials=KEY) as heard:
        with pytest.raises(PayloadTooLarge, match="REST"):
            await heard.link.call("create", "sessions/s/prompt", {"prompt": "x" * 2_000_000})
        assert heard.link.status.phase == "live"
    assert all(frame[2] != "sessions/s/prompt" for frame in server.frames)


async def test_what_is_not_json_is_refused_before_it_is_sent(server: FeathersServer) -> None:
    async with Heard(server.url, credentials=KEY) as heard:
        for value in (b"bytes", object(), "\ud800"):
            with pytest.raises(UsageError):
                await heard.link.call("create", "tasks", {"value": value})


async def test_answers_and_errors_come_back_as_values_and_named_errors(server: FeathersServer) -> None:
    server.answers["find", "tasks"] = lambda query=None: {"total": 0, "data": [], "query": query}
    async with Heard(server.url, credentials=KEY) as heard:
        answer = await heard.link.call("find", "tasks", {"$limit": 1})
        assert answer["query"] == {"$limit": 1}
        with pytest.raises(NotFound):
            await heard.link.call("find", "nope")


async def test_a_call_never_answered_times_out_and_leaves_nothing(server: FeathersServer) -> None:
    server.answers["find", "tasks"] = server.answers["create", "tasks"] = lambda *_: NEVER
    async with Heard(server.url, credentials=KEY) as heard:
        with pytest.raises(CallTimeout):
            await heard.link.call("find", "tasks", timeout=0.02)
        with pytest.raises(OutcomeUnknown):
            await heard.link.call("create", "tasks", {}, timeout=0.02)
        asking = asyncio.ensure_future(heard.link.call("find", "tasks"))
        await until(lambda: len(server.frames) == 4)
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
        connection = heard.link._connection
        assert connection is not None
        assert connection._in_flight == {}
        assert list(connection._sio.callbacks["/"]) == [0]  # only its counter


async def test_a_drop_fails_every_call_in_flight_at_once(server: FeathersServer) -> None:
    server.answers["find", "tasks"] = server.answers["create", "tasks"] = lambda *_: NEVER
    async with Heard(server.url, credentials=KEY) as heard:
        calls = [
            asyncio.ensure_future(heard.link.call("find", "tasks")),
            asyncio.ensure_future(heard.link.call("create", "tasks", {})),
        ]
        await until(lambda: len(server.frames) == 3)
        server.abort()
        async with asyncio.timeout(1):
            read, write = await asyncio.gather(*calls, return_exceptions=True)
        assert isinstance(read, ConnectionLost)
        assert isinstance(write, OutcomeUnknown)
        await until(lambda: heard.link.status.phase == "live")
        assert [frame[1:3] for frame in server.frames].count(("create", "tasks")) == 1


async def test_calls_while_down_are_refused_at_once_and_never_sent(server: FeathersServer) -> None:
    async with Heard(server.url, credentials=KEY, backoff=Backoff(first=0.2, most=0.2)) as heard:
        server.abort()
        await until(lambda: heard.link.status.phase == "reconnecting")
        with pytest.raises(NotConnected):
            await heard.link.call("create", "sessions/s/prompt", {"prompt": "hi"})
        await until(lambda: heard.link.status.phase == "live")
    assert all("prompt" not in frame[2] for frame in server.frames)


@pytest.mark.parametrize("how", ["kick", "abort"])
async def test_kick_and_drop_both_come_back_logged_in_as_a_new_epoch(server: FeathersServer, how: str) -> None:
    async with Heard(server.url, credentials=KEY) as heard:
        for epoch in (2, 3):
            await server.kick() if how == "kick" else server.abort()
            await until(lambda epoch=epoch: heard.link.status.phase == "live" and heard.link.status.epoch == epoch)
        await server.emit("tasks patched", {"n": 1})
        await until(lambda: heard.events)
        assert len(heard.events) == 1
        assert server.refused_calls == 0
    tries = [status for status in heard.statuses if status.phase == "reconnecting" and status.attempt]
    assert [status.attempt for status in tries] == [1, 2]


async def test_a_daemon_restart_is_survived(server: FeathersServer) -> None:
    async with Heard(server.url, credentials=KEY) as heard:
        port = server.port
        await server.stop()
        await until(lambda: heard.link.status.attempt >= 3)
        await server.start(port)
        await until(lambda: heard.link.status.phase == "live")
        assert heard.link.status.epoch == 2


async def test_calls_wait_for_the_login_after_a_reconnect(server: FeathersServer) -> None:
    server.answers["find", "tasks"] = lambda *_: []
    async with Heard(server.url, credentials=KEY) as heard:
        server.auth_gate = asyncio.Event()
        server.abort()
        await until(lambda: len(server.logins()) == 2)
        asking = asyncio.ensure_future(heard.link.call("find", "tasks"))
        with pytest.raises(NotConnected, match="logging in"):
            await heard.link.call("find", "tasks", timeout=0.02)
        server.auth_gate.set()
        assert await asking == []
    assert server.refused_calls == 0
    assert [frame[1:3] for frame in server.frames][-2:] == [("create", "authentication"), ("find", "tasks")]


async def test_refused_credentials_are_raised_by_open(server: FeathersServer, no_leaks: Any) -> None:
    before = no_leaks.tasks()
    link = SocketLink(server.url, credentials=ApiKey("agor_sk_bad"))
    with pytest.raises(NotAuthenticated) as caught:
        await link.open()
    assert "agor_sk" not in str(caught.value)
    await no_leaks(before)
    assert server.logins() == ["api-key"]


async def test_a_login_that_is_never_answered_is_cannot_connect(server: FeathersServer, no_leaks: Any) -> None:
    before = no_leaks.tasks()
    server.auth_gate = asyncio.Event()
    with pytest.raises(CannotConnect, match="login"):
        await SocketLink(server.url, credentials=KEY, timeout=0.1).open()
    server.auth_gate.set()
    await no_leaks(before)


async def test_a_daemon_that_kicks_on_sight_is_not_hammered(server: FeathersServer) -> None:
    server.life, server.kick_at_expiry = 0.0, True
    slow = Backoff(first=0.001, most=30.0)
    async with Heard(server.url, credentials=KEY, backoff=slow) as heard:
        await until(lambda: heard.link.status.attempt >= 6)
    delays = [status.next_try_in for status in heard.statuses if status.next_try_in]
    assert delays == sorted(set(delays))


async def test_credentials_refused_on_reconnect_leave_a_bare_connection_and_no_storm(server: FeathersServer) -> None:
    async with Heard(server.url, credentials=KEY) as heard:
        server.keys.clear()
        server.abort()
        await until(lambda: heard.link.status.phase == "unauthenticated")
        assert heard.link.status.reason == "Invalid login"
        connections = server.connections
        with pytest.raises(NotAuthenticated):
            await heard.link.call("find", "tasks")
        assert (server.connections, len(server.logins())) == (connections, 2)
        server.keys.add("agor_sk_other")
        await heard.link.login(ApiKey("agor_sk_other"))
        assert heard.link.status.phase == "live"


async def test_a_refused_login_keeps_the_one_before(server: FeathersServer) -> None:
    async with Heard(server.url, credentials=KEY) as heard:
        with pytest.raises(NotAuthenticated):
            await heard.link.login(Local("a@example.test", "wrong"))
        assert heard.link.status.phase == "live"
        server.abort()
        await until(lambda: heard.link.status.epoch == 2 and heard.link.status.phase == "live")
        assert server.logins() == ["api-key", "local", "api-key"]


async def test_logins_are_renewed_ahead_of_expiry_without_a_gap(server: FeathersServer) -> None:
    server.life, server.kick_at_expiry = 0.25, True
    async with Heard(server.url, credentials=KEY) as heard:
        sent = 0
        while len(server.logins()) < 4:
            await server.emit("tasks patched", {"n": sent})
            sent += 1
            await asyncio.sleep(0.005)
        await until(lambda: len(heard.events) == sent)
        assert [event.payload["n"] for event in heard.events] == list(range(sent))
        assert heard.phases == ["live"]
        assert server.connections == 1


async def test_a_password_login_renews_by_its_refresh_token(server: FeathersServer) -> None:
    server.life, server.kick_at_expiry = 0.2, True
    async with Heard(server.url, credentials=Local("a@example.test", "pw")) as heard:
        await until(lambda: len(server.logins()) >= 3)
        assert heard.phases == ["live"]
        asked = [frame[2] for frame in server.frames]
        assert asked[:5] == ["authentication", *["authentication/refresh", "authentication"] * 2]
        assert server.logins()[:3] == ["local", "jwt", "jwt"]


async def test_a_refused_refresh_falls_back_to_the_password(server: FeathersServer) -> None:
    async with Heard(server.url, credentials=Local("a@example.test", "pw")) as heard:
        server.access.clear()
        server.refresh.clear()
        server.abort()
        await until(lambda: heard.link.status.epoch == 2 and heard.link.status.phase == "live")
        assert server.logins() == ["local", "jwt", "local"]


async def test_a_refused_refresh_without_another_way_ends_unauthenticated_once(server: FeathersServer) -> None:
    access, refresh = server.mint(), server.mint_refresh()
    async with Heard(server.url, credentials=Jwt(access, refresh)) as heard:
        server.access.clear()
        server.refresh.clear()
        server.abort()
        await until(lambda: heard.link.status.phase == "unauthenticated")
        refreshes = [frame for frame in server.frames if frame[2] == "authentication/refresh"]
        assert len(refreshes) == 1
        assert server.connections == 2


async def test_a_token_provider_is_asked_once_for_every_connection(server: FeathersServer) -> None:
    given: list[str] = []

    async def provide() -> str:
        given.append(server.mint())
        return given[-1]

    async with Heard(server.url, credentials=Provider(provide)) as heard:
        server.abort()
        await until(lambda: heard.link.status.epoch == 2 and heard.link.status.phase == "live")
    presented = [frame[3]["accessToken"] for frame in server.frames if frame[2] == "authentication"]
    assert presented == given
    assert len(given) == 2


async def test_a_token_provider_that_fails_is_asked_again_later(server: FeathersServer) -> None:
    asked = 0

    def provide() -> str:
        nonlocal asked
        asked += 1
        if asked in (2, 3):
            raise OSError("vault is down")
        return server.mint()

    async with Heard(server.url, credentials=Provider(provide)) as heard:
        server.abort()
        await until(lambda: heard.link.status.phase == "live" and asked == 4)
        assert "vault" not in "".join(status.reason or "" for status in heard.statuses)


async def test_logout_leaves_a_bare_connection(server: FeathersServer) -> None:
    async with Heard(server.url, credentials=KEY) as heard:
        await heard.link.logout()
        assert heard.link.status.phase == "unauthenticated"
        await server.emit("tasks patched", {})
        with pytest.raises(NotAuthenticated):
            await heard.link.call("find", "tasks")
        with pytest.raises(NotAuthenticated):
            await heard.link.renew()
        assert heard.events == []


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
    heard = Heard(f"http://127.0.0.1:{port}", credentials=KEY, keep_trying=True)
    opening = asyncio.ensure_future(heard.link.open())
    await until(lambda: heard.link.status.attempt >= 2)
    assert heard.link.status.phase == "connecting"
    await server.start(port)
    await opening
    assert heard.link.status.phase == "live"
    await heard.link.close()


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
    async with Heard(server.url, credentials=KEY, backoff=Backoff(first=30.0, most=30.0)) as heard:
        await server.stop()
        await until(lambda: heard.link.status.attempt == 1)
        async with asyncio.timeout(1):
            await heard.link.close()
        await server.start(port)
        connections = server.connections
    assert heard.phases[-1] == "closed"
    assert server.connections == connections
    with pytest.raises(NotConnected):
        await heard.link.call("find", "tasks")
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

    before = no_leaks.tasks()
    for number in range(20):
        async with Heard(server.url, credentials=KEY) as heard:
            if number % 2:
                await server.kick()
            await server.emit("tasks patched", {})
    await no_leaks(before)
    assert engineio.base_client.connected_clients == []
    gc.collect()
    assert heard.phases[-1] == "closed"


async def test_a_listener_that_raises_does_not_end_the_link(server: FeathersServer, caplog: Any) -> None:
    seen: list[str] = []

    def listener(event: Any) -> None:
        seen.append(event.topic)
        raise RuntimeError("listener bug")

    link = SocketLink(server.url, credentials=KEY)
    link.listen(listener, lambda status: None)
    await link.open()
    await server.emit("tasks patched", {"prompt": "secret words"})
    await server.emit("tasks patched", {})
    await until(lambda: len(seen) == 2)
    assert link.status.phase == "live"
    assert "secret words" not in caplog.text
    await link.close()


async def test_frames_that_cannot_be_read_are_dropped_and_the_rest_arrives(server: FeathersServer) -> None:
    async with Heard(server.url, credentials=KEY) as heard:
        connection = heard.link._connection
        assert connection is not None
        sid = next(iter(server._logged_in))
        eio_sid = server.sio.manager.eio_sid_from_sid(sid, "/")
        for frame in ('42["broken', "42[]", "42[1,2]", '42{"a":1}', "4399{}", "43x[", "49[]", "4", "42", "451-["):
            await server.sio.eio.send(eio_sid, frame)
        await server.emit("tasks patched", {"n": 1})
        await until(lambda: heard.events)
        gc.collect()
        assert heard.phases == ["live"]
        assert [event.payload for event in heard.events] == [{"n": 1}]


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


def test_back_off_doubles_to_its_cap_with_jitter() -> None:
    backoff = Backoff(first=0.2, most=10.0)
    assert [backoff.delay(n, lambda: 0.0) for n in (1, 2, 3, 10, 5000)] == [0.2, 0.4, 0.8, 10.0, 10.0]
    assert backoff.delay(1, lambda: 0.99) > 0.1
