"""Events that arrive together are routed together, and mean what they mean one by one."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agor_reactive.models.wire import UNREADABLE, EventRun
from agor_reactive.session.router import Router
from agor_reactive.transport.scripted import ScriptedLink
from tests.core.build import SID, task_row
from tests.session.world import ready

NOISE = ("created", None)


def chunk_of(session_id: str, sequence: int) -> tuple[str, Any]:
    text = {"message_id": "mx", "chunk": f"{sequence} ", "sequence": sequence}
    return ("messages streaming:chunk", {"session_id": session_id, **text})


class Seen:
    """A sink: every call that it got."""

    def __init__(self) -> None:
        self.runs: list[list[Any]] = []

    def receive(self, events: EventRun, at: float) -> None:
        self.runs.append([payload["sequence"] for _, payload in events])


def routed(*session_ids: str) -> tuple[Router, dict[str, Seen]]:
    router = Router(ScriptedLink())
    sinks = {session_id: Seen() for session_id in session_ids}
    for session_id, sink in sinks.items():
        router.feed(session_id, sink)
    return router, sinks


def test_events_in_a_row_of_one_session_reach_it_in_one_call() -> None:
    router, sinks = routed("a", "b")
    router.receive([chunk_of(of, n) for n, of in enumerate("aaabba")] + [NOISE] + [chunk_of("a", 6)], 1.0)
    assert sinks["a"].runs == [[0, 1, 2], [5], [6]]
    assert sinks["b"].runs == [[3, 4]]


@given(st.lists(st.sampled_from("abx"), max_size=30), st.sets(st.sampled_from(["topic", "events", "tap"])), st.data())
@settings(max_examples=200)
def test_however_events_are_cut_into_runs_all_see_the_same(sessions: list[str], who: set[str], data: Any) -> None:
    def seen(runs: list[EventRun]) -> list[Any]:
        router, sinks = routed("a", "b")
        order: list[Any] = []

        def note(sort: str, payload: Any) -> None:
            order.append((sort, payload["sequence"], [sum(map(len, sink.runs)) for sink in sinks.values()]))

        if "topic" in who:
            router.on("messages", "streaming:chunk", lambda payload: note("topic", payload))
        if "events" in who:
            router.events.subscribe(lambda raw: note("events", raw.payload))
        if "tap" in who:
            tap: Any = type("Tap", (), {"received": lambda _, raw: note("tap", raw.payload)})()
            router.tap(tap)
        for run in runs:
            router.receive(run, 1.0)
        return [order, [[n for run in sink.runs for n in run] for sink in sinks.values()]]

    events = [chunk_of(session_id, n) for n, session_id in enumerate(sessions)]
    cuts = sorted(data.draw(st.sets(st.integers(0, len(events)))) | {0, len(events)})
    runs = [events[one:other] for one, other in pairwise(cuts)]
    assert seen(runs) == seen([[event] for event in events])


@pytest.mark.parametrize("by", ["topic", "events", "handle.events"])
async def test_a_listener_sees_the_state_just_after_its_event(by: str) -> None:
    world, handle = await ready()
    texts: list[str] = []

    def note(_: Any) -> None:
        texts.append(handle.state.streaming_messages["mx"].text)

    if by == "topic":
        world.router.on("messages", "streaming:chunk", note)
    else:
        (world.router.events if by == "events" else handle.events).subscribe(note)
    world.router.receive([chunk_of(SID, n) for n in range(3)], 1.0)
    assert texts == ["0 ", "0 1 ", "0 1 2 "]
    handle.release()


@pytest.mark.parametrize("by", ["topic", "events", "handle.events"])
async def test_a_session_that_a_listener_releases_gets_nothing_more_of_the_run(by: str) -> None:
    world, handle = await ready()
    entry, seen = handle.entry, []

    def release(event: Any) -> None:
        seen.append(event)
        handle.release()

    if by == "topic":
        world.router.on("messages", "streaming:chunk", release)
    else:
        (world.router.events if by == "events" else handle.events).subscribe(release)
    world.router.receive([chunk_of(SID, n) for n in range(3)], 1.0)
    assert len(seen) == (1 if by == "handle.events" else 3)
    assert not entry.state.streaming_messages
    assert entry.snapshots.subscription_count == 0


def test_a_session_that_a_listener_begins_to_follow_gets_the_rest_of_the_run() -> None:
    router, _ = routed()
    late = Seen()
    router.on("messages", "streaming:chunk", lambda _: None if router.sink_count else router.feed("a", late))
    router.receive([chunk_of("a", n) for n in range(3)], 1.0)
    assert late.runs == [[1], [2]]


@pytest.mark.parametrize("by", ["topic", "events", "handle.events"])
async def test_what_follows_an_interrupted_listener_arrives_once(by: str) -> None:
    world, handle = await ready()
    got: list[Any] = []

    def interrupted(event: Any) -> None:
        got.append(event)
        if len(got) == 2:
            raise KeyboardInterrupt

    if by == "topic":
        world.router.on("messages", "streaming:chunk", interrupted)
    else:
        (world.router.events if by == "events" else handle.events).subscribe(interrupted)
    unnumbered = [("messages streaming:chunk", {**chunk_of(SID, n)[1], "sequence": None}) for n in range(5)]
    with pytest.raises(KeyboardInterrupt):
        world.router.receive([*unnumbered, chunk_of("another", 0)], 1.0)
    await asyncio.sleep(0)
    assert handle.state.streaming_messages["mx"].text == "0 1 2 3 4 "
    assert len(got) == (5 if by == "handle.events" else 6)
    handle.release()


async def test_a_session_that_fails_loses_no_event_of_another(caplog: pytest.LogCaptureFixture) -> None:
    router, sinks = routed("a", "b")
    undo = router.feed("bad", type("Bad", (), {"receive": lambda *_: [][0]})())
    router.receive([chunk_of(of, n) for n, of in enumerate(["a", "bad", "b", "bad", "a"])], 1.0)
    for _ in range(2):
        await asyncio.sleep(0)
    assert [sink.runs for sink in sinks.values()] == [[[0], [4]], [[2]]]
    assert [record.message for record in caplog.records] == ["a session failed on an event"] * 2
    undo()


@pytest.mark.parametrize("payload", [None, [], {}, {"session_ids": 7}, {"session_ids": [7, ["x"], None]}])
async def test_an_unreadable_event_that_is_no_own_one_loses_none_after_it(payload: Any) -> None:
    world, handle = await ready()
    world.router.receive([(UNREADABLE, payload), ("tasks created", {**task_row("t7"), "session_id": SID})], 1.0)
    assert handle.state.get_task("t7") is not None
    assert world.failures == []
    handle.release()
