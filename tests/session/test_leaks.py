"""A hundred handles and twenty reconnects later everything is where it began; closing leaves nothing at all.

Against a real daemon over real sockets; counts on the scripted link are in `test_sharing`.
"""

from __future__ import annotations

import asyncio
import gc
import weakref
from typing import Any

import engineio
import pytest

import agor_reactive as agor
from agor_reactive.calls.backoff import Backoff
from agor_reactive.errors import NotConnected, PayloadTooLarge
from tests.chaos.leaks import client_counts
from tests.session.live import Scene, until


def tasks() -> set[str]:
    """The tasks that are ours or of the libraries we stand on; the daemon lives on this loop, too."""
    ours = ("agor", "join", "leave")
    return {task.get_name() for task in asyncio.all_tasks() if task.get_name().startswith(ours)}


async def test_a_hundred_handles_and_twenty_reconnects_leave_every_count_where_it_began(scene: Scene) -> None:
    session_id, task_id = await scene.session()
    async with agor.create_client(link=scene.link()) as client:
        start, running = client_counts(client), tasks()
        assert not any(start.values())
        for number in range(100):
            handle = agor.retain_reactive_session(
                client, session_id, task_hydration=("lazy", "eager", "none")[number % 3]
            )
            handle.subscribe(lambda state: None)
            handle.snapshots.subscribe(lambda state: None)
            if number % 2:  # some are let go before they are ready
                await handle.ready()
            handle.release()
        for number in range(20):
            epoch = client.status.epoch
            await scene.blip("cut" if number % 2 else "kick")
            await until(lambda epoch=epoch: client.status.phase == "live" and client.status.epoch > epoch)
        await until(lambda: client_counts(client) == start)
        await until(lambda: tasks() == running)

        heard: list[Any] = []
        client.events.subscribe(lambda event: heard.append(event.topic))
        await scene.chunk(session_id, task_id, "nobody is a member any more", 0)
        await client.service("health").find()
        assert "messages streaming:chunk" not in heard

        died = weakref.ref(handle), weakref.ref(handle.entry)
        del handle
        gc.collect()
        assert [ref() for ref in died] == [None, None]


async def test_b17_after_fifty_openings_and_ten_reconnects_a_chunk_is_heard_once(scene: Scene) -> None:
    session_id, task_id = await scene.session()
    async with agor.create_client(link=scene.link()) as client:
        heard: list[Any] = []
        for _ in range(50):
            client.service("messages").on("streaming:chunk", heard.append)()
            agor.retain_reactive_session(client, session_id).release()
        client.service("messages").on("streaming:chunk", heard.append)
        async with agor.retain_reactive_session(client, session_id) as handle:
            await handle.ready()
            for number in range(10):
                epoch = client.status.epoch
                await scene.blip("cut" if number % 2 else "kick")
                await until(lambda epoch=epoch: client.status.epoch > epoch and handle.state.connected)
                await until(lambda: not handle.state.loading)
            await scene.chunk(session_id, task_id, "x", 0)
            await until(lambda: handle.state.streaming_messages)
            await client.service("health").find()
            assert handle.state.streaming_messages["m"].text == "x"
            assert len(heard) == 1
        assert client.router.listener_count == 1


async def test_b25_who_comes_after_the_last_release_reads_anew_and_the_old_mirror_is_gone(scene: Scene) -> None:
    session_id, task_id = await scene.session()
    link = scene.link()
    async with agor.create_client(link=link) as client:

        async def two_come_and_go() -> weakref.ref[Any]:
            first = agor.retain_reactive_session(client, session_id)
            await first.ready()
            await scene.chunk(session_id, task_id, "seen by the first", 0)
            await until(lambda: first.state.streaming_messages)
            second = agor.retain_reactive_session(client, session_id)
            assert second.state is first.state
            first.release()
            second.release()
            return weakref.ref(first.entry)

        old = await two_come_and_go()
        async with agor.retain_reactive_session(client, session_id) as third:
            assert third.state.session is None
            await third.ready()
            assert not third.state.streaming_messages
            assert link.read_sessions[session_id] == 2
            gc.collect()
            assert old() is None


