"""Every request for permission is told once, whenever it comes to be known; one that was answered is not told."""

from __future__ import annotations

from typing import Any

import pytest

from agor_reactive.errors import BadRequest, DecisionPending, UsageError
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


def decided_by_the_executor(world: World, *, lost: int = 0) -> list[dict[str, Any]]:
    """Have the daemon hand decisions on, as strict as one of 0.26; `lost` of them go nowhere. Returns their bodies."""
    bodies: list[dict[str, Any]] = []

    def decide(args: tuple[Any, ...]) -> Any:
        body = args[0]
        for name in ("requestId", "taskId", "allow"):
            if name not in body:
                raise BadRequest(f"{name} required", name="BadRequest", code=400)
        bodies.append(body)
        if len(bodies) > lost:
            message = next(row for row in world.messages if row["type"] == "permission_request")
            if message["content"]["status"] != "pending":
                return {"success": False, "alreadyResolved": True, "status": message["content"]["status"]}
            message["content"]["status"] = "approved" if body["allow"] else "denied"
            world.link.emit("messages patched", message)
        return {"success": True}

    world.link.on_call("create", "sessions/:id/permission-decision", decide)
    return bodies


async def pending(*rows: dict[str, Any]) -> tuple[World, SessionHandle, PendingPermission]:
    world, handle, _ = await watched(*rows)
    waiting: list[PendingPermission] = []
    handle.permissions.subscribe(waiting.append).dispose()
    (one,) = waiting
    return world, handle, one


@pytest.mark.parametrize("place", ["message", "content"])
async def test_a_decision_names_the_task_that_waits(place: str) -> None:
    row = request("a", "t1")
    if place == "content":
        row["content"]["task_id"] = "t1"
    world, handle, one = await pending(row)
    bodies = decided_by_the_executor(world)
    taken = await one.approve()
    assert (taken.success, taken.status) == (True, "approved")
    assert bodies == [{"requestId": "of a", "taskId": "t1", "allow": True, "remember": False}]
    late = await one.deny()
    assert (late.success, late.already_resolved, late.status) == (False, True, "approved")
    handle.release()


async def test_a_decision_that_is_lost_on_its_way_is_sent_again() -> None:
    world, handle, one = await pending(request("a", "t1"))
    bodies = decided_by_the_executor(world, lost=2)
    taken = await one.deny(reason="no")
    assert (taken.success, taken.status) == (True, "denied")
    assert [body["reason"] for body in bodies] == ["no"] * 3
    assert world.slept
    handle.release()


async def test_a_decision_that_never_arrives_is_a_clear_error() -> None:
    world, handle, one = await pending(request("a", "t1"))
    decided_by_the_executor(world, lost=100)
    with pytest.raises(DecisionPending, match="of a"):
        await one.approve(remember=True, scope="project")
    handle.release()
    await world.settle()
    assert world.counts == (0, 0, 0, 0, 0, 0)


async def test_remember_needs_how_far_it_reaches() -> None:
    world, handle, one = await pending(request("a", "t1"))
    bodies = decided_by_the_executor(world)
    for options in ({"remember": True}, {"scope": "project"}):
        with pytest.raises(UsageError, match="scope"):
            await one.approve(**options)
    assert bodies == []
    await one.approve(remember=True, scope="user")
    assert bodies[0]["scope"] == "user"
    handle.release()


async def test_a_request_says_its_tool_and_its_task_as_event_and_as_message() -> None:
    world, handle, _ = await watched()
    got: list[PendingPermission] = []
    handle.permissions.subscribe(got.append)
    event = {"sessionId": SID, "taskId": "t0", "requestId": "by event", "toolName": "Bash"}
    world.link.emit("sessions permission:request", event)
    world.link.emit("messages created", request("asked", "t1"))
    await world.settle()
    assert [(each.request_id, each.request.tool_name, each.task_id) for each in got] == [
        ("by event", "Bash", "t0"),
        ("of asked", "Bash", "t1"),
    ]
    handle.release()
