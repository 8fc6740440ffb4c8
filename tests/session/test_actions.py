"""What a handle does to its session: stop, cancel what is queued, answer a permission request."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from agor_reactive.errors import Conflict, HandleDisposed, NotFound
from agor_reactive.session.handles import SessionHandle
from tests.core.build import SID, message_row, task_row
from tests.session.world import OTHER, World


@asynccontextmanager
async def held(world: World) -> AsyncIterator[SessionHandle]:
    await world.link.open()
    async with world.registry.retain(SID) as handle:
        await handle.ready()
        yield handle


def recorded(world: World, method: str, service: str, answer: Any) -> list[tuple[Any, ...]]:
    calls: list[tuple[Any, ...]] = []
    world.link.on_call(method, service, lambda args: calls.append(args) or answer)  # type: ignore[func-returns-value]
    return calls


async def test_stop_waits_for_the_end_of_a_task_that_is_still_stopping() -> None:
    world = World()
    stops = recorded(world, "create", "sessions/:id/stop", {"success": True, "outcome": "pending"})
    statuses = iter(["stopping", "idle"])
    async with held(world) as handle:
        world.link.on_call("get", "sessions", lambda args: {"session_id": SID, "status": next(statuses)})
        pending: list[Any] = []
        answer = await handle.stop("enough", on_pending=pending.append)
    assert [args[-1] for args in stops] == [{"reason": "enough"}]
    assert (answer.success, answer.outcome, len(pending)) == (True, "idle", 1)


async def test_stop_without_wait_returns_the_first_answer() -> None:
    world = World()
    recorded(world, "create", "sessions/:id/stop", {"success": False, "outcome": "pending"})
    async with held(world) as handle:
        assert (await handle.stop(wait=False)).pending


async def test_cancel_removes_a_queued_prompt_and_refuses_any_other() -> None:
    world = World()
    world.tasks.append(task_row("t2", "queued", second=2, queue_position=1))
    removed = recorded(world, "remove", "tasks", {})
    recorded(world, "get", "tasks", {**task_row("t9", "queued"), "session_id": OTHER})
    async with held(world) as handle:
        assert (await handle.cancel("t2")).task_id == "t2"
        with pytest.raises(Conflict, match="no longer queued"):
            await handle.cancel("t1")
        with pytest.raises(NotFound, match="not in this session"):
            await handle.cancel("t9")
    assert removed == [("t2",)]
    with pytest.raises(HandleDisposed):
        await handle.cancel("t2")


async def test_approve_and_deny_answer_a_pending_request_by_its_id() -> None:
    asked = {"request_id": "r1", "status": "pending", "tool_name": "Bash"}
    for allow, status in ((True, "approved"), (False, "denied")):
        world = World()
        world.tasks[-1] = task_row("t1", "awaiting_permission", second=1)
        row = message_row("m9", "t1", 9, type="permission_request", role="system", content=asked)
        world.messages.append(row)

        def decided(args: Any, world: World = world, row: Any = row, status: str = status) -> Any:
            world.messages[-1] = {**row, "content": {**asked, "status": status}}
            return {"success": True}

        world.link.on_call("create", "sessions/:id/permission-decision", decided)
        async with held(world) as handle:
            answer = await (handle.approve("r1") if allow else handle.deny("r1"))
            assert (answer.success, answer.status) == (True, status)
            with pytest.raises(Conflict, match="already answered"):
                await handle.approve("unknown")
