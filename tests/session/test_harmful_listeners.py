"""A listener does no harm, whatever it raises: to the link, to its siblings, to the stream that it listens to."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, NoReturn

import pytest

import agor_reactive as agor
from agor_reactive.models.wire import RawEvent
from agor_reactive.session.observers import ListenerFailure
from agor_reactive.session.router import Router
from agor_reactive.transport.credentials import ApiKey
from agor_reactive.transport.scripted import ScriptedLink
from agor_reactive.transport.socketio import SocketLink
from tests.transport.conftest import FAST, server  # noqa: F401 - a fixture
from tests.transport.feathers import FeathersServer, until


def of_a_cancelled_future(_: Any) -> Any:
    future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    future.cancel()
    return future.result()


def raising(error: BaseException) -> Callable[[Any], NoReturn]:
    def listener(_: Any) -> NoReturn:
        raise error

    return listener


LISTENERS = {
    "the result of a cancelled future": of_a_cancelled_future,
    "CancelledError": raising(asyncio.CancelledError()),
    "GeneratorExit": raising(GeneratorExit()),
    "ValueError": raising(ValueError("no")),
}


@pytest.mark.parametrize("name", LISTENERS)
async def test_a_link_outlives_a_listener_of_events_and_of_its_status(server: FeathersServer, name: str) -> None:  # noqa: F811
    link = SocketLink(server.url, credentials=ApiKey("agor_sk_good"), backoff=FAST)
    async with agor.create_client(link=link) as client:
        reported: list[ListenerFailure] = []
        client.router.on_listener_failure = reported.append
        received: list[Any] = []
        client.service("messages").on("created", LISTENERS[name])
        client.service("messages").on("created", received.append)
        client.on_status(LISTENERS[name])
        client.events.subscribe(LISTENERS[name])
        await server.emit("messages created", {"message_id": "m", "session_id": "s"})
        await until(lambda: received)
        server.abort()
        await until(lambda: client.status.phase == "live" and client.status.epoch == 2)
        await server.emit("messages created", {"message_id": "n", "session_id": "s"})
        await until(lambda: len(received) == 2)


async def test_a_hook_that_raises_does_no_harm_either() -> None:
    def hook(failure: ListenerFailure) -> None:
        raise asyncio.CancelledError

    router = Router(ScriptedLink(), on_listener_failure=hook)
    received: list[Any] = []
    router.on("messages", "created", raising(ValueError("no")))
    router.on("messages", "created", received.append)
    router.receive(RawEvent("messages created", {"n": 1}))
    assert received == [{"n": 1}]


async def test_a_link_whose_task_is_ended_from_outside_says_that_it_is_closed(
    server: FeathersServer,  # noqa: F811
    caplog: pytest.LogCaptureFixture,
) -> None:
    link = SocketLink(server.url, credentials=ApiKey("agor_sk_good"), backoff=FAST)
    async with agor.create_client(link=link) as client:
        supervisor = next(task for task in asyncio.all_tasks() if task.get_name().startswith("agor link"))
        supervisor.cancel()
        await until(lambda: client.status.phase == "closed")
        assert "ended" in (client.status.reason or "")
        assert "make a new client" in caplog.text
