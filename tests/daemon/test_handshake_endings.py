"""Today's version: stops that may be pending, and permission decisions that are delivered."""

from __future__ import annotations

import pytest

from agor_reactive.daemon import ApiVersionName, EmbeddedDaemon

from .conftest import Row, Watcher


@pytest.fixture
def api_version() -> ApiVersionName:
    return "handshake"


@pytest.fixture
async def session_id(daemon: EmbeddedDaemon, watcher: Watcher) -> str:
    made: str = await watcher.new_session(daemon)
    return made


async def test_a_stop_names_what_it_stopped_and_keeps_its_reason(watcher: Watcher, session_id: str) -> None:
    task = await watcher.prompt(session_id, "Go. [hold]")
    await watcher.prompt(session_id, "Then this. [hold]")
    answer = await watcher.ok("create", f"sessions/{session_id}/stop", {"reason": "enough"})
    assert answer == {
        "success": True, "status": "idle", "stoppedTaskId": task["task_id"], "queuedTasksPreserved": 1,
    }  # fmt: skip
    stopped = await watcher.ok("get", "tasks", task["task_id"])
    assert stopped["termination_request"]["error_message"] == "enough"
    assert stopped["status"] == "stopped"


async def test_a_stop_of_an_idle_session_succeeds(watcher: Watcher, session_id: str) -> None:
    answer = await watcher.ok("create", f"sessions/{session_id}/stop", {})
    assert (answer["success"], answer["reason"]) == (True, "Session is already idle")


async def test_a_stop_can_be_bound_to_the_task_that_was_seen(watcher: Watcher, session_id: str) -> None:
    route = f"sessions/{session_id}/stop"
    task = await watcher.prompt(session_id, "Go. [hold]")
    other = await watcher.prompt(session_id, "Then this. [hold]")
    for odd in (task["task_id"][:8], task["task_id"].replace("-", "")[:24], "", 3):
        assert (await watcher.fault("create", route, {"expected_task_id": odd}))["code"] == 400, odd
    missed = await watcher.ok("create", route, {"expected_task_id": other["task_id"]})
    assert (missed["success"], missed["outcome"]) == (False, "condition_changed")
    assert (await watcher.ok("get", "sessions", session_id))["status"] == "running"
    hit = await watcher.ok("create", route, {"expected_task_id": task["task_id"]})
    assert (hit["success"], hit["stoppedTaskId"]) == (True, task["task_id"])
    late = await watcher.ok("create", route, {"expected_task_id": task["task_id"]})
    assert (late["success"], late["outcome"]) == (False, "condition_changed")


async def test_a_stubborn_task_is_stopping_at_first_and_ends_later(watcher: Watcher, session_id: str) -> None:
    task = await watcher.prompt(session_id, "Go. [hold] [stubborn]")
    waiting = await watcher.prompt(session_id, "Then this. [tools:0]")
    answer = await watcher.ok("create", f"sessions/{session_id}/stop", {})
    assert (answer["success"], answer["outcome"], answer["status"]) == (False, "pending", "stopping")
    assert answer["stoppedTaskId"] == task["task_id"]
    assert answer["pendingCode"]
    assert answer["reason"]
    assert (await watcher.ok("get", "tasks", task["task_id"]))["status"] == "stopping"
    again = await watcher.ok("create", f"sessions/{session_id}/stop", {})
    assert again == answer
    third = await watcher.prompt(session_id, "And this. [tools:0]")
    assert third["status"] == "queued"
    assert (await watcher.ended(task["task_id"]))["status"] == "stopped"
    for queued in (waiting, third):
        assert (await watcher.ended(queued["task_id"]))["status"] == "completed"


async def test_a_stubborn_task_that_ends_by_itself_is_not_stopped_any_more(watcher: Watcher, session_id: str) -> None:
    task = await watcher.prompt(session_id, "Go. [hold] [stubborn]")
    await watcher.ok("create", f"sessions/{session_id}/stop", {})
    await watcher.ok("create", f"tasks/{task['task_id']}/complete", {})
    assert (await watcher.ended(task["task_id"]))["status"] == "completed"
    next_one = await watcher.prompt(session_id, "Next. [tools:0]")
    assert (await watcher.ended(next_one["task_id"]))["status"] == "completed"
    assert (await watcher.ok("get", "tasks", task["task_id"]))["status"] == "completed"


