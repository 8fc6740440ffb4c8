"""The events of prompts that run, queue, stop, fail and request permission."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from agor_reactive.daemon import EmbeddedDaemon

from .conftest import Open, steps

Start = Callable[..., Awaitable[EmbeddedDaemon]]

ADMITTED = [
    "tasks created created",
    "patched",
    "tasks patched running",
    "created",
    "messages created user",
    "patched",
    "sessions patched running",
    "sessions/:id/prompt created running",
]
STARTED_FROM_QUEUE = ADMITTED[1:7]
ANSWERED = [
    "patched",
    "tasks patched running",
    "messages thinking:start",
    "messages thinking:chunk",
    "messages thinking:end",
    "messages streaming:start",
    "messages streaming:chunk",
    "messages streaming:end",
]
SAVED = ["created", "messages created assistant"]
IDLE = ["patched", "patched", "sessions patched idle"]


async def test_an_idle_prompt_is_told_in_the_order_of_a_real_daemon(daemon: EmbeddedDaemon, connect: Open) -> None:
    watcher = await connect()
    session_id = await watcher.new_session(daemon)
    watcher.received.clear()
    task = await watcher.prompt(session_id, "Look around. [tools:0]")
    await watcher.ended(task["task_id"])
    assert steps(watcher) == [*ADMITTED, *ANSWERED, *SAVED, *IDLE, "tasks patched completed"]


async def test_tools_are_told_and_saved_between_two_streams(daemon: EmbeddedDaemon, connect: Open) -> None:
    watcher = await connect()
    session_id = await watcher.new_session(daemon)
    watcher.received.clear()
    task = await watcher.prompt(session_id, "Look around. [tools:2]")
    ended = await watcher.ended(task["task_id"])
    tool = ["tasks tool:start", "tasks tool:complete", *SAVED, "created", "messages created user"]
    notified = [
        *ADMITTED, *ANSWERED, *tool, *tool, *ANSWERED[5:], *SAVED, *IDLE, "tasks patched completed",
    ]  # fmt: skip
    assert steps(watcher) == notified
    assert ended["tool_use_count"] == 2
    saved = (await watcher.ok("find", "messages", {"session_id": session_id}))["data"]
    assert [row["index"] for row in saved] == list(range(len(saved)))
    uses = [block["id"] for row in saved for block in row["content"] if isinstance(block, dict) and "name" in block]
    results = [block["tool_use_id"] for row in saved for block in row["content"] if "tool_use_id" in block]
    assert uses == results == [row["tool_use_id"] for row in watcher.of("tasks tool:start")]


async def test_the_saved_text_is_the_streamed_text_and_the_end_carries_the_count(
    daemon: EmbeddedDaemon, connect: Open
) -> None:
    watcher = await connect()
    session_id = await watcher.new_session(daemon)
    task = await watcher.prompt(session_id, "Count. [tools:0] [chunks:60]")
    await watcher.ended(task["task_id"])
    chunks = watcher.of("messages streaming:chunk")
    end = watcher.of("messages streaming:end")[-1]
    saved = watcher.of("messages created")[-1]
    assert [row["sequence"] for row in chunks] == list(range(60))
    assert end["sequence"] == 60
    assert saved["message_id"] == end["message_id"]
    assert saved["content"] == [{"type": "text", "text": "".join(row["chunk"] for row in chunks)}]


async def test_nameless_twins_carry_an_explicit_null(daemon: EmbeddedDaemon, connect: Open) -> None:
    watcher = await connect()
    await watcher.new_session(daemon)
    assert ("created", None) in watcher.raw


async def test_two_prompts_at_once_give_one_running_and_one_queued(daemon: EmbeddedDaemon, connect: Open) -> None:
    watcher = await connect()
    session_id = await watcher.new_session(daemon)
    tasks = await asyncio.gather(*(watcher.prompt(session_id, f"{n} [slow]") for n in range(3)))
    assert [row["status"] for row in tasks] == ["running", "queued", "queued"]
    assert [row.get("queue_position") for row in tasks] == [None, 1, 2]
    queue = await watcher.ok("find", f"sessions/{session_id}/tasks/queue")
    assert queue["total"] == 2
    assert [row["queue_position"] for row in queue["data"]] == [1, 2]
    assert "limit" not in queue


async def test_a_stop_is_told_before_the_queue_drains_and_the_next_runs_before_the_last_ended(
    daemon: EmbeddedDaemon, connect: Open
) -> None:
    watcher = await connect()
    session_id = await watcher.new_session(daemon)
    slow = await watcher.prompt(session_id, "Go on. [slow]")
    await watcher.until(lambda: watcher.of("messages streaming:chunk"))
    first = await watcher.prompt(session_id, "a [tools:0]")
    second = await watcher.prompt(session_id, "b [tools:0]")
    assert [name for name in steps(watcher) if "queued" in name] == [
        "tasks queued queued",
        "sessions/:id/prompt created queued",
    ] * 2
    watcher.received.clear()
    answer = await watcher.ok("create", f"sessions/{session_id}/stop", {})
    assert answer == {"success": True, "status": "idle"}
    await watcher.ended(second["task_id"])
    notified = steps(watcher)
    start = notified.index("patched")
    assert notified[start:] == [
        "patched", "tasks patched stopped", "patched", "sessions patched idle", "sessions/:id/stop created idle",
        *STARTED_FROM_QUEUE,
        *ANSWERED, *SAVED, *IDLE,
        *STARTED_FROM_QUEUE, "tasks patched completed",
        *ANSWERED, *SAVED, *IDLE, "tasks patched completed",
    ]  # fmt: skip
    rows = (await watcher.ok("find", "tasks", {"session_id": session_id}))["data"]
    assert [(row["task_id"], row["status"]) for row in rows] == [
        (slow["task_id"], "stopped"), (first["task_id"], "completed"), (second["task_id"], "completed"),
    ]  # fmt: skip
    assert [row.get("queue_position") for row in rows] == [None, 1, 2]
    session = await watcher.ok("get", "sessions", session_id)
    assert session["tasks"] == [row["task_id"] for row in rows]


async def test_started_at_is_told_once_and_never_kept(daemon: EmbeddedDaemon, connect: Open) -> None:
    watcher = await connect()
    session_id = await watcher.new_session(daemon)
    task = await watcher.prompt(session_id, "Go. [tools:0]")
    await watcher.ended(task["task_id"])
    patched = watcher.of("tasks patched")
    assert "started_at" in task
    assert ["started_at" in row for row in patched] == [True, *[False] * (len(patched) - 1)]
    assert "started_at" not in await watcher.ok("get", "tasks", task["task_id"])


async def test_a_failing_turn_leaves_an_error_and_an_idle_session(daemon: EmbeddedDaemon, connect: Open) -> None:
    watcher = await connect()
    session_id = await watcher.new_session(daemon)
    task = await watcher.prompt(session_id, "Try. [fail] [tools:0]")
    ended = await watcher.ended(task["task_id"])
    assert ended["status"] == "failed"
    assert ended["error_message"]
    assert watcher.of("messages streaming:error")[0]["error"] == ended["error_message"]
    session = await watcher.ok("get", "sessions", session_id)
    assert (session["status"], session["ready_for_prompt"]) == ("idle", True)


async def test_a_vanished_executor_is_noticed(daemon: EmbeddedDaemon, connect: Open) -> None:
    watcher = await connect()
    session_id = await watcher.new_session(daemon)
    task = await watcher.prompt(session_id, "Try. [crash] [tools:0]")
    ended = await watcher.ended(task["task_id"])
    assert ended["error_message"] == "Executor exited unexpectedly with code unknown."


async def test_a_permission_is_asked_waited_for_and_answered_once(daemon: EmbeddedDaemon, connect: Open) -> None:
    watcher = await connect()
    session_id = await watcher.new_session(daemon)
    task = await watcher.prompt(session_id, "May I? [permission]")
    await watcher.until(
        lambda: [row for row in watcher.of("sessions patched") if row["status"] == "awaiting_permission"]
    )
    request = next(row for row in watcher.of("messages created") if row["type"] == "permission_request")
    assert request["content"]["status"] == "pending"
    assert watcher.of("tasks patched")[-1]["status"] == "awaiting_permission"
    decision = {"requestId": request["content"]["request_id"], "allow": True, "remember": False, "scope": "once"}
    route = f"sessions/{session_id}/permission-decision"
    assert await watcher.ok("create", route, decision) == {"success": True}
    again = await watcher.ok("create", route, decision)
    assert (again["success"], again["alreadyResolved"], again["status"]) == (False, True, "approved")
    unknown = await watcher.fault("create", route, {**decision, "requestId": "x"})
    assert unknown["message"] == "Permission request x not found"
    assert (await watcher.ended(task["task_id"]))["status"] == "completed"
    resolved = watcher.of("messages permission_resolved")[0]
    assert (resolved["sessionId"], resolved["taskId"], resolved["allow"]) == (session_id, task["task_id"], True)


async def test_a_denied_tool_leaves_an_error_as_its_result(daemon: EmbeddedDaemon, connect: Open) -> None:
    watcher = await connect()
    session_id = await watcher.new_session(daemon)
    task = await watcher.prompt(session_id, "May I? [permission]")
    await watcher.until(lambda: [row for row in watcher.of("tasks patched") if row["status"] == "awaiting_permission"])
    request = next(row for row in watcher.of("messages created") if row["type"] == "permission_request")
    decision = {"requestId": request["content"]["request_id"], "allow": False}
    await watcher.ok("create", f"sessions/{session_id}/permission-decision", decision)
    await watcher.ended(task["task_id"])
    result = [row for row in watcher.of("messages created") if row["role"] == "user"][-1]["content"][0]
    assert (result["is_error"], "denied" in result["content"].lower()) == (True, True)
    assert watcher.of("tasks tool:start") == watcher.of("tasks tool:complete") == []  # it did not run


async def test_shuffled_chunks_still_make_the_saved_text_by_their_numbers(
    daemon: EmbeddedDaemon, connect: Open
) -> None:
    watcher = await connect()
    session_id = await watcher.new_session(daemon)
    task = await watcher.prompt(session_id, "Mix. [shuffle] [tools:0] [chunks:80]")
    await watcher.ended(task["task_id"])
    chunks = watcher.of("messages streaming:chunk")
    assert [row["sequence"] for row in chunks] != sorted(row["sequence"] for row in chunks)
    assert len(chunks) > 80
    text = "".join(chunk for _, chunk in sorted({row["sequence"]: row["chunk"] for row in chunks}.items()))
    assert watcher.of("messages created")[-1]["content"][0]["text"] == text


async def test_the_same_seed_says_the_same(start: Start, connect: Open) -> None:
    said = []
    for seed in (7, 7, 8):
        daemon = await start(seed=seed)
        watcher = await connect(daemon)
        task = await watcher.prompt(await watcher.new_session(daemon), "Tell me about the queue.")
        await watcher.ended(task["task_id"])
        said.append([(row["chunk"], row["message_id"]) for row in watcher.of("messages streaming:chunk")])
    assert said[0] == said[1]
    assert said[0] != said[2]


async def test_a_task_made_by_hand_runs_when_asked(daemon: EmbeddedDaemon, connect: Open) -> None:
    watcher = await connect()
    session_id = await watcher.new_session(daemon)
    made = await watcher.ok("create", "tasks", {"session_id": session_id, "full_prompt": "By hand. [slow]"})
    assert made["status"] == "created"
    ran = await watcher.ok("create", f"tasks/{made['task_id']}/run", {})
    assert ran["status"] == "running"
    assert "started_at" in ran
    twice = await watcher.fault("create", f"tasks/{made['task_id']}/run", {})
    assert (twice["code"], twice["name"]) == (409, "Conflict")
    assert "Only 'created' tasks may be triggered." in twice["message"]
    other = await watcher.ok("create", "tasks", {"session_id": session_id, "full_prompt": "Wait."})
    busy = await watcher.fault("create", f"tasks/{other['task_id']}/run", {})
    assert (busy["code"], "session is 'running'" in busy["message"]) == (409, True)
    missing = await watcher.fault("create", "tasks/ffffffff/run", {})
    assert (missing["code"], missing["className"]) == (404, "not-found")


async def test_a_session_that_does_nothing_cannot_be_stopped_and_a_short_id_stops_nothing(
    daemon: EmbeddedDaemon, connect: Open
) -> None:
    watcher = await connect()
    session_id = await watcher.new_session(daemon)
    short = session_id.replace("-", "")[:24]
    idle = await watcher.ok("create", f"sessions/{short}/stop", {})
    assert idle == {"success": False, "reason": "Session cannot be stopped (status: idle)"}
    await watcher.prompt(short, "Go. [slow]")
    refused = await watcher.fault("create", f"sessions/{short}/stop", {})
    assert (refused["code"], refused["message"]) == (400, "validation failed")
    empty = await watcher.ok("find", f"sessions/{short}/tasks/queue")
    assert empty == {"total": 0, "data": []}


async def test_prompts_that_cannot_be_taken_are_plain_errors(daemon: EmbeddedDaemon, connect: Open) -> None:
    watcher = await connect()
    session_id = await watcher.new_session(daemon)
    empty = await watcher.fault("create", f"sessions/{session_id}/prompt", {})
    assert empty["message"] == "Prompt required"
    assert "code" not in empty
    assert "stack" in empty
    await watcher.ok("patch", "sessions", session_id, {"status": "stopping"})
    stopping = await watcher.fault("create", f"sessions/{session_id}/prompt", {"prompt": "x"})
    assert stopping["message"] == "Cannot send prompt: session is currently stopping"


async def test_removing_a_session_ends_its_agent_and_tells_only_of_the_session(
    daemon: EmbeddedDaemon, connect: Open
) -> None:
    watcher = await connect()
    session_id = await watcher.new_session(daemon)
    await watcher.prompt(session_id, "Go. [slow] [tools:0]")
    await watcher.until(lambda: watcher.of("messages streaming:chunk"))
    await watcher.ok("remove", "sessions", session_id)
    assert steps(watcher)[-2:] == ["removed", "sessions removed running"]
    assert (await watcher.ok("find", "messages", {"session_id": session_id}))["total"] == 0
    assert (await watcher.ok("find", "tasks", {"session_id": session_id}))["total"] == 0


async def test_the_old_era_speaks_of_worktrees_and_answers_prompts_with_an_envelope(
    start: Start, connect: Open
) -> None:
    daemon = await start(api_version="worktrees")
    watcher = await connect(daemon)
    session_id = await watcher.new_session(daemon)
    first = await watcher.prompt(session_id, "Go. [slow]")
    second = await watcher.prompt(session_id, "Wait.")
    assert (first["success"], first["status"], first["streaming"]) == (True, "running", True)
    assert (second["queued"], second["queue_position"]) == (True, 1)
    assert second["message"]["task_id"] == second["taskId"]
    assert (await watcher.ok("get", "sessions", session_id))["worktree_id"] == daemon.workspace_id
    assert (await watcher.fault("find", "branches"))["message"] == "Service 'branches' not found"
