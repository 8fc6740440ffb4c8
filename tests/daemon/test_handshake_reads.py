"""Today's version: pages of messages, strict queries, ranges of ids, tasks that can be sorted and filtered."""

from __future__ import annotations

from typing import Any

import httpx2
import pytest

from agor_reactive.daemon import ApiVersionName, EmbeddedDaemon

from .conftest import Open, Watcher
from .test_rows import message


@pytest.fixture
def api_version() -> ApiVersionName:
    return "handshake"


async def filled(watcher: Watcher, daemon: EmbeddedDaemon, count: int) -> str:
    session_id: str = await watcher.new_session(daemon)
    context = daemon._now_running.context
    for number in range(count):
        context.messages.insert(message(session_id, number, message_id=f"{session_id[-4:]}-{number:05}"))
    return session_id


async def test_a_find_answers_a_page_of_a_hundred_and_a_thousand_at_most(
    daemon: EmbeddedDaemon, watcher: Watcher, http: httpx2.AsyncClient
) -> None:
    session_id = await filled(watcher, daemon, 1203)
    for limit, size in ((None, 100), (10, 10), (0, 0), (1000, 1000), (5000, 1000), ("5000", 1000)):
        query = {"session_id": session_id, **({} if limit is None else {"$limit": limit})}
        found = await watcher.ok("find", "messages", query)
        over_rest = (await http.get("/messages", params=query)).json()
        for answer in (found, over_rest):
            assert (answer["total"], answer["limit"], answer["skip"]) == (1203, size, 0), limit
            assert [row["index"] for row in answer["data"]] == list(range(size))
    for query in ({"$limit": -1}, {"$limit": "many"}, {"$skip": -1}, {"$skip": 10_001}):
        assert (await watcher.fault("find", "messages", query))["code"] == 400, query
    far = await watcher.ok("find", "messages", {"session_id": session_id, "$skip": 10_001})
    assert (far["total"], far["data"]) == (1203, [])


async def test_skip_is_a_number_over_rest_too_and_sorts_and_filters_combine(
    daemon: EmbeddedDaemon, watcher: Watcher, http: httpx2.AsyncClient
) -> None:
    session_id = await filled(watcher, daemon, 250)
    page = (await http.get("/messages", params={"session_id": session_id, "$limit": 10, "$skip": 240})).json()
    assert (page["limit"], page["skip"], [row["index"] for row in page["data"]]) == (10, 240, [*range(240, 250)])
    down = (await http.get(f"/messages?session_id={session_id}&role=user&$sort[index]=-1&$limit=2")).json()
    assert ([row["index"] for row in down["data"]], down["total"]) == ([249, 248], 250)
    none = await watcher.ok("find", "messages", {"session_id": session_id, "role": "assistant"})
    assert none["total"] == 0
    picked = await watcher.ok("find", "messages", {"session_id": session_id, "$limit": 1, "$select": ["role", "index"]})
    assert picked["data"] == [{"role": "user", "index": 0, "message_id": f"{session_id[-4:]}-00000"}]


@pytest.mark.parametrize("query", [
    {"zork": 1}, {"index": 3}, {"$or": [{"role": "user"}]}, {"$count": False}, {"$sort": {"content": 1}},
    {"$sort": "index"}, {"$select": ["zork"]}, {"transcript": "fat"}, {"session_id": "0123456789abcdef01234567"},
    {"session_id": {"$ne": "x"}}, {"message_id": {"$lte": "x"}}, {"role": {"$in": ["user"]}},
])  # fmt: skip
async def test_queries_that_it_does_not_know_are_a_400(watcher: Watcher, query: dict[str, Any]) -> None:
    fault = await watcher.fault("find", "messages", query)
    assert (fault["code"], fault["message"]) == (400, "validation failed")
    assert fault["data"][0]["message"]


async def test_a_walk_by_ids_reads_every_message_once(
    daemon: EmbeddedDaemon, watcher: Watcher, http: httpx2.AsyncClient
) -> None:
    session_id = await filled(watcher, daemon, 530)
    await filled(watcher, daemon, 20)
    newest = {"session_id": session_id, "$sort": {"message_id": -1}, "$limit": 1, "$select": ["message_id"]}
    top = (await watcher.ok("find", "messages", newest))["data"][0]["message_id"]
    seen: list[str] = []
    while not seen or seen[-1] != top:
        after = {"$gt": seen[-1]} if seen else {}
        query = {"session_id": session_id, "message_id": {**after, "$lte": top}, "$sort": {"message_id": 1}}
        seen += [row["message_id"] for row in (await watcher.ok("find", "messages", query))["data"]]
    assert seen == [f"{session_id[-4:]}-{number:05}" for number in range(530)]
    range_ = f"message_id[$gt]={seen[9]}&message_id[$lte]={seen[11]}"
    found = (await http.get(f"/messages?session_id={session_id}&{range_}")).json()
    assert [row["message_id"] for row in found["data"]] == seen[10:12]
    bare = await watcher.fault("find", "messages", {"message_id": {"$gt": seen[0], "$lte": top}})
    assert bare["code"] == 400
    open_ended = await watcher.fault("find", "messages", {"session_id": session_id, "message_id": {"$gt": seen[0]}})
    assert open_ended["code"] == 400


