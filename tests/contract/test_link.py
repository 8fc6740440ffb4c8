"""The connection over time: disconnected or dropped sockets, revoked tokens, restarted daemons."""

from __future__ import annotations

import asyncio
import contextlib
import time
import uuid
from collections.abc import AsyncIterator
from typing import Any

import pytest

import agor_reactive as agor
from agor_reactive.calls.backoff import Backoff
from agor_reactive.errors import CannotConnect, LinkError
from agor_reactive.transport.credentials import credentials
from agor_reactive.transport.socketio import SocketLink
from tests.chaos.proxy import Proxy
from tests.contract.daemons import Daemon
from tests.contract.scene import ENDED, Scene, opened_scene
from tests.contract.waiting import eventually

RECONNECTS = 200
LOGINS = 3
"""That many reconnects may cost so many logins: a daemon takes 50 in 15 minutes from one address."""


class Watched:
    """A session with a running task and the handle that watches it, on a client that a test may disconnect."""

    def __init__(self, scene: Scene, client: Any, handle: Any, task: Any) -> None:
        self.scene, self.client, self.handle, self.task = scene, client, handle, task
        self.message_id = str(uuid.uuid4())
        self.connected: list[bool] = []
        handle.subscribe(lambda state: self.connected.append(state.connected))

    @property
    def stream(self) -> Any:
        return self.handle.state.get_streaming_message(self.message_id)

    async def say(self, event: str, **data: Any) -> None:
        ids = {"session_id": self.task.session_id, "message_id": self.message_id, "task_id": self.task.task_id}
        await self.scene.say(event, **ids, **data)

    async def back(self, epoch: int, within: float = 20) -> None:
        await eventually(lambda: self.client.status.phase == "live" and self.client.status.epoch > epoch, within)
        await eventually(lambda: self.handle.state.connected and not self.handle.state.loading)


@contextlib.asynccontextmanager
async def watching(daemon: Daemon, client: Any, member: Any) -> AsyncIterator[Watched]:
    """`member`: a REST client, whose calls do not use that connection."""
    async with opened_scene(client, daemon, member=member) as scene:
        session = await scene.session()
        task = await scene.running_task(session.session_id)
        async with agor.retain_reactive_session(client, session.session_id, task_hydration="eager") as handle:
            await handle.ready()
            yield Watched(scene, client, handle, task)


@pytest.fixture
async def watched(daemon: Daemon, client: Any, arest: Any) -> AsyncIterator[Watched]:
    async with watching(daemon, client, arest) as one:
        yield one


async def test_after_a_kick_the_client_comes_back_by_itself_logged_in_and_in_step(
    watched: Watched, daemon: Daemon, arest: Any
) -> None:
    epoch = watched.client.status.epoch
    await asyncio.to_thread(daemon.order, "kick")
    await arest.service("sessions").patch(watched.task.session_id, {"title": "after the kick"})
    await watched.back(epoch)
    await eventually(lambda: watched.handle.state.session.title == "after the kick")
    assert False in watched.connected
    await watched.say("streaming:chunk", chunk="heard again", sequence=0)
    await eventually(lambda: watched.stream is not None and watched.stream.text == "heard again")


async def test_after_a_cut_a_stream_says_that_its_middle_was_missed(daemon: Daemon, arest: Any) -> None:
    async with (
        Proxy(daemon.url) as way,
        agor.create_client(way.url, **daemon.credentials()) as client,
        watching(daemon, client, arest) as watched,
    ):
        epoch = client.status.epoch
        await watched.say("streaming:start")
        await watched.say("streaming:chunk", chunk="before ", sequence=0)
        await eventually(lambda: watched.stream is not None and watched.stream.text == "before ")
        way.refuse(refusing=True)  # no reconnect before the chunk was sent
        assert way.drop() > 0
        await eventually(lambda: not watched.handle.state.connected)
        await watched.say("streaming:chunk", chunk="missed ", sequence=1)
        assert client.status.epoch == epoch
        assert not watched.handle.state.connected
        way.refuse(refusing=False)
        await watched.back(epoch)
        await watched.say("streaming:chunk", chunk="after", sequence=2)
        await eventually(lambda: watched.stream.text == "before after")
        assert not watched.stream.complete


