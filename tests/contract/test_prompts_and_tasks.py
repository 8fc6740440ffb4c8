"""Prompt, queue, run, stop, complete, permission: the guarantees for a client, with any or no agent."""

from __future__ import annotations

import asyncio
import uuid
from typing import Any

from agor_reactive.errors import BadRequest
from tests.contract.daemons import Daemon
from tests.contract.scene import ENDED, HOLD, Scene, tried
from tests.contract.waiting import eventually

AT_WORK = ("created", "dispatching", "running")


async def queued_ids(client: Any, session_id: str) -> list[str]:
    return [task.task_id for task in await client.sessions.queue(session_id)]


async def status_of(client: Any, task_id: str) -> str:
    return str((await client.service("tasks").get(task_id)).status)


async def test_a_prompt_on_an_idle_session_starts_a_task(client: Any, scene: Scene) -> None:
    session = await scene.session()
    task = await client.sessions.prompt(session.session_id, HOLD)
    assert task.session_id == session.session_id
    assert task.status in AT_WORK
    row = await client.service("tasks").get(task.task_id)
    assert row.full_prompt == HOLD
    assert (await client.service("sessions").get(session.session_id)).status == "running"


async def test_the_answer_to_a_prompt_says_how_far_its_task_is(client: Any, scene: Scene, daemon: Daemon) -> None:
    """Older daemons answer when it runs; newer ones when it was handed to an executor, which then runs it."""
    session = await scene.session()
    task = await client.sessions.prompt(session.session_id, HOLD)
    if daemon.api_version is not None:
        assert task.status == ("running" if daemon.bare else "dispatching")
    await eventually(lambda: has_status(client, task.task_id, "running"), 30)


async def test_a_prompt_over_rest_starts_a_task(arest: Any, client: Any, scene: Scene) -> None:
    session = await scene.session()
    task = await arest.sessions.prompt(session.session_id, HOLD)
    assert await status_of(client, task.task_id) in AT_WORK


async def test_prompts_on_a_busy_session_queue_in_order(client: Any, arest: Any, scene: Scene) -> None:
    session = await scene.session()
    await scene.running_task(session.session_id)
    first = await client.sessions.prompt(session.session_id, HOLD)
    second = await arest.sessions.prompt(session.session_id, HOLD)
    assert [first.status, second.status] == ["queued", "queued"]
    assert first.queue_position < second.queue_position
    assert await queued_ids(client, session.session_id) == [first.task_id, second.task_id]
    assert await queued_ids(arest, session.session_id) == [first.task_id, second.task_id]


async def test_of_two_prompts_at_once_one_runs_and_one_waits(client: Any, scene: Scene) -> None:
    session = await scene.session()
    tasks = await asyncio.gather(*(client.sessions.prompt(session.session_id, HOLD) for _ in range(2)))
    assert sorted(task.status == "queued" for task in tasks) == [False, True]


async def test_completing_the_running_task_starts_the_next(client: Any, scene: Scene, daemon: Daemon) -> None:
    """Older daemons keep the position that it had in the queue, newer ones clear it."""
    session = await scene.session()
    running = await scene.running_task(session.session_id)
    waiting = await client.sessions.prompt(session.session_id, HOLD)
    ended = await scene.complete(running.task_id)
    assert (ended["status"] if isinstance(ended, dict) else ended.status) == "completed"
    await eventually(lambda: status_is_not(client, waiting.task_id, "queued"))
    position = (await client.service("tasks").get(waiting.task_id)).queue_position
    assert position in (None, waiting.queue_position)
    if daemon.api_version is not None:
        assert position == (waiting.queue_position if daemon.bare else None)
    assert await queued_ids(client, session.session_id) == []


async def status_is_not(client: Any, task_id: str, status: str) -> bool:
    return await status_of(client, task_id) != status


async def has_status(client: Any, task_id: str, *statuses: str) -> bool:
    return await status_of(client, task_id) in statuses


async def test_a_failed_task_leaves_its_session_ready(client: Any, scene: Scene, daemon: Daemon) -> None:
    """It is `idle` on older daemons, `failed` on newer ones, and takes the next prompt on all."""
    session = await scene.session()
    running = await scene.running_task(session.session_id)
    await scene.fail(running.task_id)
    await eventually(lambda: has_status(client, running.task_id, "failed"))
    row = await client.service("sessions").get(session.session_id)
    assert row.status in ("idle", "failed")
    assert row.ready_for_prompt
    if daemon.api_version is not None:
        assert row.status == ("idle" if daemon.bare else "failed")
    await scene.running_task(session.session_id)


async def test_stop_ends_the_running_task_and_the_queue_goes_on(client: Any, scene: Scene) -> None:
    session = await scene.session()
    running = await client.sessions.prompt(session.session_id, HOLD)
    waiting = await client.sessions.prompt(session.session_id, HOLD)
    answer = await client.sessions.stop(session.session_id)
    # Newer daemons may answer before it is done: `success` is False then, `outcome` "pending".
    assert answer["success"] is True or answer["outcome"] == "pending"
    await eventually(lambda: has_status(client, running.task_id, *ENDED), 30)
    await eventually(lambda: status_is_not(client, waiting.task_id, "queued"))


