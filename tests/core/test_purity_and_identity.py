"""L1 pure and total, L2 immutable and deep, L3 identity means unchanged, L4 idempotent and ordered where numbered."""

from __future__ import annotations

import copy
import random
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from agor_reactive.core import SessionState, fold, initial_state, parse
from agor_reactive.core import events as e
from agor_reactive.core.parse import TOPICS
from agor_reactive.core.streams import Stream
from agor_reactive.core.tables import TaskTable
from agor_reactive.models import RawEvent
from agor_reactive.models.base import WireModel
from tests.core.build import SID, Mirror, chunk, end, hydrated, message_row, saved, start, task_row
from tests.core.strategies import anything, hydrations, sequences, wire_events

PARTS = (
    "session",
    "tasks",
    "messages_by_task",
    "queued_tasks",
    "streaming_messages",
    "live_tools",
    "loaded_task_ids",
    "status",
    "books",
)


def run(hydration: str, items: list[Any]) -> Mirror:
    mirror = Mirror(hydration)
    mirror.feed(*items)
    return mirror


def content(state: SessionState) -> dict[str, Any]:
    """All a user can see, but for the count of changes."""
    return {key: value for key, value in state.dump().items() if key != "revision"}


@given(hydrations, sequences)
def test_l1_the_fold_never_raises_and_the_same_twice_is_the_same(hydration: str, items: list[Any]) -> None:
    once, twice = run(hydration, items), run(hydration, copy.deepcopy(items))
    assert once.state.dump() == twice.state.dump()
    assert once.state.books == twice.state.books


@given(hydrations, sequences)
def test_l1_when_a_row_is_read_makes_no_difference(hydration: str, items: list[Any]) -> None:
    at_once, never, always = Mirror(hydration, topics=TOPICS), Mirror(hydration), Mirror(hydration)
    for item in items:
        at_once.feed(item)
        never.feed(item)
        always.feed(item).dump()
    assert content(at_once.state) == content(never.state) == content(always.state)


@given(hydrations, sequences, anything)
def test_l1_two_futures_of_one_snapshot_do_not_disturb_each_other(hydration: str, items: list[Any], item: Any) -> None:
    """Successive snapshots share buffers; a second successor of the same snapshot must not see the first one's text."""
    mirror = run(hydration, items)
    here = mirror.state
    before = here.dump()
    first = Mirror(hydration)
    first.state = here
    first.feed(item, chunk("m1", "x"), item)
    expected = first.state.dump()
    second = Mirror(hydration)
    second.state = here
    second.feed(chunk("m1", "y"), chunk("m2", "z"), item)
    assert here.dump() == before
    assert first.state.dump() == expected


@given(hydrations, sequences)
def test_l2_a_snapshot_held_by_anyone_never_changes(hydration: str, items: list[Any]) -> None:
    mirror = Mirror(hydration)
    held: list[tuple[SessionState, dict[str, Any]]] = []
    for item in items:
        mirror.feed(item)
        held.append((mirror.state, mirror.state.dump()))
    for state, dump in held:
        assert state.dump() == dump


@given(hydrations, sequences, wire_events)
def test_l2_the_payload_of_an_event_is_not_kept_by_reference(hydration: str, items: list[Any], last: RawEvent) -> None:
    state = run(hydration, items).state
    event = parse(last)
    assume(event is not None)
    after, twin = fold(state, event), fold(state, parse(copy.deepcopy(last)))
    spoil(last.payload)
    assert after.dump() == twin.dump()


def spoil(value: Any) -> None:
    """Change everything changeable in it."""
    if isinstance(value, dict):
        for item in value.values():
            spoil(item)
        value.clear()
    elif isinstance(value, list):
        for item in value:
            spoil(item)
        value.clear()


def test_l2_every_way_to_change_a_snapshot_raises() -> None:
    mirror = hydrated(
        messages={"t1": [message_row("m1", "t1", content=[{"type": "text", "text": "x", "more": {"a": [1]}}])]}
    )
    mirror.feed(chunk("m2", "hi", 0))
    state = mirror.state
    row = state.messages_by_task["t1"][0]
    with pytest.raises(AttributeError):
        state.session = None
    with pytest.raises(AttributeError):
        state.streaming_messages["m2"].error = "x"
    with pytest.raises(TypeError):
        state.streaming_messages["m3"] = state.streaming_messages["m2"]
    with pytest.raises(TypeError):
        state.messages_by_task["t1"] = ()  # type: ignore[index]
    with pytest.raises(TypeError):
        state.tasks[0] = state.tasks[0]  # type: ignore[index]
    with pytest.raises(ValueError, match="frozen"):
        row.content = "other"
    with pytest.raises(TypeError):
        row.content[0]["text"] = "other"
    with pytest.raises(AttributeError):
        row.content[0]["more"]["a"].append(2)
    with pytest.raises(TypeError):
        state.anomalies["x"] = 1  # type: ignore[index]


@given(hydrations, sequences)
def test_l3_a_step_that_changes_nothing_returns_the_same_object_and_untouched_parts_stay(
    hydration: str, items: list[Any]
) -> None:
    mirror = Mirror(hydration)
    for item in items:
        before = mirror.state
        after = mirror.feed(item)
        if after is before:
            continue
        assert after.revision > before.revision
        assert any(getattr(after, part) is not getattr(before, part) for part in PARTS)
        for part in PARTS:
            a, b = getattr(before, part), getattr(after, part)
            if part in ("tasks", "messages_by_task", "queued_tasks", "streaming_messages") and a is not b:
                assert_rows_are_shared(a, b)


