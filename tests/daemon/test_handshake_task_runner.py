"""Today's version: prompts, the queue, tools and thinking, and what may be done to tasks and messages."""

from __future__ import annotations

from typing import Any

import httpx2
import pytest

from agor_reactive.daemon import ApiVersionName, EmbeddedDaemon

from .conftest import Open, Watcher, bearer, log_in, steps
from .test_rows import message

DISPATCHED = ["messages created user", "sessions patched running"]
THOUGHT = [
    "tasks patched running",
    "messages thinking:start",
    "messages thinking:chunk",
    "messages thinking:end",
    "messages created assistant",
]
WRITTEN = ["messages streaming:start", "messages streaming:chunk", "messages streaming:end"]
TOOL = ["tasks tool:start", "tasks tool:complete", "messages created assistant", "messages created user"]
ENDED = ["messages created assistant", "sessions patched idle", "tasks patched completed"]


@pytest.fixture
def api_version() -> ApiVersionName:
    return "handshake"


@pytest.fixture
async def session_id(daemon: EmbeddedDaemon, watcher: Watcher) -> str:
    made: str = await watcher.new_session(daemon)
    await watcher.until(lambda: watcher.of("sessions created"))
    watcher.received.clear()
    return made


async def test_an_idle_prompt_is_dispatched_and_runs_when_its_executor_connects(
    watcher: Watcher, session_id: str
) -> None:
    task = await watcher.prompt(session_id, "Look around. [tools:0]")
    assert task["status"] == "dispatching"
    ended = await watcher.ended(task["task_id"])
    assert steps(watcher) == ["tasks created dispatching", *DISPATCHED, *THOUGHT, *WRITTEN, *ENDED]
    assert {"started_at", "executor_connected_at", "executor_mode", "last_executor_heartbeat_at"} <= set(ended)
    assert (await watcher.ok("get", "tasks", task["task_id"]))["started_at"] == task["started_at"]


async def test_a_tools_call_and_its_result_are_saved_apart_and_complete_means_the_call_is_written(
    watcher: Watcher, session_id: str
) -> None:
    task = await watcher.prompt(session_id, "Look around. [tools:2]")
    await watcher.ended(task["task_id"])
    assert steps(watcher) == [
        "tasks created dispatching", *DISPATCHED, *THOUGHT, *WRITTEN, *TOOL, *TOOL, *WRITTEN, *ENDED,
    ]  # fmt: skip
    saved = (await watcher.ok("find", "messages", {"session_id": session_id}))["data"]
    kinds = [[block["type"] for block in row["content"]] for row in saved[1:]]
    assert kinds == [
        ["thinking"], ["text", "tool_use"], ["tool_result"], ["tool_use"], ["tool_result"], ["text"],
    ]  # fmt: skip
    assert saved[2]["content"][1]["id"] == saved[3]["content"][0]["tool_use_id"]
    assert "is_error" not in saved[3]["content"][0]


async def test_thinking_has_a_message_id_of_its_own(watcher: Watcher, session_id: str) -> None:
    task = await watcher.prompt(session_id, "Think. [tools:0]")
    await watcher.ended(task["task_id"])
    (thinking,) = watcher.of("messages thinking:start")
    (text,) = watcher.of("messages streaming:start")
    assert thinking["message_id"] != text["message_id"]
    saved = await watcher.ok("get", "messages", thinking["message_id"])
    streamed = "".join(row["chunk"] for row in watcher.of("messages thinking:chunk"))
    assert saved["content"] == [{"type": "thinking", "thinking": streamed}]


async def test_a_busy_prompt_is_created_and_queued_and_dispatched_when_its_turn_comes(
    watcher: Watcher, session_id: str
) -> None:
    await watcher.prompt(session_id, "Go on. [hold]")
    await watcher.until(lambda: [row for row in watcher.of("tasks patched") if row["status"] == "running"])
    watcher.received.clear()
    waiting = await watcher.prompt(session_id, "Then this. [tools:0]")
    assert (waiting["status"], waiting["queue_position"]) == ("queued", 1)
    assert steps(watcher) == ["tasks created queued", "tasks queued queued"]
    watcher.received.clear()
    answer = await watcher.ok("create", f"sessions/{session_id}/stop", {"reason": "enough"})
    assert answer["queuedTasksPreserved"] == 1
    await watcher.ended(waiting["task_id"])
    assert steps(watcher)[:7] == [
        "tasks patched stopping", "sessions patched stopping", "tasks patched stopped", "sessions patched idle",
        "tasks patched dispatching", *DISPATCHED,
    ]  # fmt: skip


