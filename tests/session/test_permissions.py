"""Every request for permission is told once, whenever it comes to be known; one that was answered is not told."""

from __future__ import annotations

from typing import Any

import pytest

from agor_reactive.session.handles import SessionHandle
from agor_reactive.session.permissions import PendingPermission
from tests.core.build import SID, message_row, task_row
from tests.session.world import World


def request(message_id: str, task_id: str, status: str = "pending", index: float = 5) -> dict[str, Any]:
    content = {"request_id": f"of {message_id}", "status": status, "tool_name": "Bash", "tool_input": {"command": "ls"}}
    return message_row(message_id, task_id, index, type="permission_request", role="system", content=content)


async def watched(*rows: dict[str, Any], hydration: str = "lazy") -> tuple[World, SessionHandle, list[str]]:
    world = World()
    # Two tasks at work: the newer one is loaded, the other only for who asks.
    world.tasks = [task_row("t0", "awaiting_permission"), task_row("t1", "running", second=1)]
    world.messages += rows
    await world.link.open()
    handle = world.registry.retain(SID, task_hydration=hydration)
    await handle.ready()
    told: list[str] = []
    handle.permissions.subscribe(lambda pending: told.append(pending.request_id))
    return world, handle, told


@pytest.mark.parametrize("way", ["load", "resync", "reconnect"])
async def test_one_in_messages_that_come_to_be_known_later_is_told_once(way: str) -> None:
    world, handle, told = await watched(hydration="none")
    assert told == []
    world.messages += [request("asked", "t0"), request("done", "t0", "approved", 6)]
    await handle.load_task_messages("t0")
    if way == "resync":
        await handle.resync()
    elif way == "reconnect":
        world.link.drop()
        world.link.restore()
        await world.settle(lambda: handle.state.connected and not handle.state.loading)
    await world.settle()
    assert told == ["of asked"]
    world.link.emit("messages created", request("asked", "t0"))
    handle.unload_task_messages("t0")
    await handle.load_task_messages("t0")
    await world.settle()
    assert told == ["of asked"]
    handle.release()


async def test_one_in_a_task_that_was_waiting_when_its_messages_came_is_told_when_it_runs() -> None:
    world, handle, told = await watched(hydration="none")
    world.link.emit("tasks patched", task_row("t0", "queued"))
    world.messages += [request("asked", "t0")]
    await handle.load_task_messages("t0")
    await world.settle()
    assert told == []
    world.link.emit("tasks patched", task_row("t0", "awaiting_permission"))
    await world.settle()
    assert told == ["of asked"]
    handle.release()


async def test_one_that_a_task_row_tells_of_is_told_when_that_row_comes() -> None:
    world, handle, told = await watched()
    row = task_row("t0", "awaiting_permission", permission_request={"request_id": "by row", "tool_name": "Bash"})
    world.link.emit("tasks patched", row)
    await world.settle()
    world.link.emit("tasks patched", {**row, "tool_use_count": 3})
    await world.settle()
    assert told == ["by row"]
    handle.release()


@pytest.mark.parametrize("how", ["messages patched", "messages permission_resolved", "sessions permission:timeout"])
async def test_one_that_was_seen_answered_is_not_told_by_a_later_word_of_it(how: str) -> None:
    world, handle, told = await watched()
    if how == "messages patched":
        world.link.emit(how, request("asked", "t1", "approved"))
    else:
        world.link.emit(how, {"sessionId": SID, "taskId": "t1", "requestId": "of asked", "allow": True})
    world.link.emit("sessions permission:request", {"sessionId": SID, "taskId": "t1", "requestId": "of asked"})
    world.link.emit("messages created", request("asked", "t1"))
    await world.settle()
    assert told == []
    handle.release()


async def test_each_subscriber_is_told_all_that_wait_and_released_leaves_nothing() -> None:
    world, handle, told = await watched(request("a", "t1"), request("b", "t1", index=6))
    assert told == ["of a", "of b"]
    late: list[PendingPermission] = []
    undo = handle.permissions.subscribe(late.append)
    assert [pending.request_id for pending in late] == told
    undo.dispose()
    world.link.emit("messages created", request("c", "t1", index=7))
    assert told == ["of a", "of b", "of c"]
    assert len(late) == 2
    handle.release()
    await world.settle()
    assert world.counts == (0, 0, 0, 0, 0, 0)
