"""Today's version over HTTP: logins, their limit, who I am, health."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable

import httpx2
import pytest

from agor_reactive.daemon import ApiVersionName, EmbeddedDaemon

from .conftest import bearer, log_in

Start = Callable[..., Awaitable[EmbeddedDaemon]]


@pytest.fixture
def api_version() -> ApiVersionName:
    return "handshake"


@pytest.fixture
async def bare(daemon: EmbeddedDaemon) -> AsyncIterator[httpx2.AsyncClient]:
    async with httpx2.AsyncClient(base_url=daemon.url) as client:
        yield client


async def test_key_password_and_token_each_give_an_access_and_a_refresh_token(
    daemon: EmbeddedDaemon, bare: httpx2.AsyncClient
) -> None:
    first = await log_in(daemon)
    credentials = (
        {"strategy": "api-key", "apiKey": daemon.api_key},
        {"strategy": "local", "email": daemon.email, "password": daemon.password},
        {"strategy": "jwt", "accessToken": first["accessToken"]},
    )
    seen = set()
    for credential in credentials:
        result = await log_in(daemon, **credential)
        assert set(result) == {"accessToken", "authentication", "user", "refreshToken"}
        assert not {"password_hash", "token_generation"} & set(result["user"])
        assert result["authentication"]["payload"]["type"] == "access"
        seen.add(result["accessToken"])
        assert (await bare.get("/sessions", headers=bearer(result["accessToken"]))).status_code == 200
        fresh = await bare.post("/authentication/refresh", json={"refreshToken": result["refreshToken"]})
        assert (fresh.status_code, set(fresh.json())) == (201, {"accessToken", "refreshToken", "user"})
    assert len(seen) == 3
    wrong = await bare.post("/authentication/refresh", json={"refreshToken": first["accessToken"]})
    assert (wrong.status_code, wrong.json()["message"]) == (401, "Invalid or expired refresh token")


async def test_keys_and_tokens_of_a_user_share_one_bucket_of_fifty_and_bad_ones_and_each_address_have_their_own(
    daemon: EmbeddedDaemon, bare: httpx2.AsyncClient
) -> None:
    token = (await log_in(daemon))["accessToken"]
    for number in range(49):
        key = {"strategy": "api-key", "apiKey": daemon.api_key}
        given = {"strategy": "jwt", "accessToken": token} if number % 2 else key
        assert (await bare.post("/authentication", json=given)).status_code == 201
    refused = await bare.post("/authentication", json={"strategy": "api-key", "apiKey": daemon.api_key})
    assert refused.status_code == 429
    assert refused.headers["content-type"].startswith("text/plain")
    assert refused.text.startswith("Too many authentication attempts")
    assert refused.headers["ratelimit"].startswith("limit=50, remaining=0, reset=")
    assert 0 < int(refused.headers["retry-after"]) <= 900
    bad = {"strategy": "api-key", "apiKey": "agor_sk_x"}
    assert (await bare.post("/authentication", json=bad)).status_code == 401
    local = {"strategy": "local", "email": daemon.email, "password": daemon.password}
    assert (await bare.post("/authentication", json=local)).status_code == 201


async def test_refreshes_have_a_bucket_of_their_own(start: Start) -> None:
    daemon = await start(login_limit=2)
    tokens = await log_in(daemon)
    async with httpx2.AsyncClient(base_url=daemon.url) as http:
        given = {"refreshToken": tokens["refreshToken"]}
        codes = [(await http.post("/authentication/refresh", json=given)).status_code for _ in range(3)]
        assert codes == [201, 201, 429]
    await log_in(daemon)


async def test_user_me_says_whom_a_credential_names(daemon: EmbeddedDaemon, bare: httpx2.AsyncClient) -> None:
    tokens = await log_in(daemon)
    by_key = (await bare.get("/api/v1/user/me", headers={"X-API-Key": daemon.api_key or ""})).json()
    assert (by_key["auth_strategy"], by_key["role"]) == ("api-key", "superadmin")
    assert by_key["user"]["email"] == daemon.email
    listed = (await bare.get("/api/v1/user/api-keys", headers=bearer(daemon.api_key))).json()
    assert by_key["key_id"] == listed[0]["id"]
    by_token = (await bare.get("/api/v1/user/me", headers=bearer(tokens["accessToken"]))).json()
    assert (by_token["auth_strategy"], by_token["key_id"], by_token["user"]) == ("jwt", None, by_key["user"])
    assert (await bare.get("/api/v1/user/me")).status_code == 401
    assert (await bare.get("/api/v1/user/me", headers=bearer("agor_sk_wrong"))).status_code == 401


async def test_users_can_be_read_over_rest_and_a_new_password_ends_the_old_tokens(
    daemon: EmbeddedDaemon, bare: httpx2.AsyncClient
) -> None:
    headers = {"X-API-Key": daemon.api_key or ""}
    user = {"email": "new@x.test", "password": "first-1", "must_change_password": True}
    made = await bare.post("/users", json=user, headers=headers)
    assert (made.status_code, (await bare.get("/users", headers=headers)).json()["total"]) == (201, 2)
    token = (await log_in(daemon, strategy="local", email="new@x.test", password="first-1"))["accessToken"]
    blocked = await bare.get("/sessions", headers=bearer(token))
    assert (blocked.status_code, blocked.json()["data"]["code"]) == (403, "PASSWORD_CHANGE_REQUIRED")
    path = f"/users/{made.json()['user_id']}"
    assert (await bare.patch(path, json={"password": "second-2"}, headers=bearer(token))).status_code == 200
    assert (await bare.get("/sessions", headers=bearer(token))).status_code == 401
    fresh = await log_in(daemon, strategy="local", email="new@x.test", password="second-2")
    assert (await bare.get("/sessions", headers=bearer(fresh["accessToken"]))).status_code == 200


@pytest.mark.parametrize("version", ["worktrees", "branches", "handshake"])
async def test_health_tells_the_newer_daemon_from_older_ones(start: Start, version: ApiVersionName) -> None:
    daemon = await start(api_version=version)
    async with httpx2.AsyncClient(base_url=daemon.url) as http:
        health = (await http.get("/health")).json()
        me = await http.get("/api/v1/user/me", headers={"X-API-Key": daemon.api_key or ""})
    hints = {"service", "deploymentId", "db", "realtime"}
    if version != "handshake":
        assert not hints & set(health)
        assert "identity" not in health["auth"]
        assert me.status_code == 404
        return
    assert (health["service"], health["db"]["ok"], health["realtime"]["ready"]) == ("agor-daemon", True, True)
    assert isinstance(health["db"]["latencyMs"], int)
    assert hints <= set(health)
    assert health["features"]["branchRbac"] is True
    assert "identity" in health["auth"]


async def test_a_service_token_may_do_what_executors_do_and_members_may_not(
    daemon: EmbeddedDaemon, bare: httpx2.AsyncClient
) -> None:
    token = (await log_in(daemon))["accessToken"]
    service = bearer(daemon.service_token)
    session = (await bare.post("/sessions", json={"branch_id": daemon.workspace_id}, headers=service)).json()
    task = (await bare.post("/tasks", json={"session_id": session["session_id"]}, headers=service)).json()
    event = {"event": "streaming:start", "data": {"session_id": session["session_id"]}}
    for headers in (bearer(token), {"X-API-Key": daemon.api_key or ""}):
        for door in ("messages", "tasks"):
            refused = await bare.post(f"/{door}/streaming", json=event, headers=headers)
            words = (refused.status_code, refused.json()["message"])
            assert words == (403, "Streaming events require an executor-scoped token")
        patch = await bare.patch(f"/tasks/{task['task_id']}", json={"model": "m"}, headers=headers)
        assert (patch.status_code, "executor token" in patch.json()["message"]) == (403, True)
    for door in ("messages", "tasks"):
        assert (await bare.post(f"/{door}/streaming", json=event, headers=service)).json() == {"success": True}
    patch = await bare.patch(f"/tasks/{task['task_id']}", json={"model": "m"}, headers=service)
    assert (patch.status_code, patch.json()["model"]) == (200, "m")
