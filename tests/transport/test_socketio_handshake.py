"""Today's daemons, with handshake authentication: detected by trying, with few logins for many drops.

Against a real Socket.IO server with ``POST /authentication`` beside it.
"""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from agor_reactive.calls.backoff import Backoff
from agor_reactive.errors import ApiKeyRestOnly, NotAuthenticated
from agor_reactive.transport.connect_ways import ConnectWay
from agor_reactive.transport.credentials import ApiKey, Credentials, Jwt, Local, Provider
from agor_reactive.transport.socketio import SocketLink
from tests.transport.conftest import Received
from tests.transport.feathers import FeathersServer, until

KEY = ApiKey("agor_sk_good")
PASSWORD = Local("a@example.test", "pw")
AT_ONCE = Backoff(first=0.001, most=0.002, steady=0.0)


@pytest.fixture
def today(server: FeathersServer) -> FeathersServer:
    server.handshake = True
    server.greeting = {"buildSha": "dev", "builtAt": None, "instanceId": "daemon", "bootId": "b"}
    return server


def rest_logins(server: FeathersServer) -> int:
    return server.requests.count(("POST", "authentication"))


@pytest.mark.parametrize("transports", [("websocket",), ("polling",)])
async def test_a_key_opens_a_live_connection(today: FeathersServer, transports: tuple[str, ...]) -> None:
    ways: dict[str, ConnectWay] = {}
    async with Received(today.url, credentials=KEY, transports=transports, ways=ways) as received:
        assert received.link.status.phase == "live"
        assert received.link.connect_way == "handshake"
        assert today.connections == 2, "a bare one, which was refused, and ours"
        await today.emit("tasks patched", {"n": 1})
        await until(lambda: [event for event in received.events if event.topic == "tasks patched"])
        assert rest_logins(today) == 1
        assert today.logins() == []
        await until(lambda: today.announced == 1)


@pytest.mark.parametrize("kind", ["local", "jwt", "provider of a token", "provider of a key"])
async def test_every_kind_of_credentials_opens_one(today: FeathersServer, kind: str) -> None:
    credentials: dict[str, Credentials] = {
        "local": PASSWORD,
        "jwt": Jwt(today.mint()),
        "provider of a token": Provider(today.mint),
        "provider of a key": Provider(lambda: "agor_sk_good"),
    }
    async with Received(today.url, credentials=credentials[kind], ways={}) as received:
        assert received.link.status.phase == "live"
        assert rest_logins(today) == (1 if kind in ("local", "provider of a key") else 0)


async def test_what_was_found_out_is_remembered_for_the_address(today: FeathersServer) -> None:
    ways: dict[str, ConnectWay] = {}
    for _ in range(2):
        async with Received(today.url, credentials=KEY, ways=ways):
            pass
    assert today.connections == 3, "one bare try, then one connection each"


async def test_two_hundred_drops_and_kicks_cost_one_login(today: FeathersServer) -> None:
    async with Received(today.url, credentials=KEY, backoff=AT_ONCE) as received:
        for epoch in range(2, 202):
            await today.kick() if epoch % 2 else today.abort()
            await until(
                lambda epoch=epoch: received.link.status.phase == "live" and received.link.status.epoch >= epoch
            )
    assert rest_logins(today) == 1


async def test_without_credentials_there_is_no_connection_until_somebody_authenticates(today: FeathersServer) -> None:
    async with Received(today.url) as received:
        assert received.link.status.phase == "unauthenticated"
        assert (await received.link.call("find", "health"))["status"] == "ok"
        for method in ("find", "findByTask"):
            with pytest.raises(NotAuthenticated):
                await received.link.call(method, "sessions")
        answer = await received.link.login(KEY)
        assert answer["user"] == {"user_id": "u1"}
        assert received.phases == ["unauthenticated", "live"]
        assert today.connections == 2


async def test_another_login_replaces_the_connection_and_renewing_keeps_it(today: FeathersServer) -> None:
    async with Received(today.url, credentials=KEY) as received:
        await received.link.renew()
        assert (received.link.status.epoch, today.requests[-1]) == (1, ("POST", "authentication/refresh"))
        await received.link.login(PASSWORD)
        assert (received.link.status.phase, received.link.status.epoch) == ("live", 2)
        with pytest.raises(NotAuthenticated):
            await received.link.login(Local("a@example.test", "wrong"))
        assert (received.link.status.phase, received.link.status.epoch) == ("live", 2), "the one before stays in force"
        assert received.phases == ["live", "reconnecting", "live"]


async def test_logging_out_ends_the_connection_and_one_can_log_in_again(today: FeathersServer) -> None:
    async with Received(today.url, credentials=KEY) as received:
        await received.link.logout()
        assert received.link.status.phase == "unauthenticated"
        await today.emit("tasks patched", {})
        with pytest.raises(NotAuthenticated):
            await received.link.call("find", "tasks")
        with pytest.raises(NotAuthenticated, match="no login"):
            await received.link.renew()
        await received.link.login(KEY)
        assert received.phases == ["live", "unauthenticated", "live"]
        assert [event.topic for event in received.events if event.topic != "server-info"] == []


