"""A resync gives what was read, or says why not: drops of the link are waited out, an end is an error."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from agor_reactive.core.snapshot import SessionState
from agor_reactive.errors import (
    AgorError,
    ConnectionLost,
    Forbidden,
    HandleDisposed,
    NotAuthenticated,
    NotConnected,
    NotFound,
    ServerError,
)
from agor_reactive.session.handles import SessionHandle
from tests.core.build import SID, task_row
from tests.session.test_abandoned_loads import Happening, closed, logged_in_anew, released, removed
from tests.session.world import World

Calls = tuple[str, str]

READS: list[Calls] = [("create", "session-streams"), ("get", "sessions"), ("find", "tasks"), ("find", "messages")]
"""What a round does one after the other."""


async def opened() -> tuple[World, SessionHandle]:
    world = World()
    await world.link.open()
    handle = world.registry.retain(SID)
    await handle.ready()
    return world, handle


def added(world: World) -> None:
    """The daemon has one task more, and told nobody."""
    world.tasks.append(task_row("t9", "completed", second=9))


def ids(state: SessionState) -> list[str]:
    return [task.task_id for task in state.tasks]


async def under_way(world: World, handle: SessionHandle, method: str, service: str) -> asyncio.Task[SessionState]:
    """A resync that waits for the answer to such a call."""
    if service == "session-streams":  # joined only on a new connection
        world.link.hold(method, service)
        world.link.drop()
        world.link.restore()
    else:
        world.link.hold(method, service)
    resync = asyncio.ensure_future(handle.resync())
    await world.settle(lambda: any(call.service == service for call in world.link.pending))
    return resync


@pytest.mark.parametrize(("method", "service"), READS)
@pytest.mark.parametrize("times", [1, 3])
async def test_a_resync_that_is_cut_gives_what_the_reconnect_reads(method: str, service: str, times: int) -> None:
    world, handle = await opened()
    resync = await under_way(world, handle, method, service)
    added(world)
    for _ in range(times):
        world.link.drop()
        await world.settle()
        assert not resync.done()
        world.link.restore()
        await world.settle()
        assert not resync.done()
    world.link.release()
    async with asyncio.timeout(5):
        assert ids(await resync) == ["t0", "t1", "t9"]
    handle.release()
    await world.settle()
    assert world.counts == (0, 0, 0, 0, 0, 0)


async def test_a_read_that_is_lost_before_the_link_says_that_it_dropped_is_a_cut_too() -> None:
    world, handle = await opened()
    resync = await under_way(world, handle, "find", "tasks")
    world.link.pending[0].fail(ConnectionLost("the link dropped"))
    await world.settle()
    assert not resync.done()
    added(world)
    world.link.drop()
    world.link.restore()
    world.link.release()
    async with asyncio.timeout(5):
        assert ids(await resync) == ["t0", "t1", "t9"]
    handle.release()


@pytest.mark.parametrize("before", ["dropped", "opening", "logged_out"])
async def test_a_resync_while_nothing_can_be_read_gives_what_is_read_then(before: str) -> None:
    world = World()
    if before != "opening":
        await world.link.open()
    handle = world.registry.retain(SID)
    if before == "dropped":
        await handle.ready()
        world.link.drop()
    elif before == "logged_out":
        await handle.ready()
        world.link.hold("get", "sessions")
        world.link.set_status(replace(world.link.status, phase="unauthenticated"))
    resyncs = [asyncio.ensure_future(handle.resync()) for _ in range(2)]
    await world.settle()
    assert not any(resync.done() for resync in resyncs)
    added(world)
    reads = len(world.calls("sessions", "get"))
    if before == "dropped":
        world.link.restore()
    elif before == "opening":
        await world.link.open()
    else:
        world.link.set_status(replace(world.link.status, phase="live"))
        world.link.release()
    async with asyncio.timeout(5):
        assert [ids(await resync) for resync in resyncs] == [["t0", "t1", "t9"]] * 2
    assert len(world.calls("sessions", "get")) == reads + 1
    handle.release()


def refuses(error: AgorError) -> Happening:
    def happen(world: World, handle: SessionHandle) -> None:
        def answer(args: object) -> object:
            raise error

        world.link.on_call("get", "sessions", answer)
        world.link.release("get", "sessions")

    return happen


@pytest.mark.parametrize(
    ("happen", "kind", "words"),
    [
        (removed, NotFound, "session was removed"),
        (refuses(NotFound("Session not found: 01a2")), NotFound, "01a2"),
        (refuses(Forbidden("not yours")), Forbidden, "not yours"),
        (refuses(NotAuthenticated("the token ended")), NotAuthenticated, "the token ended"),
        (refuses(ServerError("disk full", code=500)), ServerError, "disk full"),
        (closed, NotConnected, "client was closed"),
        (released, HandleDisposed, "released"),
    ],
)
async def test_a_resync_that_reads_nothing_says_why(happen: Happening, kind: type[AgorError], words: str) -> None:
    world, handle = await opened()
    resync = await under_way(world, handle, "get", "sessions")
    happen(world, handle)
    with pytest.raises(kind, match=words):
        async with asyncio.timeout(5):
            await resync
    handle.release()
    await world.settle()
    assert world.counts == (0, 0, 0, 0, 0, 0)


@pytest.mark.parametrize(
    ("happen", "kind", "words"),
    [(closed, NotConnected, "client was closed"), (released, HandleDisposed, "released")],
)
async def test_a_resync_that_waits_for_the_link_ends_with_the_client_and_the_handle(
    happen: Happening, kind: type[AgorError], words: str
) -> None:
    world, handle = await opened()
    world.link.drop()
    resync = asyncio.ensure_future(handle.resync())
    await world.settle()
    happen(world, handle)
    with pytest.raises(kind, match=words):
        async with asyncio.timeout(5):
            await resync
    with pytest.raises(kind, match=words):
        async with asyncio.timeout(5):
            await handle.resync()
    handle.release()


async def test_a_session_found_gone_at_the_reconnect_ends_the_wait() -> None:
    world, handle = await opened()
    world.link.drop()
    resync = asyncio.ensure_future(handle.resync())
    await world.settle()
    refuses(NotFound("Session not found: 01a2"))(world, handle)
    world.link.restore()
    with pytest.raises(NotFound, match="01a2"):
        async with asyncio.timeout(5):
            await resync
    handle.release()


async def test_a_terminal_session_is_read_again_while_the_link_is_up_and_not_waited_for_while_it_is_down() -> None:
    world, handle = await opened()
    removed(world, handle)
    assert handle.state.terminal
    world.link.drop()
    with pytest.raises(NotConnected, match="not read again when the link returns"):
        async with asyncio.timeout(5):
            await handle.resync()
    world.link.restore()
    await world.settle()
    world.link.hold("find", "tasks")
    cut = asyncio.ensure_future(handle.resync())
    await world.settle(lambda: world.link.pending)
    world.link.drop()
    with pytest.raises(NotConnected, match="not read again when the link returns"):
        async with asyncio.timeout(5):
            await cut
    world.link.restore()
    world.link.release()
    async with asyncio.timeout(5):
        assert not (await handle.resync()).terminal
    handle.release()


async def test_a_resync_of_a_terminal_session_outlasts_a_login_on_the_same_connection() -> None:
    world, handle = await opened()
    removed(world, handle)
    world.link.hold("find", "tasks")
    resync = asyncio.ensure_future(handle.resync())
    await world.settle(lambda: world.link.pending)
    logged_in_anew(world, handle)
    await world.settle()
    assert not resync.done()
    added(world)
    world.link.release()
    async with asyncio.timeout(5):
        state = await resync
    assert "t9" in ids(state)
    assert not state.terminal
    handle.release()


async def test_a_resync_by_a_short_id_that_is_not_resolved_says_so() -> None:
    world = World()
    await world.link.open()
    handle = world.registry.retain("ffff")
    await world.settle()
    with pytest.raises(NotFound, match="ffff"):
        async with asyncio.timeout(5):
            await handle.resync()
    handle.release()


@pytest.mark.parametrize("wait", ["ready", "resync", "load_older_tasks"])
async def test_who_releases_a_handle_waits_no_longer_though_others_hold_the_session(wait: str) -> None:
    world = World()
    await world.link.open()
    hold = world.link.hold("find", "tasks") if wait != "load_older_tasks" else lambda: None
    mine, other = (world.registry.retain(SID, task_hydration="lean") for _ in range(2))
    if wait == "load_older_tasks":
        world.tasks += [task_row(f"x{n}", "completed", second=n + 2) for n in range(30)]
        await mine.ready()
        world.link.hold("find", "tasks")
    waiting = asyncio.ensure_future(getattr(mine, wait)())
    theirs = asyncio.ensure_future(getattr(other, wait)())
    await world.settle(lambda: world.link.pending)
    await world.settle()
    mine.release()
    with pytest.raises(HandleDisposed, match="released"):
        async with asyncio.timeout(5):
            await waiting
    hold()
    world.link.release()
    async with asyncio.timeout(5):
        assert (await theirs).tasks
    other.release()


async def test_a_wait_that_is_cancelled_leaves_nothing_behind_while_the_link_is_down() -> None:
    world, handle = await opened()
    world.link.drop()
    for _ in range(50):
        resync = asyncio.ensure_future(handle.resync())
        await world.settle(turns=2)
        resync.cancel()
        await asyncio.wait([resync])
    assert handle.entry.waiting <= 1
    handle.release()


async def test_a_page_of_older_tasks_that_waits_for_a_reading_that_fails_is_not_said_to_be_there() -> None:
    world = World()
    await world.link.open()
    world.tasks += [task_row(f"x{n}", "completed", second=n + 2) for n in range(30)]
    handle = world.registry.retain(SID, task_hydration="lean")
    await handle.ready()
    world.link.hold("find", "tasks")
    page = asyncio.ensure_future(handle.load_older_tasks())
    await world.settle(lambda: world.link.pending)
    resync = asyncio.ensure_future(handle.resync())
    await world.settle()
    refuses(ServerError("disk full", code=500))(world, handle)
    world.link.on_call("find", "tasks", _full_disk)
    world.link.release()
    for waiting in (page, resync):
        with pytest.raises(ServerError, match="disk full"):
            async with asyncio.timeout(5):
                await waiting
    handle.release()


def _full_disk(args: object) -> object:
    raise ServerError("disk full", code=500)