async def test_at_a_hand_over_the_next_is_dispatched_before_the_last_has_ended(
    watcher: Watcher, session_id: str
) -> None:
    first = await watcher.prompt(session_id, "a [hold]")
    second = await watcher.prompt(session_id, "b [tools:0]")
    watcher.received.clear()
    await watcher.ok("create", f"tasks/{first['task_id']}/complete", {})
    await watcher.ended(second["task_id"])
    notified = steps(watcher)
    start = notified.index("sessions patched idle")
    assert notified[start : start + 5] == [
        "sessions patched idle", "tasks patched dispatching", *DISPATCHED, "tasks patched completed",
    ]  # fmt: skip


@pytest.mark.parametrize("version", ["worktrees", "branches", "handshake"])
@pytest.mark.parametrize("ending", ["stop", "complete", "fail"])
async def test_a_held_task_writes_nothing_until_a_route_ends_it(
    start: Any, connect: Open, version: ApiVersionName, ending: str
) -> None:
    daemon = await start(api_version=version)
    watcher = await connect(daemon)
    session_id = await watcher.new_session(daemon)
    answer = await watcher.prompt(session_id, "Hold. [hold]")
    task_id = answer.get("task_id") or answer["taskId"]
    await watcher.until(lambda: [row for row in watcher.of("tasks patched") if "last_executor_heartbeat_at" in row])
    route = f"sessions/{session_id}/stop" if ending == "stop" else f"tasks/{task_id}/{ending}"
    await watcher.ok("create", route, {})
    ended = await watcher.ended(task_id)
    assert ended["status"] == {"stop": "stopped", "complete": "completed", "fail": "failed"}[ending]
    assert (await watcher.ok("find", "messages", {"session_id": session_id}))["total"] == 1
    assert not [name for name in watcher.names() if "ing:" in name]
    session = await watcher.ok("get", "sessions", session_id)
    failed = (ending, version) == ("fail", "handshake")
    assert (session["status"], session["ready_for_prompt"]) == ("failed" if failed else "idle", True)


async def test_a_prompt_with_metadata_is_refused_and_a_source_ignored(watcher: Watcher, session_id: str) -> None:
    route = f"sessions/{session_id}/prompt"
    fault = await watcher.fault("create", route, {"prompt": "x", "metadata": {"a": 1}})
    assert (fault["code"], fault["message"]) == (403, "Task metadata is internal-only")
    task = await watcher.prompt(session_id, "x [tools:0]", messageSource="gateway")
    await watcher.ended(task["task_id"])
    assert "metadata" not in task
    assert "metadata" not in watcher.of("messages created")[0]


async def test_tasks_are_made_one_by_one_as_created_and_then_left_alone(watcher: Watcher, session_id: str) -> None:
    for status in ("running", "queued", "completed"):
        fault = await watcher.fault("create", "tasks", {"session_id": session_id, "status": status})
        assert (fault["code"], fault["message"]) == (400, "Externally created tasks must use status created")
    several = await watcher.fault("create", "tasks", [{"session_id": session_id}])
    assert (several["code"], several["message"]) == (400, "Task creation requires one task")
    assert (await watcher.fault("create", "tasks/bulk", [{}]))["code"] == 404
    made = await watcher.ok("create", "tasks", {"session_id": session_id, "full_prompt": "x", "status": "created"})
    patch = await watcher.fault("patch", "tasks", made["task_id"], {"status": "failed"})
    assert (patch["code"], "executor token" in patch["message"]) == (403, True)
    assert (await watcher.fault("update", "tasks", made["task_id"], {}))["code"] == 405
    removal = await watcher.fault("remove", "tasks", made["task_id"])
    assert (removal["name"], removal["message"]) == ("RepositoryError", "Only queued tasks can be deleted")
    await watcher.prompt(session_id, "a [hold]")
    queued = await watcher.prompt(session_id, "b")
    assert (await watcher.ok("remove", "tasks", queued["task_id"]))["task_id"] == queued["task_id"]
    assert (await watcher.ok("find", f"sessions/{session_id}/tasks/queue"))["total"] == 0


