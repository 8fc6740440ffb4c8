"""Today's peer, connections: authentication in the handshake, logins over REST, rooms, receivers of events."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.feathers_peer.process import JsonLineProcess
from tests.feathers_peer.wire import HANDSHAKE, Socket, bearer, connected, log_in, new_session, refused, sign, start

pytestmark = pytest.mark.timeout(300)  # the first run installs the packages
REFUSAL = {
    "message": "Invalid or expired authentication token",
    "data": {"code": 401, "className": "not-authenticated"},
}
IMMUTABLE = (401, "Socket connection authentication is immutable")


@pytest.fixture(scope="module")
def peer() -> Iterator[JsonLineProcess]:
    with start() as process:
        yield process


@pytest.fixture
async def http(peer: JsonLineProcess) -> AsyncIterator[httpx2.AsyncClient]:
    async with httpx2.AsyncClient(base_url=peer.greeting["url"], trust_env=False) as client:
        yield client


def secret_and_access(tmp_path: Path) -> tuple[str, dict[str, Any]]:
    """What the peer has written into its state file: the secret that signs its tokens, and its greeting."""
    kept = json.loads((tmp_path / "peer.json").read_text(encoding="utf-8"))
    return kept["secret"], kept["access"]


@pytest.fixture
def secret(tmp_path: Path) -> Iterator[tuple[JsonLineProcess, str, str]]:
    """A peer, the secret that signs its tokens, and the id of its user."""
    state = str(tmp_path / "peer.json")
    start(HANDSHAKE, "--state", state).stop()
    signing, access = secret_and_access(tmp_path)
    with start(HANDSHAKE, "--state", state) as peer:
        yield peer, signing, access["user_id"]


async def test_every_wrong_handshake_gets_the_same_refusal(peer: JsonLineProcess) -> None:
    tokens = await log_in(peer)
    access, key = tokens["accessToken"], peer.greeting["api_key"]
    fresh = (await log_in(peer))["accessToken"]
    for handshake in (
        {},
        {"auth": {"token": "zork"}},
        {"auth": {"accessToken": access}},
        {"auth": {"apiKey": key}},
        {"auth": {"token": key}},
        {"token": key},
        {"auth": {"token": tokens["refreshToken"]}},
        {"token": tokens["refreshToken"]},
        {"token": access, "auth": {"token": fresh}},
    ):
        assert await refused(peer, **handshake) == REFUSAL, handshake


async def test_a_token_without_an_end_or_after_its_end_is_refused(secret: tuple[JsonLineProcess, str, str]) -> None:
    peer, signing, user = secret
    now = time.time()
    good = sign(signing, sub=user, exp=now + 60)
    async with connected(peer, token=good) as socket:
        assert (await socket.result("find", "sessions", {}))["total"] == 0
    for bad in (sign(signing, sub=user), sign(signing, sub=user, exp=now - 1), sign("other", sub=user, exp=now + 60)):
        assert await refused(peer, token=bad) == REFUSAL
    async with httpx2.AsyncClient(base_url=peer.greeting["url"], trust_env=False) as http:
        assert (await http.get("/sessions", headers=bearer(sign(signing, sub=user)))).status_code == 401


@pytest.mark.parametrize("place", ["header", "auth", "both"])
async def test_a_token_in_the_handshake_is_a_full_login(peer: JsonLineProcess, place: str) -> None:
    token = (await log_in(peer))["accessToken"]
    handshake = {"header": {"token": token}, "auth": {"auth": {"token": token}}}
    handshake["both"] = {**handshake["header"], **handshake["auth"]}
    async with connected(peer) as other, connected(peer, **handshake[place]) as socket:
        await socket.until(lambda: "server-info" in socket.names())
        assert set(socket.events[0][1]) == {"buildSha", "builtAt", "instanceId", "bootId"}
        session = await new_session(other, peer)
        await socket.until(lambda: "sessions created" in socket.names(session))
        assert (await socket.result("get", "sessions", session))["session_id"] == session


async def test_polling_connects_with_the_header_too(peer: JsonLineProcess) -> None:
    token = (await log_in(peer))["accessToken"]
    socket = Socket()
    await socket.client.connect(peer.greeting["url"], headers=bearer(token), transports=["polling"])
    try:
        assert "total" in await socket.result("find", "sessions", {})
    finally:
        await socket.client.shutdown()


async def test_nobody_logs_in_or_out_on_a_live_socket(peer: JsonLineProcess) -> None:
    tokens = await log_in(peer)
    async with connected(peer, token=tokens["accessToken"]) as socket:
        for service, data in (
            ("authentication", {"strategy": "jwt", "accessToken": tokens["accessToken"]}),
            ("authentication", {"strategy": "api-key", "apiKey": peer.greeting["api_key"]}),
            ("authentication/refresh", {"refreshToken": tokens["refreshToken"]}),
        ):
            error = await socket.call("create", service, data)
            assert (error["code"], error["message"]) == IMMUTABLE
        assert (await socket.call("remove", "authentication", None, {}))["code"] == 401
        assert "total" in await socket.result("find", "sessions", {})


async def test_each_strategy_answers_both_tokens_over_rest(peer: JsonLineProcess, http: httpx2.AsyncClient) -> None:
    access = peer.greeting
    by_password = await log_in(peer, strategy="local", email=access["email"], password=access["password"])
    by_token = await log_in(peer, strategy="jwt", accessToken=by_password["accessToken"])
    for result in (by_password, by_token, await log_in(peer)):
        assert {"accessToken", "refreshToken", "user", "authentication"} <= set(result)
        assert not {"password", "tokens_valid_after"} & set(result["user"])
    assert by_token["accessToken"] != by_password["accessToken"]
    refreshed = await http.post("/authentication/refresh", json={"refreshToken": by_token["refreshToken"]})
    assert (refreshed.status_code, set(refreshed.json())) == (201, {"accessToken", "refreshToken", "user"})
    for wrong in (by_token["accessToken"], "zork"):
        bad = await http.post("/authentication/refresh", json={"refreshToken": wrong})
        assert (bad.status_code, bad.json()["message"]) == (401, "Invalid or expired refresh token")
    async with connected(peer, token=refreshed.json()["accessToken"]) as socket:
        assert "total" in await socket.result("find", "users", {})
    as_access = await http.get("/sessions", headers=bearer(by_token["refreshToken"]))
    assert (as_access.status_code, as_access.json()["message"]) == (
        500,
        "JWT type is not valid for daemon API authentication",
    )


async def test_user_me_tells_who_a_credential_belongs_to(peer: JsonLineProcess, http: httpx2.AsyncClient) -> None:
    token = (await log_in(peer))["accessToken"]
    by_key = (await http.get("/api/v1/user/me", headers=bearer(peer.greeting["api_key"]))).json()
    by_token = (await http.get("/api/v1/user/me", headers=bearer(token))).json()
    assert (by_key["auth_strategy"], by_token["auth_strategy"]) == ("api-key", "jwt")
    assert by_key["user"]["email"] == by_token["user"]["email"] == peer.greeting["email"]
    assert ("key_id" in by_key, "key_id" in by_token, by_key["role"]) == (True, False, "superadmin")
    assert "password" not in json.dumps([by_key["user"], by_token["user"]]).replace("must_change_password", "")
    assert (await http.get("/api/v1/user/me")).status_code == 401
    assert (await http.get("/users", headers=bearer(token))).status_code == 200


async def test_health_hints_at_the_newer_daemon(http: httpx2.AsyncClient) -> None:
    health = (await http.get("/health")).json()
    assert {"service", "deploymentId", "db", "realtime"} <= set(health)
    assert (health["service"], health["features"]["branchRbac"], "identity" in health["auth"]) == (
        "agor-daemon",
        True,
        True,
    )
    with start("branches") as june:
        older = (await http.get(f"{june.greeting['url']}/health")).json()
    assert not {"service", "deploymentId", "db", "realtime"} & set(older)


async def test_a_user_socket_outlives_its_token() -> None:
    with start(HANDSHAKE, "--token-life", "1") as peer:
        token = (await log_in(peer))["accessToken"]
        async with connected(peer, token=token) as socket:
            async with asyncio.timeout(10):
                while await _accepted(peer, token):
                    pass
            assert await refused(peer, token=token) == REFUSAL
            assert not socket.gone.is_set()
            session = await new_session(socket, peer)
            await socket.until(lambda: "sessions created" in socket.names(session))


async def _accepted(peer: JsonLineProcess, token: str) -> bool:
    async with httpx2.AsyncClient(base_url=peer.greeting["url"], trust_env=False) as http:
        return (await http.get("/sessions", headers=bearer(token))).status_code == 200


async def test_a_service_socket_is_cut_at_the_end_of_its_token(secret: tuple[JsonLineProcess, str, str]) -> None:
    peer, signing, _ = secret
    token = sign(signing, sub="executor-service", type="service", exp=time.time() + 1.5)
    async with connected(peer, token=token) as socket:
        assert "total" in await socket.result("find", "sessions", {})
        await asyncio.wait_for(socket.gone.wait(), timeout=5)
    async with connected(peer, token=peer.greeting["service_token"]) as lasting:
        assert "total" in await lasting.result("find", "sessions", {})


async def test_a_revoked_token_opens_no_socket_and_a_service_token_still_does() -> None:
    with start() as peer:
        token = (await log_in(peer))["accessToken"]
        async with connected(peer, token=token) as socket:
            assert peer.order("revoke")
            await asyncio.wait_for(socket.gone.wait(), timeout=5)
        assert await refused(peer, token=token) == REFUSAL
        async with connected(peer, token=(await log_in(peer))["accessToken"]) as socket:
            assert "total" in await socket.result("find", "sessions", {})
        async with connected(peer, token=peer.greeting["service_token"]) as service:
            assert "total" in await service.result("find", "sessions", {})


# ---- rooms ----


def chunk(session: str | None, number: int) -> dict[str, Any]:
    ids = {"session_id": session} if session else {}
    return {"event": "streaming:chunk", "data": {"message_id": "m", **ids, "chunk": "a", "sequence": number}}


def numbers(socket: Socket) -> list[int]:
    return [row["sequence"] for name, row in socket.events if name == "messages streaming:chunk"]


async def test_joining_answers_the_full_id_and_needs_a_socket(peer: JsonLineProcess, http: httpx2.AsyncClient) -> None:
    async with connected(peer) as socket:
        session = await new_session(socket, peer)
        subscribed = {"session_id": session, "subscribed": True}
        for wanted in (session, session.replace("-", "")[:24]):
            assert await socket.result("create", "session-streams", {"session_id": wanted}) == subscribed
        announced = await socket.result("create", "session-streams", {"capability": True})
        assert announced == {"session_id": "", "subscribed": False}
        assert (await socket.call("create", "session-streams", {}))["code"] == 400
        missing = await socket.call("create", "session-streams", {"session_id": "f" * 24})
        assert missing["code"] == "NOT_FOUND"
        over_rest = await http.post(
            "/session-streams", json={"session_id": session}, headers=bearer(peer.greeting["api_key"])
        )
        assert over_rest.status_code == 400
        assert (await socket.result("remove", "session-streams", session))["session_id"] == session
        assert not [name for name in socket.names() if name.startswith("session-streams")]


async def test_streams_reach_the_room_the_services_and_the_owners_older_sockets(peer: JsonLineProcess) -> None:
    service_token = peer.greeting["service_token"]
    person = {"email": "second@example.test", "password": "a-second-password"}
    async with connected(peer) as owner, connected(peer) as capable, connected(peer) as joined:
        await owner.result("create", "users", {**person, "name": "Second", "role": "member"})
        theirs = (await log_in(peer, strategy="local", **person))["accessToken"]
        async with (
            connected(peer, token=theirs) as other,
            connected(peer, token=theirs) as guest,
            connected(peer, token=service_token) as service,
        ):
            session = await new_session(owner, peer)
            await capable.result("create", "session-streams", {"capability": True})
            await joined.result("create", "session-streams", {"capability": True})
            await joined.result("create", "session-streams", {"session_id": session})
            await guest.result("create", "session-streams", {"session_id": session})
            await service.result("create", "messages/streaming", chunk(session, 0))
            await service.result("create", "messages/streaming", chunk(None, 1))
            await joined.result("remove", "session-streams", session)
            await service.result("create", "messages/streaming", chunk(session, 2))
            everybody = (owner, capable, joined, other, guest, service)
            # Published after the chunks, to all: what has not come by then does not come.
            last = await new_session(owner, peer)
            for socket in everybody:
                await socket.until(lambda socket=socket: "sessions created" in socket.names(last))  # type: ignore[misc]
            assert [numbers(socket) for socket in everybody] == [[0, 2], [], [0], [], [0, 2], [0, 1, 2]]


async def test_only_a_service_may_post_stream_events(peer: JsonLineProcess, http: httpx2.AsyncClient) -> None:
    text = "Streaming events require an executor-scoped token"
    async with connected(peer) as socket:
        session = await new_session(socket, peer)
        for path in ("messages/streaming", "tasks/streaming"):
            error = await socket.call("create", path, chunk(session, 0))
            assert (error["code"], error["message"]) == (403, text)
            over_rest = await http.post(f"/{path}", json=chunk(session, 0), headers=bearer(peer.greeting["api_key"]))
            assert over_rest.status_code == 403
        tool = {"event": "tool:start", "data": {"session_id": session, "tool_use_id": "t", "tool_name": "Read"}}
        posted = await http.post("/tasks/streaming", json=tool, headers=bearer(peer.greeting["service_token"]))
        assert (posted.status_code, posted.json()) == (201, {"success": True})
        await socket.until(lambda: "tasks tool:start" in socket.names(session))


async def test_rows_come_as_events_and_answers_of_routes_do_not(peer: JsonLineProcess) -> None:
    async with connected(peer) as socket, connected(peer) as other:
        session = await new_session(socket, peer)
        await socket.result("create", f"sessions/{session}/prompt", {"prompt": "Run."})
        await socket.result("create", f"sessions/{session}/stop", {})
        await socket.result("remove", "sessions", session)
        await other.until(lambda: "sessions removed" in other.names(session))
        noise = [name for name in other.names() if " " not in name or "/" in name]
        assert noise == ["server-info"]


async def test_the_callers_own_event_of_a_plain_call_comes_after_its_ack(peer: JsonLineProcess) -> None:
    async with connected(peer) as socket:
        at_ack: list[list[str]] = []
        done = asyncio.Event()

        def acked(error: Any, row: Any) -> None:
            at_ack.append(socket.names(row["session_id"]))
            done.set()

        data = {"branch_id": peer.greeting["workspace_id"]}
        await socket.client.emit("create", ("sessions", data), callback=acked)
        await asyncio.wait_for(done.wait(), timeout=5)
        await socket.until(lambda: "sessions created" in socket.names())
        assert at_ack == [[]]
