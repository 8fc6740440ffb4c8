"""Rows over the socket: creating, changing, finding, short ids, and the queries that refuse or ignore."""

from __future__ import annotations

from typing import Any

import pytest

from agor_reactive.daemon import EmbeddedDaemon

from .conftest import Open, Watcher

STAMP = "2026-11-25T00:00:00.000Z"


def message(session_id: str, number: int, **fields: Any) -> dict[str, Any]:
    return {
        "message_id": f"m{number}", "session_id": session_id, "type": "user", "role": "user", "index": number,
        "timestamp": STAMP, "content_preview": f"{number}", "content": f"{number}", **fields,
    }  # fmt: skip


async def filled(watcher: Watcher, daemon: EmbeddedDaemon, count: int) -> str:
    session_id: str = await watcher.new_session(daemon)
    await watcher.ok("create", "messages", [message(session_id, number) for number in range(count)])
    return session_id


async def test_a_new_session_has_the_fields_of_a_real_one(daemon: EmbeddedDaemon, connect: Open) -> None:
    watcher = await connect()
    row = await watcher.ok("create", "sessions", {"branch_id": daemon.workspace_id, "title": "t"})
    assert (row["status"], row["ready_for_prompt"], row["archived"], row["tasks"]) == ("idle", False, False, [])
    assert row["branch_id"] == daemon.workspace_id
    assert {"mcp_token", "genealogy", "git_state", "contextFiles", "url", "last_updated"} <= set(row)
    assert "mcp_token" in await watcher.ok("get", "sessions", row["session_id"])
    assert "mcp_token" not in (await watcher.ok("find", "sessions"))["data"][0]
    nowhere = await watcher.fault("create", "sessions", {"title": "t"})
    assert (nowhere["name"], nowhere["message"]) == ("RepositoryError", "Session must have a branch_id")


async def test_a_patch_echoes_what_it_does_not_keep(daemon: EmbeddedDaemon, connect: Open) -> None:
    watcher = await connect()
    session_id = await watcher.new_session(daemon)
    patched = await watcher.ok("patch", "sessions", session_id, {"title": "new", "zork": 1})
    assert (patched["title"], patched["zork"]) == ("new", 1)
    assert watcher.of("sessions patched")[-1]["zork"] == 1
    kept = await watcher.ok("get", "sessions", session_id)
    assert (kept["title"], "zork" in kept) == ("new", False)
    odd = await watcher.ok("create", "tasks", {"session_id": session_id, "full_prompt": "x", "status": "zork"})
    assert (await watcher.ok("get", "tasks", odd["task_id"]))["status"] == "zork"


async def test_prefixes_find_rows_unless_they_fit_several(daemon: EmbeddedDaemon, connect: Open) -> None:
    watcher = await connect()
    one, two = await watcher.new_session(daemon), await watcher.new_session(daemon)
    for prefix in (one.replace("-", "")[:24], one.replace("-", ""), one[:30]):
        assert (await watcher.ok("get", "sessions", prefix))["session_id"] == one
    both = await watcher.fault("get", "sessions", one[:8])
    assert (both["name"], both["entityType"], both["matches"]) == ("AmbiguousIdError", "Session", [one, two])
    assert "code" not in both
    gone = await watcher.fault("get", "sessions", "ffffffff")
    assert (gone["code"], gone["name"], gone["resourceType"]) == ("NOT_FOUND", "NotFoundError", "Session")
    assert gone["message"] == "Session not found: ffffffff"
    assert gone["stack"].startswith("NotFoundError: Session not found: ffffffff")
    assert (await watcher.fault("get", "boards", "default"))["code"] == "NOT_FOUND"


async def test_messages_and_users_take_full_ids_only(daemon: EmbeddedDaemon, connect: Open) -> None:
    watcher = await connect()
    await watcher.prompt(await watcher.new_session(daemon), "x [slow]")
    row = watcher.of("messages created")[0]
    fault = await watcher.fault("get", "messages", row["message_id"].replace("-", "")[:24])
    assert fault["code"] == "NOT_FOUND"
    user = await watcher.fault("get", "users", "ffffffff")
    assert (user["message"], "code" in user) == ("User not found: ffffffff", False)


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ({"status": {"$in": ["idle"]}}, "must be string"),
        ({"status": "zork"}, "must be equal to one of the allowed values"),
        ({"$limit": 10_001}, "must be <= 10000"),
        ({"$skip": -1}, "must be >= 0"),
        ({"session_id": "0123456789abcdef01234567"}, "must match pattern"),
    ],
)
async def test_sessions_and_tasks_refuse_what_their_schema_does_not_know(
    connect: Open, query: dict[str, Any], message: str
) -> None:
    watcher = await connect()
    for service in ("sessions", "tasks"):
        fault = await watcher.fault("find", service, query)
        assert (fault["code"], fault["name"], fault["message"]) == (400, "BadRequest", "validation failed")
        assert message in fault["data"][0]["message"]