def assert_rows_are_shared(before: Any, after: Any) -> None:
    """Where a part did change, the rows in it that did not are the same objects."""
    if isinstance(before, tuple | TaskTable):
        known = {row.row_id: row for row in before}
        pairs = [(known.get(row.row_id), row) for row in after]
    else:
        pairs = [(before.get(key), value) for key, value in after.items()]
    for old, new in pairs:
        if old is not None and old is not new and not isinstance(new, Stream):
            # Null and a missing field are equal as rows, and differ in the wire form, which a dump shows.
            assert old != new or sent(old) != sent(new)


def sent(part: Any) -> Any:
    """The wire form of a row, or of the rows of a bucket."""
    return part.to_wire() if isinstance(part, WireModel) else [row.to_wire() for row in part]


def test_l3_a_chunk_leaves_every_other_part_the_same_object() -> None:
    mirror = hydrated()
    before = mirror.feed(chunk("m1", "a", 0, task_id="t1"))
    tools = before.tools_by_task
    after = mirror.feed(chunk("m1", "b", 1, task_id="t1"))
    assert after is not before
    for part in PARTS:
        if part != "streaming_messages":
            assert getattr(after, part) is getattr(before, part), part
    assert after.tools_by_task is tools


def test_l3_an_unknown_event_returns_the_same_object() -> None:
    mirror = hydrated()
    before = mirror.feed(chunk("m1", "a", 0))
    assert mirror.feed(RawEvent("messages zork:start", {"session_id": SID}), RawEvent("tasks zork", None)) is before
    assert mirror.feed(chunk("m1", "b", 1)).streaming_messages["m1"].text == "ab"


@given(hydrations, sequences, st.one_of(wire_events))
def test_l4_a_row_event_twice_equals_once(hydration: str, items: list[Any], last: RawEvent) -> None:
    mirror = run(hydration, items)
    once = mirror.feed(last)
    unnumbered = last.topic.endswith("chunk") and "sequence" not in last.payload
    if not unnumbered:
        assert content(mirror.feed(last)) == content(once)


@given(st.integers(1, 30), st.randoms(use_true_random=False), st.data())
def test_l4_numbered_chunks_make_the_same_text_in_any_order_and_repeated(n: int, rnd: random.Random, data: Any) -> None:
    texts = [f"<{i}>" for i in range(n)]
    order = list(range(n)) + data.draw(st.lists(st.integers(0, n - 1), max_size=10))
    rnd.shuffle(order)
    mirror = hydrated()
    mirror.feed(start("m1", task_id="t1"), *[chunk("m1", texts[i], i) for i in order])
    stream = mirror.state.streaming_messages["m1"]
    assert stream.text == "".join(texts)
    assert stream.complete
    assert len(stream.runs) == 1
    assert mirror.feed(end("m1", n)).streaming_messages["m1"].complete
    assert not mirror.feed(end("m1", n + 1)).streaming_messages["m1"].complete


@given(st.sets(st.integers(0, 20), min_size=1), st.randoms(use_true_random=False))
def test_l4_chunks_with_holes_read_in_order_and_say_that_they_lack(known: set[int], rnd: random.Random) -> None:
    order = sorted(known)
    rnd.shuffle(order)
    mirror = hydrated()
    mirror.feed(*[chunk("m1", f"<{i}>", i) for i in order])
    stream = mirror.state.streaming_messages["m1"]
    assert stream.text == "".join(f"<{i}>" for i in sorted(known))
    assert stream.complete == (known == set(range(len(known))))


def test_l4_chunks_without_numbers_stay_in_order_of_arrival() -> None:
    mirror = hydrated()
    mirror.feed(start("m1"), chunk("m1", "a"), chunk("m1", "c"), chunk("m1", "b"), chunk("m1", "b"))
    assert mirror.state.streaming_messages["m1"].text == "acbb"


def test_a_numbered_chunk_that_comes_twice_is_the_same_object() -> None:
    mirror = hydrated()
    before = mirror.feed(chunk("m1", "a", 0), chunk("m1", "b", 1))
    assert mirror.feed(chunk("m1", "a", 0), chunk("m1", "b", 1)) is before


def test_malformed_events_are_dropped_and_counted_and_the_stream_lives_on() -> None:
    """B21."""
    mirror = hydrated()
    bad = [None, {}, {"session_id": SID, "message_id": "m1", "chunk": 5}, {"session_id": SID, "chunk": "x"}]
    mirror.feed(chunk("m1", "a", 0))
    mirror.feed(*[RawEvent("messages streaming:chunk", payload) for payload in bad])
    mirror.feed(chunk("m1", "b", 1))
    assert mirror.state.streaming_messages["m1"].text == "ab"
    assert mirror.state.anomalies == {"messages streaming:chunk": 4}


def test_a_state_that_was_never_fed_is_empty_and_loading() -> None:
    state = initial_state(SID)
    assert state.loading
    assert not state.connected
    assert fold(state, e.Malformed("x")).anomalies == {"x": 1}
    assert parse(RawEvent("tasks created", task_row("t1"))) is not None
    assert parse(saved("tasks", {"task_id": ""})) == e.Malformed("tasks created")
