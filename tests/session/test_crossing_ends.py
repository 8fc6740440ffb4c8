"""Ends and beginnings that cross: nothing is left hanging, nobody is handed something dead."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from agor_reactive.errors import NotConnected, NotFound, ServerError
from agor_reactive.models.outcome import Done
from agor_reactive.session.collection import SessionCollection
from agor_reactive.session.handles import SessionHandle
from tests.core.build import SID, task_row
from tests.session.world import World


async def opened(**options: Any) -> World:
    world = World(**options)
    await world.link.open()
    return world


async def test_who_raises_when_told_of_the_end_keeps_nobody_from_it() -> None:
    world = await opened()
    handle = world.registry.retain(SID)
    await handle.ready()
    heard: list[str] = []

    def bad() -> None:
        raise ValueError("mine")

    handle.snapshots.subscribe(on_completed=bad)
    handle.snapshots.subscribe(on_completed=lambda: heard.append("snapshots"))
    handle.events.subscribe(on_completed=lambda: heard.append("events"))
    handle.release()
    await world.settle()
    assert heard == ["snapshots", "events"]
    assert [str(failure.error) for failure in world.failures] == ["mine"]
    assert world.counts == (0, 0, 0, 0, 0, 0)
    assert ("leave", SID) in world.room_calls()


async def test_who_retains_again_while_told_of_the_end_has_a_mirror_that_lives() -> None:
    world = await opened()
    handle = world.registry.retain(SID)
    await handle.ready()
    again: list[SessionHandle] = []
    handle.snapshots.subscribe(on_completed=lambda: again.append(world.registry.retain(SID)))
    handle.release()
    state = await again[0].ready()
    assert state.tasks
    world.chunk("alive", 0)
    assert again[0].state.streaming_messages
    assert len(world.registry.sessions) == 1
    again[0].release()
    await world.settle()
    assert world.counts == (0, 0, 0, 0, 0, 0)


async def test_a_mistake_in_reading_is_an_error_of_the_session_and_not_silence(
    caplog: pytest.LogCaptureFixture,
) -> None:
    world = await opened()

    def broken(args: object) -> object:
        raise ValueError("a mistake of ours")

    undo = world.link.on_call("find", "tasks", broken)
    handle = world.registry.retain(SID)
    async with asyncio.timeout(5):
        state = await handle.ready()
    assert "unexpected ValueError" in (state.error or "")
    assert "a mistake of ours" in caplog.text
    undo()
    await world.settle(lambda: handle.state.tasks)
    assert handle.state.error is None
    handle.release()


@pytest.mark.parametrize("what", ["drop", "login"])
async def test_a_join_of_a_connection_or_login_that_ended_does_not_count_for_the_next(what: str) -> None:
    world = await opened()
    world.link.hold("create", "session-streams")
    handle = world.registry.retain(SID)
    await world.settle(lambda: world.link.pending)
    live = world.link.status
    if what == "drop":
        world.link.drop()
        world.link.restore()
    else:
        world.link.set_status(replace(live, phase="unauthenticated"))
        world.link.set_status(live)
    world.link.release()
    state = await handle.ready()
    await world.settle()
    assert len([call for call in world.room_calls() if call[0] == "join"]) == 2
    assert not state.degraded
    handle.release()
    await world.settle()
    assert world.counts == (0, 0, 0, 0, 0, 0)


@pytest.mark.parametrize(("short", "kind", "words"), [(SID[:13], NotConnected, "full id"), ("ffff", NotFound, "ffff")])
async def test_a_load_by_a_short_id_that_is_not_resolved_says_so(short: str, kind: type[Exception], words: str) -> None:
    world = await opened()
    if kind is NotConnected:
        world.link.hold("get", "sessions")
    handle = world.registry.retain(short)
    await world.settle()
    for load in (lambda: handle.load_task_messages("t0"), handle.load_older_tasks):
        with pytest.raises(kind, match=words):
            await load()
    handle.release()
    world.link.release()


async def test_a_wait_outlasts_a_daemon_that_stumbles() -> None:
    world = await opened()
    handle = world.registry.retain(SID, task_hydration="preview")
    await handle.ready()
    stumbles = iter([ServerError("SQLITE_BUSY", code=500)])
    elsewhere = task_row("t77", "completed")

    def answer(args: object) -> object:
        for error in stumbles:
            raise error
        return elsewhere

    world.link.on_call("get", "tasks", answer)
    waiting = asyncio.ensure_future(handle.wait("t77"))
    await world.settle()
    world.link.emit("tasks patched", task_row("t1", "running", second=1, tool_use_count=1))
    async with asyncio.timeout(5):
        assert isinstance(await waiting, Done)
    handle.release()


def sessions_of(world: World) -> list[dict[str, Any]]:
    rows = [{"session_id": "a", "status": "idle"}]
    world.link.on_call("find", "sessions", lambda args: world.page(None, rows, args[0]))
    return rows


async def test_a_collection_of_a_client_that_is_closed_says_so_to_who_waits() -> None:
    world = await opened()
    sessions_of(world)
    world.link.hold("find", "sessions")
    sessions = SessionCollection(world)
    await world.settle(lambda: world.link.pending)
    world.link.set_status(replace(world.link.status, phase="closed"))
    async with asyncio.timeout(5):
        rows = await sessions.ready()
    assert "closed" in (rows.error or "")
    assert not rows.loading
    sessions.close()


async def test_a_collection_is_read_once_per_connection_and_login() -> None:
    world = await opened()
    sessions_of(world)
    sessions = SessionCollection(world)
    await sessions.ready()
    world.link.set_status(world.link.status)
    await world.settle()
    assert len(world.calls("sessions", "find")) == 1
    live = world.link.status
    world.link.set_status(replace(live, phase="unauthenticated"))
    await world.settle()
    assert len(world.calls("sessions", "find")) == 1, "a logout gives no reason to read"
    world.link.set_status(live)
    await world.settle()
    assert len(world.calls("sessions", "find")) == 2
    sessions.close()


async def test_a_collection_whose_read_failed_in_passing_is_read_again_by_itself() -> None:
    world = await opened()
    rows = sessions_of(world)

    def broken(args: object) -> object:
        raise ServerError("disk full", code=500)

    undo = world.link.on_call("find", "sessions", broken)
    sessions = SessionCollection(world)
    assert "disk full" in ((await sessions.ready()).error or "")
    undo()
    rows.append({"session_id": "b", "status": "idle"})
    await world.settle(lambda: sessions.rows.error is None)
    assert set(sessions.rows) == {"a", "b"}
    assert world.slept
    sessions.close()
    await world.settle()
    assert world.counts == (0, 0, 0, 0, 0, 0)
