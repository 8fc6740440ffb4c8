"""The link over time: logins that expire, sockets that are kicked or cut, daemons that are restarted."""

from __future__ import annotations

import asyncio
import contextlib
import time
import uuid
from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest

import agor_reactive as agor
from agor_reactive.errors import CannotConnect, LinkError
from tests.contract.daemons import Daemon
from tests.contract.expiries import outcomes
from tests.contract.scene import Scene, workspace_field
from tests.contract.waiting import eventually
from tests.contract.way import way_to


class Watched:
    """A session with a running task and the handle that watches it, on a client that a test may maltreat."""

    def __init__(self, scene: Scene, client: Any, handle: Any, task: Any) -> None:
        self.scene, self.client, self.handle, self.task = scene, client, handle, task
        self.message_id = str(uuid.uuid4())
        self.connected: list[bool] = []
        handle.subscribe(lambda state: self.connected.append(state.connected))

    @property
    def stream(self) -> Any:
        return self.handle.state.get_streaming_message(self.message_id)

    async def say(self, event: str, through: Any = None, **data: Any) -> None:
        ids = {"session_id": self.task.session_id, "message_id": self.message_id, "task_id": self.task.task_id}
        service = (through or self.client).service("messages/streaming")
        await service.create({"event": event, "data": {**ids, **data}})

    async def back(self, epoch: int) -> None:
        await eventually(lambda: self.client.status.phase == "live" and self.client.status.epoch > epoch, 20)
        await eventually(lambda: self.handle.state.connected and not self.handle.state.loading)


async def watch(daemon: Daemon, client: Any) -> Watched:
    scene = Scene(client, daemon, await workspace_field(client, daemon.access.workspace_id))
    session = await scene.session()
    task = await scene.running_task(session.session_id)
    handle = agor.retain_reactive_session(client, session.session_id, task_hydration="eager")
    await handle.ready()
    return Watched(scene, client, handle, task)


@pytest.fixture
async def watched(daemon: Daemon, client: Any) -> AsyncIterator[Watched]:
    one = await watch(daemon, client)
    yield one
    one.handle.release()
    if client.status.phase == "live":
        await one.scene.clean()


@pytest.fixture(scope="session")
def expiries(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Mapping[str, BaseException | None]:
    """How the story of the ten expiries ended, for every daemon that this run selects for it."""
    told = (item for item in request.session.items if getattr(item, "originalname", "").startswith("test_ten_expiries"))
    names = [item.callspec.params["daemon"] for item in told]  # type: ignore[attr-defined]
    return outcomes(names, tmp_path_factory.mktemp("expiries"))


async def test_ten_expiries_pass_without_a_lost_or_doubled_chunk(
    daemon: Daemon, expiries: Mapping[str, BaseException | None]
) -> None:
    ended = expiries[daemon.name]
    if ended is not None:
        raise ended


async def test_after_a_kick_the_client_comes_back_by_itself_logged_in_and_in_step(
    watched: Watched, daemon: Daemon, arest: Any
) -> None:
    epoch = watched.client.status.epoch
    await asyncio.to_thread(daemon.order, "kick")
    await arest.service("sessions").patch(watched.task.session_id, {"title": "after the kick"})
    await watched.back(epoch)
    await eventually(lambda: watched.handle.state.session.title == "after the kick")
    assert False in watched.connected
    await watched.say("streaming:chunk", through=arest, chunk="heard again", sequence=0)
    await eventually(lambda: watched.stream is not None and watched.stream.text == "heard again")


async def test_after_a_cut_a_stream_says_that_its_middle_was_missed(daemon: Daemon, arest: Any) -> None:
    async with way_to(daemon.url) as way, agor.create_client(way.url, api_key=daemon.api_key) as client:
        watched = await watch(daemon, client)
        epoch = client.status.epoch
        await watched.say("streaming:start")
        await watched.say("streaming:chunk", chunk="before ", sequence=0)
        await eventually(lambda: watched.stream is not None and watched.stream.text == "before ")
        way.cut()
        await eventually(lambda: not watched.handle.state.connected)
        await watched.say("streaming:chunk", through=arest, chunk="missed ", sequence=1)
        await watched.back(epoch)
        await watched.say("streaming:chunk", through=arest, chunk="after", sequence=2)
        await eventually(lambda: watched.stream.text == "before after")
        assert not watched.stream.complete
        watched.handle.release()
        await watched.scene.clean()


async def test_a_call_in_flight_at_a_cut_ends_at_once_and_is_not_repeated(daemon: Daemon) -> None:
    async with way_to(daemon.url) as way, agor.create_client(way.url, api_key=daemon.api_key) as client:
        watched = await watch(daemon, client)
        started = time.monotonic()
        prompting = asyncio.ensure_future(watched.client.sessions.prompt(watched.task.session_id, "[slow] Once."))
        await asyncio.sleep(0)
        way.cut()
        with contextlib.suppress(LinkError):
            await prompting
        assert time.monotonic() - started < 5
        await eventually(lambda: client.status.phase == "live", 15)
        tasks = await client.service("tasks").find(query={"session_id": watched.task.session_id})
        assert [task.full_prompt for task in tasks].count("[slow] Once.") <= 1
        watched.handle.release()
        await watched.scene.clean()


async def test_after_logging_out_and_in_again_a_handle_hears_its_streams(
    watched: Watched, daemon: Daemon, arest: Any
) -> None:
    await watched.client.logout()
    await watched.client.authenticate(strategy="api-key", api_key=daemon.api_key)
    await watched.handle.resync()
    await watched.say("streaming:chunk", through=arest, chunk="heard", sequence=0)
    await eventually(lambda: watched.stream is not None and watched.stream.text == "heard", 5)


@pytest.mark.parametrize("graceful", [True, False], ids=["stopped", "killed"])
async def test_a_restarted_daemon_is_found_again_and_its_truth_taken(
    watched: Watched, daemon: Daemon, graceful: bool
) -> None:
    if not graceful and daemon.name == "peer":
        daemon.not_offered("rows that outlive a kill")
    epoch = watched.client.status.epoch
    await asyncio.to_thread(daemon.restart, graceful=graceful)
    await watched.back(epoch)
    await eventually(lambda: watched.handle.state.get_task(watched.task.task_id).status == "stopped")
    assert watched.handle.state.session.status == "idle"
    assert watched.handle.state.error is None


async def test_a_call_while_the_daemon_is_down_says_so_at_once(daemon: Daemon, client: Any) -> None:
    if daemon.process is None:
        daemon.not_offered("control of the daemon")
    await asyncio.to_thread(daemon.process.stop)
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
        async with agor.create_client("http://127.0.0.1:9", api_key=daemon.api_key):
            pass