async def test_messages_of_several_sessions_and_tasks_come_by_in(daemon: EmbeddedDaemon, watcher: Watcher) -> None:
    sessions = [await filled(watcher, daemon, 3) for _ in range(3)]
    found = await watcher.ok("find", "messages", {"session_id": {"$in": sessions[:2]}})
    assert {row["session_id"] for row in found["data"]} == set(sessions[:2])
    tasks = []
    for session_id in sessions:
        task = await watcher.prompt(session_id, "Go. [tools:0]")
        await watcher.ended(task["task_id"])
        tasks.append(task["task_id"])
    one = await watcher.ok("find", "messages", {"session_id": sessions[0], "task_id": tasks[0]})
    two = await watcher.ok("find", "messages", {"task_id": {"$in": tasks[:2]}})
    assert {row["task_id"] for row in one["data"]} == {tasks[0]}
    assert {row["task_id"] for row in two["data"]} == set(tasks[:2])
    assert two["total"] == 2 * one["total"]
    many = {"task_id": {"$in": [tasks[0]] * 1001}}
    assert (await watcher.fault("find", "messages", many))["code"] == 400


async def test_the_lean_transcript_has_every_row_without_tools_and_thinking(
    daemon: EmbeddedDaemon, watcher: Watcher
) -> None:
    session_id = await watcher.new_session(daemon)
    task = await watcher.prompt(session_id, "Go. [tools:1] [permission]")
    await watcher.until(lambda: [row for row in watcher.of("tasks patched") if row["status"] == "awaiting_permission"])
    asking = await watcher.ok("find", "messages", {"session_id": session_id, "transcript": "lean"})
    assert asking["data"][-1]["content"]["tool_input"]
    decision = {"requestId": asking["data"][-1]["content"]["request_id"], "taskId": task["task_id"], "allow": True}
    await watcher.ok("create", f"sessions/{session_id}/permission-decision", decision)
    await watcher.ended(task["task_id"])
    whole = (await watcher.ok("find", "messages", {"session_id": session_id}))["data"]
    lean = (await watcher.ok("find", "messages", {"session_id": session_id, "transcript": "lean"}))["data"]
    assert [row["message_id"] for row in lean] == [row["message_id"] for row in whole]
    kinds = {block["type"] for row in lean if isinstance(row["content"], list) for block in row["content"]}
    assert kinds == {"text"}
    assert all(row["content_preview"] == "" and "tool_uses" not in row for row in lean)
    deferred = [row.get("has_deferred_reasoning", False) for row in lean]
    assert deferred == [
        any(block["type"] == "thinking" for block in row["content"]) if isinstance(row["content"], list) else False
        for row in whole
    ]
    assert any(deferred)
    settled = next(row for row in lean if row["type"] == "permission_request")
    assert settled["content"]["tool_input"] == {}


async def test_a_page_limit_of_the_daemon_caps_every_page(start: Any, connect: Open) -> None:
    daemon = await start(page_limit=7)
    watcher = await connect(daemon)
    session_id = await filled(watcher, daemon, 20)
    for query in ({}, {"$limit": 1000}):
        page = await watcher.ok("find", "messages", {"session_id": session_id, **query})
        assert (page["limit"], len(page["data"]), page["total"]) == (7, 7, 20)


async def test_tasks_of_a_session_are_sorted_filtered_and_walked_by_id(
    daemon: EmbeddedDaemon, watcher: Watcher, http: httpx2.AsyncClient
) -> None:
    session_id = await watcher.new_session(daemon)
    prompts = [await watcher.prompt(session_id, f"{number} [hold]") for number in range(4)]
    ids = [row["task_id"] for row in prompts]

    async def found(**query: Any) -> list[str]:
        answer = await watcher.ok("find", "tasks", {"session_id": session_id, **query})
        return [row["task_id"] for row in answer["data"]]

    assert await found() == ids
    assert await found(**{"$sort": {"task_id": -1}, "$limit": 2}) == ids[:1:-1]
    newest_first = await watcher.ok("find", "tasks", {"session_id": session_id, "$sort": {"created_at": -1}})
    instants = [row["created_at"] for row in newest_first["data"]]
    assert instants == sorted((row["created_at"] for row in prompts), reverse=True)
    assert await found(status="queued") == ids[1:]
    assert await found(status={"$ne": "queued"}) == ids[:1]
    assert await found(task_id={"$gt": ids[0], "$lte": ids[2]}) == ids[1:3]
    assert await found(task_id={"$lte": ids[1]}) == ids[:2]
    assert await found(task_id=ids[2]) == [ids[2]]
    assert await found(zork=1) == ids
    lean = await watcher.ok("find", "tasks", {"session_id": session_id, "$select": ["task_id"], "$limit": 1})
    assert (lean["data"], lean["total"]) == ([{"task_id": ids[0]}], 4)
    over_rest = await http.get(f"/tasks?session_id={session_id}&status[$ne]=queued&$sort[task_id]=-1&$limit=11")
    assert [row["task_id"] for row in over_rest.json()["data"]] == ids[:1]
    for query in (
        {"session_id": session_id, "status": {"$in": ["queued"]}},
        {"session_id": session_id, "task_id": {"$gt": ids[0]}},
        {"task_id": {"$lte": ids[0]}},
        {"$sort": {"full_prompt": 1}},
        {"$limit": 10_001},
    ):
        assert (await watcher.fault("find", "tasks", query))["code"] == 400, query


async def test_sessions_are_found_by_board_and_family(daemon: EmbeddedDaemon, watcher: Watcher) -> None:
    session_id = await watcher.new_session(daemon)
    fork = await watcher.ok("create", f"sessions/{session_id}/fork", {"prompt": "Another way"})
    board = (await watcher.ok("get", "sessions", session_id))["branch_board_id"]
    assert (await watcher.ok("find", "sessions", {"board_id": board}))["total"] == 2
    children = await watcher.ok("find", "sessions", {"forked_from_session_id": session_id, "$count": False})
    assert [row["session_id"] for row in children["data"]] == [fork["session_id"]]
    assert (await watcher.ok("find", "sessions", {"parent_session_id": session_id}))["total"] == 0
