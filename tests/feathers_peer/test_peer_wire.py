"""The peer of June 2026 and before, and what all versions share: raw frames and raw HTTP, as real daemons speak."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx2
import pytest

from tests.feathers_peer.process import JsonLineProcess
from tests.feathers_peer.wire import HANDSHAKE, Socket, connected, log_in, message, new_session, start

pytestmark = pytest.mark.timeout(300)  # the first run installs the packages
VERSIONS = ("worktrees", "branches", HANDSHAKE)


@pytest.fixture(scope="module")
def peer() -> Iterator[JsonLineProcess]:
    with start("branches") as process:
        yield process


@pytest.fixture
async def socket(peer: JsonLineProcess) -> AsyncIterator[Socket]:
    async with connected(peer) as one:
        yield one


@pytest.fixture
async def http(peer: JsonLineProcess) -> AsyncIterator[httpx2.AsyncClient]:
    headers = {"Authorization": f"Bearer {peer.greeting['api_key']}"}
    async with httpx2.AsyncClient(base_url=peer.greeting["url"], headers=headers, trust_env=False) as client:
        yield client


async def test_server_info_comes_first_and_calls_without_login_are_refused(peer: JsonLineProcess) -> None:
    async with connected(peer, login=False) as socket:
        error = await socket.call("find", "sessions", {})
        assert {key: error[key] for key in ("name", "message", "code", "className")} == {
            "name": "NotAuthenticated",
            "message": "Not authenticated",
            "code": 401,
            "className": "not-authenticated",
        }
        assert socket.names()[0] == "server-info"
        assert (await socket.result("find", "health"))["status"] == "ok"


@pytest.mark.parametrize(
    ("login", "message"),
    [
        ({"strategy": "local", "email": "peer@example.test", "password": "no"}, "Invalid login"),
        ({"strategy": "local", "email": "nobody@example.test", "password": "no"}, "Invalid login"),
        ({}, "Invalid authentication information (no `strategy` set)"),
        ({"strategy": "zork"}, "Invalid authentication information (strategy not allowed in authStrategies)"),
        ({"strategy": "jwt", "accessToken": "zork"}, "jwt malformed"),
        ({"strategy": "api-key", "apiKey": "agor_sk_zork"}, "Invalid API key"),
        ({"strategy": "api-key", "apiKey": "zork"}, "Invalid API key format"),
    ],
)
async def test_a_wrong_login_is_refused_as_the_daemon_does(peer: JsonLineProcess, login: Any, message: str) -> None:
    async with connected(peer, login=False) as socket:
        error = await socket.call("create", "authentication", login)
        assert (error["code"], error["message"]) == (401, message)


async def test_every_login_answers_both_tokens_and_never_the_password(peer: JsonLineProcess) -> None:
    access = peer.greeting
    async with connected(peer, login=False) as socket:
        by_password = {"strategy": "local", "email": access["email"], "password": access["password"]}
        first = await socket.result("create", "authentication", by_password)
        again = await socket.result(
            "create", "authentication", {"strategy": "jwt", "accessToken": first["accessToken"]}
        )
        by_key = await socket.result("create", "authentication", {"strategy": "api-key", "apiKey": access["api_key"]})
        for result in (first, again, by_key):
            assert {"accessToken", "refreshToken", "user", "authentication"} <= set(result)
            assert "password" not in result["user"]
        assert again["accessToken"] == first["accessToken"]
        refreshed = await socket.result("create", "authentication/refresh", {"refreshToken": first["refreshToken"]})
        assert set(refreshed) == {"accessToken", "refreshToken", "user"}
        wrong_kind = {"strategy": "jwt", "accessToken": first["refreshToken"]}
        error = await socket.call("create", "authentication", wrong_kind)
        assert "code" not in error
        assert error["message"] == "JWT type is not valid for daemon API authentication"


async def test_logging_out_ends_calls_and_events_but_not_the_socket(peer: JsonLineProcess, socket: Socket) -> None:
    async with connected(peer) as other:
        await other.result("remove", "authentication", None, {})
        before = len(other.events)
        await new_session(socket, peer)
        assert (await other.call("find", "sessions", {}))["code"] == 401
        assert other.names()[before:] == []


async def test_the_socket_is_kicked_in_the_second_its_access_token_expires() -> None:
    with start("branches", "--token-life", "1") as peer:
        async with connected(peer) as socket:
            await asyncio.wait_for(socket.gone.wait(), timeout=5)
            assert not socket.client.connected


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_graceful_stop_kicks_and_a_restart_keeps_rows_and_key(version: str, tmp_path: Any) -> None:
    state = str(tmp_path / "peer.json")
    with start(version, "--state", state) as peer:
        async with connected(peer) as socket:
            session = await new_session(socket, peer)
            await socket.result("create", f"sessions/{session}/prompt", {"prompt": "Run."})
            peer.order("stop")
            await asyncio.wait_for(socket.gone.wait(), timeout=5)
    with start(version, "--state", state) as again:
        async with connected(again) as socket:
            assert (await socket.result("get", "sessions", session))["status"] == "idle"
            tasks = await socket.result("find", "tasks", {"session_id": session})
            assert [task["status"] for task in tasks["data"]] == ["stopped"]
            messages = await socket.result("find", "messages", {"session_id": session})
            assert [row["type"] for row in messages["data"]] == ["user", "daemon_restart"]


async def test_an_idle_prompt_is_told_in_order_before_its_ack(peer: JsonLineProcess, socket: Socket) -> None:
    session = await new_session(socket, peer)
    del socket.events[:]
    task = await socket.result("create", f"sessions/{session}/prompt", {"prompt": "Hello."})
    assert (task["status"], "started_at" in task) == ("running", True)
    assert [name for name in socket.names() if " " in name] == [
        "tasks created",
        "tasks patched",
        "messages created",
        "sessions patched",
        "sessions/:id/prompt created",
    ]
    assert ("patched", None) in socket.events
    row = await socket.result("get", "tasks", task["task_id"])
    assert "started_at" not in row


async def test_the_next_task_runs_before_the_finished_one_is_seen_completed(
    peer: JsonLineProcess, socket: Socket
) -> None:
    session = await new_session(socket, peer)
    first = await socket.result("create", f"sessions/{session}/prompt", {"prompt": "One."})
    del socket.events[:]
    second = await socket.result("create", f"sessions/{session}/prompt", {"prompt": "Two."})
    third = await socket.result("create", f"sessions/{session}/prompt", {"prompt": "Three."})
    assert [second["queue_position"], third["queue_position"]] == [1, 2]
    assert socket.names(session) == ["tasks queued", "sessions/:id/prompt created"] * 2
    queue = await socket.result("find", f"sessions/{session}/tasks/queue")
    assert (queue["total"], [row["task_id"] for row in queue["data"]]) == (2, [second["task_id"], third["task_id"]])
    del socket.events[:]
    await socket.result("create", f"tasks/{first['task_id']}/complete", {})
    notified = [
        (name, row["status"]) for name, row in socket.events if row and name in ("tasks patched", "sessions patched")
    ]
    assert notified == [
        ("sessions patched", "idle"),
        ("tasks patched", "running"),
        ("sessions patched", "running"),
        ("tasks patched", "completed"),
    ]
    assert (await socket.result("get", "tasks", second["task_id"]))["queue_position"] == 1


async def test_stop_ends_the_current_task_and_the_queue_goes_on(peer: JsonLineProcess, socket: Socket) -> None:
    session = await new_session(socket, peer)
    await socket.result("create", f"sessions/{session}/prompt", {"prompt": "One."})
    second = await socket.result("create", f"sessions/{session}/prompt", {"prompt": "Two."})
    del socket.events[:]
    assert await socket.result("create", f"sessions/{session}/stop", {}) == {"success": True, "status": "idle"}
    notified = [name for name in socket.names() if " " in name]
    assert notified[:3] == ["tasks patched", "sessions patched", "sessions/:id/stop created"]
    while (await socket.result("get", "tasks", second["task_id"]))["status"] != "running":
        pass
    refused = await socket.call("create", f"sessions/{session.replace('-', '')[:24]}/stop", {})
    assert (refused["code"], refused["message"]) == (400, "validation failed")


async def test_errors_have_the_many_shapes_of_the_daemon(socket: Socket, http: httpx2.AsyncClient) -> None:
    missing = str(uuid.uuid4())
    error = await socket.call("get", "sessions", missing)
    assert (error["code"], error["name"], "stack" in error) == ("NOT_FOUND", "NotFoundError", True)
    rest = await http.get(f"/sessions/{missing}")
    assert (rest.status_code, rest.json()["name"]) == (500, "GeneralError")
    assert rest.json()["message"] == f"Session not found: {missing}"
    assert (await socket.call("find", "sessions", {"session_id": {"$in": [missing]}}))["message"] == "validation failed"
    assert (await http.get("/sessions", params={"$limit": 10_001})).status_code == 400
    assert (await socket.call("find", "nope", {}))["message"] == "Service 'nope' not found"
    unknown = await http.get("/nope")
    assert (unknown.status_code, unknown.headers["content-type"].partition(";")[0]) == (404, "text/html")
    assert (await socket.call("find", "sessions/x/prompt", {}))["code"] == 405
    assert (await socket.call("get", "sessions", missing, {}, {}))["code"] == 400
    no_id = await socket.call("create", "messages", {"session_id": missing})
    assert "insert into" in no_id["message"]
    assert "code" not in no_id


async def test_stream_events_reach_everybody_and_any_member_may_post_them(
    peer: JsonLineProcess, socket: Socket
) -> None:
    assert (await socket.call("create", "session-streams", {"session_id": "x"}))["code"] == 404
    async with connected(peer) as other:
        chunk = {"event": "streaming:chunk", "data": {"session_id": "x", "chunk": "a"}}
        assert await socket.result("create", "messages/streaming", chunk) == {"success": True}
        assert "messages streaming:chunk" in socket.names()
        await other.until(lambda: "messages/streaming created" in other.names())
        assert "messages streaming:chunk" in other.names()


async def test_an_oversize_frame_closes_the_connection(peer: JsonLineProcess, socket: Socket) -> None:
    await socket.client.emit("create", ("sessions", {"title": "x" * 1_000_001}))
    await asyncio.wait_for(socket.gone.wait(), timeout=5)


async def test_users_work_over_the_socket_only(socket: Socket, http: httpx2.AsyncClient) -> None:
    users = await socket.result("find", "users", {})
    assert [("password" in row) for row in users["data"]] == [False]
    assert (await http.get("/users")).status_code == 401


async def test_rest_query_numbers_of_messages_are_added_as_strings(
    http: httpx2.AsyncClient, peer: JsonLineProcess
) -> None:
    made = (await http.post("/sessions", json={"branch_id": peer.greeting["workspace_id"]})).json()
    session = made["session_id"]
    rows = [message(session, index) for index in range(6)]
    assert (await http.post("/messages/bulk", json=rows)).status_code == 201
    page = (await http.get("/messages", params={"session_id": session, "$limit": 2, "$skip": 1})).json()
    assert (len(page["data"]), page["limit"], page["skip"]) == (5, "2", "1")
    sorted_page = await http.get("/tasks", params={"$limit": 1, "$sort[created_at]": -1})
    assert sorted_page.json()["limit"] == 1


async def test_all_messages_come_at_once_unless_a_limit_is_wanted(socket: Socket, peer: JsonLineProcess) -> None:
    session = await new_session(socket, peer)
    await socket.result("create", "messages/bulk", [message(session, index) for index in range(120)])
    page = await socket.result("find", "messages", {"session_id": session})
    assert (page["total"], page["limit"], len(page["data"])) == (120, 10_000, 120)
    with start("branches", "--page-limit", "50") as small:
        async with connected(small) as other:
            session = await new_session(other, small)
            await other.result("create", "messages/bulk", [message(session, index) for index in range(60)])
            page = await other.result("find", "messages", {"session_id": session, "$limit": 1_000})
            assert (page["total"], page["limit"], len(page["data"])) == (60, 50, 50)


async def test_worktrees_have_their_own_words_and_a_prompt_answers_an_envelope() -> None:
    with start("worktrees") as peer:
        async with connected(peer) as socket:
            place = await socket.result("get", "worktrees", peer.greeting["workspace_id"])
            session = await new_session(socket, peer)
            row = await socket.result("get", "sessions", session)
            assert (row["worktree_id"], "branch_id" in row) == (place["worktree_id"], False)
            assert row["worktree_board_id"] == place["board_id"]
            assert (await socket.call("find", "branches", {}))["code"] == 404
            without = await socket.call("create", "sessions", {"branch_id": place["worktree_id"]})
            assert without["message"] == "Session must have a worktree_id"
            first = await socket.result("create", f"sessions/{session}/prompt", {"prompt": "One."})
            task = first["taskId"]
            assert first == {"success": True, "taskId": task, "status": "running", "streaming": True}
            second = await socket.result("create", f"sessions/{session}/prompt", {"prompt": "Two."})
            assert {key: second[key] for key in ("success", "queued", "status", "queue_position")} == {
                "success": True,
                "queued": True,
                "status": "queued",
                "queue_position": 1,
            }
            assert second["message"]["task_id"] == second["taskId"]


@pytest.mark.parametrize("version", VERSIONS)
async def test_revoked_tokens_are_void_and_new_logins_work(version: str) -> None:
    with start(version) as peer:
        old = await log_in(peer)
        async with (
            connected(peer) as socket,
            httpx2.AsyncClient(base_url=peer.greeting["url"], trust_env=False) as http,
        ):
            assert peer.order("revoke")
            await asyncio.wait_for(socket.gone.wait(), timeout=5)
            headers = {"Authorization": f"Bearer {old['accessToken']}"}
            answer = await http.get("/sessions", headers=headers)
            assert (answer.status_code, answer.json()["message"]) == (401, "Session expired, please login again")
            refresh = await http.post("/authentication/refresh", json={"refreshToken": old["refreshToken"]})
            assert (refresh.status_code, refresh.json()["message"]) == (401, "Invalid or expired refresh token")
            new = await log_in(peer)
            headers = {"Authorization": f"Bearer {new['accessToken']}"}
            assert (await http.get("/sessions", headers=headers)).status_code == 200
            again = await http.post("/authentication/refresh", json={"refreshToken": new["refreshToken"]})
            assert again.status_code == 201
        async with connected(peer) as socket:
            assert (await socket.result("find", "sessions", {}))["total"] == 0


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_kick_disconnects_and_a_cut_ends_the_connection(version: str) -> None:
    with start(version) as peer:
        for order in ("kick", "cut"):
            async with connected(peer) as socket:
                assert peer.order(order)
                await asyncio.wait_for(socket.gone.wait(), timeout=5)
        assert not peer.order("zork")


async def test_successful_logins_are_counted_and_refreshes_are_not(peer: JsonLineProcess) -> None:
    before = peer.ask("logins")["count"]
    tokens = await log_in(peer)
    async with httpx2.AsyncClient(base_url=peer.greeting["url"], trust_env=False) as http:
        refresh = await http.post("/authentication/refresh", json={"refreshToken": tokens["refreshToken"]})
        assert refresh.status_code == 201
        assert (await http.post("/authentication", json={"strategy": "zork"})).status_code == 401
    assert peer.ask("logins") == {"done": "logins", "count": before + 1}


def test_an_unknown_api_version_is_refused_at_start() -> None:
    with pytest.raises(RuntimeError, match="--api-version is one of"):
        start("zork")
