"""Many handles through one blip of the real link: never blank, one resync each, few requests at once."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest

import agor_reactive as agor
from agor_reactive.core import SessionState
from tests.session.live import Scene, until

HANDLES = 20


class Watched:
    """A handle, and what went wrong in any snapshot that was told of it."""

    def __init__(self, client: agor.Client, session_id: str, task_id: str) -> None:
        self.session_id, self.task_id = session_id, task_id
        self.handle = agor.retain_reactive_session(client, session_id)
        self.blanks: list[str] = []
        self.syncs: set[float] = set()
        self.connected: list[bool] = []

    async def ready(self) -> None:
        await self.handle.ready()
        self.handle.subscribe(self._look)

    def _look(self, state: SessionState) -> None:
        if state.session is None or not state.tasks or not state.get_task_messages(self.task_id):
            self.blanks.append(repr(state))
        if state.last_synced_at is not None:
            self.syncs.add(state.last_synced_at)
        if state.connected not in self.connected[-1:]:
            self.connected.append(state.connected)


@pytest.mark.parametrize("how", ["cut", "kick"])
async def test_twenty_handles_on_twenty_sessions_through_one_blip(scene: Scene, how: str) -> None:
    made = [await scene.session() for _ in range(HANDLES)]
    link = scene.link()
    async with agor.create_client(link=link) as client:
        watched = [Watched(client, session_id, task_id) for session_id, task_id in made]
        await asyncio.gather(*(one.ready() for one in watched))
        assert 1 < link.most_reads <= 4
        assert set(link.read_sessions.values()) == {1}
        per_round = link.reads.copy()
        link.most_reads = 0
        await scene.blip(how)
        for session_id, task_id in made[:3]:  # some of it happens while nobody listens
            await scene.say(session_id, task_id, "said meanwhile", 1)
        await until(lambda: all(one.connected == [True, False, True] and len(one.syncs) == 2 for one in watched))
        # A read more would be on its way by the time that a round trip of our own is over.
        await client.service("health").find()
        assert all(not one.handle.state.loading and not one.handle.state.fetches for one in watched)
        assert [one.blanks for one in watched] == [[]] * HANDLES
        assert link.read_sessions == Counter({session_id: 2 for session_id, _ in made}), "one resync each"
        assert link.reads - per_round == per_round + Counter({("find", "health"): 1})
        assert link.most_reads <= 4
        assert client.status.epoch == 2
        for one in watched[:3]:
            assert [m.content for m in one.handle.state.get_task_messages(one.task_id)][1:] == ["said meanwhile"]
        for one in watched:
            one.handle.release()


async def test_text_that_was_being_written_stays_in_sight_through_the_blip_and_owns_up_to_its_hole(
    scene: Scene,
) -> None:
    session_id, task_id = await scene.session()
    async with (
        agor.create_client(link=scene.link()) as client,
        agor.retain_reactive_session(client, session_id) as handle,
    ):
        await handle.ready()
        await scene.chunk(session_id, task_id, "before ", 0)
        await until(lambda: handle.state.streaming_messages)
        texts: list[str] = []
        handle.subscribe(lambda state: texts.append(state.streaming_messages["m"].text))
        scene.way.refuse(refusing=True)  # so that it surely is missed
        await scene.blip("cut")
        await scene.chunk(session_id, task_id, "missed ", 1)
        scene.way.refuse(refusing=False)
        await until(lambda: client.status.epoch == 2 and handle.state.connected and not handle.state.loading)
        await scene.chunk(session_id, task_id, "after", 2)
        await until(lambda: handle.state.streaming_messages["m"].text.endswith("after"))
        assert all(text.startswith("before") for text in texts)
        assert not handle.state.streaming_messages["m"].complete