@pytest.mark.parametrize("moment", ["while it waits to try again", "while it connects"])
async def test_b44_b45_closing_while_the_link_is_down_ends_it_for_good_and_leaves_nothing_open(
    scene: Scene, moment: str
) -> None:
    session_id, _ = await scene.session()
    before, engines = tasks(), list(engineio.base_client.connected_clients)
    waits = moment == "while it waits to try again"
    died = await closed_while_down(scene, session_id, waits=waits)
    await until(lambda: tasks() == before)
    await until(lambda: scene.way.open_count == 0)
    assert engineio.base_client.connected_clients == engines
    gc.collect()  # what was left open would complain now, and complaints are errors here
    assert died() is None


async def closed_while_down(scene: Scene, session_id: str, *, waits: bool) -> weakref.ref[agor.Client]:
    """Close a client with handles while it `waits` for its next try, or while it makes one."""
    way = scene.way
    backoff = Backoff(first=30.0, most=30.0) if waits else Backoff(first=0.001)
    client = agor.create_client(link=scene.link(backoff=backoff))
    await client.open()
    handle = agor.retain_reactive_session(client, session_id)
    await handle.ready()
    short = agor.retain_reactive_session(client, session_id[:13])
    if not waits:
        way.stall()
    accepted = way.accepted
    way.drop()
    await until(lambda: client.status.attempt == 1 if waits else way.accepted > accepted)
    accepted = way.accepted
    loop = asyncio.get_running_loop()
    began = loop.time()
    await client.close()
    assert loop.time() - began < 1.5
    way.calm()
    with pytest.raises(NotConnected):
        await client.service("health").find()
    assert handle.state.status.disposed
    assert short.state.status.disposed
    assert way.accepted == accepted, "it came back after it was closed"
    return weakref.ref(client)


async def test_closing_does_not_wait_for_a_daemon_that_hangs(scene: Scene) -> None:
    session_id, _ = await scene.session()
    before = tasks()
    client = agor.create_client(link=scene.link())
    await client.open()
    handle = agor.retain_reactive_session(client, session_id)
    await handle.ready()
    scene.way.stall()
    loop = asyncio.get_running_loop()
    began = loop.time()
    await client.close()
    assert loop.time() - began < 1.5
    assert handle.state.status.disposed
    scene.way.calm()
    await until(lambda: tasks() == before)
    await until(lambda: scene.way.open_count == 0)


async def test_b43_a_message_of_5_mb_is_mirrored_and_so_is_the_event_after_it(scene: Scene) -> None:
    session_id, task_id = await scene.session()
    async with (
        agor.create_client(link=scene.link()) as client,
        agor.retain_reactive_session(client, session_id) as handle,
    ):
        await handle.ready()
        large = await scene.say(session_id, task_id, "x" * 5_000_000, 1)
        small = await scene.say(session_id, task_id, "small", 2)
        await until(lambda: len(handle.state.get_task_messages(task_id)) == 3)
        found = {message.message_id: message.content for message in handle.state.get_task_messages(task_id)}
        assert (len(found[large]), found[small]) == (5_000_000, "small")
        assert client.status.epoch == 1
        await handle.resync()  # a read that large is no trouble either
        assert len(handle.state.get_task_messages(task_id)) == 3
        assert (handle.state.error, client.status.epoch) == (None, 1)


async def test_b43_a_prompt_of_2_mb_is_refused_here_and_the_link_stays_or_goes_over_rest(scene: Scene) -> None:
    session_id, _ = await scene.session()
    prompt = "x" * 2_000_000
    async with (
        agor.create_client(link=scene.link()) as client,
        agor.retain_reactive_session(client, session_id) as handle,
    ):
        await handle.ready()
        with pytest.raises(PayloadTooLarge, match="REST"):
            await handle.prompt(prompt)
        assert client.status.epoch == 1
        task = await scene.rest.sessions.prompt(session_id, prompt)  # queues: the session is at work
        await until(lambda: handle.state.queued_tasks)
        queued = handle.state.queued_tasks[0]
        assert (queued.task_id, len(queued.full_prompt or "")) == (task.task_id, 2_000_000)
        assert client.status.epoch == 1
