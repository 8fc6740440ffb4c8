"""Warnings, which go to stderr where nobody configured logging, are for what stays wrong until somebody acts."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from agor_reactive.errors import ConnectionLost, Forbidden, NotAuthenticated, ServerError
from agor_reactive.models import LinkStatus
from tests.core.build import SID
from tests.session.world import World


async def opened() -> World:
    world = World()
    await world.link.open()
    return world


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]


@pytest.mark.parametrize("lost", ["status first", "call first"])
async def test_a_drop_in_the_middle_of_a_reading_is_no_warning(caplog: pytest.LogCaptureFixture, lost: str) -> None:
    caplog.set_level("DEBUG", "agor_reactive")
    world = await opened()
    handle = world.registry.retain(SID)
    await handle.ready()
    never: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    world.link.on_call("find", "tasks", lambda args: never)
    resynced = asyncio.ensure_future(handle.resync())
    await world.settle()
    if lost == "call first":
        never.set_exception(ConnectionLost("transport close"))
        await world.settle()
    world.link.set_status(LinkStatus("reconnecting", attempt=1, reason="transport close", epoch=1))
    if not never.done():
        never.set_exception(ConnectionLost("transport close"))
    await world.settle()
    world.link.on_call("find", "tasks", world._tasks)
    world.link.restore()
    assert (await resynced).error is None
    assert warnings(caplog) == []
    handle.release()


async def test_a_daemon_that_stumbles_is_no_warning_and_is_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "agor_reactive")
    world = await opened()
    failures = [ServerError("database is locked"), ServerError("database is locked")]

    def tasks(args: tuple[Any, ...]) -> Any:
        if failures:
            raise failures.pop()
        return world._tasks(args)

    world.link.on_call("find", "tasks", tasks)
    handle = world.registry.retain(SID)
    await world.settle(lambda: handle.state.last_synced_at, turns=400)
    assert handle.state.error is None
    assert warnings(caplog) == []
    assert "database is locked" in caplog.text
    handle.release()


@pytest.mark.parametrize("error", [Forbidden("you may not"), NotAuthenticated("log in first")])
async def test_what_needs_somebody_is_a_warning(caplog: pytest.LogCaptureFixture, error: Exception) -> None:
    world = await opened()

    def refuse(args: tuple[Any, ...]) -> Any:
        raise error

    world.link.on_call("find", "tasks", refuse)
    handle = world.registry.retain(SID)
    await world.settle(lambda: handle.state.error, turns=400)
    assert len(warnings(caplog)) == 1
    assert str(error) in warnings(caplog)[0]
    handle.release()