async def test_unknown_filters_vanish_and_paging_counts_everything(daemon: EmbeddedDaemon, connect: Open) -> None:
    watcher = await connect()
    ids = [await watcher.new_session(daemon, title=title) for title in "cab"]
    everything = await watcher.ok("find", "sessions", {"$or": [{"title": "a"}], "zork": 1})
    assert everything["total"] == 3
    assert everything["limit"] == 10_000
    none = await watcher.ok("find", "sessions", {"$limit": 0})
    assert (none["total"], none["data"]) == (3, [])
    page = await watcher.ok(
        "find", "sessions", {"$sort": {"title": -1}, "$limit": "1", "$skip": 1, "$select": ["title"]}
    )
    assert page == {"total": 3, "limit": 1, "skip": 1, "data": [{"title": "b", "session_id": ids[2]}]}
    short = await watcher.ok("find", "sessions", {"session_id": ids[0][:8]})
    assert short["total"] == 0
    board = (await watcher.ok("get", "sessions", ids[0]))["branch_board_id"]
    assert (await watcher.ok("find", "sessions", {"board_id": board}))["total"] == 0


async def test_tasks_of_a_session_ignore_all_but_paging(daemon: EmbeddedDaemon, connect: Open) -> None:
    watcher = await connect()
    session_id = await watcher.new_session(daemon)
    made = [
        (await watcher.ok("create", "tasks", {"session_id": session_id, "full_prompt": text}))["task_id"]
        for text in "bac"
    ]
    query = {"session_id": session_id, "status": "running", "$sort": {"full_prompt": 1}}
    rows = await watcher.ok("find", "tasks", query)
    assert [row["task_id"] for row in rows["data"]] == made
    one = await watcher.ok("find", "tasks", {**query, "$limit": 1, "$skip": 2})
    assert (one["total"], [row["task_id"] for row in one["data"]]) == (3, made[2:])
    free = await watcher.ok("find", "tasks", {"$sort": {"full_prompt": 1}, "status": "created"})
    assert [row["full_prompt"] for row in free["data"]] == ["a", "b", "c"]


async def test_messages_of_a_session_come_by_index_and_their_limit_is_echoed(
    daemon: EmbeddedDaemon, connect: Open
) -> None:
    watcher = await connect()
    session_id = await filled(watcher, daemon, 5)
    found = await watcher.ok("find", "messages", {"session_id": session_id, "$limit": 99_999, "$sort": {"index": -1}})
    assert (found["limit"], [row["index"] for row in found["data"]]) == (99_999, [0, 1, 2, 3, 4])
    middle = await watcher.ok("find", "messages", {"session_id": session_id, "$limit": 2, "$skip": 1})
    assert [row["index"] for row in middle["data"]] == [1, 2]
    minus = await watcher.ok("find", "messages", {"session_id": session_id, "$limit": -1})
    assert [row["index"] for row in minus["data"]] == [0, 1, 2, 3]
    words = await watcher.ok("find", "messages", {"session_id": session_id, "$limit": "abc"})
    assert (words["total"], words["data"]) == (5, [])


async def test_other_message_finds_use_the_generic_filter(daemon: EmbeddedDaemon, connect: Open) -> None:
    watcher = await connect()
    await filled(watcher, daemon, 5)
    wanted = {"index": {"$in": [0, 2, 4], "$gte": 1}, "message_id": {"$ne": "m9", "$nin": ["m8"]}}
    found = await watcher.ok("find", "messages", {**wanted, "$sort": {"index": -1}, "$select": ["index"]})
    assert found["data"] == [{"index": 4, "message_id": "m4"}, {"index": 2, "message_id": "m2"}]
    assert (await watcher.ok("find", "messages", {"index": {"$lt": 3, "$gt": 1}}))["total"] == 1
    assert (await watcher.ok("find", "messages", {"$limit": 20_000}))["limit"] == 10_000


async def test_a_message_needs_its_id_and_a_known_task(daemon: EmbeddedDaemon, connect: Open) -> None:
    watcher = await connect()
    session_id = await filled(watcher, daemon, 1)
    bare = {name: value for name, value in message(session_id, 7).items() if name != "message_id"}
    for row in (bare, message(session_id, 7, task_id="nope"), message(session_id, 0)):
        fault = await watcher.fault("create", "messages", row)
        assert fault["message"].startswith('Failed query: insert into "messages"')
        assert (fault["cause"]["code"], "code" in fault) == ("SQLITE_CONSTRAINT", False)
        assert {"query", "params"} <= set(fault)


