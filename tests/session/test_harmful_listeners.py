"""A listener does no harm, whatever it raises: to the link, to its siblings, to the stream that it listens to."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, NoReturn

import pytest

import agor_reactive as agor
from agor_reactive.session.collection import SessionCollection
from agor_reactive.session.observers import ListenerFailure
from agor_reactive.session.router import Router
from agor_reactive.transport.credentials import ApiKey
from agor_reactive.transport.socketio import SocketLink
from tests.core.build import SID, session_row
from tests.session.world import World
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


Listener = Callable[[Any], Any]
Emission = Callable[[], Any]
Added = tuple[Callable[[Listener], Any], Emission]
"""How to add a listener, and how to have it called."""


async def _snapshots(world: World) -> Added:
    handle = world.registry.retain(SID)
    await handle.ready()
    return handle.subscribe, lambda: world.chunk("x", 0)


async def _observed_snapshots(world: World) -> Added:
    handle = world.registry.retain(SID)
    await handle.ready()
    return lambda listener: handle.snapshots.subscribe(listener), lambda: world.chunk("x", 0)


async def _ends_of_snapshots(world: World) -> Added:
    handle = world.registry.retain(SID)
    await handle.ready()
    return lambda listener: handle.snapshots.subscribe(on_completed=lambda: listener(None)), handle.release


async def _ended_snapshots(world: World) -> Added:
    handle = world.registry.retain(SID)
    snapshots = handle.snapshots
    handle.release()
    return lambda listener: snapshots.subscribe(on_completed=lambda: listener(None)), lambda: None


async def _session_events(world: World) -> Added:
    handle = world.registry.retain(SID)
    return lambda listener: handle.events.subscribe(listener), lambda: world.chunk("x", 0)


async def _ends_of_session_events(world: World) -> Added:
    handle = world.registry.retain(SID)
    return lambda listener: handle.events.subscribe(on_completed=lambda: listener(None)), handle.release


async def _client_events(world: World) -> Added:
    return world.router.events.subscribe, lambda: world.chunk("x", 0)


async def _events_by_name(world: World) -> Added:
    return lambda listener: world.router.on("messages", "created", listener), lambda: world.emit("messages created")


async def _link_status(world: World) -> Added:
    return world.router.on_status, world.link.drop


async def _permissions(world: World) -> Added:
    handle = world.registry.retain(SID)
    await handle.ready()
    asked = {"requestId": "r", "toolName": "Bash", "toolInput": {}}
    return lambda listener: handle.permissions.subscribe(listener), lambda: world.emit(
        "sessions permission:request", **asked
    )


async def _collection(world: World) -> Added:
    world.link.on_call("find", "sessions", lambda args: world.page(None, [session_row()]))
    rows = SessionCollection(world)
    await rows.ready()
    return rows.listen, lambda: world.emit("sessions patched", title="new")


async def _ends_of_a_collection(world: World) -> Added:
    world.link.on_call("find", "sessions", lambda args: world.page(None, [session_row()]))
    rows = SessionCollection(world)
    return lambda listener: rows.subscribe(on_completed=lambda: listener(None)), rows.close


KINDS = (
    _snapshots,
    _observed_snapshots,
    _ends_of_snapshots,
    _ended_snapshots,
    _session_events,
    _ends_of_session_events,
    _client_events,
    _events_by_name,
    _link_status,
    _permissions,
    _collection,
    _ends_of_a_collection,
)


@pytest.mark.parametrize("hook_raises", [False, True], ids=["", "hook raises"])
@pytest.mark.parametrize("name", LISTENERS)
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__.strip("_"))
async def test_siblings_are_notified_whatever_a_listener_raises(
    kind: Callable[[World], Any], name: str, hook_raises: bool
) -> None:
    world = World()
    reported: list[ListenerFailure] = []

    def hook(failure: ListenerFailure) -> None:
        reported.append(failure)
        if hook_raises:
            raise asyncio.CancelledError

    world.router = Router(world.link, on_listener_failure=hook)
    world.registry.router = world.router
    await world.link.open()
    add, emit = await kind(world)
    received: list[Any] = []
    add(LISTENERS[name])
    add(received.append)
    received.clear() if kind is not _ended_snapshots else None
    emit()
    await world.settle(lambda: received)
    assert len(received) == 1
    assert len(reported) == 1
    assert isinstance(reported[0].error, (ValueError, asyncio.CancelledError, GeneratorExit))
    await world.registry.close()
    await world.link.close()  # collections live as long as the link


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
        assert "create a new client" in caplog.text
