"""The live link against a real Socket.IO server: events in order and whole, calls and their answers."""

from __future__ import annotations

import asyncio
import gc
import threading
from typing import Any

import pytest

from agor_reactive.errors import (
    CallTimeout,
    NotFound,
    OutcomeUnknown,
    PayloadTooLarge,
    UsageError,
)
from agor_reactive.transport.credentials import ApiKey
from agor_reactive.transport.socketio import SocketLink
from tests.transport.conftest import Received, one_by_one
from tests.transport.feathers import NEVER, FeathersServer, until

KEY = ApiKey("agor_sk_good")


@pytest.mark.parametrize(
    ("transports", "count"), [(("websocket",), 3000), (("polling",), 500), (("polling", "websocket"), 500)]
)
async def test_thousands_of_chunks_arrive_in_order(
    server: FeathersServer, transports: tuple[str, ...], count: int
) -> None:
    threads = threading.active_count()
    async with Received(server.url, credentials=KEY, transports=transports) as received:
        for number in range(count):
            await server.emit("messages streaming:chunk", {"chunk": f"{number},"})
        await until(lambda: len(received.events) == count)
        text = "".join(event.payload["chunk"] for event in received.events)
        assert text == "".join(f"{number}," for number in range(count))
        assert threading.active_count() == threads


async def test_order_holds_between_plain_and_binary_events(server: FeathersServer) -> None:
    async with Received(server.url, credentials=KEY) as received:
        for number in range(200):
            payload = {"n": number, "blob": b"x"} if number % 3 == 0 else {"n": number}
            await server.emit("boards patched", payload)
        await until(lambda: len(received.events) == 200)
        assert [event.payload["n"] for event in received.events] == list(range(200))


async def test_receipt_is_stamped_once_by_the_clock(server: FeathersServer) -> None:
    ticks = iter(range(100, 200))
    async with Received(server.url, credentials=KEY, clock=lambda: float(next(ticks))) as received:
        first = next(ticks) + 1.0
        await server.emit("tasks patched", {"task_id": "t"})
        await server.emit("created")
        await until(lambda: len(received.events) == 2)
        assert [(e.topic, e.payload, e.at) for e in received.events] == [
            ("tasks patched", {"task_id": "t"}, first),
            ("created", None, first + 1),
        ]


async def test_a_large_event_and_the_one_after_it_both_arrive(server: FeathersServer) -> None:
    async with Received(server.url, credentials=KEY) as received:
        await server.emit("messages created", {"content": "x" * 5_000_000})
        await server.emit("messages created", {"content": "small"})
        await until(lambda: len(received.events) == 2)
        assert [len(event.payload["content"]) for event in received.events] == [5_000_000, 5]
        assert received.phases == ["live"]


async def test_a_prompt_too_large_is_refused_before_it_is_sent(server: FeathersServer) -> None:
    async with Received(server.url, credentials=KEY) as received:
        with pytest.raises(PayloadTooLarge, match="REST"):
            await received.link.call("create", "sessions/s/prompt", {"prompt": "x" * 2_000_000})
        assert received.link.status.phase == "live"
    assert all(frame[2] != "sessions/s/prompt" for frame in server.frames)


async def test_what_is_not_json_is_refused_before_it_is_sent(server: FeathersServer) -> None:
    async with Received(server.url, credentials=KEY) as received:
        for value in (b"bytes", object(), "\ud800"):
            with pytest.raises(UsageError):
                await received.link.call("create", "tasks", {"value": value})


async def test_answers_and_errors_come_back_as_values_and_named_errors(server: FeathersServer) -> None:
    server.answers["find", "tasks"] = lambda query=None: {"total": 0, "data": [], "query": query}
    async with Received(server.url, credentials=KEY) as received:
        answer = await received.link.call("find", "tasks", {"$limit": 1})
        assert answer["query"] == {"$limit": 1}
        with pytest.raises(NotFound):
            await received.link.call("find", "nope")


async def test_a_call_never_answered_times_out_and_leaves_nothing(server: FeathersServer) -> None:
    server.answers["find", "tasks"] = server.answers["create", "tasks"] = lambda *_: NEVER
    async with Received(server.url, credentials=KEY) as received:
        with pytest.raises(CallTimeout):
            await received.link.call("find", "tasks", timeout=0.02)
        with pytest.raises(OutcomeUnknown):
            await received.link.call("create", "tasks", {}, timeout=0.02)
        asking = asyncio.ensure_future(received.link.call("find", "tasks"))
        await until(lambda: len(server.frames) == 4)
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
        connection = received.link._state.connection
        assert connection is not None
        assert connection._in_flight == {}
        assert list(connection._sio.callbacks["/"]) == [0]  # only its counter


async def test_a_listener_that_raises_does_not_end_the_link(server: FeathersServer, caplog: Any) -> None:
    seen: list[str] = []

    def listener(event: Any) -> None:
        seen.append(event.topic)
        raise RuntimeError("listener bug")

    link = SocketLink(server.url, credentials=KEY)
    link.listen(one_by_one(listener), lambda status: None)
    await link.open()
    await server.emit("tasks patched", {"prompt": "secret words"})
    await server.emit("tasks patched", {})
    await until(lambda: len(seen) == 2)
    assert link.status.phase == "live"
    assert "secret words" not in caplog.text
    await link.close()


async def test_frames_that_cannot_be_read_are_dropped_and_the_rest_arrives(server: FeathersServer) -> None:
    async with Received(server.url, credentials=KEY) as received:
        connection = received.link._state.connection
        assert connection is not None
        sid = next(iter(server._logged_in))
        eio_sid = server.sio.manager.eio_sid_from_sid(sid, "/")
        for frame in ('42["broken', "42[]", "42[1,2]", '42{"a":1}', "4399{}", "43x[", "49[]", "4", "42", "451-["):
            await server.sio.eio.send(eio_sid, frame)
        await server.emit("tasks patched", {"n": 1})
        await until(lambda: received.events)
        gc.collect()
        assert received.phases == ["live"]
        assert [event.payload for event in received.events] == [{"n": 1}]
