"""The messages of a task that is not there are no empty list."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from agor_reactive.errors import AgorError, NotConnected, NotFound, ServerError
from agor_reactive.session.handles import SessionHandle
from tests.core.build import SID, message_row, task_row
from tests.session.world import OTHER, World


async def opened(hydration: str = "lazy") -> tuple[World, SessionHandle]:
    world = World()
    world.link.on_call("get", "tasks", lambda args: found(world, args[0]))
    await world.link.open()
    handle = world.registry.retain(SID, task_hydration=hydration)
    await handle.ready()
    return world, handle


def found(world: World, task_id: str) -> Any:
    """As daemons do: by its id, or the beginning of it."""
    for row in world.tasks:
        if row["task_id"].startswith(task_id):
            return {"session_id": SID, **row}
    raise NotFound(f"Task not found: {task_id}", code="NOT_FOUND")


async def load(handle: SessionHandle, task_id: str) -> list[str]:
    async with asyncio.timeout(5):
        return [message.message_id for message in await handle.load_task_messages(task_id)]


@pytest.mark.parametrize("hydration", ["none", "lazy", "eager", "lean", "preview"])
@pytest.mark.parametrize("how", ["removed", "removed while away", "never was"])
async def test_a_task_that_is_not_there_is_not_found_and_named(hydration: str, how: str) -> None:
    world, handle = await opened(hydration)
    if how != "never was":
        world.tasks = [row for row in world.tasks if row["task_id"] != "t1"]
        world.messages = [row for row in world.messages if row["task_id"] != "t1"]
    if how == "removed":
        world.emit("tasks removed", task_id="t1")
    elif how == "removed while away":
        world.link.drop()
        world.link.restore()
        await world.settle(lambda: not handle.state.loading)
    task_id = "t1" if how != "never was" else "01a2-nothing"
    with pytest.raises(NotFound, match=task_id):
        await load(handle, task_id)
    assert task_id not in handle.state.loaded_task_ids
    assert handle.state.error is None
    handle.release()
    await world.settle()
    assert world.counts == (0, 0, 0, 0, 0, 0)


@pytest.mark.parametrize("spoken", [True, False])
async def test_a_task_of_another_session_is_not_found_here(spoken: bool) -> None:
    world, handle = await opened()
    world.tasks.append({**task_row("t7", "completed"), "session_id": OTHER})
    world.link.on_call("find", "tasks", lambda args: world.page(None, world.tasks[:2], args[0]))
    if spoken:
        world.messages.append({**message_row("m7", "t7"), "session_id": OTHER})
    with pytest.raises(NotFound, match=r"t7.*another session"):
        await load(handle, "t7")
    handle.release()


@pytest.mark.parametrize("spoken", [True, False])
async def test_a_task_that_is_not_known_yet_is_read(spoken: bool) -> None:
    world, handle = await opened("lean")
    world.tasks.append(task_row("t9", "completed", second=9))
    if spoken:
        world.messages.append(message_row("m9", "t9"))
    assert await load(handle, "t9") == (["m9"] if spoken else [])
    assert len(world.calls("tasks", "get")) == (0 if spoken else 1), "rows that name the session are proof enough"
    handle.release()


async def test_a_known_task_without_messages_is_not_asked_for_again() -> None:
    world, handle = await opened()
    world.messages.clear()
    assert await load(handle, "t0") == []
    assert world.calls("tasks", "get") == []
    handle.release()


async def test_the_beginning_of_an_id_is_as_good_as_the_id() -> None:
    world, handle = await opened()
    full = "0199aaaa-bbbb-7ccc-8ddd-eeeeeeeeeeee"
    world.tasks.append(task_row(full, "completed", second=9))
    world.messages.append(message_row("m9", full))
    world.emit("tasks created", **world.tasks[-1])
    assert await load(handle, full[:8]) == ["m9"]
    assert handle.state.is_task_loaded(full)
    handle.release()


async def test_a14_a_task_removed_while_its_messages_are_read_gives_none() -> None:
    world, handle = await opened()
    world.link.hold("find", "messages")
    loading = asyncio.ensure_future(load(handle, "t0"))
    await world.settle(lambda: world.link.pending)
    world.emit("tasks removed", task_id="t0")
    world.messages = [row for row in world.messages if row["task_id"] != "t0"]
    world.link.release()
    assert await loading == []
    handle.release()


@pytest.mark.parametrize(("what", "kind"), [("drop", NotConnected), ("busy", ServerError)])
async def test_whether_a_task_is_there_may_not_be_known(what: str, kind: type[AgorError]) -> None:
    world, handle = await opened()
    world.link.hold("get", "tasks")
    loading = asyncio.ensure_future(load(handle, "t77"))
    await world.settle(lambda: world.link.pending)
    if what == "drop":
        world.link.drop()
    else:
        world.link.pending[0].fail(ServerError("SQLITE_BUSY", code=500))
    with pytest.raises(kind):
        await loading
    handle.release()
