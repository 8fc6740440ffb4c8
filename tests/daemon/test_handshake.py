"""Today's version: a socket is authenticated in its handshake."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import httpx2
import pytest
from socketio.exceptions import ConnectionError as SocketConnectionError

from agor_reactive.daemon import ApiVersionName, EmbeddedDaemon

from .conftest import Open, Watcher, bearer, log_in

Start = Callable[..., Awaitable[EmbeddedDaemon]]
REFUSED = {
    "message": "Invalid or expired authentication token",
    "data": {"code": 401, "className": "not-authenticated"},
}


@pytest.fixture
def api_version() -> ApiVersionName:
    return "handshake"


async def refusal(daemon: EmbeddedDaemon, **more: Any) -> Any:
    """The data of the connect_error that a handshake gets."""
    watcher = Watcher(daemon.url)
    reasons: list[Any] = []
    watcher.client.on("connect_error", reasons.append)
    with pytest.raises(SocketConnectionError):
        await watcher.open(**more)
    await watcher.close()
    (reason,) = reasons
    return reason


@pytest.mark.parametrize("transport", ["websocket", "polling"])
@pytest.mark.parametrize("form", ["header", "auth", "both"])
async def test_an_access_token_in_the_handshake_is_a_full_login(
    daemon: EmbeddedDaemon, connect: Open, form: str, transport: str
) -> None:
    token = (await log_in(daemon))["accessToken"]
    forms = {"header": {"headers": bearer(token)}, "auth": {"auth": {"token": token}}}
    given = {**forms["header"], **forms["auth"]} if form == "both" else forms[form]
    watcher = await connect(login=False, transports=[transport], **given)
    await watcher.new_session(daemon)
    await watcher.until(lambda: watcher.of("sessions created"))
    info = watcher.of("server-info")[0]
    assert set(info) == {"buildSha", "builtAt", "instanceId", "bootId"}
    assert watcher.names()[0] == "server-info"


async def test_every_refused_handshake_has_the_same_words(daemon: EmbeddedDaemon) -> None:
    good = await log_in(daemon)
    assert await refusal(daemon) == REFUSED
    for bad in (daemon.api_key, good["refreshToken"], "junk", ""):
        assert await refusal(daemon, headers=bearer(bad)) == REFUSED, bad
        assert await refusal(daemon, auth={"token": bad}) == REFUSED, bad
    for auth in ({"accessToken": good["accessToken"]}, {"apiKey": daemon.api_key}, {"token": 3}):
        assert await refusal(daemon, auth=auth) == REFUSED, auth
    assert await refusal(daemon, headers={"X-API-Key": daemon.api_key}) == REFUSED
    both = {"headers": bearer(good["accessToken"]), "auth": {"token": daemon.service_token}}
    assert await refusal(daemon, **both) == REFUSED


async def test_an_expired_token_is_refused_in_the_handshake(start: Start) -> None:
    daemon = await start(access_token_life=0.1)
    token = (await log_in(daemon))["accessToken"]
    async with asyncio.timeout(5):
        while await accepted(daemon, token):
            pass
    assert await refusal(daemon, headers=bearer(token)) == REFUSED


async def accepted(daemon: EmbeddedDaemon, token: str) -> bool:
    async with httpx2.AsyncClient(base_url=daemon.url, headers=bearer(token)) as http:
        return (await http.get("/sessions")).status_code == 200


async def test_a_socket_keeps_the_identity_of_its_handshake(daemon: EmbeddedDaemon, connect: Open) -> None:
    watcher = await connect()
    tokens = await log_in(daemon)
    for frame in (
        ("create", "authentication", {"strategy": "api-key", "apiKey": daemon.api_key}),
        ("create", "authentication", {"strategy": "jwt", "accessToken": tokens["accessToken"]}),
        ("create", "authentication/refresh", {"refreshToken": tokens["refreshToken"]}),
        ("remove", "authentication", None, {}),
    ):
        fault = await watcher.fault(*frame)
        assert (fault["code"], fault["message"]) == (401, "Socket connection authentication is immutable")
    assert (await watcher.ok("find", "sessions"))["total"] == 0


async def test_a_users_socket_outlives_its_token(start: Start, connect: Open) -> None:
    daemon = await start(access_token_life=0.2)
    token = (await log_in(daemon))["accessToken"]
    watcher = await connect(daemon, login=False, headers=bearer(token))
    async with asyncio.timeout(5):
        while await accepted(daemon, token):
            pass
    assert (await watcher.ok("find", "sessions"))["total"] == 0
    await watcher.new_session(daemon)
    await watcher.until(lambda: watcher.of("sessions created"))
    assert watcher.gone == []


async def test_a_service_socket_is_cut_when_its_token_expires(start: Start, connect: Open) -> None:
    daemon = await start()
    issuer = daemon._now_running.issuer
    tokens = issuer._context.tokens
    claims = tokens.read(daemon.service_token, now=0)
    short = tokens.sign({**claims, "exp": issuer._context.clock.time() + 0.3})
    long_lived = await connect(daemon, login=False, headers=bearer(daemon.service_token))
    cut = await connect(daemon, login=False, headers=bearer(short))
    await cut.until(partial(getattr, cut, "gone"))
    assert cut.gone == ["server disconnect"]
    assert long_lived.gone == []


async def test_a_token_without_an_end_is_refused(daemon: EmbeddedDaemon) -> None:
    tokens = daemon._now_running.context.tokens
    claims = tokens.read(daemon.service_token, now=0)
    endless = tokens.sign({name: value for name, value in claims.items() if name != "exp"})
    assert await refusal(daemon, headers=bearer(endless)) == REFUSED


async def test_revoked_tokens_are_void_and_key_and_password_are_not(daemon: EmbeddedDaemon, connect: Open) -> None:
    watcher = await connect()
    old = await log_in(daemon)
    await daemon.revoke_tokens()
    await watcher.until(lambda: watcher.gone)
    assert watcher.gone == ["server disconnect"]
    assert await refusal(daemon, headers=bearer(old["accessToken"])) == REFUSED
    async with httpx2.AsyncClient(base_url=daemon.url) as http:
        answer = await http.get("/sessions", headers=bearer(old["accessToken"]))
        assert (answer.status_code, answer.json()["message"]) == (401, "Session expired, please login again")
        again = await http.post("/authentication/refresh", json={"refreshToken": old["refreshToken"]})
        assert (again.status_code, again.json()["message"]) == (401, "Invalid or expired refresh token")
        assert (await http.get("/sessions", headers={"X-API-Key": daemon.api_key or ""})).status_code == 200
    await connect()
    local = await log_in(daemon, strategy="local", email=daemon.email, password=daemon.password)
    await connect(login=False, headers=bearer(local["accessToken"]))


async def test_a_change_of_password_or_role_or_a_removed_board_disconnects_everybody(
    daemon: EmbeddedDaemon, connect: Open
) -> None:
    admin = await connect()
    user = await admin.ok("create", "users", {"email": "m@x.test", "password": "secret-1", "role": "member"})
    board = await admin.ok("create", "boards", {"name": "extra"})
    member = await log_in(daemon, strategy="local", email="m@x.test", password="secret-1")
    changes: tuple[tuple[Any, ...], ...] = (
        ("patch", "users", user["user_id"], {"role": "admin"}),
        ("remove", "boards", board["board_id"]),
        ("patch", "users", user["user_id"], {"password": "secret-2"}),
        ("remove", "users", user["user_id"]),
    )
    for change in changes:
        one, two = await connect(), await connect()
        await one.ok(*change)
        for watcher in (one, two):
            await watcher.until(partial(getattr, watcher, "gone"))
            assert watcher.gone == ["server disconnect"]
    assert await refusal(daemon, headers=bearer(member["accessToken"])) == REFUSED
    quiet = await connect()
    await quiet.ok("create", "boards", {"name": "another"})
    await quiet.ok("find", "boards")
    assert quiet.gone == []


async def test_logins_are_counted_and_refreshes_are_not(daemon: EmbeddedDaemon) -> None:
    tokens = await log_in(daemon)
    await log_in(daemon, strategy="local", email=daemon.email, password=daemon.password)
    await log_in(daemon, strategy="jwt", accessToken=tokens["accessToken"])
    async with httpx2.AsyncClient(base_url=daemon.url) as http:
        await http.post("/authentication/refresh", json={"refreshToken": tokens["refreshToken"]})
        await http.post("/authentication", json={"strategy": "api-key", "apiKey": "agor_sk_wrong"})
    assert daemon.logins == 3


async def test_older_versions_have_no_service_token(start: Start) -> None:
    assert (await start(api_version="branches")).service_token is None


async def test_the_events_of_a_create_come_after_its_acknowledgement(daemon: EmbeddedDaemon, connect: Open) -> None:
    watcher, other = await connect(), await connect()
    for _ in range(20):
        before = len(watcher.of("sessions created"))
        await watcher.new_session(daemon)
        assert len(watcher.of("sessions created")) == before
        await watcher.until(lambda before=before: len(watcher.of("sessions created")) == before + 1)
    await other.until(lambda: len(other.of("sessions created")) == 20)


async def test_no_twins_no_events_of_routes_and_no_leaks(daemon: EmbeddedDaemon, connect: Open) -> None:
    watcher = await connect()
    session_id = await watcher.new_session(daemon)
    await watcher.ok("create", f"sessions/{session_id}/fork", {"prompt": "Another way"})
    task = await watcher.prompt(session_id, "Go. [permission]")
    await watcher.until(lambda: [row for row in watcher.of("tasks patched") if row["status"] == "awaiting_permission"])
    request = next(row for row in watcher.of("messages created") if row["type"] == "permission_request")
    decision = {"requestId": request["content"]["request_id"], "taskId": task["task_id"], "allow": True}
    await watcher.ok("create", f"sessions/{session_id}/permission-decision", decision)
    await watcher.ended(task["task_id"])
    async with httpx2.AsyncClient(base_url=daemon.url, headers={"X-API-Key": daemon.api_key or ""}) as http:
        assert (await http.post("/api/v1/user/api-keys", json={"name": "ci"})).status_code == 201
        tokens = await log_in(daemon)
        refresh = {"refreshToken": tokens["refreshToken"]}
        assert (await http.post("/authentication/refresh", json=refresh)).status_code == 201
    await watcher.ok("patch", "sessions", session_id, {"title": "last"})
    await watcher.until(lambda: [row for row in watcher.of("sessions patched") if row.get("title") == "last"])
    services = {name.split(" ")[0] for name in watcher.names()}
    assert services == {"server-info", "sessions", "tasks", "messages"}
    assert "messages permission_resolved" not in watcher.names()
    assert len(watcher.of("sessions created")) == 2
