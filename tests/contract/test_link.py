"""The link over time: logins that expire, sockets that are kicked or cut, daemons that are restarted."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

import agor_reactive as agor
from agor_reactive.errors import CannotConnect, LinkError
from tests.contract.daemons import Daemon, running
from tests.contract.scene import Scene, workspace_field
from tests.contract.waiting import eventually, settled

LIFE = 1  # seconds that an access token lives, where the daemon lets us say so
EXPIRIES = 10


@pytest.fixture(scope="module")
def hasty(daemon: Daemon, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    """A second daemon of the same kind, whose access tokens live a second only."""
    with running(daemon.name, tmp_path_factory.mktemp("hasty") / "state", token_life=LIFE) as one:
        yield one


@pytest.fixture
async def own(daemon: Daemon, tmp_path: Any) -> AsyncIterator[Daemon]:
    """A daemon that this test may kick, cut and restart without harm to another."""
    if daemon.process is None:
        daemon.not_offered("control of the daemon")
    with running(daemon.name, tmp_path / "state") as one:
        yield one


async def watched(daemon: Daemon, client: Any) -> tuple[Scene, Any, Any]:
    scene = Scene(client, daemon, await workspace_field(client, daemon.access.workspace_id))
    session = await scene.session()
    task = await scene.running_task(session.session_id)
    handle = agor.retain_reactive_session(client, session.session_id, task_hydration="eager")
    await handle.ready()
    return scene, handle, task


async def test_ten_expiries_pass_without_a_lost_or_doubled_chunk(hasty: Daemon) -> None:
    async with (
        agor.create_client(hasty.url, api_key=hasty.api_key) as client,
        agor.create_async_rest_client(hasty.url, api_key=hasty.api_key) as rest,
    ):
        _, handle, task = await watched(hasty, client)
        epoch = client.status.epoch
        message = str(uuid.uuid4())
        ids = {"session_id": task.session_id, "message_id": message, "task_id": task.task_id}
        heard: list[int] = []
        client.events.subscribe(
            lambda event: heard.append(event.payload["sequence"]) if event.topic == "messages streaming:chunk" else None
        )
        post = rest.service("messages/streaming").create
        ends = time.monotonic() + EXPIRIES * LIFE
        sent = 0
        while time.monotonic() < ends:
            await post({"event": "streaming:chunk", "data": {**ids, "chunk": f"{sent} ", "sequence": sent}})
            sent += 1
        await post({"event": "streaming:end", "data": {**ids, "sequence": sent}})
        await eventually(lambda: not handle.state.get_streaming_message(message).streaming)
        stream = handle.state.get_streaming_message(message)
        assert stream.text == "".join(f"{number} " for number in range(sent))
        assert stream.complete
        assert heard == list(range(sent))
        assert client.status.epoch == epoch, "the socket was never replaced"
        await settled(handle.release())


@pytest.mark.parametrize("deed", ["kick", "cut"])
async def test_after_a_kick_or_a_cut_the_client_comes_back_logged_in_and_in_step(own: Daemon, deed: str) -> None:
    async with (
        agor.create_client(own.url, api_key=own.api_key) as client,
        agor.create_async_rest_client(own.url, api_key=own.api_key) as rest,
    ):
        scene, handle, task = await watched(own, client)
        message = str(uuid.uuid4())
        ids = {"session_id": task.session_id, "message_id": message, "task_id": task.task_id}
        await scene.say("streaming:start", **ids)
        await scene.say("streaming:chunk", **ids, chunk="before ", sequence=0)
        await eventually(lambda: handle.state.get_streaming_message(message))
        epoch, phases = client.status.epoch, []
        handle.subscribe(lambda state: phases.append(state.connected))
        await asyncio.to_thread(own.order, deed)
        await rest.service("sessions").patch(task.session_id, {"title": f"after the {deed}"})
        await eventually(lambda: client.status.phase == "live" and client.status.epoch > epoch, 15)
        await eventually(lambda: handle.state.session.title == f"after the {deed}" and not handle.state.loading)
        assert False in phases
        assert handle.state.connected
        # In the room again, and honest about what may have been missed in between.
        await scene.say("streaming:chunk", **ids, chunk="after", sequence=5)
        await eventually(lambda: handle.state.get_streaming_message(message).text.endswith("after"))
        assert not handle.state.get_streaming_message(message).complete
        await settled(handle.release())


async def test_after_logging_out_and_in_again_a_handle_hears_its_streams(client: Any, daemon: Daemon) -> None:
    async with agor.create_async_rest_client(daemon.url, api_key=daemon.api_key) as rest:
        scene, handle, task = await watched(daemon, client)
        await client.logout()
        await client.authenticate(strategy="api-key", api_key=daemon.api_key)
        await eventually(lambda: not handle.state.loading)
        ids = {"session_id": task.session_id, "message_id": str(uuid.uuid4()), "task_id": task.task_id}
        data = {**ids, "chunk": "heard", "sequence": 0}
        await rest.service("messages/streaming").create({"event": "streaming:chunk", "data": data})
        await eventually(lambda: [stream.text for stream in handle.state.get_streaming_messages()] == ["heard"], 5)
        await settled(handle.release())
        await scene.clean()


@pytest.mark.parametrize("graceful", [True, False], ids=["stopped", "killed"])
async def test_a_restarted_daemon_is_found_again_and_its_truth_taken(own: Daemon, graceful: bool) -> None:
    if not graceful and own.name == "peer":
        own.not_offered("rows that outlive a kill")
    async with agor.create_client(own.url, api_key=own.api_key) as client:
        _, handle, task = await watched(own, client)
        epoch = client.status.epoch
        await asyncio.to_thread(own.restart, graceful=graceful)
        await eventually(lambda: client.status.phase == "live" and client.status.epoch > epoch, 20)
        await eventually(lambda: not handle.state.loading and handle.state.get_task(task.task_id).status == "stopped")
        assert handle.state.session.status == "idle"
        assert handle.state.error is None
        await settled(handle.release())


async def test_a_call_while_the_link_is_down_says_so_at_once(own: Daemon) -> None:
    async with agor.create_client(own.url, api_key=own.api_key) as client:
        assert own.process is not None
        await asyncio.to_thread(own.process.kill)
        await eventually(lambda: not client.status.up)
        started = time.monotonic()
        with pytest.raises(LinkError):
            await client.service("sessions").find()
        assert time.monotonic() - started < 5


async def test_nobody_at_the_address_is_cannot_connect(daemon: Daemon) -> None:
    with pytest.raises(CannotConnect):
        async with agor.create_client("http://127.0.0.1:9", api_key=daemon.api_key):
            pass
