"""Logins as time passes: ten expiries without a gap, one refresh for everybody, and an end that is clear.

With the public clients, against the embedded daemon and the small Feathers server. What a single link does with a
refused, renewed or provided login is in `test_socketio_logins`, what REST does with a spent token in `test_rest`.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from typing import Any

import pytest

import agor_reactive as agor
from agor_reactive.daemon import EmbeddedDaemon
from agor_reactive.errors import NotAuthenticated
from agor_reactive.models import LinkStatus
from agor_reactive.transport.credentials import ApiKey, Jwt
from agor_reactive.transport.socketio import SocketLink
from tests.transport.conftest import FAST
from tests.transport.feathers import FeathersServer, until

LIFE = 0.8  # seconds; renewed at four fifths of it, so a busy machine may be late by 0.16
EXPIRIES = 10
PASSWORD = "correct horse battery"
SESSION = "01a20fce-0000-732c-b447-916debeb2499"


@pytest.fixture(params=["branches", "handshake"])
async def daemon(request: pytest.FixtureRequest) -> AsyncIterator[EmbeddedDaemon]:
    async with EmbeddedDaemon(
        api_version=request.param, access_token_life=LIFE, password=PASSWORD, login_limit=1000
    ) as daemon:
        yield daemon


async def logged_in(client: agor.Client, way: str, daemon: EmbeddedDaemon) -> None:
    if way == "api-key":
        await client.authenticate(api_key=daemon.api_key)
    elif way == "local":
        await client.authenticate(email=daemon.email, password=PASSWORD)
    else:
        async with agor.create_async_rest_client(daemon.url) as rest:
            body = {"strategy": "local", "email": daemon.email, "password": PASSWORD}
            tokens = await rest.service("authentication").create(body)
        await client.authenticate(access_token=tokens["accessToken"], refresh_token=tokens["refreshToken"])


def executor_of(daemon: EmbeddedDaemon) -> agor.AsyncRestClient:
    """The client that may post stream events: on older daemons any member."""
    token = daemon.service_token
    return agor.create_async_rest_client(daemon.url, access_token=token, api_key=None if token else daemon.api_key)


class Listener:
    """A client that records one streaming message, and the statuses of its link."""

    def __init__(self, client: agor.Client, session_id: str, message_id: str) -> None:
        self.client, self.message_id = client, message_id
        self.received: list[int] = []
        self.phases: list[str] = []
        client.on_status(lambda status: self.phases.append(status.phase))
        client.service("messages").on("streaming:chunk", lambda payload: self.received.append(payload["sequence"]))
        self.handle = agor.retain_reactive_session(client, session_id)

    @property
    def stream(self) -> Any:
        return self.handle.state.get_streaming_message(self.message_id)


async def test_logins_of_every_kind_live_through_ten_expiries_without_a_lost_or_doubled_chunk(
    daemon: EmbeddedDaemon,
) -> None:
    async with (
        agor.create_async_rest_client(daemon.url, api_key=daemon.api_key) as rest,
        executor_of(daemon) as executor,
        agor.create_client(daemon.url) as by_key,
        agor.create_client(daemon.url) as by_token,
        agor.create_client(daemon.url) as by_password,
    ):
        session = await rest.service("sessions").create({"branch_id": daemon.workspace_id})
        task = await rest.sessions.prompt(session.session_id, "[hold]")
        ids = {"session_id": session.session_id, "task_id": task.task_id, "message_id": str(uuid.uuid4())}
        listeners = []
        for client, way in ((by_key, "api-key"), (by_token, "jwt"), (by_password, "local")):
            await logged_in(client, way, daemon)
            listeners.append(Listener(client, session.session_id, ids["message_id"]))
            await listeners[-1].handle.ready()
        post = executor.service("messages/streaming").create
        loop = asyncio.get_running_loop()
        ends = loop.time() + LIFE * (EXPIRIES + 0.5)
        sent = 0
        while loop.time() < ends:
            await post({"event": "streaming:chunk", "data": {**ids, "chunk": f"{sent} ", "sequence": sent}})
            sent += 1
            await until(lambda sent=sent: all(len(one.received) >= sent for one in listeners))
        await post({"event": "streaming:end", "data": {**ids, "sequence": sent}})
        await until(lambda: all(one.stream is not None and not one.stream.streaming for one in listeners))
        for one in listeners:
            assert one.received == list(range(sent))
            assert one.stream.complete
            assert one.stream.text == "".join(f"{number} " for number in range(sent))
            assert (set(one.phases), one.client.status.epoch) == (set(), 1), "the connection was not the same all along"
            one.handle.release()


def with_a_session(server: FeathersServer) -> None:
    """Script the answers for a mirror of one empty session."""
    nothing = {"total": 0, "data": []}
    server.answers |= {
        ("create", "session-streams"): lambda *_: {"session_id": SESSION},
        ("remove", "session-streams"): lambda *_: {},
        ("get", "sessions"): lambda *_: {"session_id": SESSION, "status": "idle", "tasks": []},
        ("find", "sessions"): lambda *_: nothing,
        ("find", "tasks"): lambda *_: nothing,
        ("find", "messages"): lambda *_: nothing,
        ("find", f"sessions/{SESSION}/tasks/queue"): lambda *_: nothing,
    }


async def test_a_login_that_nothing_can_renew_is_cut_at_its_expiry_and_says_so_until_a_new_one(
    server: FeathersServer,
) -> None:
    with_a_session(server)
    server.life, server.kick_at_expiry = 0.3, True
    link = SocketLink(server.url, credentials=Jwt(server.mint()), backoff=FAST)
    async with agor.create_client(link=link) as client:
        statuses: list[LinkStatus] = []
        client.on_status(statuses.append)
        async with agor.retain_reactive_session(client, SESSION) as handle:
            await handle.ready()
            server.access.clear()
            await until(lambda: client.status.phase == "unauthenticated")
            await until(lambda: handle.state.error is not None and not handle.state.loading)
            assert "client.authenticate()" in (handle.state.error or "")
            assert handle.state.connection.phase == "unauthenticated"
            assert not handle.state.terminal
            assert handle.state.session is not None, "what was known is kept"
            epoch, notified, frames = client.status.epoch, len(statuses), len(server.frames)
            calls = [client.service("sessions").find() for _ in range(10)]
            answers = await asyncio.gather(*calls, return_exceptions=True)
            assert [type(answer) for answer in answers] == [NotAuthenticated] * 10
            assert (client.status.epoch, len(statuses), len(server.frames)) == (epoch, notified, frames + 10), "a storm"
            server.life = 900.0
            await client.authenticate(api_key="agor_sk_good")
            await until(lambda: handle.state.error is None and not handle.state.loading)
            assert handle.state.connection.phase == "live"
            assert client.status.epoch == epoch


async def test_b06_a_refused_refresh_is_asked_for_once_and_ends_unauthenticated_without_a_loop(
    server: FeathersServer,
) -> None:
    server.life, server.kick_at_expiry = 0.3, True
    access, refresh = server.mint(), server.mint_refresh()
    link = SocketLink(server.url, credentials=Jwt(access, refresh), backoff=FAST)
    async with agor.create_client(link=link) as client:
        server.refresh.clear()
        server.access.clear()
        await until(lambda: client.status.phase == "unauthenticated")
        calls = [client.service("tasks").find() for _ in range(10)]
        answers = await asyncio.gather(*calls, return_exceptions=True)
        assert [type(answer) for answer in answers] == [NotAuthenticated] * 10
        paths = [frame[2] for frame in server.frames if frame[2].startswith("authentication")]
        assert paths.count("authentication/refresh") == 1
        assert server.connections == 2, "cut once, come back once, then wait for a login"
        assert client.status.reason


async def test_b08_after_every_connect_log_in_then_join_then_read_and_nothing_is_refused(
    server: FeathersServer,
) -> None:
    with_a_session(server)
    link = SocketLink(server.url, credentials=ApiKey("agor_sk_good"), backoff=FAST)
    async with agor.create_client(link=link) as client:
        async with agor.retain_reactive_session(client, SESSION) as handle:
            await handle.ready()
            for connection, how in ((2, "abort"), (3, "kick")):
                server.abort() if how == "abort" else await server.kick()
                # Impatient users: refused at once, or held back until the login is through, but never sent too early.
                asking = [asyncio.ensure_future(handle.resync()) for _ in range(3)]
                await until(lambda connection=connection: client.status.epoch == connection)
                await until(lambda: handle.state.connected and not handle.state.loading)
                await asyncio.gather(*asking)
        for connection in (1, 2, 3):
            mine = [frame[1:3] for frame in server.frames if frame[0] == connection]
            assert mine[:2] == [("create", "authentication"), ("create", "session-streams")]
            assert {service for _, service in mine[2:5]} >= {"sessions", "tasks"}
    assert server.refused_calls == 0
