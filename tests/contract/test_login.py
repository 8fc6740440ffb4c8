"""Logins: three strategies, wrong ones, none, and the rights of a logged-out client.

Where a socket has to log in to connect, a client without a login has none: its calls go over REST.
"""

from __future__ import annotations

from typing import Any

import httpx2
import pytest

import agor_reactive as agor
from agor_reactive.errors import DaemonError, NotAuthenticated
from tests.contract.daemons import Daemon
from tests.contract.scene import Scene
from tests.contract.waiting import eventually, settled

SERVICES = ("sessions", "tasks", "messages", "boards", "repos")


def password_of(daemon: Daemon) -> tuple[str, str]:
    if daemon.access.email is None or daemon.access.password is None:
        daemon.not_offered("a known e-mail and password")
    return daemon.access.email, daemon.access.password


def test_health_needs_no_login(daemon: Daemon) -> None:
    with agor.create_rest_client(daemon.url) as nobody:
        health = nobody.service("health").find()
    assert health["status"] == "ok"
    assert isinstance(health["timestamp"], int)


async def test_health_is_answered_to_a_live_client_without_a_login(stranger: Any) -> None:
    assert (await stranger.service("health").find())["status"] == "ok"


async def test_a_running_daemon_is_seen_to_run_and_a_closed_port_is_not(daemon: Daemon) -> None:
    assert await settled(agor.is_daemon_running(daemon.url))
    assert not await settled(agor.is_daemon_running("http://127.0.0.1:9"))


async def test_an_api_key_logs_in_and_tells_who_one_is(stranger: Any, daemon: Daemon) -> None:
    result = await stranger.authenticate(**daemon.key_login())
    assert result.access_token
    assert result.user["user_id"]
    assert "password" not in result.user


async def test_a_token_of_one_login_logs_another_client_in(stranger: Any, daemon: Daemon) -> None:
    async with agor.create_client(daemon.url) as other:
        minted = await other.authenticate(**daemon.any_login())
        result = await stranger.authenticate(strategy="jwt", access_token=minted.access_token)
    assert result.user["user_id"] == minted.user["user_id"]
    assert await stranger.service("sessions").find(query={"$limit": 1}) is not None


async def test_email_and_password_log_in(stranger: Any, daemon: Daemon) -> None:
    email, password = password_of(daemon)
    result = await stranger.authenticate(strategy="local", email=email, password=password)
    assert result.user["email"] == email


@pytest.mark.parametrize(
    "wrong",
    [
        {"strategy": "api-key", "api_key": "agor_sk_000000000000000000000000000000000000000000000000"},
        {"strategy": "api-key", "api_key": "not-even-a-key"},
        {"strategy": "jwt", "access_token": "not-a-token"},
        {"strategy": "local", "email": "nobody@example.test", "password": "wrong"},
    ],
    ids=["unknown-key", "malformed-key", "malformed-token", "unknown-user"],
)
async def test_a_wrong_credential_is_not_authenticated_and_never_repeated_in_the_error(
    stranger: Any, wrong: dict[str, str]
) -> None:
    with pytest.raises(NotAuthenticated) as caught:
        await stranger.authenticate(**wrong)
    secret = list(wrong.values())[-1]
    if secret != "wrong":
        assert secret not in f"{caught.value} {caught.value!r}"
    with pytest.raises(NotAuthenticated):
        await stranger.service("sessions").find()


async def test_a_wrong_password_of_a_known_user_is_not_authenticated(stranger: Any, daemon: Daemon) -> None:
    email, _ = password_of(daemon)
    with pytest.raises(NotAuthenticated):
        await stranger.authenticate(strategy="local", email=email, password="wrong")


async def test_a_refresh_token_is_no_access_token(stranger: Any, daemon: Daemon) -> None:
    async with agor.create_client(daemon.url) as other:
        minted = await other.authenticate(**daemon.any_login())
    if not minted.refresh_token:
        daemon.not_offered("refresh tokens")
    with pytest.raises(NotAuthenticated):
        await stranger.authenticate(strategy="jwt", access_token=minted.refresh_token)


