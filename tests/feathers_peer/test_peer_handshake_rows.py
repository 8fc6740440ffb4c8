"""The peer of today, rows and work: paged messages, checked queries, what a member may do, prompt, stop, permission."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx2
import pytest

from tests.feathers_peer.process import JsonLineProcess
from tests.feathers_peer.wire import HANDSHAKE, Socket, bearer, connected, message, new_session, start

pytestmark = pytest.mark.timeout(300)  # the first run installs the packages
MANY = 120


@pytest.fixture(scope="module")
def peer() -> Iterator[JsonLineProcess]:
    with start(HANDSHAKE, "--page-limit", "110") as process:
        yield process


@pytest.fixture
async def socket(peer: JsonLineProcess) -> AsyncIterator[Socket]:
    async with connected(peer) as one:
        yield one


@pytest.fixture
async def service(peer: JsonLineProcess) -> AsyncIterator[Socket]:
    async with connected(peer, token=peer.greeting["service_token"]) as one:
        yield one


@pytest.fixture
async def http(peer: JsonLineProcess) -> AsyncIterator[httpx2.AsyncClient]:
    headers = bearer(peer.greeting["api_key"])
    async with httpx2.AsyncClient(base_url=peer.greeting["url"], headers=headers, trust_env=False) as client:
        yield client


async def prompted(socket: Socket, session: str, text: str = "Run.") -> dict[str, Any]:
    task: dict[str, Any] = await socket.result("create", f"sessions/{session}/prompt", {"prompt": text})
    return task


async def status_becomes(socket: Socket, task_id: str, status: str) -> None:
    def seen() -> bool:
        rows = [row for name, row in socket.events if name == "tasks patched" and row["task_id"] == task_id]
        return any(row["status"] == status for row in rows)

    await socket.until(seen)


# ---- messages ----


@pytest.fixture
async def session(socket: Socket, peer: JsonLineProcess) -> str:
    return await new_session(socket, peer)


async def written(socket: Socket, session: str, count: int) -> list[str]:
    """The ids of new messages of a session, in their order."""
    rows = [message(session, index, role="user" if index % 2 else "assistant") for index in range(count)]
    for row in rows:
        await socket.result("create", "messages", row)
    return [str(row["message_id"]) for row in rows]


async def test_messages_come_in_pages(socket: Socket, http: httpx2.AsyncClient, session: str) -> None:
    ids = await written(socket, session, MANY)

    async def page(**query: Any) -> dict[str, Any]:
        found: dict[str, Any] = await socket.result("find", "messages", {"session_id": session, **query})
        over_rest = {key: value for key, value in query.items() if not isinstance(value, dict)}
        if over_rest == query:
            assert (await http.get("/messages", params={"session_id": session, **query})).json() == found
        return found

    first = await page()
    assert (first["total"], first["limit"], first["skip"]) == (MANY, 100, 0)
    assert [row["message_id"] for row in first["data"]] == ids[:100]
    clamped = await page(**{"$limit": 5_000})
    assert (clamped["limit"], len(clamped["data"])) == (110, 110)
    rest = await page(**{"$limit": 5_000, "$skip": 110})
    assert ([row["message_id"] for row in rest["data"]], rest["skip"]) == (ids[110:], 110)
    assert (await page(**{"$limit": 0}))["data"] == []
    assert (await page(**{"$skip": 10_001}))["data"] == []
    combined = await page(role="user", **{"$sort": {"index": -1}, "$skip": 1, "$limit": 2})
    assert ([row["index"] for row in combined["data"]], combined["total"]) == ([117, 115], 60)
    selected = await page(**{"$select": ["message_id"], "$limit": 1, "$sort": {"message_id": -1}})
    assert selected["data"] == [{"message_id": max(ids)}]
    ordered = sorted(ids)
    span = await page(message_id={"$gt": ordered[9], "$lte": ordered[19]}, **{"$sort": {"message_id": 1}})
    assert [row["message_id"] for row in span["data"]] == ordered[10:20]
    assert (await page(message_id={"$lte": ordered[4]}))["total"] == 5


@pytest.mark.parametrize(
    "query",
    [
        {"zork": 1},
        {"index": 1},
        {"$or": []},
        {"$count": False},
        {"session_id": "123456789"},
        {"$limit": -1},
        {"$sort": {"content": 1}},
        {"$select": ["zork"]},
        {"message_id": {"$gt": str(uuid.uuid4())}},
        {"transcript": "fat"},
    ],
)
async def test_what_messages_do_not_know_is_refused(socket: Socket, http: httpx2.AsyncClient, query: Any) -> None:
    error = await socket.call("find", "messages", query)
    assert (error["code"], error["message"]) == (400, "validation failed")
    assert error["data"]


async def test_ranges_and_deep_skips_of_messages_need_a_session_or_task(socket: Socket, session: str) -> None:
    span = {"message_id": {"$lte": str(uuid.uuid4())}}
    assert (await socket.call("find", "messages", span))["code"] == 400
    assert (await socket.call("find", "messages", {**span, "session_id": {"$in": [session]}}))["code"] == 400
    assert (await socket.call("find", "messages", {"$skip": 10_001}))["code"] == 400
    assert (await socket.result("find", "messages", {**span, "session_id": session}))["total"] == 0
    assert (await socket.result("find", "messages", {"session_id": session[:8]}))["total"] == 0


async def test_messages_of_several_tasks_and_their_lean_transcript(
    socket: Socket, http: httpx2.AsyncClient, session: str
) -> None:
    task = (await prompted(socket, session))["task_id"]
    blocks = [{"type": "thinking", "thinking": "hm"}, {"type": "text", "text": "a"}, {"type": "tool_use", "id": "t"}]
    row = message(session, 1, task_id=task, type="assistant", role="assistant", content=blocks, tool_uses=[])
    await socket.result("create", "messages", row)
    query = {"session_id": session, "task_id": {"$in": [task]}, "transcript": "lean", "$sort": {"index": 1}}
    found = await socket.result("find", "messages", query)
    assert [row["content"] for row in found["data"]] == ["Run.", [{"type": "text", "text": "a"}]]
    assert (found["data"][1]["has_deferred_reasoning"], "tool_uses" in found["data"][1]) == (True, False)
    over_rest = await http.get("/messages", params={"session_id": session, "task_id[$in][]": task})
    assert over_rest.json()["total"] == 2
    whole = await socket.result("find", "messages", {"session_id": session})
    assert whole["data"][1]["content"] == blocks


async def test_messages_are_made_one_at_a_time_and_mostly_immutable(
    socket: Socket, http: httpx2.AsyncClient, session: str
) -> None:
    row = message(session, 0)
    made = await socket.result("create", "messages", {key: row[key] for key in row if key != "message_id"})
    assert made["message_id"]
    several = await socket.call("create", "messages", [row])
    assert (several["code"], several["message"]) == (400, "Bulk Message create is not supported")
    assert (await http.post("/messages/bulk", json=[row])).status_code == 400
    assert (await socket.call("patch", "messages", made["message_id"], {"index": 9}))["code"] == 400
    patched = await socket.result("patch", "messages", made["message_id"], {"content": "y"})
    assert patched["content"] == "y"
    assert (await socket.call("update", "messages", made["message_id"], row))["code"] == 405
    assert (await http.put(f"/messages/{made['message_id']}", json=row)).status_code == 405


# ---- tasks ----


async def test_members_create_tasks_that_do_not_run_and_patch_none(
    socket: Socket, http: httpx2.AsyncClient, service: Socket, session: str
) -> None:
    row = {"session_id": session, "full_prompt": "Later."}
    task = await socket.result("create", "tasks", {**row, "status": "created"})
    assert (await socket.result("create", "tasks", row))["status"] == "created"
    running = await socket.call("create", "tasks", {**row, "status": "running"})
    assert (running["code"], running["message"]) == (400, "Externally created tasks must use status created")
    assert (await socket.call("create", "tasks", [row]))["message"] == "Task creation requires one task"
    assert (await http.post("/tasks/bulk", json=[row])).status_code == 400
    patch = ("patch", "tasks", task["task_id"], {"model": "m"})
    error = await socket.call(*patch)
    assert error["code"] == 403
    assert error["message"] == "Task patches require an executor token scoped to this task"
    assert (await service.result(*patch))["model"] == "m"
    assert (await socket.call("update", "tasks", task["task_id"], row))["code"] == 405
    kept = await socket.call("remove", "tasks", task["task_id"])
    assert (kept["message"], kept["name"]) == ("Only queued tasks can be deleted", "RepositoryError")


async def test_tasks_of_a_session_are_filtered_and_sorted(
    socket: Socket, http: httpx2.AsyncClient, session: str
) -> None:
    running = (await prompted(socket, session))["task_id"]
    queued = [(await prompted(socket, session, text))["task_id"] for text in ("Two.", "Three.")]

    async def ids(**query: Any) -> list[str]:
        found = await socket.result("find", "tasks", {"session_id": session, **query})
        assert found["total"] >= len(found["data"])
        return [row["task_id"] for row in found["data"]]

    assert await ids(status="queued") == queued
    assert await ids(status={"$ne": "queued"}) == [running]
    everything = sorted([running, *queued])
    assert await ids(**{"$sort": {"task_id": -1}, "$limit": 2}) == everything[:0:-1]
    assert (
        await ids(task_id={"$gt": everything[0], "$lte": everything[2]}, **{"$sort": {"task_id": 1}}) == everything[1:]
    )
    assert await ids(zork=1) == everything
    only_ids = await socket.result("find", "tasks", {"session_id": session, "$select": ["task_id"], "$limit": 1})
    assert only_ids["data"] == [{"task_id": running}]
    for bad in (
        {"status": {"$in": ["queued"]}},
        {"status": {"$ne": "running"}},
        {"$limit": 10_001},
        {"$sort": {"zork": 1}},
    ):
        assert (await socket.call("find", "tasks", {"session_id": session, **bad}))["code"] == 400, bad
    over_rest = await http.get("/tasks", params={"session_id": session, "status[$ne]": "queued"})
    assert [row["task_id"] for row in over_rest.json()["data"]] == [running]
    assert (await socket.result("remove", "tasks", queued[0]))["status"] == "queued"
    assert await ids(status="queued") == queued[1:]


async def test_sessions_are_found_by_their_board(socket: Socket, session: str) -> None:
    row = await socket.result("get", "sessions", session)
    found = await socket.result("find", "sessions", {"board_id": row["branch_board_id"], "$count": False})
    assert session in [one["session_id"] for one in found["data"]]
    assert (await socket.result("find", "sessions", {"board_id": str(uuid.uuid4())}))["total"] == 0


# ---- work ----


async def test_an_idle_prompt_is_dispatched_and_runs_after_its_ack(socket: Socket, session: str) -> None:
    task = await prompted(socket, session)
    assert task["status"] == "dispatching"
    assert socket.statuses(session)[-3:] == [
        ("tasks created", "dispatching"),
        ("messages created", None),
        ("sessions patched", "running"),
    ]
    await status_becomes(socket, task["task_id"], "running")
    row = await socket.result("get", "tasks", task["task_id"])
    assert (row["status"], "executor_connected_at" in row) == ("running", True)


async def test_a_busy_prompt_is_created_and_queued(socket: Socket, session: str) -> None:
    first = await prompted(socket, session)
    await status_becomes(socket, first["task_id"], "running")
    del socket.events[:]
    second = await prompted(socket, session, "Two.")
    assert (second["status"], second["queue_position"]) == ("queued", 1)
    assert socket.statuses(session) == [("tasks created", "queued"), ("tasks queued", "queued")]
    del socket.events[:]
    await socket.result("create", f"tasks/{first['task_id']}/complete", {})
    await status_becomes(socket, second["task_id"], "running")
    assert socket.statuses(session) == [
        ("sessions patched", "idle"),
        ("tasks patched", "dispatching"),
        ("messages created", None),
        ("sessions patched", "running"),
        ("tasks patched", "completed"),
        ("tasks patched", "running"),
    ]


async def test_metadata_of_a_prompt_is_internal(socket: Socket, session: str) -> None:
    data = {"prompt": "Run.", "metadata": {"a": 1}}
    error = await socket.call("create", f"sessions/{session}/prompt", data)
    assert (error["code"], error["message"]) == (403, "Task metadata is internal-only")
    source = {"prompt": "Run.", "messageSource": "gateway"}
    assert (await socket.result("create", f"sessions/{session}/prompt", source))["status"] == "dispatching"


async def test_a_created_task_is_run_once(socket: Socket, session: str) -> None:
    made = await socket.result("create", "tasks", {"session_id": session, "full_prompt": "Later."})
    run: tuple[Any, ...] = ("create", f"tasks/{made['task_id']}/run", {})
    assert (await socket.result(*run))["status"] == "dispatching"
    await status_becomes(socket, made["task_id"], "running")
    assert (await socket.call(*run))["code"] == 409


async def test_stop_goes_through_stopping_and_the_queue_goes_on(socket: Socket, session: str) -> None:
    first = (await prompted(socket, session))["task_id"]
    second = (await prompted(socket, session, "Two."))["task_id"]
    await status_becomes(socket, first, "running")
    stop = f"sessions/{session}/stop"
    assert (await socket.call("create", stop, {"expected_task_id": first[:8]}))["code"] == 400
    changed = await socket.result("create", stop, {"expected_task_id": second})
    assert (changed["success"], changed["outcome"]) == (False, "condition_changed")
    del socket.events[:]
    answer = await socket.result("create", stop, {"expected_task_id": first, "reason": "Enough."})
    assert answer == {"success": True, "status": "idle", "stoppedTaskId": first, "queuedTasksPreserved": 1}
    assert socket.statuses(session)[:4] == [
        ("tasks patched", "stopping"),
        ("sessions patched", "stopping"),
        ("tasks patched", "stopped"),
        ("sessions patched", "idle"),
    ]
    assert (await socket.result("get", "tasks", first))["termination_request"]["error_message"] == "Enough."
    await status_becomes(socket, second, "running")
    await socket.result("create", stop, {})
    idle = await socket.result("create", stop, {})
    assert idle == {"success": True, "status": "idle", "reason": "Session is already idle"}


async def test_a_permission_decision_is_handed_on_and_settled_by_a_patch(
    socket: Socket, service: Socket, session: str
) -> None:
    task = (await prompted(socket, session))["task_id"]
    content = {"request_id": "r", "tool_name": "Bash", "tool_input": {"command": "ls"}, "status": "pending"}
    row = message(session, 1, task_id=task, type="permission_request", role="system", content=content)
    await status_becomes(socket, task, "running")
    await service.result("create", "messages", row)
    await service.result("patch", "tasks", task, {"status": "awaiting_permission"})
    path = f"sessions/{session}/permission-decision"
    decision = {"requestId": "r", "taskId": task, "allow": True}
    for missing in ("requestId", "taskId", "allow"):
        left = {key: value for key, value in decision.items() if key != missing}
        assert (await socket.call("create", path, left))["code"] == 400, missing
    assert (await socket.call("create", path, {**decision, "scope": "project"}))["code"] == 400
    assert (await socket.call("create", path, {**decision, "requestId": "other"}))["code"] == 404
    del socket.events[:]
    assert await socket.result("create", path, {**decision, "decidedBy": "somebody"}) == {"success": True}
    await status_becomes(socket, task, "running")
    assert "messages permission_resolved" not in socket.names()
    settled = (await socket.result("get", "messages", row["message_id"]))["content"]
    me = (await socket.result("get", "sessions", session))["created_by"]
    assert (settled["status"], settled["approved_by"], settled["scope"]) == ("approved", me, "once")
    again = await socket.result("create", path, decision)
    assert (again["success"], again["alreadyResolved"], again["status"]) == (False, True, "approved")


async def test_sessions_are_initialized_archived_and_brought_back(socket: Socket, session: str) -> None:
    me = (await socket.result("get", "sessions", session))["created_by"]
    initialize = f"sessions/{session}/initialize"
    assert (await socket.call("create", initialize, {}))["code"] == 400
    assert (await socket.call("create", initialize, {"expectedUserId": "x"}))["code"] == 403
    assert await socket.result("create", initialize, {"expectedUserId": me}) == {"sessionId": session}
    for route, archived in (("archive", True), ("unarchive", False)):
        answer = await socket.result("create", f"sessions/{session}/{route}", {})
        assert (answer["session"]["archived"], answer["count"], len(answer["affectedSessions"])) == (archived, 1, 1)
    begun = await socket.result("create", initialize, {"expectedUserId": me, "prompt": "Run."})
    assert (begun["sessionId"], begun["task"]["status"]) == (session, "dispatching")


def test_without_a_page_limit_a_thousand_messages_are_the_most() -> None:
    with start() as peer, httpx2.Client(base_url=peer.greeting["url"], trust_env=False) as http:
        headers = bearer(peer.greeting["api_key"])
        page = http.get("/messages", params={"$limit": 5_000}, headers=headers).json()
        assert page["limit"] == 1_000
