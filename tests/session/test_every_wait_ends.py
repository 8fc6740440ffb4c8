"""Every call that waits for a read ends, whatever happens to the link: with what was read or with a named error."""

from __future__ import annotations

import asyncio
import random
from dataclasses import replace
from typing import Any

import pytest

from agor_reactive.errors import AgorError, ServerError
from agor_reactive.session.handles import SessionHandle
from tests.core.build import SID, task_row
from tests.session.world import World

READS = (("get", "sessions"), ("find", "tasks"), ("find", "messages"), ("create", "session-streams"))


def step(world: World, handle: SessionHandle, chance: random.Random, calls: list[asyncio.Future[Any]]) -> None:
    """One thing that a user, the network or the daemon does."""
    waits = (
        handle.ready,
        handle.resync,
        handle.load_older_tasks,
        lambda: handle.load_task_messages(chance.choice(["t0", "t1", "x7", "none"])),
    )
    kind = chance.randrange(10)
    if kind < 4:
        calls.append(asyncio.ensure_future(chance.choice(waits)()))
    elif kind == 4:
        world.link.hold(*chance.choice(READS))
    elif kind == 5:
        world.link.release()
    elif kind == 6:
        world.link.drop() if world.link.status.up else world.link.restore()
    elif kind == 7 and world.link.status.up:
        for phase in ("unauthenticated", "live"):
            world.link.set_status(replace(world.link.status, phase=phase))
    elif kind == 8 and calls:
        chance.choice(calls).cancel()
    elif kind == 9:
        for call in world.link.pending[:1]:
            call.fail(ServerError("SQLITE_BUSY", code=500))


@pytest.mark.parametrize("hydration", ["lazy", "lean", "none"])
@pytest.mark.parametrize("seed", range(25))
async def test_every_call_that_waits_ends(seed: int, hydration: str) -> None:
    chance = random.Random(seed)
    world = World()
    world.tasks += [task_row(f"x{n}", "completed", second=n + 2) for n in range(30)]
    handle = world.registry.retain(SID, task_hydration=hydration)
    calls: list[asyncio.Future[Any]] = []
    await world.link.open()
    for _ in range(40):
        step(world, handle, chance, calls)
        await world.settle(turns=chance.randrange(6))
    if not world.link.status.up:
        world.link.restore()
    for _ in range(5):
        world.link.release()
        await world.settle()
    await world.settle(lambda: all(call.done() for call in calls), turns=2_000)
    assert [call for call in calls if not call.done()] == []
    assert handle.entry.waiting == 0
    errors = [call.exception() for call in calls if not call.cancelled()]
    assert {type(error) for error in errors if not isinstance(error, AgorError | None)} == set()
    assert any(error is None for error in errors)
    assert handle.state.error is None
    handle.release()
    await world.settle()
    assert world.counts == (0, 0, 0, 0, 0, 0)
