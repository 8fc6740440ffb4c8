"""Answers that are not what was asked for, and ends that something else has failed before."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from agor_reactive.blocking.portal import LoopThread
from agor_reactive.errors import ProtocolError
from tests.core.build import SID
from tests.session.world import World

NO_ROWS = pytest.mark.parametrize("answer", [None, "text", 7, [], ["row"], True])


@NO_ROWS
async def test_a_session_answered_with_no_object_is_a_protocol_error(answer: Any) -> None:
    world = World()
    await world.link.open()
    world.link.on_call("get", "sessions", lambda args: answer)
    handle = world.registry.retain(SID)
    with pytest.raises(ProtocolError, match="instead of a Session"):
        await handle.resync()
    assert not handle.state.terminal
    handle.release()


@NO_ROWS
async def test_a_short_id_answered_with_no_object_is_a_protocol_error(answer: Any) -> None:
    world = World()
    await world.link.open()
    world.link.on_call("get", "sessions", lambda args: answer)
    handle = world.registry.retain(SID[:8])
    await world.settle(lambda: handle.state.error)
    assert "something that is no session" in (handle.state.error or "")
    handle.release()


def test_the_loop_is_closed_though_one_of_its_tasks_fails_as_it_is_cancelled() -> None:
    thread = LoopThread()
    started = asyncio.Event()

    async def fail() -> None:
        started.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            raise RuntimeError("it failed on its way out") from None

    async def begin() -> None:
        thread.loop.kept = asyncio.ensure_future(fail())  # type: ignore[attr-defined]
        await started.wait()

    thread.run(begin(), 5.0)
    thread.stop()
    assert not thread.alive
    assert thread.loop.is_closed()
