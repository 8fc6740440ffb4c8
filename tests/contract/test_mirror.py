"""The reactive session: hydration, cache choices, the queue, sharing, terminal states, and its end."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

import agor_reactive as agor
from agor_reactive.errors import HandleDisposed, NotFound
from tests.contract.daemons import Daemon
from tests.contract.scene import HOLD, Scene
from tests.contract.waiting import eventually, settled

MISSING = "00000000-0000-7000-8000-000000000000"


async def finished_tasks(scene: Scene, session_id: str, number: int) -> list[str]:
    """Tasks that have ended, each with its prompt and two messages more, whose indexes are its `saved_indexes`."""
    made: list[str] = []
    for _ in range(number):
        task = await scene.running_task(session_id)
        for index in reversed(saved_indexes(len(made))):
            await scene.save(session_id, index, f"message {index}", task_id=task.task_id, role="assistant")
        await scene.complete(task.task_id)
        made.append(task.task_id)
    return made


def saved_indexes(number: int) -> list[int]:
    """Far from the indexes that the daemon gives to prompts."""
    return [1_000 * (number + 1), 1_000 * (number + 1) + 1]


@pytest.mark.parametrize(("hydration", "loaded"), [("none", 0), ("lazy", 1), ("eager", 3)])
async def test_hydration_loads_no_task_the_newest_or_all(
    client: Any, scene: Scene, hydration: str, loaded: int
) -> None:
    session = await scene.session()
    tasks = await finished_tasks(scene, session.session_id, 3)
    async with agor.retain_reactive_session(client, session.session_id, task_hydration=hydration) as handle:
        await handle.ready()
        state = handle.state
        assert state.session.session_id == session.session_id
        assert (state.loading, state.error, state.terminal, state.connected) == (False, None, False, True)
        assert [task.task_id for task in state.tasks] == tasks
        assert set(state.loaded_task_ids) == set(tasks[len(tasks) - loaded :])
        for task_id in state.loaded_task_ids:
            messages = state.get_task_messages(task_id)
            assert messages[0].role == "user"
            assert [message.index for message in messages][-2:] == saved_indexes(tasks.index(task_id))


async def test_a_task_is_loaded_and_unloaded_by_choice(client: Any, scene: Scene) -> None:
    session = await scene.session()
    first, second = await finished_tasks(scene, session.session_id, 2)
    async with agor.retain_reactive_session(client, session.session_id, task_hydration="lazy") as handle:
        await handle.ready()
        assert not handle.state.is_task_loaded(first)
        rows = await handle.load_task_messages(first)
        assert [message.index for message in rows][-2:] == saved_indexes(0)
        await eventually(lambda: handle.state.is_task_loaded(first))
        await settled(handle.unload_task_messages(first))
        await eventually(lambda: not handle.state.is_task_loaded(first))
        assert len(handle.state.get_task_messages(first)) == 0
        assert handle.state.is_task_loaded(second)


async def test_the_messages_of_a_task_that_is_not_there_are_not_found(client: Any, scene: Scene) -> None:
    session, other = await scene.session(), await scene.session()
    (elsewhere,) = await finished_tasks(scene, other.session_id, 1)
    async with agor.retain_reactive_session(client, session.session_id) as handle:
        await handle.ready()
        for task_id in (MISSING, elsewhere):
            with pytest.raises(NotFound, match=task_id):
                await settled(handle.load_task_messages(task_id))
        assert handle.state.error is None


async def test_what_happens_live_equals_what_one_who_comes_later_reads(
    client: Any, scene: Scene, daemon: Daemon
) -> None:
    session = await scene.session()
    async with agor.retain_reactive_session(client, session.session_id, task_hydration="eager") as watching:
        await watching.ready()
        tasks = await finished_tasks(scene, session.session_id, 3)
        await eventually(lambda: [task.status for task in watching.state.tasks] == ["completed"] * 3)
        async with (
            agor.create_client(daemon.url, **daemon.credentials()) as other,
            agor.retain_reactive_session(other, session.session_id, task_hydration="eager") as late,
        ):
            await late.ready()
            await watching.resync()
            assert (
                [task.task_id for task in watching.state.tasks] == [task.task_id for task in late.state.tasks] == tasks
            )
            assert messages_of(watching, tasks) == messages_of(late, tasks)
            assert watching.state.session.status == late.state.session.status


def messages_of(handle: Any, tasks: list[str]) -> list[Any]:
    return [message.to_wire() for task in tasks for message in handle.state.get_task_messages(task)]


async def test_the_queue_shows_what_waits_and_empties_as_it_runs(client: Any, scene: Scene) -> None:
    session = await scene.session()
    running = await scene.running_task(session.session_id)
    async with agor.retain_reactive_session(client, session.session_id, task_hydration="lazy") as handle:
        await handle.ready()
        first = await handle.prompt(HOLD)
        second = await handle.prompt(HOLD)

        def waiting() -> list[str]:
            return [task.task_id for task in handle.state.queued_tasks]

        await eventually(lambda: waiting() == [first.task_id, second.task_id])
        await scene.complete(running.task_id)
        await eventually(lambda: waiting() == [second.task_id])
        await eventually(lambda: handle.state.get_task(running.task_id).status == "completed")


async def test_a_queue_that_was_there_before_is_read(client: Any, scene: Scene) -> None:
    session = await scene.session()
    await scene.running_task(session.session_id)
    waiting = await client.sessions.prompt(session.session_id, HOLD)
    async with agor.retain_reactive_session(client, session.session_id) as handle:
        await handle.ready()
        assert [task.task_id for task in handle.state.queued_tasks] == [waiting.task_id]


async def test_a_prompt_through_the_handle_is_seen_to_run(client: Any, scene: Scene) -> None:
    session = await scene.session()
    async with agor.retain_reactive_session(client, session.session_id) as handle:
        await handle.ready()
        task = await handle.prompt(HOLD)
        await eventually(lambda: getattr(handle.state.get_task(task.task_id), "status", None) == "running")
        await eventually(lambda: handle.state.session.status == "running")
        await eventually(lambda: [m.role for m in handle.state.get_task_messages(task.task_id)][:1] == ["user"])
        await client.sessions.stop(session.session_id)
        await eventually(lambda: handle.state.get_task(task.task_id).status == "stopped")


async def test_a_row_removed_while_watched_goes_and_stays_away(client: Any, scene: Scene) -> None:
    session = await scene.session()
    (task_id,) = await finished_tasks(scene, session.session_id, 1)
    async with agor.retain_reactive_session(client, session.session_id, task_hydration="eager") as handle:
        await handle.ready()
        before = [message.message_id for message in handle.state.get_task_messages(task_id)]
        await client.service("messages").remove(before[-2])
        left = [*before[:-2], before[-1]]
        await eventually(lambda: [m.message_id for m in handle.state.get_task_messages(task_id)] == left)
        await handle.resync()
        assert [message.message_id for message in handle.state.get_task_messages(task_id)] == left


async def test_two_who_retain_the_same_session_share_it(client: Any, scene: Scene) -> None:
    session = await scene.session()
    short = session.session_id.replace("-", "")[:24]
    async with (
        agor.retain_reactive_session(client, session.session_id) as one,
        agor.retain_reactive_session(client, session.session_id) as two,
        agor.retain_reactive_session(client, short) as three,
    ):
        await asyncio.gather(one.ready(), two.ready(), three.ready())
        await client.service("sessions").patch(session.session_id, {"title": "shared"})
        for handle in (one, two, three):
            await eventually(lambda handle=handle: handle.state.session.title == "shared")
        assert one.state is two.state
        assert three.state.session.session_id == session.session_id


async def test_one_who_releases_leaves_the_other_live(client: Any, scene: Scene) -> None:
    session = await scene.session()
    one = agor.retain_reactive_session(client, session.session_id)
    two = agor.retain_reactive_session(client, session.session_id)
    await asyncio.gather(one.ready(), two.ready())
    await settled(one.release())
    await settled(one.release())
    await client.service("sessions").patch(session.session_id, {"title": "still told"})
    await eventually(lambda: two.state.session.title == "still told")
    await settled(two.release())
    with pytest.raises(HandleDisposed):
        await two.prompt(HOLD)


async def test_states_are_told_newest_first_to_a_slow_reader(client: Any, scene: Scene) -> None:
    session = await scene.session()
    async with agor.retain_reactive_session(client, session.session_id) as handle:
        await handle.ready()
        for number in range(20):
            await client.service("sessions").patch(session.session_id, {"title": f"{number}"})
        revisions = []
        async with asyncio.timeout(10):
            async for state in handle.states():
                revisions.append(state.revision)
                if state.session.title == "19":
                    break
        assert revisions == sorted(set(revisions))
        assert len(revisions) < 20


@pytest.mark.parametrize("session_id", [MISSING, MISSING.replace("-", "")[:24]], ids=["full", "short"])
async def test_a_session_that_is_not_there_is_terminal(client: Any, session_id: str) -> None:
    handle = agor.retain_reactive_session(client, session_id)
    await eventually(lambda: handle.state.terminal)
    assert handle.state.error
    assert not handle.state.loading
    await settled(handle.release())


async def test_a_session_removed_while_watched_is_terminal(client: Any, scene: Scene) -> None:
    session = await scene.session()
    async with agor.retain_reactive_session(client, session.session_id) as handle:
        await handle.ready()
        await client.service("sessions").remove(session.session_id)
        await eventually(lambda: handle.state.terminal and handle.state.session is None)


async def test_a_session_opened_by_a_short_id_hears_events_of_its_full_id(client: Any, scene: Scene) -> None:
    session = await scene.session()
    async with agor.retain_reactive_session(client, session.session_id.replace("-", "")[:24]) as handle:
        await handle.ready()
        task = await scene.running_task(session.session_id)
        message = {"session_id": session.session_id, "message_id": task.task_id, "task_id": task.task_id}
        await scene.say("streaming:chunk", **message, chunk="heard", sequence=0)
        await eventually(lambda: [stream.text for stream in handle.state.get_streaming_messages()] == ["heard"])
