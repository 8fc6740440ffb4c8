"""Bodies of the wrong type: refused with a code and message, as by FeathersJS, on every service and transport."""

from __future__ import annotations

import json
from typing import Any

import httpx2
import pytest

from agor_reactive.daemon import EmbeddedDaemon
from tests.daemon.conftest import Open
from tests.daemon.test_rows import message

NOT_OBJECTS: tuple[Any, ...] = (None, "text", 3, 1.5, True)
LISTS: tuple[Any, ...] = ([], [{}], [{"name": "a"}, {"name": "b"}], ["x"], [None, 3])
ROWS = ("sessions", "tasks", "messages", "boards", "repos", "branches", "users", "api/v1/user/api-keys")
ONE_BY_ONE = ("sessions", "boards", "repos", "branches", "users", "api/v1/user/api-keys")
ROUTES = (
    "authentication", "authentication/refresh", "messages/streaming", "tasks/streaming", "repos/local",
    "sessions/{sid}/prompt", "sessions/{sid}/stop", "sessions/{sid}/fork", "sessions/{sid}/spawn",
    "sessions/{sid}/permission-decision", "tasks/{tid}/run", "tasks/{tid}/complete", "tasks/{tid}/fail",
    "repos/{rid}/branches",
)  # fmt: skip


@pytest.fixture
async def names(daemon: EmbeddedDaemon, http: httpx2.AsyncClient) -> dict[str, str]:
    session = (await http.post("/sessions", json={"branch_id": daemon.workspace_id})).json()
    task = (await http.post("/tasks", json={"session_id": session["session_id"]})).json()
    repo = (await http.get("/repos")).json()["data"][0]
    return {"sid": session["session_id"], "tid": task["task_id"], "rid": repo["repo_id"]}


def is_plain_refusal(fault: dict[str, Any]) -> bool:
    return fault["code"] in (400, 405) and " object has no " not in fault["message"] and bool(fault["message"])


async def test_what_is_no_object_is_refused_by_every_service_over_both_ways(
    http: httpx2.AsyncClient, connect: Open, names: dict[str, str]
) -> None:
    watcher = await connect()
    for path in (*ROWS, *ROUTES, "messages/bulk", "tasks/bulk"):
        concrete = path.format(**names)
        for body in NOT_OBJECTS:
            fault = await watcher.fault("create", concrete, body)
            assert is_plain_refusal(fault), (path, body, fault)
            answer = await http.post(
                f"/{concrete}", content=json.dumps(body), headers={"Content-Type": "application/json"}
            )
            assert is_plain_refusal(answer.json()), (path, body, answer.json())
    for path in ROWS:
        for method in ("update", "patch") if path not in ("users", "api/v1/user/api-keys") else ("patch",):
            for body in (*NOT_OBJECTS, *LISTS):
                fault = await watcher.fault(method, path, names["sid"], body)
                assert is_plain_refusal(fault), (method, path, body, fault)


async def test_a_list_is_made_of_several_rows_where_that_is_allowed_and_refused_elsewhere(
    http: httpx2.AsyncClient, connect: Open, names: dict[str, str]
) -> None:
    watcher = await connect()
    for path in ONE_BY_ONE:
        for body in LISTS:
            fault = await watcher.fault("create", path, body)
            assert (fault["code"], fault["message"]) == (405, "Can not create multiple entries"), (path, body, fault)
            answer = await http.post(f"/{path}", json=body)
            assert (answer.status_code, answer.json()["message"]) == (405, "Can not create multiple entries")
    for path in ROUTES:
        for body in LISTS:
            fault = await watcher.fault("create", path.format(**names), body)
            assert fault["code"] == 400, (path, body, fault)
    for path in ("messages", "tasks", "messages/bulk", "tasks/bulk"):
        assert await watcher.ok("create", path, []) == []
        for body in (["x"], [None, 3], [[]]):
            fault = await watcher.fault("create", path, body)
            assert is_plain_refusal(fault), (path, body, fault)
    made = await watcher.ok("create", "messages", [message(names["sid"], n) for n in (1, 2)])
    assert [row["message_id"] for row in made] == ["m1", "m2"]
    assert len(await watcher.ok("create", "tasks", [{"session_id": names["sid"]}] * 2)) == 2
    fault = await watcher.fault("createMany", "messages", ["x"])
    assert is_plain_refusal(fault), fault


async def test_a_list_of_tasks_of_which_one_cannot_be_makes_none(connect: Open, names: dict[str, str]) -> None:
    watcher = await connect()
    watcher.received.clear()
    await watcher.fault("create", "tasks", [{"session_id": names["sid"]}, {"session_id": "nobody"}])
    assert (await watcher.ok("find", "tasks", {"session_id": names["sid"]}))["total"] == 1
    assert "tasks created" not in watcher.names()


async def test_several_rows_are_replaced_by_nobody(connect: Open, names: dict[str, str]) -> None:
    watcher = await connect()
    fault = await watcher.fault("update", "boards", names["sid"], [{"name": "x"}])
    assert (fault["code"], fault["message"]) == (400, "You can not replace multiple instances. Did you mean 'patch'?")


@pytest.mark.parametrize("odd", [3, True, ["a"], {"a": 1}])
async def test_a_field_of_the_wrong_kind_is_refused_where_it_would_break_what_comes_later(
    daemon: EmbeddedDaemon, connect: Open, names: dict[str, str], odd: Any
) -> None:
    watcher = await connect()
    sid, tid = names["sid"], names["tid"]
    await watcher.ok("create", "messages", message(sid, 1))
    calls: tuple[tuple[Any, ...], ...] = (
        ("create", "tasks", {"session_id": sid, "status": odd}),
        ("create", "tasks", {"session_id": sid, "task_id": odd}),
        ("patch", "tasks", tid, {"status": odd}),
        ("update", "tasks", tid, {"status": odd}),
        ("patch", "sessions", sid, {"status": odd}),
        ("update", "sessions", sid, {"status": odd}),
        ("create", "messages", {**message(sid, 2), "message_id": odd}),
        ("patch", "messages", "m1", {"type": odd}),
        ("update", "messages", "m1", {"type": odd}),
        ("create", "repos", {"slug": odd}),
        ("create", "repos/local", {"path": "/x", "slug": odd}),
    )
    for call in calls:
        fault = await watcher.fault(*call)
        assert (fault["code"], "must be a string" in fault["message"]) == (400, True), (call, fault)
    for door in ("messages", "tasks"):
        assert await watcher.ok("create", f"{door}/streaming", {"event": odd, "data": {}}) == {"success": True}
    assert (await watcher.prompt(sid, "hi"))["status"] in ("running", "queued")
