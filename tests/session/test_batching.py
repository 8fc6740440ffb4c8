"""Events of a session are collected and folded in one batch per loop tick, and earlier when the state is needed."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

from agor_reactive.core import SessionState
from agor_reactive.session import newest, pipeline
from agor_reactive.session.pipeline import MOST_PENDING, StateSubject
from tests.core.build import SID, chunk, hydrated, message_row, task_row
from tests.session.world import ready


@pytest.fixture
def batches(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The number of events in each batch that is folded from now on."""
    sizes: list[int] = []
    fold_run = pipeline.fold_run

    def counted(state: SessionState, events: list[Any]) -> SessionState:
        sizes.append(len(events))
        return fold_run(state, events)

    monkeypatch.setattr(pipeline, "fold_run", counted)
    return sizes


async def test_the_events_of_a_tick_are_one_batch_folded_on_the_tick_without_a_subscriber_or_a_reader(
    batches: list[int],
) -> None:
    world, handle = await ready()
    batches.clear()
    for n in range(100):
        world.chunk("x", n)
    assert batches == []
    await asyncio.sleep(0)
    assert batches == [100]
    assert len(handle.state.streaming_messages["mx"].text) == 100
    assert batches == [100]
    handle.release()


async def test_the_state_has_every_event_received_so_far_whenever_it_is_read(batches: list[int]) -> None:
    world, handle = await ready()
    batches.clear()
    for n in range(3):
        world.chunk(f"{n}", n)
        assert handle.state.streaming_messages["mx"].text == "012"[: n + 1]
    assert batches == [1, 1, 1]
    handle.release()


async def test_a_listener_of_events_reads_a_state_that_has_the_event() -> None:
    world, handle = await ready()
    seen: list[str] = []
    handle.events.subscribe(lambda event: seen.append(handle.state.streaming_messages["mx"].text))
    world.chunk("a", 0)
    world.chunk("b", 1)
    assert seen == ["a", "ab"]
    handle.release()


async def test_a_listener_that_changes_a_payload_does_not_change_what_is_folded_from_it_later() -> None:
    world, handle = await ready()

    def spoil(payload: dict[str, Any]) -> None:
        payload["chunk"] = payload["message_id"] = "spoiled"

    handle.events.subscribe(lambda event: spoil(event.payload))
    world.router.events.subscribe(lambda event: spoil(event.payload))
    world.router.on("messages", "streaming:chunk", spoil)
    world.chunk("a", 0)
    assert [stream.text for stream in handle.state.streaming_messages.values()] == ["a"]
    handle.release()


async def test_a_full_batch_is_folded_before_the_tick(batches: list[int]) -> None:
    world, handle = await ready()
    batches.clear()
    for n in range(2 * MOST_PENDING + 1):
        world.chunk("x", n)
    assert batches == [MOST_PENDING, MOST_PENDING]
    await asyncio.sleep(0)
    assert batches == [MOST_PENDING, MOST_PENDING, 1]
    handle.release()


async def test_an_event_of_this_process_comes_after_those_received_before_it() -> None:
    world, handle = await ready()
    world.emit("messages created", **message_row("m9", "t1", 9))
    load = asyncio.ensure_future(handle.load_task_messages("t1"))
    await asyncio.sleep(0)
    fetch = next(fetch for fetch in handle.state.fetches if fetch.task_id == "t1")
    assert "m9" in [row.message_id for row in handle.state.get_task_messages("t1")]
    assert fetch.begun == handle.state.revision
    await load
    handle.release()


async def test_the_end_of_a_session_is_acted_on_at_once() -> None:
    world, handle = await ready()
    resync = handle.entry.resync()
    world.chunk("x", 0)
    world.emit("sessions removed")
    assert resync.done()
    assert handle.state.terminal
    assert resync.exception() is not None
    handle.release()


async def test_an_event_that_asks_for_a_read_gets_it_though_nothing_reads_the_state() -> None:
    world, handle = await ready()
    before = len(world.calls("sessions/:id/tasks/queue"))
    world.tasks.append(task_row("t2", "queued", second=2))
    world.emit("tasks queued", **world.tasks[-1])
    await world.settle(lambda: len(world.calls("sessions/:id/tasks/queue")) > before)
    await world.settle()
    assert [task.task_id for task in handle.state.queued_tasks] == ["t2"]
    handle.release()


async def test_another_thread_reads_the_snapshot_of_the_last_batch_and_folds_nothing(batches: list[int]) -> None:
    world, handle = await ready()
    before = handle.state
    batches.clear()
    world.chunk("x", 0)
    read: list[SessionState] = []
    thread = threading.Thread(target=lambda: read.append(handle.state))
    thread.start()
    thread.join()
    assert read == [before]
    assert batches == []
    assert "mx" in handle.state.streaming_messages
    handle.release()


async def test_a_release_before_the_tick_ends_with_every_event_received() -> None:
    world, handle = await ready()
    told: list[SessionState] = []
    handle.subscribe(told.append)
    world.chunk("last words", 0)
    handle.release()
    assert told[-1].streaming_messages["mx"].text == "last words"
    count = len(told)
    await world.settle()
    assert len(told) == count


async def test_an_interrupt_in_the_middle_of_a_fold_loses_no_event(monkeypatch: pytest.MonkeyPatch) -> None:
    world, handle = await ready()
    fold_run = pipeline.fold_run

    def interrupted(state: SessionState, events: list[Any]) -> SessionState:
        monkeypatch.setattr(pipeline, "fold_run", fold_run)
        raise KeyboardInterrupt

    monkeypatch.setattr(pipeline, "fold_run", interrupted)
    world.chunk("a", 0)
    with pytest.raises(KeyboardInterrupt):
        handle.state  # noqa: B018 - reading folds
    world.chunk("b", 1)
    assert handle.state.streaming_messages["mx"].text == "ab"
    handle.release()


@pytest.mark.parametrize(("seconds", "after_each_tick"), [(1.0, [1, 2, 3]), (0.001, [3, 3, 3])])
async def test_a_tick_that_takes_too_long_leaves_the_other_sessions_to_the_next_one(
    monkeypatch: pytest.MonkeyPatch, seconds: float, after_each_tick: list[int]
) -> None:
    loop = asyncio.get_running_loop()
    state = hydrated().state
    subjects = [StateSubject(state, loop, lambda failure: None) for _ in range(3)]
    told: list[int] = []
    for number, subject in enumerate(subjects):
        subject.add(lambda state, number=number: told.append(number))  # type: ignore[misc]
    told.clear()
    now = iter(range(100))
    monkeypatch.setattr(newest.time, "perf_counter", lambda: next(now) * seconds)
    for subject in subjects:
        event = chunk("mx", "x", 0)
        subject.receive([(event.topic, dict(event.payload))], 1.0)
    ticks = []
    for _ in range(3):
        await asyncio.sleep(0)
        ticks.append(list(told))
    assert [len(tick) for tick in ticks] == after_each_tick
    assert sorted(ticks[-1]) == [0, 1, 2]
    assert state.session_id == SID
