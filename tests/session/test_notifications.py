"""L15 (calm) and the ways to listen: callbacks, async iteration, Observables; threads and loops."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest
import reactivex
from reactivex import operators as ops
from reactivex.testing import ReactiveTest, TestScheduler

from agor_reactive.core import SessionState, initial_state
from agor_reactive.errors import WrongLoop
from agor_reactive.models import LinkStatus, RawEvent
from agor_reactive.session.handles import SessionHandle
from agor_reactive.session.pipeline import StateSubject, fold_events
from tests.core.build import SID, chunk, task_row
from tests.session.world import World, ready


async def test_l15_many_events_in_one_tick_are_told_once_with_the_newest() -> None:
    world, handle = await ready()
    told: list[SessionState] = []
    handle.subscribe(told.append)
    assert told == [handle.state]
    for n in range(100):
        world.chunk(f"{n},", n)
    assert len(told) == 1
    await asyncio.sleep(0)
    assert len(told) == 2
    assert told[-1] is handle.state
    handle.release()


async def test_b20_a_subscriber_that_raises_harms_nobody_and_is_reported_once() -> None:
    world, handle = await ready()
    told: list[int] = []

    def bad(state: SessionState) -> None:
        raise ValueError("mine")

    handle.subscribe(bad)
    handle.snapshots.subscribe(lambda state: bad(state))
    handle.subscribe(lambda state: told.append(state.revision))
    for n in range(4):
        world.chunk("x", n)
        await asyncio.sleep(0)
    assert len(told) == 5
    assert [str(failure.error) for failure in world.failures] == ["mine", "mine"]
    assert "bad" in world.failures[0].listener
    assert handle.state.streaming_messages["mx"].text == "xxxx"
    handle.release()


async def test_b22_a_change_made_while_being_told_reaches_everybody_in_rising_order() -> None:
    world, handle = await ready()
    seen: dict[str, list[int]] = {"a": [], "b": []}

    def meddling(state: SessionState) -> None:
        seen["a"].append(state.revision)
        if len(seen["a"]) < 4:
            handle.unload_task_messages("t1")
            world.chunk("x", len(seen["a"]))

    handle.subscribe(meddling)
    handle.subscribe(lambda state: seen["b"].append(state.revision))
    await world.settle()
    for revisions in seen.values():
        assert revisions == sorted(set(revisions))
        assert revisions[-1] == handle.state.revision
    handle.release()


async def test_one_that_unsubscribes_itself_or_another_while_being_told_harms_nobody() -> None:
    world, handle = await ready()
    told: list[str] = []
    undos: list[Any] = []

    def first(state: SessionState) -> None:
        told.append("first")
        if len(undos) == 3:
            undos[0]()
            undos[1]()
            undos[1]()

    undos.append(handle.subscribe(first))
    undos.append(handle.subscribe(lambda state: told.append("second")))
    undos.append(handle.subscribe(lambda state: told.append("third")))
    told.clear()
    world.chunk("x", 0)
    await asyncio.sleep(0)
    assert told == ["first", "third"]
    handle.release()


def test_an_interrupt_while_a_listener_is_called_costs_the_others_nothing() -> None:
    loop = asyncio.new_event_loop()
    received: list[str] = []

    def interrupted(state: SessionState) -> None:
        if state.revision:
            raise KeyboardInterrupt

    lines = [StateSubject(initial_state(name), loop, lambda failure: None) for name in "abc"]
    lines[0].add(lambda state: received.append(f"a{state.revision}"))
    lines[1].add(interrupted)
    lines[1].add(lambda state: received.append(f"b{state.revision}"))
    lines[2].add(lambda state: received.append(f"c{state.revision}"))
    for line in lines:
        line.put(initial_state("next", revision=1))
    with pytest.raises(KeyboardInterrupt):
        loop.run_until_complete(asyncio.sleep(0))
    loop.run_until_complete(asyncio.sleep(0))
    loop.run_until_complete(asyncio.sleep(0))
    loop.close()
    assert received == ["a0", "b0", "c0", "a1", "b1", "c1"]


async def test_the_end_is_told_after_the_last_snapshot() -> None:
    world, handle = await ready()
    told: list[SessionState] = []
    ended: list[int] = []
    handle.snapshots.subscribe(told.append, on_completed=lambda: ended.append(len(told)))
    world.chunk("x", 0)
    handle.release()
    assert told[-1].streaming_messages["mx"].text == "x"
    assert ended == [len(told)] == [2]
    await world.settle()
    assert len(told) == 2


async def test_nobody_is_told_of_events_after_the_last_listener_went() -> None:
    world, handle = await ready()
    latest = handle.entry.snapshots
    assert latest.events_to is None
    heard: list[RawEvent] = []
    first, second = handle.events.subscribe(heard.append), handle.events.subscribe(heard.append)
    world.chunk("x", 0)
    first.dispose()
    world.chunk("x", 1)
    second.dispose()
    assert latest.events_to is None
    world.chunk("x", 2)
    assert len(heard) == 3
    handle.release()


async def test_b26_a_slow_consumer_has_at_most_one_snapshot_waiting_and_the_last_is_whole() -> None:
    world, handle = await ready()
    got: list[SessionState] = []

    async def consume() -> None:
        async for state in handle.states():
            got.append(state)
            for _ in range(10):
                await asyncio.sleep(0)

    consuming = asyncio.ensure_future(consume())
    await asyncio.sleep(0)
    for n in range(10_000):
        world.chunk("x", n)
        if n % 100 == 0:
            await asyncio.sleep(0)
    await world.settle()
    assert len(got) < 200
    assert got[-1] is handle.state
    assert len(got[-1].streaming_messages["mx"].text) == 10_000
    handle.release()
    await consuming
    assert handle.entry.snapshots.subscription_count == 0


async def test_breaking_out_of_states_unsubscribes() -> None:
    _, handle = await ready()
    states = handle.states()
    async for state in states:
        assert state is handle.state
        break
    await states.aclose()  # type: ignore[attr-defined]
    assert handle.entry.snapshots.subscription_count == 0
    handle.release()


async def test_events_shows_every_event_of_the_session_in_order_without_secrets() -> None:
    world, handle = await ready()
    heard: list[RawEvent] = []
    handle.events.subscribe(heard.append)
    for n in range(50):
        world.chunk("x", n)
    world.emit("messages permission_resolved", requestId="r")
    world.emit("sessions patched", mcp_token="secret-token", tasks=[])
    world.link.emit("tasks patched", {"session_id": "another"})
    assert len(heard) == 52
    assert [event.payload["sequence"] for event in heard[:50]] == list(range(50))
    assert "secret-token" not in str([event.payload for event in heard])
    handle.release()


@pytest.mark.parametrize("secret", [{}, {"mcp_token": "secret-token"}])
async def test_whoever_changes_what_an_event_brought_changes_no_state(secret: dict[str, str]) -> None:
    """Rows are made of an event's payload when somebody looks, which is after listeners have had it."""
    world, handle = await ready()
    spoilt: list[str] = []

    def spoil(payload: Any) -> None:
        spoilt.append(payload["session_id"])
        payload["metadata"]["list"].append("spoilt")
        payload.clear()

    world.router.on("tasks", "patched", spoil)
    world.router.events.subscribe(lambda event: spoil(event.payload))
    handle.events.subscribe(lambda event: spoil(event.payload))
    world.link.emit("tasks patched", {**task_row("t1"), "metadata": {"list": [1]}, **secret})
    assert spoilt == [SID] * 3
    task = handle.state.get_task("t1")
    assert task is not None
    assert task.metadata == {"list": (1,)}
    assert task.get("mcp_token") == secret.get("mcp_token")
    handle.release()


