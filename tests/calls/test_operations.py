"""What a client asks and how it reads the answers, over the scripted link: every version of a daemon, good and bad."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

import agor_reactive as agor
from agor_reactive.errors import BadRequest, ProtocolError, UsageError
from agor_reactive.models import FrozenDict, Message, Page, Session, Task
from agor_reactive.transport.scripted import ScriptedLink

SID = "01970a3f-91c2-7b1e-8d55-0c1f2a3b4c5d"
TASK = {"task_id": "t1", "session_id": SID, "status": "running"}


@pytest.fixture
def link() -> ScriptedLink:
    return ScriptedLink()


@pytest.fixture
async def client(link: ScriptedLink) -> AsyncIterator[agor.Client]:
    async with agor.create_client(link=link) as client:
        yield client


async def test_known_paths_answer_with_typed_rows_and_others_with_frozen_json(
    link: ScriptedLink, client: agor.Client
) -> None:
    link.on_call("get", "*", lambda args: {"session_id": args[0], "odd": {"list": [1]}})
    session = await client.service("sessions").get(SID)
    assert isinstance(session, Session)
    assert session.session_id == SID
    other = await client.service("kb/documents").get("d")
    assert type(other) is FrozenDict
    assert other["odd"]["list"] == (1,)


async def test_a_find_answers_a_page_of_rows(link: ScriptedLink, client: agor.Client) -> None:
    link.on_call("find", "tasks", lambda args: {"total": 7, "limit": 1, "skip": 2, "data": [TASK]})
    page = await client.service("tasks").find(query={"$limit": 1, "$skip": 2})
    assert isinstance(page, Page)
    assert (page.total, page.limit, page.skip, page[0].task_id) == (7, 1, 2, "t1")
    assert link.calls[-1] == ("find", "tasks", ({"$limit": 1, "$skip": 2},))


async def test_a_bare_list_is_a_page_too_and_a_single_object_is_itself(link: ScriptedLink, client: agor.Client) -> None:
    link.on_call("find", "api/v1/user/api-keys", lambda args: [{"id": "k"}])
    link.on_call("find", "health", lambda args: {"status": "ok"})
    assert (await client.service("api/v1/user/api-keys").find()).total == 1
    assert (await client.service("health").find())["status"] == "ok"


async def test_in_of_nothing_is_answered_without_asking(link: ScriptedLink, client: agor.Client) -> None:
    page = await client.service("messages").find({"task_id": {"$in": []}})
    assert (len(page), page.total) == (0, 0)
    assert await client.service("messages").find_all({"task_id": {"$in": []}}) == ()
    assert link.calls == []


def rows(first: int, last: int) -> list[dict[str, Any]]:
    return [{"task_id": f"t{n:03}", "session_id": SID, "status": "completed"} for n in range(first, last)]


def paging(total: int, *, heeds_skip: bool = True, heeds_limit: bool = True, cap: int = 10_000) -> Any:
    def answer(args: tuple[Any, ...]) -> dict[str, Any]:
        query = args[0]
        skip = query.get("$skip", 0) if heeds_skip else 0
        limit = min(query["$limit"], cap) if heeds_limit else total
        return {"total": total, "limit": limit, "skip": skip, "data": rows(skip, min(total, skip + limit))}

    return answer


@pytest.mark.parametrize(
    ("daemon", "total"),
    [
        (paging(0), 0),
        (paging(25), 25),
        (paging(25, cap=4), 25),
        (paging(25, heeds_limit=False), 25),
        (paging(25, heeds_skip=False), 25),
        (paging(25, heeds_skip=False, heeds_limit=False), 25),
    ],
    ids=["empty", "good", "capped", "ignores-limit", "ignores-skip", "ignores-both"],
)
async def test_find_all_finds_all_on_every_daemon(
    link: ScriptedLink, client: agor.Client, daemon: Any, total: int
) -> None:
    link.on_call("find", "tasks", daemon)
    tasks = await client.service("tasks").find_all({"session_id": SID}, page_size=10)
    assert [task.task_id for task in tasks] == [row["task_id"] for row in rows(0, total)]
    assert len(link.calls) < 10


async def test_find_all_raises_when_a_daemon_promises_rows_that_never_come(
    link: ScriptedLink, client: agor.Client
) -> None:
    link.on_call("find", "tasks", lambda args: {"total": 99, "data": rows(0, 10)})
    with pytest.raises(ProtocolError, match="counts 99 rows and gave 10"):
        await client.service("tasks").find_all(page_size=10)
    assert len(link.calls) < 25


async def test_find_all_takes_each_row_once_in_its_newest_form_and_sorts_by_what_was_asked(
    link: ScriptedLink, client: agor.Client
) -> None:
    pages = iter([rows(0, 3), [{**rows(2, 3)[0], "status": "failed"}, *rows(3, 5)]])
    link.on_call("find", "tasks", lambda args: {"total": 5, "data": next(pages, [])})
    tasks = await client.service("tasks").find_all({"$sort": {"task_id": -1}}, page_size=3)
    assert [(task.task_id, task.status) for task in tasks] == [
        ("t004", "completed"),
        ("t003", "completed"),
        ("t002", "failed"),
        ("t001", "completed"),
        ("t000", "completed"),
    ]


@pytest.mark.parametrize(
    "answer",
    [
        TASK,
        {"success": True, "task": TASK, "queued": False},
        {"success": True, "taskId": "t1", "status": "running"},
        {"success": True, "queued": True, "queue_position": 1, "message": {"message_id": "m", "task_id": "t1"}},
    ],
)
async def test_a_prompt_answers_its_task_whatever_the_daemon_says(
    link: ScriptedLink, client: agor.Client, answer: Any
) -> None:
    link.on_call("create", "sessions/:id/prompt", lambda args: answer)
    link.on_call("get", "tasks", lambda args: {**TASK, "task_id": args[0]})
    task = await client.sessions.prompt(SID, "hi", permission_mode="auto", stream=True, metadata={"a": 1})
    assert isinstance(task, Task)
    assert (task.task_id, task.status) == ("t1", "running")
    body = {"prompt": "hi", "permissionMode": "auto", "stream": True, "metadata": {"a": 1}}
    assert link.calls[0] == ("create", f"sessions/{SID}/prompt", (body,))


async def test_a_prompt_that_was_not_taken_is_an_error(link: ScriptedLink, client: agor.Client) -> None:
    link.on_call("create", "sessions/:id/prompt", lambda args: {"success": False, "reason": "session is stopping"})
    with pytest.raises(BadRequest, match="stopping"):
        await client.sessions.prompt(SID, "hi")
    link.on_call("create", "sessions/:id/prompt", lambda args: {"success": True})
    with pytest.raises(ProtocolError, match="no task"):
        await client.sessions.prompt(SID, "hi")


async def test_short_ids_are_expanded_once_before_a_route_is_used(link: ScriptedLink, client: agor.Client) -> None:
    link.on_call("get", "sessions", lambda args: {"session_id": SID})
    link.on_call("find", "sessions/:id/tasks/queue", lambda args: {"total": 1, "data": [{**TASK, "status": "queued"}]})
    (task,) = await client.sessions.queue("01970a3f91c27b1e8d550c1f")
    assert isinstance(task, Task)
    assert [call[1] for call in link.calls] == ["sessions", f"sessions/{SID}/tasks/queue"]


@pytest.mark.parametrize("wrong", ["", "a/b", "..", "x?y"])
async def test_an_id_that_would_lead_elsewhere_is_refused(client: agor.Client, wrong: str) -> None:
    with pytest.raises(UsageError):
        await client.tasks.run(wrong)


async def test_the_other_routes_go_where_they_should(link: ScriptedLink, client: agor.Client) -> None:
    link.on_call("create", "sessions/:id/stop", lambda args: {"success": True, "status": "idle"})
    link.on_call("create", "sessions/:id/fork", lambda args: {"session_id": "s2"})
    link.on_call("create", "sessions/:id/spawn", lambda args: {"session_id": "s3"})
    link.on_call("find", "sessions/:id/genealogy", lambda args: {"session": {}, "ancestors": [], "children": []})
    link.on_call("create", "sessions/:id/permission-decision", lambda args: {"success": True})
    link.on_call("create", "tasks/:id/*", lambda args: TASK)
    for deed in ("run", "complete", "fail"):
        link.on_call("create", f"tasks/:id/{deed}", lambda args: TASK)
    assert (await client.sessions.stop(SID))["status"] == "idle"
    assert (await client.sessions.fork(SID, "try", task_id="t")).session_id == "s2"
    assert (await client.sessions.spawn(SID, "try", agent="codex")).session_id == "s3"
    assert (await client.sessions.genealogy(SID))["children"] == ()
    await client.sessions.permission_decision(SID, "r1", True, task_id="t1", decided_by="u1", wait=False)
    await client.tasks.run("t1", stream=False)
    await client.tasks.complete("t1")
    await client.tasks.fail("t1", "broken")
    assert [(service.rpartition("/")[2], args) for _, service, args in link.calls] == [
        ("stop", ({},)),
        ("fork", ({"prompt": "try", "task_id": "t"},)),
        ("spawn", ({"prompt": "try", "agent": "codex"},)),
        ("genealogy", ()),
        (
            "permission-decision",
            ({"requestId": "r1", "taskId": "t1", "allow": True, "remember": False, "decidedBy": "u1"},),
        ),
        ("run", ({"stream": False},)),
        ("complete", ({},)),
        ("fail", ({"error": "broken"},)),
    ]


async def test_every_method_of_a_service_reaches_the_wire(link: ScriptedLink, client: agor.Client) -> None:
    link.on_call("*", "*", lambda args: {"task_id": "t1"})
    tasks = client.service("tasks")
    await tasks.create({"model": "m"}, {"q": 1})
    await tasks.update("t1", {"model": "m"})
    await tasks.patch("t1", {"model": "m"})
    await tasks.remove("t1")
    await client.service("messages").call("findByTask", {"task_id": "t1"})
    await client.service("boards").call("toBlob", {"id": "b"})
    unknown: Any = client.service("kb/zork")
    await unknown.find_near({"document_id": "d"}, timeout=3.0)
    assert [(method, args) for method, _, args in link.calls] == [
        ("create", ({"model": "m"}, {"q": 1})),
        ("update", ("t1", {"model": "m"})),
        ("patch", ("t1", {"model": "m"})),
        ("remove", ("t1",)),
        ("findByTask", ({"task_id": "t1"},)),
        ("toBlob", ({"id": "b"},)),
        ("findNear", ({"document_id": "d"},)),
    ]


async def test_listeners_hear_typed_rows_until_they_leave(link: ScriptedLink, client: agor.Client) -> None:
    received: list[Any] = []
    leave = client.service("messages").on("created", received.append)
    client.service("messages").on("streaming:chunk", received.append)
    link.emit("messages created", {"message_id": "m", "session_id": SID})
    link.emit("messages streaming:chunk", {"chunk": "x"})
    leave()
    leave()
    client.service("messages").off("streaming:chunk", received.append)
    link.emit("messages created", {"message_id": "m2"})
    link.emit("messages streaming:chunk", {"chunk": "y"})
    assert isinstance(received[0], Message)
    assert received[1:] == [{"chunk": "x"}]
    assert client.router.listener_count == 0


async def test_off_without_a_callback_takes_them_all(link: ScriptedLink, client: agor.Client) -> None:
    received: list[Any] = []
    for _ in range(3):
        client.service("tasks").on("patched", received.append)
    client.service("tasks").off("patched")
    link.emit("tasks patched", TASK)
    assert received == []


async def test_client_events_are_redacted(link: ScriptedLink, client: agor.Client) -> None:
    received: list[agor.RawEvent] = []
    client.events.subscribe(received.append)
    link.emit("api/v1/user/api-keys created", {"rawKey": "agor_sk_secret"})
    link.emit("sessions created", {"session_id": SID, "mcp_token": "secret"})
    assert "secret" not in str([event.payload for event in received])


async def test_a_login_answers_who_one_is_and_shows_no_token(link: ScriptedLink, client: agor.Client) -> None:
    link.on_call("create", "authentication", lambda args: {"accessToken": "tok-secret", "user": {"user_id": "u1"}})
    result = await client.authenticate(strategy="api-key", api_key="agor_sk_secret")
    assert (result.access_token, result.user and result.user.user_id) == ("tok-secret", "u1")
    assert "secret" not in f"{result!r} {client!r} {result}"
    await client.re_authenticate()
    await client.logout()
    assert client.status.phase == "unauthenticated"


async def test_waiting_for_the_end_outlasts_a_blip(link: ScriptedLink, client: agor.Client) -> None:
    waiting = asyncio.ensure_future(client.wait_closed())
    await asyncio.sleep(0)
    link.drop()
    link.restore()
    await asyncio.sleep(0)
    assert not waiting.done()
    await client.close()
    await waiting
    await client.wait_closed()
