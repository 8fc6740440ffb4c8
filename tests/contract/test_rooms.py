"""The receivers of streaming text: every socket on older daemons, joined ones on newer daemons."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from typing import Any

import pytest

import agor_reactive as agor
from tests.contract.daemons import Daemon
from tests.contract.scene import Scene
from tests.contract.waiting import eventually

CHUNK = "messages streaming:chunk"


class Chunks:
    """The chunks of one session that a client receives."""

    def __init__(self, client: Any, session_id: str) -> None:
        self.client = client
        self.session_id = session_id
        self.received: list[int] = []
        self.subscription = client.events.subscribe(self._take)

    def _take(self, event: Any) -> None:
        if event.topic == CHUNK and event.payload.get("session_id") == self.session_id:
            self.received.append(event.payload["sequence"])

    async def until_caught_up(self, scene: Scene) -> None:
        """Return when everything that the daemon sent so far has arrived: events of one connection keep their order."""
        title = str(uuid.uuid4())
        titles: list[Any] = []
        undo = self.client.service("sessions").on("patched", lambda row: titles.append(row.title))
        await scene.service("sessions").patch(self.session_id, {"title": title})
        await eventually(lambda: title in titles)
        undo()


@pytest.fixture
async def other(daemon: Daemon) -> AsyncIterator[Any]:
    """A second live client of the same user."""
    async with agor.create_client(daemon.url, **daemon.credentials()) as one:
        yield one


async def post(scene: Scene, session_id: str, numbers: range, message_id: str | None = None) -> None:
    ids = {"session_id": session_id, "message_id": message_id or str(uuid.uuid4())}
    for number in numbers:
        await scene.say("streaming:chunk", **ids, chunk="x", sequence=number)


async def test_a_client_that_retains_a_session_receives_its_text(client: Any, scene: Scene) -> None:
    session = await scene.session()
    chunks = Chunks(client, session.session_id)
    async with agor.retain_reactive_session(client, session.session_id) as handle:
        await handle.ready()
        message = str(uuid.uuid4())
        await post(scene, session.session_id, range(3), message)
        await eventually(lambda: chunks.received == [0, 1, 2])
        await eventually(lambda: getattr(handle.state.get_streaming_message(message), "text", "") == "xxx")


async def test_a_client_that_does_not_retain_receives_all_text_or_none(
    scene: Scene, other: Any, daemon: Daemon
) -> None:
    """Every client of ours announces on each connection that it joins rooms, also for its own user's sessions."""
    session = await scene.session()
    chunks = Chunks(other, session.session_id)
    await post(scene, session.session_id, range(3))
    await chunks.until_caught_up(scene)
    everything, nothing = [0, 1, 2], []
    if daemon.api_version is None:
        assert chunks.received in (everything, nothing)
    else:
        assert chunks.received == (everything if daemon.bare else nothing)


async def test_only_the_client_that_retains_it_receives_the_text_of_a_session(
    client: Any, scene: Scene, other: Any, daemon: Daemon
) -> None:
    if daemon.bare:
        daemon.not_offered("rooms")
    session = await scene.session()
    ours, theirs = Chunks(client, session.session_id), Chunks(other, session.session_id)
    async with agor.retain_reactive_session(client, session.session_id) as handle:
        await handle.ready()
        await post(scene, session.session_id, range(3))
        await eventually(lambda: ours.received == [0, 1, 2])
        await theirs.until_caught_up(scene)
        if daemon.api_version is not None:
            assert theirs.received == []


async def test_after_the_last_release_no_more_text_is_sent(client: Any, scene: Scene, daemon: Daemon) -> None:
    if daemon.bare:
        daemon.not_offered("rooms")
    session = await scene.session()
    chunks = Chunks(client, session.session_id)
    one = agor.retain_reactive_session(client, session.session_id)
    two = agor.retain_reactive_session(client, session.session_id)
    await one.ready()
    await two.ready()
    one.release()
    await post(scene, session.session_id, range(1))
    await eventually(lambda: chunks.received == [0])
    two.release()
    # The last release returns at once: the leave is sent after it, beside what `post` sends on another connection.
    await eventually(lambda: not client.registry.rooms.count)
    await post(scene, session.session_id, range(1, 3))
    await chunks.until_caught_up(scene)
    if daemon.api_version is not None:
        assert chunks.received == [0]


async def test_rooms_are_joined_again_after_a_reconnect(client: Any, scene: Scene, daemon: Daemon) -> None:
    session = await scene.session()
    chunks = Chunks(client, session.session_id)
    async with agor.retain_reactive_session(client, session.session_id) as handle:
        await handle.ready()
        epoch = client.status.epoch
        await asyncio.to_thread(daemon.order, "kick")
        await eventually(lambda: client.status.phase == "live" and client.status.epoch > epoch, 20)
        await eventually(lambda: handle.state.connected and not handle.state.loading)
        await post(scene, session.session_id, range(3))
        await eventually(lambda: chunks.received == [0, 1, 2])
