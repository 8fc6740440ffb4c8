"""The typed surface on every daemon: bulk creates, walks, batches of ids, waiting for a task, permissions."""

from __future__ import annotations

import asyncio
import uuid
from typing import Any

import agor_reactive as agor
from agor_reactive.errors import NotFound
from agor_reactive.models import Message, Task
from agor_reactive.models.outcome import Done, Failed, PermissionNeeded, Stopped, TimedOut
from tests.contract.daemons import Daemon, absent_since
from tests.contract.scene import Scene, message_row
from tests.contract.waiting import eventually

SOON = 20.0


async def saved(scene: Scene, session_id: str, count: int) -> list[Message]:
    return [await scene.save(session_id, index, f"text {index}") for index in range(count)]


async def test_health_is_told_to_anyone(daemon: Daemon) -> None:
    async with agor.create_client(daemon.url) as live, agor.create_async_rest_client(daemon.url) as rest:
        for face in (live, rest):
            health = await face.service("health").find()
            assert health.well
            assert health.version
            assert health.timestamp is not None
            assert health.auth is not None
            assert health.auth.require_auth


async def test_bulk_creates_answer_with_rows(client: Any, scene: Scene, daemon: Daemon) -> None:
    session = await scene.session()
    rows = [message_row(session.session_id, index, f"text {index}") for index in range(3)]
    with absent_since(daemon, "creating several rows at once"):
        messages = await client.service("messages").create_many(rows)
    assert [(type(message), message.index) for message in messages] == [(Message, 0), (Message, 1), (Message, 2)]
    wanted = {"session_id": session.session_id, "full_prompt": "Not now.", "status": "created"}
    with absent_since(daemon, "creating several tasks at once as a member"):
        tasks = await client.service("tasks").create_many([{**wanted, "created_by": session.created_by}] * 2)
    assert [type(task) for task in tasks] == [Task, Task]


async def test_every_row_is_walked_once_on_every_way(client: Any, arest: Any, scene: Scene) -> None:
    session = await scene.session()
    await saved(scene, session.session_id, 25)
    for face in (client, arest):
        service = face.service("messages")
        query = {"session_id": session.session_id}
        assert [message.index async for message in service.iterate(query, page_size=4)] == list(range(25))
        assert [message.index for message in await service.find_all(query, page_size=4)] == list(range(25))
        assert [message.index for message in await service.find_by_session(session.session_id)] == list(range(25))


async def test_ids_are_asked_for_in_batches_where_the_daemon_takes_several(
    client: Any, arest: Any, scene: Scene, daemon: Daemon
) -> None:
    session = await scene.session()
    messages = await saved(scene, session.session_id, 25)
    ids = [message.message_id for message in messages]
    for face in (client, arest):
        for wanted in ([], ids[:1], ids, [*ids, *(str(uuid.uuid4()) for _ in range(200))]):
            with absent_since(daemon, "finding messages by several ids"):
                found = await face.service("messages").find({"message_id": {"$in": wanted}})
            assert {message.message_id for message in found} == set(wanted) & set(ids)


async def test_a_task_is_waited_for_by_its_own_status(client: Any, arest: Any, scene: Scene) -> None:
    session = await scene.session()
    ends = (("complete", Done), ("fail", Failed))
    async with agor.retain_reactive_session(client, session.session_id) as handle:
        for deed, end in ends:
            task = await scene.running_task(session.session_id)
            await scene.save(session.session_id, 1_000, "What came of it.", task_id=task.task_id, role="assistant")
            notified = asyncio.ensure_future(handle.wait(task.task_id, timeout=SOON))
            looked = asyncio.ensure_future(arest.tasks.wait(task.task_id, timeout=SOON))
            await scene.service(f"tasks/{task.task_id}/{deed}").create({})
            for outcome in await asyncio.gather(notified, looked):
                assert type(outcome) is end
                assert outcome.text == "What came of it."


async def test_a_wait_ends_with_its_time_and_with_a_stop(client: Any, scene: Scene) -> None:
    session = await scene.session()
    task = await scene.running_task(session.session_id)
    async with agor.retain_reactive_session(client, session.session_id) as handle:
        assert type(await handle.wait(task.task_id, timeout=0.1)) is TimedOut
        await client.sessions.stop(session.session_id)
        assert type(await handle.wait(task.task_id, timeout=SOON)) is Stopped


async def test_a_permission_is_asked_for_told_and_given(client: Any, scene: Scene, daemon: Daemon) -> None:
    session = await scene.session()
    task = await scene.running_task(session.session_id)
    async with agor.retain_reactive_session(client, session.session_id) as handle:
        await handle.ready()
        notified: list[Any] = []
        handle.permissions.subscribe(notified.append)
        asked = {"request_id": str(uuid.uuid4()), "tool_name": "Bash", "tool_input": {}, "status": "pending"}
        row = await scene.ask_permission(session.session_id, task.task_id, asked)
        await eventually(lambda: notified)
        assert (notified[0].request_id, notified[0].task_id, notified[0].tool_name) == (
            asked["request_id"],
            task.task_id,
            "Bash",
        )
        await scene.patch_task(task.task_id, status="awaiting_permission")
        outcome = await handle.wait(task.task_id, timeout=SOON)
        assert type(outcome) is PermissionNeeded
        assert [request.request_id for request in outcome.requests] == [asked["request_id"]]
        approving = asyncio.ensure_future(notified[0].approve())
        if not daemon.bare:  # the executor saves what it was handed, and only that ends the call
            await asyncio.sleep(0)
            await client.service("sessions").get(session.session_id)  # answered after the decision has arrived
            await scene.patch_message(row, content={**asked, "status": "approved"})
        assert (await approving)["success"] is True
        assert (await notified[0].deny())["alreadyResolved"] is True


async def test_a_session_and_its_kin_are_rows(client: Any, daemon: Daemon, scene: Scene) -> None:
    session = await scene.session()
    try:
        child = await client.sessions.spawn(session.session_id, "Look into it.")
    except NotFound:
        daemon.not_offered("spawn")
    twin = await client.sessions.fork(session.session_id, "Another way.")
    scene.made += [("sessions", child.session_id), ("sessions", twin.session_id)]
    assert child.genealogy.parent_session_id == session.session_id
    assert twin.genealogy.forked_from_session_id == session.session_id
    kin = await client.sessions.genealogy(session.session_id)
    assert {row["session_id"] for row in kin["children"]} >= {child.session_id}