async def test_stop_on_an_idle_session_says_that_there_is_nothing_to_stop(
    client: Any, scene: Scene, daemon: Daemon
) -> None:
    """A failure on older daemons, a success on newer ones; the reason names the status on all."""
    session = await scene.session()
    answer = await client.sessions.stop(session.session_id)
    assert "idle" in answer["reason"]
    if daemon.api_version is not None:
        assert answer["success"] is (not daemon.bare)


async def test_stop_takes_a_short_id(client: Any, scene: Scene) -> None:
    session = await scene.session()
    running = await scene.running_task(session.session_id)
    await client.sessions.stop(session.session_id.replace("-", "")[:24])
    await eventually(lambda: has_status(client, running.task_id, "stopped"), 30)


async def test_the_queue_of_a_short_id_is_the_queue_of_the_session(client: Any, scene: Scene) -> None:
    session = await scene.session()
    await scene.running_task(session.session_id)
    waiting = await client.sessions.prompt(session.session_id, HOLD)
    assert await queued_ids(client, session.session_id.replace("-", "")[:24]) == [waiting.task_id]


async def test_a_created_task_runs_when_told(client: Any, scene: Scene) -> None:
    session = await scene.session()
    waiting = await scene.waiting_task(session.session_id, HOLD)
    task = await client.tasks.run(waiting.task_id)
    assert task.task_id == waiting.task_id
    assert task.status in AT_WORK[1:]
    await eventually(lambda: has_status(client, waiting.task_id, "running"), 30)
    messages = await client.service("messages").find(query={"task_id": waiting.task_id})
    assert [message.role for message in messages][:1] == ["user"]


async def test_a_permission_is_decided_once(client: Any, scene: Scene, daemon: Daemon) -> None:
    """Older daemons save the decision themselves; newer ones hand it to the executor, which saves it."""
    session = await scene.session()
    task = await scene.running_task(session.session_id)
    asked = permission_asked("pending")
    row = await scene.ask_permission(session.session_id, task.task_id, asked)
    decide = client.service(f"sessions/{session.session_id}/permission-decision").create
    decision = {
        "requestId": asked["request_id"],
        "taskId": task.task_id,
        "allow": True,
        "remember": False,
        "scope": "once",
        "decidedBy": session.created_by,
    }
    assert (await decide(decision))["success"] is True
    if daemon.bare:
        read = await client.service("messages").get(row)
        assert read.content["status"] == "approved"
    else:
        await scene.patch_message(row, content={**asked, "status": "approved"})
    again = await decide(decision)
    assert (again["success"], again["alreadyResolved"], again["status"]) == (False, True, "approved")


async def test_a_decision_without_its_task_is_refused_by_newer_daemons(
    client: Any, scene: Scene, daemon: Daemon
) -> None:
    session = await scene.session()
    task = await scene.running_task(session.session_id)
    asked = permission_asked("pending")
    await scene.ask_permission(session.session_id, task.task_id, asked)
    decide = client.service(f"sessions/{session.session_id}/permission-decision").create
    decision = {"requestId": asked["request_id"], "allow": False, "remember": False, "scope": "once"}
    answer, refusal = await tried(decide({**decision, "decidedBy": session.created_by}))
    if daemon.api_version is not None:
        assert (refusal is None) is daemon.bare
    if refusal is None:
        assert answer["success"] is True
    else:
        assert isinstance(refusal, BadRequest)
        assert "taskId" in str(refusal)


async def test_a_decision_is_announced_by_older_daemons_and_saved_by_all(
    client: Any, scene: Scene, daemon: Daemon
) -> None:
    if not daemon.bare:
        daemon.not_offered("the event of a decision")  # only the executor of the task receives it
    session = await scene.session()
    task = await scene.running_task(session.session_id)
    asked = permission_asked("pending")
    await scene.ask_permission(session.session_id, task.task_id, asked)
    resolved: list[Any] = []
    client.service("messages").on("permission_resolved", resolved.append)
    decision = {"requestId": asked["request_id"], "allow": True, "remember": False, "scope": "once"}
    await client.service(f"sessions/{session.session_id}/permission-decision").create(
        {**decision, "decidedBy": session.created_by}
    )
    await eventually(
        lambda: [event for event in resolved if _of(event, "requestId", "request_id") == asked["request_id"]]
    )


def permission_asked(status: str) -> dict[str, Any]:
    command = {"command": "ls"}
    return {"request_id": str(uuid.uuid4()), "tool_name": "Bash", "tool_input": command, "status": status}


def _of(event: Any, *names: str) -> Any:
    return next((event[name] for name in names if isinstance(event, dict) and name in event), None) or next(
        (getattr(event, name) for name in names if hasattr(event, name)), None
    )
