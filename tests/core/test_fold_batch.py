"""A batch of events folds to what they fold to one by one, however the events are cut into batches."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agor_reactive.core import SessionState, fold, fold_batch, fold_raw
from agor_reactive.core import events as e
from agor_reactive.core.fold import fold_run
from agor_reactive.core.fold.draft import start_draft
from agor_reactive.core.fold.rows import message_saved
from agor_reactive.core.parse import parse
from agor_reactive.core.persistent import WIDTH
from agor_reactive.core.text import Run
from agor_reactive.models import RawEvent
from tests.core.build import Mirror, chunk, core_events, end, hydrated, message_row, saved, start, task_row, thinking
from tests.core.strategies import hydrations, malformed_events, sequences, wire_events


def revisions_in(state: SessionState) -> Iterator[int]:
    """Every revision that is remembered, in the order of what it is remembered for."""
    books = state.books
    yield books.session_moved
    for fetch in books.fetches:
        yield fetch.begun
    if books.round is not None:
        yield from (books.round.begun, books.round.session_begun, books.round.tasks_begun, books.round.queue_begun)
        for _, result in books.round.results:
            yield result.begun
    for moved_at, _ in (*books.journal_tasks.values(), *books.journal_messages.values(), *books.user_loads.values()):
        yield moved_at
    for remembered in (books.journal_tools, books.gone_tasks, books.gone_messages, state.loaded_task_ids.since):
        yield from remembered.values()
    for stream in state.streaming_messages.values():
        yield stream.moved_at


def remembered(state: SessionState) -> dict[str, Any]:
    """All that a state says and remembers. Of revisions only the order counts."""
    books = state.books
    revisions = list(revisions_in(state))
    places = {revision: place for place, revision in enumerate(sorted({0, *revisions}))}
    sync = books.round
    return {
        **{key: value for key, value in state.dump().items() if key != "revision"},
        "order of streams": list(state.streaming_messages),
        "order of revisions": [places[revision] for revision in revisions],
        "fetches": [fetch._replace(begun=0) for fetch in books.fetches],
        "round": None
        if sync is None
        else sync._replace(
            begun=0,
            session_begun=0,
            tasks_begun=0,
            queue_begun=0,
            results=tuple((task_id, result._replace(begun=0)) for task_id, result in sync.results),
        ),
        "journal": [
            {key: row for key, (_, row) in entries.items()} for entries in (books.journal_tasks, books.journal_messages)
        ],
        "journal of tools": list(books.journal_tools),
        "gone": (list(books.gone_tasks), list(books.gone_messages)),
        "user loads": {key: load[1] for key, load in books.user_loads.items()},
        "rest": (
            books.again,
            books.attempt,
            books.next_fetch_id,
            books.queue_moved,
            books.queue_absent,
            dict(books.settled),
            books.missed,
            books.window,
            books.projects,
            dict(books.missing.items()),
            books.retries,
            books.sync_end,
            books.join_attempt,
            state.status.errors,
            state.status.link,
            state.base.accepts_session_id,
        ),
        "live tools": {task_id: dict(tools) for task_id, tools in state.live_tools.items()},
        "active": state.tasks.active,
        "entries": (list(state.tasks.entries), sorted(state.messages_by_task.entries)),
    }


def cut(events: list[Any], cuts: set[int]) -> Iterator[list[Any]]:
    """The events in batches that begin at these places."""
    begin = 0
    for place in [*sorted(cuts), len(events)]:
        if begin < place <= len(events):
            yield events[begin:place]
            begin = place


cuts = st.sets(st.integers(1, 39))


@st.composite
def next_chunks(draw: st.DrawFn) -> RawEvent:
    """Chunks that are likely to continue each other, some with a flaw."""
    message_id = draw(st.sampled_from(["m1", "m1", "m2", "", None, [], {}]))
    more = draw(st.sampled_from([{}, {}, {"task_id": "t1"}, {"task_id": None}, {"task_id": 1}, {"session_id": "x"}]))
    text = draw(st.sampled_from(["a", "b", "", None, 3]))
    return chunk(message_id, text, draw(st.sampled_from([0, 1, 2, 3, 4, 1.0, True, None, -1])), **more)


interruptions = st.one_of(wire_events, malformed_events(), next_chunks())


@given(hydrations, sequences, cuts)
def test_a_batch_equals_its_events_one_by_one_however_they_are_cut(
    hydration: str, items: list[Any], cuts: set[int]
) -> None:
    alone = batched = Mirror(hydration).up().state
    for event in core_events(items):
        alone = fold(alone, event)
    for batch in cut(core_events(items), cuts):
        before = batched
        batched = fold_batch(before, batch)
        assert batched is before or batched.revision > before.revision
    assert remembered(batched) == remembered(alone)


@given(hydrations, st.lists(st.tuples(st.integers(0, 20), interruptions), max_size=8), cuts, st.booleans())
def test_raw_events_fold_to_what_their_events_do(
    hydration: str, interrupted: list[tuple[int, RawEvent]], cuts: set[int], with_task: bool
) -> None:
    """The next chunk of a stream takes a shorter way, in a batch (`append_next`) and alone (`fold_next`): if it names
    the task that its stream is of, as the chunks of daemons do.
    """
    more = {"task_id": "t1"} if with_task else {}
    raws = [chunk(message_id, str(number), number, **more) for number in range(10) for message_id in ("m1", "m2")]
    raws[:0] = [start(message_id, **more) for message_id in ("m1", "m2")]
    for place, raw in interrupted:
        raws.insert(place, raw)
    parsed = straight = hydrated(hydration).state
    for batch in cut(raws, cuts):
        parsed = fold_batch(parsed, core_events(batch))
        straight = fold_raw(straight, copy.deepcopy(batch))
    assert remembered(straight) == remembered(parsed)
    assert straight.revision == parsed.revision


@given(hydrations, sequences, cuts)
def test_a_snapshot_stays_as_it_was_through_every_later_batch(hydration: str, items: list[Any], cuts: set[int]) -> None:
    state = Mirror(hydration).up().state
    held: list[tuple[SessionState, dict[str, Any]]] = []
    for batch in cut(core_events(items), cuts):
        held.append((state, state.dump()))
        state = fold_batch(state, batch)
    for snapshot, said in held:
        assert snapshot.dump() == said


@given(hydrations, sequences, sequences)
def test_two_batches_from_one_snapshot_do_not_disturb_each_other(
    hydration: str, items: list[Any], others: list[Any]
) -> None:
    begin = fold_batch(Mirror(hydration).up().state, core_events(items[:10]))
    said = begin.dump()
    one = fold_batch(begin, core_events(items))
    expected = one.dump()
    fold_batch(begin, core_events(others))
    assert fold_batch(begin, core_events(items)).dump() == expected
    assert one.dump() == expected
    assert begin.dump() == said


@given(hydrations, sequences)
def test_a_batch_that_changes_nothing_returns_the_same_object(hydration: str, items: list[Any]) -> None:
    state = fold_batch(Mirror(hydration).up().state, core_events(items))
    quiet: list[Any] = [event for event in core_events(items) if fold(state, event) is state]
    assert fold_batch(state, quiet) is state
    assert fold_batch(state, []) is state


def test_a_whole_turn_in_one_batch_shares_what_it_does_not_touch() -> None:
    mirror = hydrated(
        tasks=[task_row("t1", second=1), task_row("t0", "completed")], messages={"t1": [message_row("m0", "t1")]}
    )
    before = mirror.state
    turn = [
        thinking("m1", "Hm. ", task_id="t1"),
        start("m1", task_id="t1"),
        *[chunk("m1", f"{number} ", number, task_id="t1") for number in range(100)],
        end("m1", 100, task_id="t1"),
    ]
    writing = fold_batch(before, core_events(turn))
    stream = writing.streaming_messages["m1"]
    assert stream.complete is False  # thinking without its start
    assert stream.text == "".join(f"{number} " for number in range(100))
    assert writing.base is before.base
    after = fold_batch(before, core_events([*turn, saved("messages", message_row("m1", "t1", 1))]))
    assert after.streaming_messages is before.streaming_messages
    assert [row.message_id for row in after.messages_by_task["t1"]] == ["m0", "m1"]
    assert after.tasks is before.tasks
    assert after.messages_by_task["t1"][0] is before.messages_by_task["t1"][0]


def test_an_event_after_a_request_in_the_same_batch_is_newer_than_its_answer() -> None:
    """`begun` of a fetch is the revision of its request, so two events of one batch need revisions of their own."""
    mirror = hydrated(tasks=[task_row("t1", "completed"), task_row("t2")])
    load, message = e.LoadRequested("t1"), parse(saved("messages", message_row("m1", "t1", content="new")))
    state = fold_batch(mirror.state, [load, message])
    fetch = next(fetch for fetch in state.fetches if fetch.kind == "messages")
    old = e.Rows(messages=tuple(row.entry.row for row in core_events([saved("messages", message_row("m1", "t1"))])))
    after = fold(state, e.FetchAnswered(fetch.fetch_id, old, 1.0))
    assert after.messages_by_task["t1"][0].content == "new"


def test_a_batch_of_one_chunk_takes_the_short_way_and_leaves_the_snapshot_before_as_it_was() -> None:
    begin = hydrated().feed(start("m1", task_id="t1"), chunk("m1", "a", 0, task_id="t1"))
    said = begin.dump()
    raw = chunk("m1", "b", 1, task_id="t1")
    one, other = fold_raw(begin, [raw]), fold_raw(begin, [raw, raw])
    assert one.base is begin.base
    assert remembered(one) == remembered(other) == remembered(fold_batch(begin, core_events([raw])))
    assert one.streaming_messages["m1"].text == "ab"
    assert (begin.dump(), one.revision) == (said, begin.revision + 1)
    for flaw in ({"session_id": "other"}, {"task_id": "t0"}, {"sequence": 3}, {"chunk": 7}):
        flawed = RawEvent(raw.topic, {**raw.payload, **flaw})
        assert remembered(fold_raw(begin, [flawed])) == remembered(fold_batch(begin, core_events([flawed])))


@pytest.mark.parametrize("size", [1, 2, 5])
def test_text_after_an_end_that_named_no_count_is_being_written_again(size: int) -> None:
    state = hydrated().state
    events = [start("m", task_id="t1"), *(chunk("m", text, at, task_id="t1") for at, text in enumerate("ab")), end("m")]
    for at in range(0, len(events), size):
        state = fold_raw(state, events[at : at + size])
    assert not state.streaming_messages["m"].streaming
    state = fold_raw(state, [chunk("m", "c", 2, task_id="t1")])
    assert (state.streaming_messages["m"].text, state.streaming_messages["m"].streaming) == ("abc", True)


@pytest.mark.parametrize(
    "first",
    [thinking("m", "Hm", task_id="t1"), start("m", task_id="t1"), chunk("m", "c", 2, task_id="t1")],
    ids=["thinking", "a second start", "a late chunk"],
)
def test_text_after_another_event_of_its_stream_in_one_batch_leaves_the_snapshot_before_as_it_was(
    first: RawEvent,
) -> None:
    written = [chunk("m", text, at, task_id="t1") for text, at in (("a", 0), ("e", 4))]
    begin = hydrated().feed(start("m", task_id="t1"), *written)
    batch = [first, chunk("m", "f", 5, task_id="t1")]
    after = fold_raw(begin, batch).streaming_messages["m"]
    before = begin.streaming_messages["m"]
    assert (before.text, before.chunk_count) == ("ae", 2)
    assert after.dump() == fold_batch(begin, core_events(batch)).streaming_messages["m"].dump()
    assert after.text == ("acef" if first.topic.endswith("streaming:chunk") else "aef")


def folded_as_payloads(state: SessionState, events: list[RawEvent]) -> SessionState:
    return fold_run(state, [(event.topic, event.payload) for event in events])


@pytest.mark.parametrize("folded", [fold_raw, folded_as_payloads])
def test_numbered_thinking_is_not_taken_for_the_next_chunk_of_text(folded: Any) -> None:
    written = [chunk("m", "a", 0, task_id="t1"), thinking("m", "Hm", sequence=1, task_id="t1")]
    stream = folded(hydrated().state, written).streaming_messages["m"]
    assert (stream.text, stream.thinking) == ("a", "Hm")


@pytest.mark.parametrize("more", [[], [chunk("m", "d", 3, task_id="t1")]], ids=["one chunk", "two chunks"])
def test_the_next_chunk_after_a_drop_proves_that_none_was_missed_however_it_is_folded(more: list[RawEvent]) -> None:
    mirror = hydrated()
    mirror.feed(*(chunk("m", text, at, task_id="t1") for at, text in enumerate("ab")))
    begin = mirror.down().up(2).state
    assert not begin.streaming_messages["m"].complete
    events = [chunk("m", "c", 2, task_id="t1"), *more]
    for after in (fold_raw(begin, events), folded_as_payloads(begin, events), fold_batch(begin, core_events(events))):
        assert after.streaming_messages["m"].complete


@pytest.mark.parametrize("known", [False, True], ids=["text that begins", "text that is here"])
@pytest.mark.parametrize("folded", [fold_raw, lambda state, events: fold_batch(state, core_events(events))])
def test_within_a_batch_the_end_of_a_text_is_copied_once(
    known: bool, folded: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    mirror = hydrated()
    if known:
        mirror.feed(chunk("m", "a", 0, task_id="t1"))
    copied: list[str] = []
    append = Run.append
    monkeypatch.setattr(Run, "append", lambda run, text, step: copied.append(text) or append(run, text, step))
    after = folded(mirror.state, [chunk("m", "x", at, task_id="t1") for at in range(int(known), 50)])
    assert after.streaming_messages["m"].chunk_count == 50
    assert len(copied) == int(known)


@pytest.mark.parametrize("same_task", [False, True])
def test_within_a_batch_the_messages_are_copied_once(same_task: bool) -> None:
    begin = hydrated("eager", [task_row("t1"), task_row("t2")])
    draft = start_draft(begin.state)
    tables = []
    for at in range(4):
        task_id = "t1" if same_task or at % 2 else "t2"
        (event,) = core_events([saved("messages", message_row(f"m{at}", task_id, at))])
        message_saved(draft, event)
        tables.append(draft.messages_by_task)
    assert tables[0] is not begin.state.messages_by_task
    assert all(table is tables[0] for table in tables)
    assert not begin.state.messages_by_task.entries


def test_two_messages_that_follow_one_snapshot_are_each_in_their_own_next_one() -> None:
    begin = hydrated(messages={"t1": [message_row("m0", "t1")]}).state
    one, other = (
        fold_batch(begin, core_events([saved("messages", message_row(name, "t1", 1))])) for name in ("m1", "m2")
    )
    assert [row.message_id for row in one.get_task_messages("t1")] == ["m0", "m1"]
    assert [row.message_id for row in other.get_task_messages("t1")] == ["m0", "m2"]
    assert [row.message_id for row in begin.get_task_messages("t1")] == ["m0"]


@pytest.mark.parametrize("count", [2, 2 * WIDTH])
def test_messages_of_several_tasks_in_one_batch_are_each_with_their_task(count: int) -> None:
    names = [f"t{n}" for n in range(count)]
    begin = hydrated("eager", [task_row(name, second=n) for n, name in enumerate(names)])
    batch = [saved("messages", message_row(f"{at} of {name}", name, at)) for at in (1, 2) for name in names]
    after = fold_batch(begin.state, core_events(batch))
    held = {name: [row.message_id for row in after.get_task_messages(name)] for name in names}
    assert held == {name: [f"1 of {name}", f"2 of {name}"] for name in names}
    assert remembered(after) == remembered(begin.feed(*batch))