async def test_a_created_task_runs_when_its_creator_asks_and_the_turn_is_free(
    daemon: EmbeddedDaemon, watcher: Watcher, session_id: str
) -> None:
    made = [await watcher.ok("create", "tasks", {"session_id": session_id, "full_prompt": "x [hold]"}) for _ in "ab"]
    await watcher.ok("create", "users", {"email": "m@x.test", "password": "secret-1", "role": "member"})
    member = bearer((await log_in(daemon, strategy="local", email="m@x.test", password="secret-1"))["accessToken"])
    async with httpx2.AsyncClient(base_url=daemon.url, headers=member) as http:
        assert (await http.post(f"/tasks/{made[0]['task_id']}/run", json={})).status_code == 403
    watcher.received.clear()
    ran = await watcher.ok("create", f"tasks/{made[0]['task_id']}/run", {})
    assert ran["status"] == "dispatching"
    await watcher.until(lambda: [row for row in watcher.of("tasks patched") if row["status"] == "running"])
    assert steps(watcher) == ["tasks patched dispatching", *DISPATCHED, "tasks patched running"]
    for task in made:
        assert (await watcher.fault("create", f"tasks/{task['task_id']}/run", {}))["code"] == 409
    assert (await watcher.fault("create", "tasks/ffffffff/run", {}))["code"] == 404


async def test_messages_are_made_one_by_one_and_few_fields_change(watcher: Watcher, session_id: str) -> None:
    several = await watcher.fault("create", "messages", [message(session_id, 1)])
    assert (several["code"], several["message"]) == (400, "Bulk Message create is not supported")
    assert (await watcher.fault("create", "messages/bulk", [message(session_id, 1)]))["code"] == 404
    unnamed = {name: value for name, value in message(session_id, 1).items() if name != "message_id"}
    made = await watcher.ok("create", "messages", unnamed)
    assert len(made["message_id"]) == 36
    patched = await watcher.ok("patch", "messages", made["message_id"], {"content": "new"})
    assert patched["content"] == "new"
    frozen = await watcher.fault("patch", "messages", made["message_id"], {"index": 7})
    assert (frozen["code"], frozen["message"]) == (400, "Message fields are immutable")
    assert (await watcher.fault("update", "messages", made["message_id"], {}))["code"] == 405


async def test_removing_a_session_removes_its_offspring_first(watcher: Watcher, session_id: str) -> None:
    child = await watcher.ok("create", f"sessions/{session_id}/fork", {"prompt": "Another way"})
    grandchild = await watcher.ok("create", f"sessions/{child['session_id']}/spawn", {"prompt": "A helper"})
    await watcher.ok("remove", "sessions", session_id)
    removed = [row["session_id"] for row in watcher.of("sessions removed")]
    assert removed == [grandchild["session_id"], child["session_id"], session_id]


async def test_a_session_is_archived_with_its_offspring_if_asked_and_comes_back(
    watcher: Watcher, session_id: str
) -> None:
    child = await watcher.ok("create", f"sessions/{session_id}/fork", {"prompt": "Another way"})
    alone = await watcher.ok("create", f"sessions/{session_id}/archive", {})
    assert (alone["session"]["archived"], alone["session"]["archived_reason"], alone["count"]) == (True, "manual", 1)
    both = await watcher.ok("create", f"sessions/{session_id}/archive", {"includeChildren": True})
    assert [row["session_id"] for row in both["affectedSessions"]] == [session_id, child["session_id"]]
    kept = await watcher.ok("get", "sessions", child["session_id"])
    assert (kept["archived"], kept["archived_reason"]) == (True, "parent_archived")
    back = await watcher.ok("create", f"sessions/{session_id}/unarchive", {"includeChildren": True})
    assert (back["count"], back["session"]["archived"], "archived_reason" in back["session"]) == (2, False, False)
    assert watcher.of("sessions patched")[-1]["archived"] is False


async def test_a_session_is_initialized_for_its_user(watcher: Watcher, session_id: str) -> None:
    route = f"sessions/{session_id}/initialize"
    assert (await watcher.fault("create", route, {}))["code"] == 400
    assert (await watcher.fault("create", route, {"expectedUserId": "somebody"}))["code"] == 409
    mine = (await watcher.ok("find", "users"))["data"][0]["user_id"]
    assert await watcher.ok("create", route, {"expectedUserId": mine}) == {"sessionId": session_id}
    prompted = await watcher.ok("create", route, {"expectedUserId": mine, "prompt": "Begin. [hold]"})
    assert prompted["task"]["status"] == "dispatching"


@pytest.mark.parametrize("version", ["worktrees", "branches"])
async def test_older_versions_lack_the_new_routes(start: Any, connect: Open, version: ApiVersionName) -> None:
    daemon = await start(api_version=version)
    watcher = await connect(daemon)
    session_id = await watcher.new_session(daemon)
    for route in ("initialize", "archive", "unarchive"):
        assert (await watcher.fault("create", f"sessions/{session_id}/{route}", {}))["code"] == 404
