"""How the live link logs in and stays logged in, and its reaction to refusals: against a real Socket.IO server."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from agor_reactive.calls.backoff import Backoff
from agor_reactive.errors import (
    CannotConnect,
    NotAuthenticated,
    NotConnected,
)
from agor_reactive.transport.credentials import ApiKey, Jwt, Local, Provider
from agor_reactive.transport.socketio import SocketLink
from tests.transport.conftest import Received
from tests.transport.feathers import FeathersServer, until

KEY = ApiKey("agor_sk_good")


async def test_a_bare_link_connects_and_waits_for_a_login(server: FeathersServer) -> None:
    async with Received(server.url) as received:
        assert received.link.status.phase == "unauthenticated"
        with pytest.raises(NotAuthenticated):
            await received.link.call("find", "tasks")
        answer = await received.link.login(KEY)
        assert answer["user"] == {"user_id": "u1"}
        assert received.phases == ["unauthenticated", "live"]
        assert {status.epoch for status in received.statuses} == {1}


async def test_calls_wait_for_the_login_after_a_reconnect(server: FeathersServer) -> None:
    server.answers["find", "tasks"] = lambda *_: []
    async with Received(server.url, credentials=KEY) as received:
        server.auth_gate = asyncio.Event()
        server.abort()
        await until(lambda: len(server.logins()) == 2)
        asking = asyncio.ensure_future(received.link.call("find", "tasks"))
        with pytest.raises(NotConnected, match="logging in"):
            await received.link.call("find", "tasks", timeout=0.02)
        server.auth_gate.set()
        assert await asking == []
    assert server.refused_calls == 0
    assert [frame[1:3] for frame in server.frames][-2:] == [("create", "authentication"), ("find", "tasks")]


async def test_refused_credentials_are_raised_by_open(server: FeathersServer, no_leaks: Any) -> None:
    before = no_leaks.tasks()
    link = SocketLink(server.url, credentials=ApiKey("agor_sk_bad"))
    with pytest.raises(NotAuthenticated) as caught:
        await link.open()
    assert "agor_sk" not in str(caught.value)
    await no_leaks(before)
    assert server.logins() == ["api-key"]


async def test_a_login_that_is_never_answered_is_cannot_connect(server: FeathersServer, no_leaks: Any) -> None:
    before = no_leaks.tasks()
    server.auth_gate = asyncio.Event()
    with pytest.raises(CannotConnect, match="login"):
        await SocketLink(server.url, credentials=KEY, timeout=0.1).open()
    server.auth_gate.set()
    await no_leaks(before)


async def test_a_daemon_that_kicks_on_sight_is_not_hammered(server: FeathersServer) -> None:
    server.life, server.kick_at_expiry = 0.0, True
    slow = Backoff(first=0.001, most=30.0)
    async with Received(server.url, credentials=KEY, backoff=slow) as received:
        await until(lambda: received.link.status.attempt >= 6)
    delays = [status.next_try_in for status in received.statuses if status.next_try_in]
    assert delays == sorted(set(delays))


async def test_credentials_refused_on_reconnect_leave_a_bare_connection_and_no_storm(server: FeathersServer) -> None:
    async with Received(server.url, credentials=KEY) as received:
        server.keys.clear()
        server.abort()
        await until(lambda: received.link.status.phase == "unauthenticated")
        assert received.link.status.reason == "Invalid login"
        connections = server.connections
        with pytest.raises(NotAuthenticated):
            await received.link.call("find", "tasks")
        assert (server.connections, len(server.logins())) == (connections, 2)
        server.keys.add("agor_sk_other")
        await received.link.login(ApiKey("agor_sk_other"))
        assert received.link.status.phase == "live"


async def test_a_refused_login_keeps_the_one_before(server: FeathersServer) -> None:
    async with Received(server.url, credentials=KEY) as received:
        with pytest.raises(NotAuthenticated):
            await received.link.login(Local("a@example.test", "wrong"))
        assert received.link.status.phase == "live"
        server.abort()
        await until(lambda: received.link.status.epoch == 2 and received.link.status.phase == "live")
        assert server.logins() == ["api-key", "local", "api-key"]


async def test_logins_are_renewed_ahead_of_expiry_without_a_gap(server: FeathersServer) -> None:
    server.life, server.kick_at_expiry = 0.25, True
    async with Received(server.url, credentials=KEY) as received:
        sent = 0
        while len(server.logins()) < 4:
            await server.emit("tasks patched", {"n": sent})
            sent += 1
            await asyncio.sleep(0.005)
        await until(lambda: len(received.events) == sent)
        assert [event.payload["n"] for event in received.events] == list(range(sent))
        assert received.phases == ["live"]
        assert server.connections == 1


async def test_a_password_login_renews_by_its_refresh_token(server: FeathersServer) -> None:
    server.life, server.kick_at_expiry = 1.0, True  # long enough to renew in time on a busy machine
    async with Received(server.url, credentials=Local("a@example.test", "pw")) as received:
        await until(lambda: len(server.logins()) >= 3)
        assert received.phases == ["live"]
        paths = [frame[2] for frame in server.frames]
        assert paths[:5] == ["authentication", *["authentication/refresh", "authentication"] * 2]
        assert server.logins()[:3] == ["local", "jwt", "jwt"]


async def test_a_refused_refresh_falls_back_to_the_password(server: FeathersServer) -> None:
    async with Received(server.url, credentials=Local("a@example.test", "pw")) as received:
        server.access.clear()
        server.refresh.clear()
        server.abort()
        await until(lambda: received.link.status.epoch == 2 and received.link.status.phase == "live")
        assert server.logins() == ["local", "jwt", "local"]


async def test_a_refused_refresh_without_another_way_ends_unauthenticated_once(server: FeathersServer) -> None:
    access, refresh = server.mint(), server.mint_refresh()
    async with Received(server.url, credentials=Jwt(access, refresh)) as received:
        server.access.clear()
        server.refresh.clear()
        server.abort()
        await until(lambda: received.link.status.phase == "unauthenticated")
        refreshes = [frame for frame in server.frames if frame[2] == "authentication/refresh"]
        assert len(refreshes) == 1
        assert server.connections == 2


async def test_a_token_provider_is_asked_once_for_every_connection(server: FeathersServer) -> None:
    given: list[str] = []

    async def provide() -> str:
        given.append(server.mint())
        return given[-1]

    async with Received(server.url, credentials=Provider(provide)) as received:
        server.abort()
        await until(lambda: received.link.status.epoch == 2 and received.link.status.phase == "live")
    presented = [frame[3]["accessToken"] for frame in server.frames if frame[2] == "authentication"]
    assert presented == given
    assert len(given) == 2


async def test_a_token_provider_that_fails_is_asked_again_later(server: FeathersServer) -> None:
    token_requests = 0

    def provide() -> str:
        nonlocal token_requests
        token_requests += 1
        if token_requests in (2, 3):
            raise OSError("vault is down")
        return server.mint()

    async with Received(server.url, credentials=Provider(provide)) as received:
        server.abort()
        await until(lambda: received.link.status.phase == "live" and token_requests == 4)
        assert "vault" not in "".join(status.reason or "" for status in received.statuses)


async def test_logout_leaves_a_bare_connection(server: FeathersServer) -> None:
    async with Received(server.url, credentials=KEY) as received:
        await received.link.logout()
        assert received.link.status.phase == "unauthenticated"
        await server.emit("tasks patched", {})
        with pytest.raises(NotAuthenticated):
            await received.link.call("find", "tasks")
        with pytest.raises(NotAuthenticated):
            await received.link.renew()
        assert received.events == []