async def test_a_listener_hears_of_a_row_however_deep_it_goes() -> None:
    world, handle = await ready()
    deep: Any = "the end"
    for _ in range(2_000):
        deep = [deep]
    heard: list[str] = []
    world.router.on("tasks", "patched", lambda payload: heard.append(payload["task_id"]))
    handle.events.subscribe(lambda event: heard.append(event.payload["task_id"]))
    world.router.receive([("tasks patched", {**task_row("t1"), "metadata": deep})], 1.0)
    assert heard == ["t1", "t1"]
    assert world.failures == []
    assert "nested too deeply" in repr(handle.state.get_task("t1").metadata)  # type: ignore[union-attr]
    handle.release()


async def test_observables_complete_when_the_last_handle_is_released_and_a_disposed_one_hears_no_more() -> None:
    world, handle = await ready()
    ended: list[str] = []
    handle.snapshots.subscribe(on_completed=lambda: ended.append("snapshots"))
    handle.events.subscribe(on_completed=lambda: ended.append("events"))
    heard: list[Any] = []
    handle.snapshots.subscribe(heard.append).dispose()
    world.chunk("x", 0)
    await asyncio.sleep(0)
    assert len(heard) == 1
    handle.release()
    assert ended == ["snapshots", "events"]


async def test_snapshots_compose_with_rx_operators() -> None:
    world, handle = await ready()
    lengths: list[int] = []
    handle.snapshots.pipe(
        ops.map(lambda state: sum(len(stream.text) for stream in state.streaming_messages.values())),
        ops.distinct_until_changed(),
        ops.filter(lambda length: length > 0),
    ).subscribe(lengths.append)
    for n in range(3):
        world.chunk("ab", n)
        await asyncio.sleep(0)
    assert lengths == [2, 4, 6]
    handle.release()