async def asked(watcher: Watcher, session_id: str, prompt: str) -> tuple[Row, Row]:
    """The decision that fits the request of a new prompt, and the prompt's task."""
    task = await watcher.prompt(session_id, prompt)
    await watcher.until(
        lambda: [row for row in watcher.of("sessions patched") if row["status"] == "awaiting_permission"]
    )
    request = [row for row in watcher.of("messages created") if row["type"] == "permission_request"][-1]
    return {"requestId": request["content"]["request_id"], "taskId": task["task_id"], "allow": True}, request


def settled(watcher: Watcher, message_id: str) -> list[Row]:
    return [row for row in watcher.of("messages patched") if row["message_id"] == message_id]


async def test_a_decision_is_settled_by_the_rows_patch(watcher: Watcher, session_id: str) -> None:
    decision, request = await asked(watcher, session_id, "May I? [permission]")
    calls = [row for row in watcher.of("messages created") if row.get("tool_uses")]
    assert len(calls) == 1, "the call is saved before anybody is asked"
    route = f"sessions/{session_id}/permission-decision"
    assert await watcher.ok("create", route, {**decision, "decidedBy": "somebody"}) == {"success": True}
    (row,) = await watcher.until(lambda: settled(watcher, request["message_id"]))
    me = (await watcher.ok("find", "users"))["data"][0]["user_id"]
    assert (row["content"]["status"], row["content"]["approved_by"]) == ("approved", me)
    again = await watcher.ok("create", route, decision)
    assert (again["success"], again["alreadyResolved"], again["status"]) == (False, True, "approved")
    ended = await watcher.ended(decision["taskId"])
    assert ended["status"] == "completed"
    results = [row for row in watcher.of("messages created") if row["role"] == "user"][1:]
    assert "is_error" not in results[0]["content"][0]


async def test_a_denied_tool_does_not_run_and_its_result_says_denied(watcher: Watcher, session_id: str) -> None:
    decision, request = await asked(watcher, session_id, "May I? [permission]")
    route = f"sessions/{session_id}/permission-decision"
    await watcher.ok("create", route, {**decision, "allow": False})
    await watcher.ended(decision["taskId"])
    assert settled(watcher, request["message_id"])[0]["content"]["status"] == "denied"
    result = [row for row in watcher.of("messages created") if row["role"] == "user"][-1]["content"][0]
    assert (result["type"], result["is_error"]) == ("tool_result", True)
    assert "denied" in result["content"].lower()


async def test_a_lost_decision_leaves_the_request_pending_until_it_is_sent_again(
    watcher: Watcher, session_id: str
) -> None:
    decision, request = await asked(watcher, session_id, "May I? [lossy-permission]")
    route = f"sessions/{session_id}/permission-decision"
    assert await watcher.ok("create", route, decision) == {"success": True}
    kept = await watcher.ok("get", "messages", request["message_id"])
    assert kept["content"]["status"] == "pending"
    assert settled(watcher, request["message_id"]) == []
    assert await watcher.ok("create", route, decision) == {"success": True}
    assert (await watcher.ended(decision["taskId"]))["status"] == "completed"
    assert settled(watcher, request["message_id"])[0]["content"]["status"] == "approved"


async def test_a_decision_names_request_and_task_and_says_yes_or_no(watcher: Watcher, session_id: str) -> None:
    decision, _ = await asked(watcher, session_id, "May I? [permission]")
    route = f"sessions/{session_id}/permission-decision"
    for name in decision:
        lacking = {key: value for key, value in decision.items() if key != name}
        fault = await watcher.fault("create", route, lacking)
        assert (fault["code"], name in fault["message"]) == (400, True)
    for odd in ({"allow": "yes"}, {"taskId": 3}, {"scope": "project"}, {"scope": "once", "remember": True}):
        assert (await watcher.fault("create", route, {**decision, **odd}))["code"] == 400, odd
    for odd in ({"requestId": "x"}, {"taskId": session_id}):
        fault = await watcher.fault("create", route, {**decision, **odd})
        assert (fault["code"], fault["name"]) == (404, "NotFound"), odd
    remembered = {**decision, "remember": True, "scope": "project"}
    assert await watcher.ok("create", route, remembered) == {"success": True}
    assert (await watcher.ended(decision["taskId"]))["status"] == "completed"