async def test_an_array_makes_one_event_each_and_bulk_only_its_own(daemon: EmbeddedDaemon, connect: Open) -> None:
    watcher = await connect()
    session_id = await filled(watcher, daemon, 3)
    assert len(watcher.of("messages created")) == 3
    watcher.received.clear()
    await watcher.ok("create", "messages/bulk", [message(session_id, number) for number in (3, 4)])
    assert watcher.names() == ["messages/bulk created"] * 2
    odd = await watcher.fault("create", "messages/bulk", message(session_id, 9))
    assert odd["message"] == "messageList.map is not a function"
    anonymous = await watcher.fault("create", "tasks/bulk", [{"session_id": session_id, "full_prompt": "x"}])
    assert anonymous["message"].startswith("Failed to bulk create tasks: created_by is required")
    user = (await watcher.ok("find", "users"))["data"][0]["user_id"]
    watcher.received.clear()
    await watcher.ok("create", "tasks/bulk", [{"session_id": session_id, "full_prompt": "x", "created_by": user}])
    assert watcher.names() == ["tasks/bulk created"]


async def test_the_streaming_doors_relay_anything_under_a_known_name(connect: Open) -> None:
    watcher = await connect()
    for service, event in (("messages", "created"), ("messages", "zork"), ("tasks", "failed"), ("tasks", "tool:start")):
        answer = await watcher.ok("create", f"{service}/streaming", {"event": event, "data": {"any": event}})
        assert answer == {"success": True}
    notified = [(name, payload) for name, payload in watcher.received if payload != {"success": True}]
    assert notified[1:] == [
        ("messages created", {"any": "created"}),
        ("tasks failed", {"any": "failed"}),
        ("tasks tool:start", {"any": "tool:start"}),
    ]


async def test_a_running_task_made_by_hand_flips_the_session_and_fail_drops_its_words(
    daemon: EmbeddedDaemon, connect: Open
) -> None:
    watcher = await connect()
    session_id = await watcher.new_session(daemon)
    task = await watcher.ok("create", "tasks", {"session_id": session_id, "full_prompt": "x", "status": "running"})
    assert watcher.of("sessions patched")[-1]["status"] == "running"
    failed = await watcher.ok("create", f"tasks/{task['task_id']}/fail", {"error": "lost"})
    assert (failed["status"], "error_message" in failed) == ("failed", False)
    assert watcher.of("sessions patched")[-1]["status"] == "idle"
    assert "tasks/:id/fail created" in watcher.names()


async def test_several_tasks_can_be_patched_at_once_and_sessions_cannot(daemon: EmbeddedDaemon, connect: Open) -> None:
    watcher = await connect()
    session_id = await watcher.new_session(daemon)
    for text in "ab":
        await watcher.ok("create", "tasks", {"session_id": session_id, "full_prompt": text})
    rows = await watcher.ok("patch", "tasks", None, {"model": "m"}, {"session_id": session_id})
    assert [row["model"] for row in rows] == ["m", "m"]
    refused = await watcher.fault("patch", "sessions", None, {"title": "x"}, {})
    assert (refused["message"], "code" in refused) == ("Multi-patch is not enabled", False)


async def test_forks_and_spawns_are_family(daemon: EmbeddedDaemon, connect: Open) -> None:
    watcher = await connect()
    session_id = await watcher.new_session(daemon)
    fork = await watcher.ok("create", f"sessions/{session_id}/fork", {"prompt": "Another way"})
    spawn = await watcher.ok("create", f"sessions/{session_id}/spawn", {"prompt": "A helper"})
    assert fork["genealogy"]["forked_from_session_id"] == session_id
    assert spawn["genealogy"]["parent_session_id"] == session_id
    assert (fork["title"], fork["status"]) == ("Another way", "idle")
    family = await watcher.ok("find", f"sessions/{session_id}/genealogy")
    assert [row["session_id"] for row in family["children"]] == [fork["session_id"], spawn["session_id"]]
    above = await watcher.ok("find", f"sessions/{spawn['session_id']}/genealogy")
    assert [row["session_id"] for row in above["ancestors"]] == [session_id]


async def test_a_branch_is_answered_at_once_and_ready_later(daemon: EmbeddedDaemon, connect: Open) -> None:
    watcher = await connect()
    repo = (await watcher.ok("find", "repos"))["data"][0]
    row = await watcher.ok("create", f"repos/{repo['repo_id']}/branches", {"name": "feature"})
    assert row["filesystem_status"] == "creating"
    ready = await watcher.until(lambda: watcher.of("branches patched"))
    assert (ready[0]["branch_id"], ready[0]["filesystem_status"]) == (row["branch_id"], "ready")
    assert "repos/:id/branches created" in watcher.names()


async def test_custom_methods_are_called_by_name(daemon: EmbeddedDaemon, connect: Open) -> None:
    watcher = await connect()
    session_id = await filled(watcher, daemon, 4)
    found = await watcher.ok("findByRange", "messages", {"session_id": session_id, "start_index": 1, "end_index": 2})
    assert [row["index"] for row in found] == [1, 2]
    board = (await watcher.ok("find", "boards"))["data"][0]
    assert (await watcher.ok("toBlob", "boards", {"id": board["board_id"]}))["slug"] == "default"
    assert (await watcher.fault("toBlob", "sessions", {}))["code"] == 405
