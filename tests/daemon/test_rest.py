"""The same daemon over HTTP: status codes, quirks, limits."""

from __future__ import annotations

import httpx2
import pytest

from agor_reactive.daemon import EmbeddedDaemon

from .conftest import Open
from .test_rows import filled


async def new_session(daemon: EmbeddedDaemon, http: httpx2.AsyncClient) -> str:
    answer = await http.post("/sessions", json={"branch_id": daemon.workspace_id})
    assert answer.status_code == 201
    return str(answer.json()["session_id"])


async def test_health_needs_no_credentials_and_everything_else_does(daemon: EmbeddedDaemon) -> None:
    async with httpx2.AsyncClient(base_url=daemon.url) as bare:
        health = (await bare.get("/health")).json()
        assert (health["status"], health["auth"]["requireAuth"]) == ("ok", True)
        assert isinstance(health["timestamp"], int)
        for path in ("/sessions", "/tasks", "/messages", "/boards", "/branches", "/repos", "/api/v1/user/api-keys"):
            answer = await bare.get(path)
            assert (answer.status_code, answer.json()["message"]) == (401, "Not authenticated")
        naked = await bare.get("/sessions", headers={"Authorization": daemon.api_key or ""})
        assert (naked.status_code, naked.json()["message"]) == (401, "jwt malformed")


async def test_keys_and_tokens_both_open_the_door(daemon: EmbeddedDaemon) -> None:
    async with httpx2.AsyncClient(base_url=daemon.url) as bare:
        login = await bare.post("/authentication", json={"strategy": "api-key", "apiKey": daemon.api_key})
        assert login.status_code == 201
        for credential in (login.json()["accessToken"], daemon.api_key):
            answer = await bare.get("/sessions", headers={"Authorization": f"Bearer {credential}"})
            assert answer.status_code == 200
        fresh = await bare.post("/authentication/refresh", json={"refreshToken": login.json()["refreshToken"]})
        assert fresh.status_code == 201
        wrong = await bare.post("/authentication", headers={"Authorization": f"Bearer {daemon.api_key}"})
        assert (wrong.status_code, "no `strategy` set" in wrong.json()["message"]) == (401, True)


async def test_every_post_answers_201_and_rows_can_be_changed_and_removed(
    daemon: EmbeddedDaemon, http: httpx2.AsyncClient
) -> None:
    session_id = await new_session(daemon, http)
    patched = await http.patch(f"/sessions/{session_id}", json={"title": "x"})
    assert (patched.status_code, patched.json()["title"]) == (200, "x")
    prompt = await http.post(f"/sessions/{session_id}/prompt", json={"prompt": "Go. [slow]"})
    assert (prompt.status_code, prompt.json()["status"]) == (201, "running")
    stop = await http.post(f"/sessions/{session_id}/stop")
    assert (stop.status_code, stop.json()["success"]) == (201, True)
    queue = await http.get(f"/sessions/{session_id}/tasks/queue")
    assert queue.json() == {"total": 0, "data": []}
    assert (await http.delete(f"/sessions/{session_id}")).status_code == 200
    assert (await http.get(f"/sessions/{session_id}")).status_code == 500


async def test_domain_faults_are_a_500_and_unknown_paths_a_page(http: httpx2.AsyncClient) -> None:
    missing = await http.get("/sessions/ffffffff")
    assert missing.status_code == 500
    assert missing.json() == {
        "name": "GeneralError", "message": "Session not found: ffffffff", "code": 500, "className": "general-error",
    }  # fmt: skip
    nowhere = await http.get("/worktrees", headers={"Accept": "application/json"})
    assert (nowhere.status_code, nowhere.headers["content-type"].split(";")[0]) == (404, "text/html")
    run = await http.post("/tasks/ffffffff/run")
    assert (run.status_code, run.json()["name"]) == (404, "NotFound")
    method = await http.get("/tasks/bulk")
    assert (method.status_code, method.json()["message"]) == (405, "Method `find` is not supported by this endpoint.")
    html = await http.get("/sessions/ffffffff", headers={"Accept": "text/html"})
    assert html.headers["content-type"].startswith("text/html")


async def test_users_cannot_be_used_over_rest(daemon: EmbeddedDaemon, http: httpx2.AsyncClient) -> None:
    for answer in (
        await http.get("/users"),
        await http.get("/users/x"),
        await http.post("/users", json={"email": "x"}),
    ):
        assert (answer.status_code, answer.json()["message"]) == (401, "Authentication required")
    patch = await http.patch("/users/x", json={"name": "x"})
    assert (patch.status_code, patch.json()["message"]) == (403, "You can only update your own profile")


async def test_message_paging_concatenates_strings(
    daemon: EmbeddedDaemon, connect: Open, http: httpx2.AsyncClient
) -> None:
    session_id = await filled(await connect(), daemon, 6)
    both = (await http.get("/messages", params={"session_id": session_id, "$limit": 2, "$skip": 1})).json()
    assert (both["limit"], both["skip"], len(both["data"])) == ("2", "1", 5)
    alone = (await http.get("/messages", params={"session_id": session_id, "$limit": 2})).json()
    assert len(alone["data"]) == 2
    assert (await http.get("/messages", params={"index": 1})).json()["total"] == 0


async def test_nested_query_strings_reach_the_services(
    daemon: EmbeddedDaemon, connect: Open, http: httpx2.AsyncClient
) -> None:
    await filled(await connect(), daemon, 5)
    await new_session(daemon, http)
    found = await http.get("/messages?message_id[$in][]=m1&message_id[$in][]=m3&$sort[index]=-1")
    assert [row["message_id"] for row in found.json()["data"]] == ["m3", "m1"]
    many = "&".join(f"message_id[$in][{number}]=m{number}" for number in range(30))
    assert (await http.get(f"/messages?{many}")).json()["total"] == 5
    newest = (await http.get("/sessions?$sort[created_at]=-1&$limit=1&archived=false")).json()
    assert (newest["limit"], len(newest["data"]), newest["total"]) == (1, 1, 2)
    refused = await http.get("/sessions?status[$in][]=idle")
    assert (refused.status_code, refused.json()["message"]) == (400, "validation failed")


@pytest.mark.parametrize("body", ['{"a":', "not json"])
async def test_a_broken_body_is_a_500(http: httpx2.AsyncClient, body: str) -> None:
    answer = await http.post("/sessions", content=body, headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["name"]) == (500, "GeneralError")


async def test_a_body_over_ten_megabytes_is_a_500(http: httpx2.AsyncClient) -> None:
    answer = await http.post("/sessions", content=b'{"x":"' + b"x" * (10 * 1024 * 1024) + b'"}')
    assert (answer.status_code, answer.json()["message"]) == (500, "request entity too large")


async def test_a_body_larger_than_a_frame_is_fine(
    daemon: EmbeddedDaemon, connect: Open, http: httpx2.AsyncClient
) -> None:
    watcher = await connect()
    session_id = await new_session(daemon, http)
    text = "x" * 2_000_000
    row = {
        "message_id": "big", "session_id": session_id, "type": "assistant", "role": "assistant", "index": 0,
        "timestamp": "2026-11-25T00:00:00.000Z", "content_preview": "x", "content": text,
    }  # fmt: skip
    assert (await http.post("/messages", json=row)).status_code == 201
    notified = await watcher.until(lambda: watcher.of("messages created"))
    assert notified[0]["content"] == text
