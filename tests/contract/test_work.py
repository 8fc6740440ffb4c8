"""Prompt, queue, run, stop, complete, permission: what a client may rely on, whoever or nobody answers."""

from __future__ import annotations

import asyncio
import uuid
from typing import Any

from tests.contract.scene import ENDED, Scene, message_row
from tests.contract.waiting import eventually

# `[slow]` keeps the embedded daemon's scripted agent at it; others have no agent, or one that may read it.
PROMPT = "[slow] Say nothing at all."
AT_WORK = ("created", "dispatching", "running")


async def queued_ids(client: Any, session_id: str) -> list[str]:
    return [task.task_id for task in await client.sessions.queue(session_id)]


async def status_of(client: Any, task_id: str) -> str:
    return str((await client.service("tasks").get(task_id)).status)


async def test_a_prompt_on_an_idle_session_starts_a_task(client: Any, scene: Scene) -> None:
    session = await scene.session()
    task = await client.sessions.prompt(session.session_id, PROMPT)
    assert task.session_id == session.session_id
    assert task.status in AT_WORK
    row = await client.service("tasks").get(task.task_id)
    assert row.full_prompt == PROMPT
    assert (await client.service("sessions").get(session.session_id)).status == "running"
    await client.sessions.stop(session.session_id)


async def test_a_prompt_over_rest_starts_a_task(arest: Any, client: Any, scene: Scene) -> None:
    session = await scene.session()
    task = await arest.sessions.prompt(session.session_id, PROMPT)
    assert await status_of(client, task.task_id) in AT_WORK
    await arest.sessions.stop(session.session_id)


async def test_prompts_on_a_busy_session_queue_in_order(client: Any, arest: Any, scene: Scene) -> None:
    session = await scene.session()
    await scene.running_task(session.session_id)
    first = await client.sessions.prompt(session.session_id, PROMPT)
    second = await arest.sessions.prompt(session.session_id, PROMPT)
    assert [first.status, second.status] == ["queued", "queued"]
    assert first.queue_position < second.queue_position
    assert await queued_ids(client, session.session_id) == [first.task_id, second.task_id]
    assert await queued_ids(arest, session.session_id) == [first.task_id, second.task_id]


async def test_of_two_prompts_at_once_one_runs_and_one_waits(client: Any, scene: Scene) -> None:
    session = await scene.session()
    tasks = await asyncio.gather(*(client.sessions.prompt(session.session_id, PROMPT) for _ in range(2)))
    assert sorted(task.status == "queued" for task in tasks) == [False, True]


async def test_completing_the_running_task_starts_the_next_and_its_position_stays(client: Any, scene: Scene) -> None:
    session = await scene.session()
    running = await scene.running_task(session.session_id)
    waiting = await client.sessions.prompt(session.session_id, PROMPT)
    ended = await scene.complete(running.task_id)
    assert (ended["status"] if isinstance(ended, dict) else ended.status) == "completed"
    await eventually(lambda: status_is_not(client, waiting.task_id, "queued"))
    assert (await client.service("tasks").get(waiting.task_id)).queue_position == waiting.queue_position
    assert await queued_ids(client, session.session_id) == []


async def status_is_not(client: Any, task_id: str, status: str) -> bool:
    return await status_of(client, task_id) != status


async def test_a_failed_task_leaves_its_session_idle_and_ready(client: Any, scene: Scene) -> None:
    session = await scene.session()
    running = await scene.running_task(session.session_id)
    await scene.service(f"tasks/{running.task_id}/fail").create({"error": "It broke."})
    assert await status_of(client, running.task_id) == "failed"
    row = await client.service("sessions").get(session.session_id)
    assert (row.status, row.ready_for_prompt) == ("idle", True)


async def test_stop_ends_the_running_task_and_the_queue_goes_on(client: Any, scene: Scene) -> None:
    session = await scene.session()
    running = await client.sessions.prompt(session.session_id, PROMPT)
    waiting = await client.sessions.prompt(session.session_id, PROMPT)
    answer = await client.sessions.stop(session.session_id)
    assert answer["success"] is True
    assert await status_of(client, running.task_id) in ENDED
    await eventually(lambda: status_is_not(client, waiting.task_id, "queued"))


async def test_stop_on_an_idle_session_says_that_there_is_nothing_to_stop(client: Any, scene: Scene) -> None:
    session = await scene.session()
    answer = await client.sessions.stop(session.session_id)
    assert answer["success"] is False
    assert "idle" in answer["reason"]


async def test_stop_takes_a_short_id(client: Any, scene: Scene) -> None:
    session = await scene.session()
    running = await scene.running_task(session.session_id)
    await client.sessions.stop(session.session_id.replace("-", "")[:24])
    assert await status_of(client, running.task_id) == "stopped"


async def test_the_queue_of_a_short_id_is_the_queue_of_the_session(client: Any, scene: Scene) -> None:
    session = await scene.session()
    await scene.running_task(session.session_id)
    waiting = await client.sessions.prompt(session.session_id, PROMPT)
    assert await queued_ids(client, session.session_id.replace("-", "")[:24]) == [waiting.task_id]


async def test_a_created_task_runs_when_told(client: Any, scene: Scene) -> None:
    session = await scene.session()
    waiting = await scene.waiting_task(session.session_id, PROMPT)
    task = await client.tasks.run(waiting.task_id)
    assert (task.task_id, task.status) == (waiting.task_id, "running")
    messages = await client.service("messages").find(query={"task_id": waiting.task_id})
    assert [message.role for message in messages][:1] == ["user"]


async def test_a_permission_is_decided_once(client: Any, scene: Scene) -> None:
    session = await scene.session()
    task = await scene.running_task(session.session_id)
    asked = {"request_id": str(uuid.uuid4()), "tool_name": "Bash", "tool_input": {"command": "ls"}, "status": "pending"}
    row = message_row(session.session_id, 0, "May I?", task_id=task.task_id, role="system")
    await client.service("messages").create({**row, "type": "permission_request", "content": asked})
    resolved: list[Any] = []
    client.service("messages").on("permission_resolved", resolved.append)
    decide = client.service(f"sessions/{session.session_id}/permission-decision").create
    decision = {
        "requestId": asked["request_id"],
        "allow": True,
        "remember": False,
        "scope": "once",
        "decidedBy": session.created_by,
    }
    assert (await decide(decision))["success"] is True
    again = await decide(decision)
    assert (again["success"], again["alreadyResolved"], again["status"]) == (False, True, "approved")
    read = await client.service("messages").get(row["message_id"])
    assert read.content["status"] == "approved"
    await eventually(
        lambda: [event for event in resolved if _of(event, "requestId", "request_id") == asked["request_id"]]
    )


def _of(event: Any, *names: str) -> Any:
    return next((event[name] for name in names if isinstance(event, dict) and name in event), None) or next(
        (getattr(event, name) for name in names if hasattr(event, name)), None
    )
