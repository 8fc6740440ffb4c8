"""A release: the last snapshot that anybody is handed is a real one; the handle's own is empty afterwards."""

from __future__ import annotations

import asyncio

from agor_reactive.core.snapshot import SessionState
from tests.session.world import ready


async def test_a_release_hands_nobody_an_emptied_snapshot() -> None:
    world, handle = await ready()
    before = handle.state
    assert before.tasks
    called: list[SessionState] = []
    observed: list[SessionState] = []
    iterated: list[SessionState] = []
    ends: list[str] = []

    async def iterate() -> None:
        async for state in handle.states():
            iterated.append(state)
        ends.append("states")

    handle.subscribe(called.append)
    handle.snapshots.subscribe(observed.append, on_completed=lambda: ends.append("snapshots"))
    iterating = asyncio.ensure_future(iterate())
    await world.settle(lambda: iterated)
    handle.release()
    await iterating
    assert ends == ["snapshots", "states"]
    for seen in (called, observed, iterated):
        assert [bool(state.tasks) and not state.status.disposed for state in seen] == [True] * len(seen)
        assert seen[-1] is before
    assert not handle.state.tasks
    assert handle.state.session is None


async def test_what_came_in_the_tick_of_the_release_is_still_handed_over() -> None:
    world, handle = await ready()
    called: list[SessionState] = []
    observed: list[SessionState] = []
    iterated: list[SessionState] = []

    async def iterate() -> None:
        async for state in handle.states():
            iterated.append(state)

    handle.subscribe(called.append)
    handle.snapshots.subscribe(observed.append)
    iterating = asyncio.ensure_future(iterate())
    await world.settle(lambda: iterated)
    world.chunk("the last word", 0)
    handle.release()
    await iterating
    for seen in (called, observed, iterated):
        assert seen[-1].streaming_messages["mx"].text == "the last word"
        assert seen[-1].revision == max(state.revision for state in seen)


async def test_closing_the_client_hands_nobody_an_emptied_snapshot() -> None:
    world, handle = await ready()
    called: list[SessionState] = []
    handle.subscribe(called.append)
    await world.registry.close()
    assert [bool(state.tasks) for state in called] == [True] * len(called)
    assert not handle.state.tasks


async def test_a_callback_that_releases_is_told_no_more() -> None:
    world, handle = await ready()
    first: list[SessionState] = []
    second: list[SessionState] = []

    def release(state: SessionState) -> None:
        first.append(state)
        if "mx" in state.streaming_messages:
            handle.release()

    handle.subscribe(release)
    handle.subscribe(second.append)
    world.chunk("stop here", 0)
    await world.settle(lambda: handle.released)
    for seen in (first, second):
        assert [bool(state.tasks) for state in seen] == [True, True]
        assert seen[-1].streaming_messages["mx"].text == "stop here"