async def test_a_call_in_flight_at_a_cut_ends_at_once_and_is_not_repeated(daemon: Daemon, arest: Any) -> None:
    async with (
        Proxy(daemon.url) as way,
        agor.create_client(way.url, **daemon.credentials()) as client,
        watching(daemon, client, arest) as watched,
    ):
        started = time.monotonic()
        prompting = asyncio.ensure_future(watched.client.sessions.prompt(watched.task.session_id, "[hold] Once."))
        await asyncio.sleep(0)
        way.drop()
        with contextlib.suppress(LinkError):
            await prompting
        assert time.monotonic() - started < 5
        await eventually(lambda: client.status.phase == "live", 15)
        tasks = await client.service("tasks").find(query={"session_id": watched.task.session_id})
        assert [task.full_prompt for task in tasks].count("[hold] Once.") <= 1


async def test_after_logging_out_and_in_again_a_handle_hears_its_streams(watched: Watched, daemon: Daemon) -> None:
    await watched.client.logout()
    await watched.client.authenticate(**daemon.credentials())
    await watched.handle.resync()
    await watched.say("streaming:chunk", chunk="heard", sequence=0)
    await eventually(lambda: watched.stream is not None and watched.stream.text == "heard", 5)


async def test_after_its_tokens_are_revoked_a_client_logs_in_again_and_resyncs(
    watched: Watched, daemon: Daemon, arest: Any
) -> None:
    epoch = watched.client.status.epoch
    await asyncio.to_thread(daemon.revoke)
    await arest.service("sessions").patch(watched.task.session_id, {"title": "after the revocation"})
    await watched.back(epoch)
    await eventually(lambda: watched.handle.state.session.title == "after the revocation")
    await watched.say("streaming:chunk", chunk="heard again", sequence=0)
    await eventually(lambda: watched.stream is not None and watched.stream.text == "heard again")
    assert watched.handle.state.error is None


@pytest.mark.timeout(180, func_only=True)
async def test_many_reconnects_cost_few_logins(daemon: Daemon, arest: Any) -> None:
    if daemon.bare:
        daemon.not_offered("connecting with a token")  # each connection has to log in there
    before = await asyncio.to_thread(daemon.logins)
    link = SocketLink(
        daemon.url,
        credentials=credentials(**daemon.credentials()),
        backoff=Backoff(first=0.01, most=0.05, steady=0),
    )
    async with agor.create_client(link=link) as client, watching(daemon, client, arest) as watched:
        for number in range(RECONNECTS):
            epoch = client.status.epoch
            await asyncio.to_thread(daemon.order, "cut" if number % 2 else "kick")
            await watched.back(epoch)
        await watched.say("streaming:chunk", chunk="still here", sequence=0)
        await eventually(lambda: watched.stream is not None and watched.stream.text == "still here")
        assert await asyncio.to_thread(daemon.logins) - before <= LOGINS


@pytest.mark.parametrize("graceful", [True, False], ids=["stopped", "killed"])
async def test_a_restarted_daemon_is_found_again_and_its_truth_taken(
    watched: Watched, daemon: Daemon, graceful: bool
) -> None:
    if not graceful and daemon.name.startswith("peer"):
        daemon.not_offered("rows that outlive a kill")
    if not graceful and daemon.process is None:
        daemon.not_offered("being killed")
    epoch = watched.client.status.epoch
    await asyncio.to_thread(daemon.restart, graceful=graceful)
    await watched.back(epoch, 40)
    # The daemon decides the status of a running task after a restart: "stopped" on known daemons, an end on all.
    await eventually(lambda: watched.handle.state.get_task(watched.task.task_id).status in ENDED)
    assert watched.handle.state.session.status == "idle"
    assert watched.handle.state.error is None


async def test_a_call_while_the_daemon_is_down_says_so_at_once(daemon: Daemon, client: Any) -> None:
    await asyncio.to_thread(daemon.stop)
    try:
        await eventually(lambda: not client.status.up)
        started = time.monotonic()
        with pytest.raises(LinkError):
            await client.service("sessions").find()
        assert time.monotonic() - started < 2
    finally:
        await asyncio.to_thread(daemon.restart)
    await eventually(lambda: client.status.phase == "live", 20)


async def test_nobody_at_the_address_is_cannot_connect(daemon: Daemon) -> None:
    with pytest.raises(CannotConnect):
        async with agor.create_client("http://127.0.0.1:9", **daemon.credentials()):
            pass
