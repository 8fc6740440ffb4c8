"""An asyncio handle or client used from a plain thread refuses at once: nothing there would run on the loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

import agor_reactive as agor
from agor_reactive.errors import WrongLoop
from agor_reactive.transport.scripted import ScriptedLink
from tests.core.build import SID
from tests.session.world import World

HANDLE: dict[str, Callable[[Any], Any]] = {
    "subscribe": lambda handle: handle.subscribe(print),
    "release": lambda handle: handle.release(),
    "snapshots": lambda handle: handle.snapshots,
    "events": lambda handle: handle.events,
}


@pytest.mark.parametrize("name", list(HANDLE))
async def test_a_handle_refuses_a_plain_thread(name: str) -> None:
    world = World()
    await world.link.open()
    async with world.registry.retain(SID) as handle:
        await handle.ready()
        with pytest.raises(WrongLoop):
            await asyncio.to_thread(HANDLE[name], handle)
        assert (await asyncio.to_thread(lambda: handle.state)) is handle.state
        assert not handle.released


async def test_listeners_of_a_client_refuse_a_plain_thread() -> None:
    async with agor.create_client(link=ScriptedLink()) as client:
        for use in (
            lambda: client.on_status(print),
            lambda: client.service("messages").on("created", print),
        ):
            with pytest.raises(WrongLoop):
                await asyncio.to_thread(use)
