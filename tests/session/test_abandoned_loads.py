"""Whoever waits for rows that will not come is told why, and the why is true."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest

from agor_reactive.errors import AgorError, HandleDisposed, NotConnected, NotFound
from agor_reactive.session.handles import SessionHandle
from tests.core.build import SID
from tests.session.test_lean_hydration import opened
from tests.session.world import World

Happening = Callable[[World, SessionHandle], None]


def removed(world: World, handle: SessionHandle) -> None:
    world.link.emit("sessions removed", {"session_id": SID})


def refused(error: AgorError) -> Happening:
    def happen(world: World, handle: SessionHandle) -> None:
        def answer(args: object) -> object:
            raise error

        world.link.on_call("get", "sessions", answer)
        world.link.release("get", "sessions")
        handle.entry.resync()

    return happen


def dropped(world: World, handle: SessionHandle) -> None:
    world.link.drop("transport error")


def closed(world: World, handle: SessionHandle) -> None:
    world.link.set_status(replace(world.link.status, phase="closed"))


def logged_in_anew(world: World, handle: SessionHandle) -> None:
    world.link.set_status(replace(world.link.status, phase="unauthenticated"))
    world.link.set_status(replace(world.link.status, phase="live"))


def released(world: World, handle: SessionHandle) -> None:
    handle.release()


@pytest.mark.parametrize(
    ("happen", "kind", "words"),
    [
        (removed, NotFound, "session was removed"),
        (refused(NotFound("Session not found: 01a2")), NotFound, "Session not found: 01a2"),
        (dropped, NotConnected, "link dropped.*transport error"),
        (closed, NotConnected, "client was closed"),
        (logged_in_anew, NotConnected, "re-authenticated"),
        (released, HandleDisposed, "released"),
    ],
)
async def test_a_load_that_is_given_up_says_why(happen: Happening, kind: type[AgorError], words: str) -> None:
    world, handle = await opened(24)
    world.link.hold("find", "messages")
    loading = asyncio.ensure_future(handle.load_task_messages("t20"))
    await world.settle(lambda: world.link.pending)
    happen(world, handle)
    with pytest.raises(kind, match=words):
        async with asyncio.timeout(5):
            await loading
    assert kind is NotConnected or not isinstance(loading.exception(), NotConnected)
    handle.release()


@pytest.mark.parametrize("again", ["resync", "login"])
async def test_older_tasks_that_a_new_reading_brings_anyway_are_waited_for(again: str) -> None:
    world, handle = await opened(24)
    world.link.hold("find", "tasks")
    page = asyncio.ensure_future(handle.load_older_tasks())
    await world.settle(lambda: world.link.pending)
    if again == "resync":
        handle.entry.resync()
    else:
        logged_in_anew(world, handle)
    await world.settle()
    assert not page.done()
    world.link.release("find", "tasks")
    assert len((await page).tasks) == 20
    handle.release()


async def test_older_tasks_that_wait_for_a_new_reading_end_with_the_link() -> None:
    world, handle = await opened(24)
    world.link.hold("find", "tasks")
    page = asyncio.ensure_future(handle.load_older_tasks())
    await world.settle(lambda: world.link.pending)
    resync = asyncio.ensure_future(handle.resync())
    await world.settle()
    world.link.drop("transport error")
    with pytest.raises(NotConnected, match="dropped"):
        await page
    world.link.restore()
    world.link.release()
    await resync  # that one has outlasted the drop
    handle.release()
    await world.settle()
    assert world.counts == (0, 0, 0, 0, 0, 0)


@pytest.mark.parametrize(
    "call",
    [SessionHandle.resync, lambda handle: handle.load_task_messages("t20"), SessionHandle.load_older_tasks],
    ids=["resync", "messages", "older tasks"],
)
async def test_a_call_counts_as_waiting_until_it_is_answered(call: Callable[[SessionHandle], Awaitable[Any]]) -> None:
    world, handle = await opened(24)
    world.link.hold("find")
    waiting = asyncio.ensure_future(call(handle))
    await world.settle(lambda: world.link.pending)
    assert handle.entry.waiting == 1
    world.link.release()
    await waiting
    assert handle.entry.waiting == 0
    handle.release()