def test_fold_events_is_an_operator_on_any_stream_in_virtual_time() -> None:
    scheduler = TestScheduler()
    source = scheduler.create_hot_observable(
        ReactiveTest.on_next(250, chunk("m1", "Hel", 0)),
        ReactiveTest.on_next(260, RawEvent("noise created", None)),
        ReactiveTest.on_next(300, chunk("m1", "lo", 1)),
        ReactiveTest.on_next(310, chunk("m1", "lo", 1)),
        ReactiveTest.on_completed(400),
    )
    result = scheduler.start(
        lambda: source.pipe(fold_events(SID), ops.map(lambda state: state.streaming_messages["m1"].text))
    )
    assert result.messages == [
        ReactiveTest.on_next(250, "Hel"),
        ReactiveTest.on_next(300, "Hello"),
        ReactiveTest.on_completed(400),
    ]


def test_fold_events_starts_anew_for_every_subscriber() -> None:
    folded = reactivex.of(chunk("m1", "a", 0), chunk("m1", "b", 1)).pipe(fold_events(SID), ops.last())
    texts: list[str] = []
    for _ in range(2):
        folded.subscribe(lambda state: texts.append(state.streaming_messages["m1"].text))
    assert texts == ["ab", "ab"]


async def test_b23_events_handed_over_from_four_threads_are_all_folded_by_one_writer() -> None:
    world, handle = await ready()
    revisions: list[int] = []
    handle.subscribe(lambda state: revisions.append(state.revision))
    each = 2_000

    loop = asyncio.get_running_loop()

    def feed(thread: int) -> None:
        for n in range(each):
            event = chunk(f"s{thread}", "x", n, session_id=SID)
            loop.call_soon_threadsafe(world.router.receive, [(event.topic, event.payload)], event.at)

    threads = [threading.Thread(target=feed, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    await loop.run_in_executor(None, lambda: [thread.join() for thread in threads])
    await world.settle(
        lambda: sum(len(s.text) for s in handle.state.streaming_messages.values()) == 4 * each, turns=5000
    )
    assert [len(stream.text) for stream in handle.state.streaming_messages.values()] == [each] * 4
    assert revisions == sorted(set(revisions))
    handle.release()


def test_b47_a_handle_used_from_another_loop_says_so_at_once() -> None:
    async def make() -> SessionHandle:
        _, handle = await ready()
        return handle

    first = asyncio.new_event_loop()
    try:
        handle = first.run_until_complete(make())

        async def misuse() -> None:
            with pytest.raises(WrongLoop):
                await handle.ready()
            with pytest.raises(WrongLoop):
                handle.subscribe(print)
            with pytest.raises(WrongLoop):
                handle.release()

        asyncio.run(misuse())
        first.run_until_complete(asyncio.sleep(0))
        handle.release()
        first.run_until_complete(asyncio.sleep(0))
    finally:
        first.close()


async def test_a3_prompt_delegates_and_returns_what_was_admitted() -> None:
    world = World()
    await world.link.open()
    asked: list[Any] = []
    admitted = object()

    async def prompt(*args: Any, **options: Any) -> Any:
        asked.append((args, options))
        return admitted

    world.registry.prompt = prompt
    handle = world.registry.retain(SID)
    assert await handle.prompt("hello", stream=True) is admitted
    assert asked == [((SID, "hello"), {"stream": True})]
    handle.release()


async def test_a_change_of_the_link_is_one_log_line_however_many_attempts(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG", "agor_reactive")
    world, handle = await ready()
    second = world.registry.retain(SID, task_hydration="eager")
    caplog.clear()
    for attempt in range(1, 6):
        world.link.set_status(LinkStatus("reconnecting", attempt=attempt, reason="transport error", epoch=1))
    world.link.restore()
    await world.settle()
    lines = [record.getMessage() for record in caplog.records if record.name == "agor_reactive"]
    assert lines == ["link reconnecting: transport error", "link live"]
    handle.release()
    second.release()
