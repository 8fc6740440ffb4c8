"""Logins, expiry, disconnects, and every kind of refusal."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import httpx2
import pytest
from socketio.exceptions import ConnectionError as SocketConnectionError

from agor_reactive.daemon import EmbeddedDaemon

from .conftest import Open, Watcher

Start = Callable[..., Awaitable[EmbeddedDaemon]]


async def test_a_key_login_answers_fresh_tokens_and_the_user(daemon: EmbeddedDaemon, connect: Open) -> None:
    watcher = await connect(login=False)
    result = await watcher.login(daemon)
    assert set(result) == {"accessToken", "authentication", "user", "refreshToken"}
    payload = result["authentication"]["payload"]
    assert payload["exp"] - payload["iat"] == 900
    assert (payload["iss"], payload["aud"], payload["sub"]) == ("agor", "https://agor.dev", result["user"]["user_id"])
    assert "type" not in payload
    assert "password_hash" not in result["user"]


async def test_a_password_login_and_a_token_login_work_too(daemon: EmbeddedDaemon, connect: Open) -> None:
    watcher = await connect(login=False)
    local = {"strategy": "local", "email": daemon.email, "password": daemon.password}
    token = (await watcher.ok("create", "authentication", local))["accessToken"]
    other = await connect(login=False)
    result = await other.ok("create", "authentication", {"strategy": "jwt", "accessToken": token})
    assert result["accessToken"] == result["authentication"]["accessToken"] == token


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        ({"strategy": "local", "email": "a@b.test", "password": "x"}, "Invalid login"),
        ({"strategy": "local", "email": "admin@agor.local"}, "Invalid login"),
        ({}, "Invalid authentication information (no `strategy` set)"),
        ({"strategy": "magic"}, "Invalid authentication information (strategy not allowed in authStrategies)"),
        ({"strategy": "jwt", "accessToken": "rubbish"}, "jwt malformed"),
        ({"strategy": "jwt", "accessToken": "a.b.c"}, "invalid token"),
        ({"strategy": "api-key", "apiKey": "sk_x"}, "Invalid API key format"),
        ({"strategy": "api-key", "apiKey": "agor_sk_wrong"}, "Invalid API key"),
    ],
)
async def test_wrong_credentials_are_refused_in_the_words_of_the_wire(
    connect: Open, http: httpx2.AsyncClient, request_: dict[str, Any], message: str
) -> None:
    watcher = await connect(login=False)
    fault = await watcher.fault("create", "authentication", request_)
    assert (fault["name"], fault["code"], fault["message"]) == ("NotAuthenticated", 401, message)
    assert fault["className"] == "not-authenticated"
    answer = await http.post("/authentication", json=request_)
    assert (answer.status_code, answer.json()["message"]) == (401, message)


async def test_a_refresh_token_is_no_access_token(
    daemon: EmbeddedDaemon, connect: Open, http: httpx2.AsyncClient
) -> None:
    watcher = await connect(login=False)
    token = (await watcher.login(daemon))["refreshToken"]
    fault = await watcher.fault("create", "authentication", {"strategy": "jwt", "accessToken": token})
    assert fault["message"] == "JWT type is not valid for daemon API authentication"
    assert "code" not in fault
    answer = await http.post("/authentication", json={"strategy": "jwt", "accessToken": token})
    assert (answer.status_code, answer.json()["name"]) == (500, "GeneralError")


async def test_refreshing_gives_two_new_tokens_and_no_login(daemon: EmbeddedDaemon, connect: Open) -> None:
    watcher = await connect(login=False)
    old = await watcher.login(daemon)
    other = await connect(login=False)
    fresh = await other.ok("create", "authentication/refresh", {"refreshToken": old["refreshToken"]})
    assert set(fresh) == {"accessToken", "refreshToken", "user"}
    assert fresh["accessToken"] != old["accessToken"]
    assert (await other.fault("find", "sessions"))["code"] == 401
    # Every socket receives the new tokens; a client has to redact them.
    assert watcher.of("authentication/refresh created")[0]["accessToken"] == fresh["accessToken"]
    bad = await other.fault("create", "authentication/refresh", {"refreshToken": old["accessToken"]})
    assert bad["message"] == "Invalid or expired refresh token"


async def test_the_login_is_cut_when_its_token_expires(start: Start, connect: Open) -> None:
    daemon = await start(access_token_life=0.3)
    watcher = await connect(daemon)
    loop = asyncio.get_running_loop()
    began = loop.time()
    await watcher.until(lambda: watcher.gone)
    assert watcher.gone == ["server disconnect"]
    assert 0.2 < loop.time() - began < 2
    assert not watcher.client.connected


async def test_logging_in_again_moves_the_cut(start: Start, connect: Open) -> None:
    daemon = await start(access_token_life=0.4)
    renewed, later = await connect(daemon), await connect(daemon)
    await renewed.login(daemon)
    for watcher in (renewed, later):
        await watcher.until(partial(getattr, watcher, "gone"))
    # The first to log in would be the first to go, had it not logged in once more.
    assert renewed.gone_at > later.gone_at


async def test_an_expired_token_says_when(start: Start, connect: Open) -> None:
    daemon = await start(access_token_life=0.1)
    watcher = await connect(daemon, login=False)
    token = (await watcher.login(daemon))["accessToken"]
    await watcher.until(lambda: watcher.gone)
    other = await connect(daemon, login=False)
    fault = await other.fault("create", "authentication", {"strategy": "jwt", "accessToken": token})
    assert (fault["message"], fault["data"]["name"]) == ("jwt expired", "TokenExpiredError")
    assert fault["data"]["expiredAt"].endswith("Z")


async def test_logging_out_ends_events_and_calls_but_not_the_link(daemon: EmbeddedDaemon, connect: Open) -> None:
    watcher, other = await connect(), await connect()
    await watcher.ok("remove", "authentication", None, {})
    await other.new_session(daemon)
    assert (await watcher.fault("find", "sessions"))["code"] == 401
    assert watcher.of("sessions created") == []
    await watcher.login(daemon)
    await other.new_session(daemon)
    assert len(await watcher.until(lambda: watcher.of("sessions created"))) == 1


async def test_logging_in_twice_does_not_double_events(daemon: EmbeddedDaemon, connect: Open) -> None:
    watcher = await connect()
    await watcher.login(daemon)
    await watcher.new_session(daemon)
    assert len(watcher.of("sessions created")) == 1


async def test_who_is_not_logged_in_hears_nothing_but_the_greeting_and_forks(
    daemon: EmbeddedDaemon, connect: Open
) -> None:
    stranger, watcher = await connect(login=False), await connect()
    session_id = await watcher.new_session(daemon)
    await watcher.ok("create", f"sessions/{session_id}/fork", {"prompt": "Another way"})
    await stranger.until(lambda: stranger.of("sessions created"))
    assert stranger.names() == ["server-info", "sessions created"]
    assert len(watcher.of("sessions created")) == 2


async def test_a_token_in_the_handshake_connects_and_hears_no_events(daemon: EmbeddedDaemon, connect: Open) -> None:
    watcher = await connect(login=False)
    token = (await watcher.login(daemon))["accessToken"]
    early = await connect(login=False, auth={"token": token})
    assert (await early.ok("find", "sessions"))["total"] == 0
    await watcher.new_session(daemon)
    assert (await early.ok("find", "sessions"))["total"] == 1
    assert early.names() == ["server-info"]
    refused = Watcher(daemon.url)
    reasons: list[dict[str, str]] = []
    refused.client.on("connect_error", reasons.append)
    with pytest.raises(SocketConnectionError):
        await refused.open(auth={"token": daemon.api_key})
    await refused.close()
    assert reasons == [{"message": "Invalid or expired authentication token"}]


async def test_too_many_wrong_guesses_are_slowed_down(start: Start, connect: Open) -> None:
    daemon = await start(login_limit=3)
    watcher = await connect(daemon, login=False)
    wrong = {"strategy": "api-key", "apiKey": "agor_sk_wrong"}
    codes = [(await watcher.fault("create", "authentication", wrong))["code"] for _ in range(5)]
    assert codes == [401, 401, 401, 429, 429]


async def test_a_viewer_cannot_log_in_and_a_member_cannot_make_users(daemon: EmbeddedDaemon, connect: Open) -> None:
    admin, watcher = await connect(), await connect(login=False)
    for role in ("viewer", "member"):
        await admin.ok("create", "users", {"email": f"{role}@x.test", "password": "secret-1", "role": role})
    viewer = {"strategy": "local", "email": "viewer@x.test", "password": "secret-1"}
    fault = await watcher.fault("create", "authentication", viewer)
    assert (fault["code"], fault["message"]) == (403, "You need member access to view users")
    await watcher.ok("create", "authentication", {**viewer, "email": "member@x.test"})
    refused = await watcher.fault("create", "users", {"email": "n@x.test", "password": "secret-2"})
    assert refused["message"] == "You need admin access to create users"


async def test_a_password_that_must_change_blocks_the_socket_until_it_has(
    daemon: EmbeddedDaemon, connect: Open
) -> None:
    admin, watcher = await connect(), await connect(login=False)
    user = {"email": "new@x.test", "password": "first-1", "must_change_password": True}
    user_id = (await admin.ok("create", "users", user))["user_id"]
    await watcher.ok("create", "authentication", {"strategy": "local", **user})
    fault = await watcher.fault("find", "sessions")
    assert (fault["code"], fault["data"]["code"]) == (403, "PASSWORD_CHANGE_REQUIRED")
    await watcher.ok("patch", "users", user_id, {"password": "second-2"})
    await watcher.ok("find", "sessions")


async def test_a_new_key_works_is_told_to_all_and_ends_when_removed(
    daemon: EmbeddedDaemon, connect: Open, http: httpx2.AsyncClient
) -> None:
    watcher = await connect()
    made = (await http.post("/api/v1/user/api-keys", json={"name": "ci"})).json()
    notified = await watcher.until(lambda: watcher.of("api/v1/user/api-keys created"))
    assert notified[0]["rawKey"] == made["rawKey"]
    headers = {"Authorization": f"Bearer {made['rawKey']}", "X-API-Key": ""}
    assert (await http.get("/sessions", headers=headers)).status_code == 200
    listed = (await http.get("/api/v1/user/api-keys")).json()
    assert [row["name"] for row in listed] == ["embedded", "ci"]
    assert all("hash" not in row for row in listed)
    assert (await http.delete(f"/api/v1/user/api-keys/{made['key']['id']}")).status_code == 200
    assert (await http.get("/sessions", headers=headers)).status_code == 401