async def test_a_refresh_token_earns_new_tokens(stranger: Any, daemon: Daemon) -> None:
    minted = await stranger.authenticate(**daemon.any_login())
    if not minted.refresh_token:
        daemon.not_offered("refresh tokens")
    with agor.create_rest_client(daemon.url) as other:
        fresh = other.service("authentication/refresh").create({"refreshToken": minted.refresh_token})
        access = fresh["accessToken"] if isinstance(fresh, dict) else fresh.access_token
        assert access != minted.access_token
        other.authenticate(strategy="jwt", access_token=access)
        assert other.service("sessions").find(query={"$limit": 1}) is not None


@pytest.mark.parametrize("service", SERVICES)
async def test_without_a_login_every_service_refuses_a_live_client(stranger: Any, service: str) -> None:
    with pytest.raises(NotAuthenticated):
        await stranger.service(service).find()
    with pytest.raises(NotAuthenticated):
        await stranger.service(service).create({})


@pytest.mark.parametrize("service", SERVICES)
def test_without_a_login_every_service_refuses_over_rest(daemon: Daemon, service: str) -> None:
    with agor.create_rest_client(daemon.url) as nobody:
        with pytest.raises(NotAuthenticated):
            nobody.service(service).find()
        with pytest.raises(NotAuthenticated):
            nobody.service(service).create({})


@pytest.mark.parametrize(
    "route",
    ["messages/streaming", "tasks/streaming", "sessions/x/prompt", "sessions/x/stop", "tasks/x/run"],
)
def test_without_a_login_every_route_refuses(daemon: Daemon, route: str) -> None:
    with agor.create_rest_client(daemon.url) as nobody, pytest.raises(NotAuthenticated):
        nobody.service(route).create({})


@pytest.mark.parametrize("header", ["authorization", "x-api-key"])
def test_a_key_is_taken_in_either_header(daemon: Daemon, header: str) -> None:
    value = daemon.api_key if header == "x-api-key" else f"Bearer {daemon.api_key}"
    answer = httpx2.get(f"{daemon.url}/sessions", params={"$limit": "1"}, headers={header: value}, trust_env=False)
    assert answer.status_code == 200


async def test_after_logging_out_calls_are_refused_events_stop_and_one_can_log_in_again(
    client: Any, scene: Scene, daemon: Daemon
) -> None:
    async with agor.create_client(daemon.url, **daemon.credentials()) as other:
        received: list[Any] = []
        other.service("sessions").on("created", received.append)
        await other.logout()
        with pytest.raises(NotAuthenticated):
            await other.service("sessions").find()
        await scene.session()
        assert (await other.service("health").find())["status"] == "ok"
        assert received == []
        await other.authenticate(**daemon.credentials())
        again = await scene.session()
        await eventually(lambda: [row for row in received if row.session_id == again.session_id])


async def test_re_authenticating_keeps_the_same_connection(client: Any) -> None:
    epoch = client.status.epoch
    await client.re_authenticate()
    assert client.status.epoch == epoch
    assert await client.service("sessions").find(query={"$limit": 1}) is not None


async def test_a_client_that_was_given_a_wrong_key_says_so_when_it_opens(daemon: Daemon) -> None:
    with pytest.raises(DaemonError):
        async with agor.create_client(daemon.url, api_key="agor_sk_wrong"):
            pass


async def test_logging_in_as_somebody_else_changes_the_connection_where_it_carries_the_login(
    client: Any, daemon: Daemon
) -> None:
    """Older daemons log in the same socket again; newer ones need another socket."""
    if not daemon.access.service_token:
        daemon.not_offered("a second identity")
    epoch = client.status.epoch
    await client.authenticate(strategy="jwt", access_token=daemon.access.service_token)
    assert client.status.phase == "live"
    assert client.status.epoch > epoch
    assert await client.service("sessions").find(query={"$limit": 1}) is not None


async def test_a_live_client_without_a_login_opens_and_connects_by_logging_in(
    stranger: Any, scene: Scene, daemon: Daemon
) -> None:
    if daemon.api_version is not None:
        assert stranger.status.phase == "unauthenticated"
    await stranger.authenticate(**daemon.credentials())
    assert stranger.status.phase == "live"
    created: list[Any] = []
    stranger.service("sessions").on("created", created.append)
    session = await scene.session()
    await eventually(lambda: session.session_id in [row.session_id for row in created])