async def test_a_refused_token_is_renewed_once_and_tried_once_more(today: FeathersServer) -> None:
    async with Received(today.url, credentials=KEY) as received:
        today.access.clear()
        today.abort()
        await until(lambda: received.link.status.phase == "live" and received.link.status.epoch == 2)
    assert today.requests.count(("POST", "authentication/refresh")) == 1
    assert rest_logins(today) == 1


async def test_revoked_tokens_cost_one_login_where_the_credentials_are_at_hand(today: FeathersServer) -> None:
    async with Received(today.url, credentials=KEY) as received:
        today.access.clear()
        today.refresh.clear()
        await today.kick()
        await until(lambda: received.link.status.phase == "live" and received.link.status.epoch == 2)
    assert rest_logins(today) == 2


async def test_a_token_that_nothing_can_renew_ends_unauthenticated_without_a_storm(today: FeathersServer) -> None:
    async with Received(today.url, credentials=Jwt(today.mint())) as received:
        today.access.clear()
        today.abort()
        await until(lambda: received.link.status.phase == "unauthenticated")
        assert "authenticate again" in (received.link.status.reason or "")
        connections = today.connections
        with pytest.raises(NotAuthenticated):
            await received.link.call("find", "tasks")
        assert today.connections == connections
        await received.link.login(KEY)
        assert received.link.status.phase == "live"


async def test_a_deleted_key_is_asked_for_once_more_and_then_no_more(today: FeathersServer) -> None:
    async with Received(today.url, credentials=KEY) as received:
        today.keys.clear()
        today.access.clear()
        today.refresh.clear()
        today.abort()
        await until(lambda: received.link.status.phase == "unauthenticated")
        sent_before = len(today.requests)
        for _ in range(10):
            await asyncio.sleep(0)
        assert len(today.requests) == sent_before
    assert rest_logins(today) == 2


async def test_a_connection_outlives_its_token_and_the_next_one_renews_it(today: FeathersServer) -> None:
    today.life = 0.1
    today.answers["find", "health"] = lambda *_: {}
    async with Received(today.url, credentials=KEY) as received:
        loop = asyncio.get_running_loop()
        expired = loop.time() + today.life * 1.5
        while loop.time() < expired:
            await received.link.call("find", "health")
        assert received.phases == ["live"]
        assert today.requests == [("POST", "authentication")], "an entry ticket: nobody needs a new one yet"
        today.abort()
        await until(lambda: received.link.status.phase == "live" and received.link.status.epoch == 2)
        assert today.requests == [("POST", "authentication"), ("POST", "authentication/refresh")]


async def test_a_daemon_that_was_upgraded_is_found_out_at_the_next_connection(server: FeathersServer) -> None:
    async with Received(server.url, credentials=KEY, ways={}) as received:
        assert received.link.connect_way == "bare"
        server.handshake = True
        server.greeting = {"bootId": "b"}
        server.abort()
        await until(lambda: received.link.status.phase == "live" and received.link.status.epoch == 2)
        assert received.link.connect_way == "handshake"


async def test_an_older_daemon_that_takes_a_token_and_stays_silent_is_connected_to_bare(
    server: FeathersServer,
) -> None:
    server.greeting = {"buildSha": "dev", "builtAt": None}
    async with Received(server.url, credentials=KEY, ways={server.url: "handshake"}) as received:
        await until(lambda: received.link.connect_way == "bare" and received.link.status.phase == "live")
        assert server.logins() == ["api-key"]
        await server.emit("tasks patched", {"n": 1})
        await until(lambda: received.events and received.events[-1].topic == "tasks patched")


async def test_a_bare_socket_that_cannot_log_in_is_replaced_by_one_with_an_identity(server: FeathersServer) -> None:
    server.handshake = True
    server.greeting = {"bootId": "b"}
    server.lets_bare_in = True
    async with Received(server.url, credentials=KEY, ways={}) as received:
        await until(lambda: received.link.status.phase == "live")
        assert received.link.connect_way == "handshake"


@pytest.mark.parametrize("handshake", [False, True], ids=["bare", "handshake"])
async def test_a_key_that_only_rest_takes_is_said_to_be_good_and_what_to_use(
    server: FeathersServer, handshake: bool
) -> None:
    server.handshake = handshake
    server.rest_keys.add("agor_sk_rest")
    with pytest.raises(ApiKeyRestOnly, match="access token") as caught:
        await SocketLink(server.url, credentials=ApiKey("agor_sk_rest"), ways={}).open()
    assert "agor_sk" not in str(caught.value)
    async with Received(server.url, ways={}) as received:
        with pytest.raises(ApiKeyRestOnly):
            await received.link.login(ApiKey("agor_sk_rest"))
        answer: Any = await received.link.login(PASSWORD)
        assert answer["accessToken"]
