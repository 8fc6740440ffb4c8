"""`text_deltas`: joined, the deltas of a message are its saved text, whatever came when."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agor_reactive.operators import TextDelta, text_deltas
from tests.core.build import chunk, end, message_row, saved, start, task_row
from tests.operators.watched import Watched, emitted


def begun(hydration: str = "eager") -> Watched[TextDelta]:
    watched = Watched(text_deltas(), hydration)
    watched.mirror.up().land([task_row("t1")], messages={"t1": [message_row("m0", "t1", 0)]})
    assert watched.show() == []
    return watched


def texts(deltas: list[TextDelta]) -> list[str]:
    assert not [delta for delta in deltas if delta.replaces]
    return [delta.text for delta in deltas]


def test_each_piece_of_text_is_emitted_once_and_the_rest_when_the_message_is_saved() -> None:
    watched = begun()
    assert texts(watched.feed(start("m1", task_id="t1"), chunk("m1", "He", 0), chunk("m1", "llo", 1))) == ["Hello"]
    assert texts(watched.feed(chunk("m1", ", wor", 2))) == [", wor"]
    row = message_row("m1", "t1", 1, content="Hello, world")
    assert texts(watched.feed(chunk("m1", "ld", 3), end("m1", 4), saved("messages", row))) == ["ld"]
    assert watched.feed(saved("messages", {**row, "content": "Hello, world!"}, "patched")) == []
    assert {delta.task_id for delta in watched.found} == {"t1"}


def test_what_was_written_while_the_link_was_down_comes_when_the_message_is_saved() -> None:
    watched = begun()
    watched.feed(start("m1", task_id="t1"), chunk("m1", "one ", 0))
    watched.mirror.down().up(epoch=2)
    rows = [message_row("m0", "t1", 0), message_row("m1", "t1", 1, content="one two"), message_row("m2", "t1", 2)]
    watched.mirror.land([task_row("t1")], messages={"t1": rows})
    assert texts(watched.show()) == ["two", "content of m2"]


def test_chunks_after_a_hole_wait_for_it() -> None:
    watched = begun()
    assert texts(watched.feed(start("m1"), chunk("m1", "a", 0), chunk("m1", "c", 2))) == ["a"]
    assert texts(watched.feed(chunk("m1", "b", 1))) == ["bc"]


def test_a_saved_text_that_begins_otherwise_replaces_what_was_emitted() -> None:
    watched = begun()
    watched.feed(start("m1", task_id="t1"), chunk("m1", "draft", 0))
    (delta,) = watched.feed(saved("messages", message_row("m1", "t1", 1, content="final")))
    assert (delta.text, delta.replaces) == ("final", True)


def test_events_of_saved_messages_emit_nothing_again() -> None:
    row = message_row("m1", "t1", 1, content="one")
    found = emitted(
        text_deltas(),
        saved("messages", message_row("old", "t1", 0), "patched"),
        saved("messages", row),
        saved("messages", row, "patched"),
        chunk("m1", "one", 0),
        saved("messages", message_row("m2", "t1", 2, role="user")),
    )
    assert texts(found) == ["one"]


def test_text_of_users_is_not_emitted() -> None:
    watched = begun()
    assert watched.feed(saved("messages", message_row("m1", "t1", 1, role="user", content="a prompt"))) == []


@pytest.mark.parametrize("of_events", [False, True])
@given(
    st.lists(st.text(alphabet="ab😀\n", min_size=1, max_size=3), min_size=1, max_size=8),
    st.randoms(use_true_random=False),
)
def test_deltas_joined_are_the_text_whatever_order_chunks_arrive_in(
    of_events: bool, parts: list[str], rng: Any
) -> None:
    units = "".join(parts).encode("utf-16-le", "surrogatepass")
    halves = [units[at : at + 2].decode("utf-16-le", "surrogatepass") for at in range(0, len(units), 2)]
    events = [chunk("m1", text, number, task_id="t1") for number, text in enumerate(halves)]
    events += rng.choices(events, k=2)
    rng.shuffle(events)
    events = events[: rng.randint(0, len(events))]
    last = saved("messages", message_row("m1", "t1", 1, content="".join(parts)))
    if of_events:
        found = emitted(text_deltas(), start("m1", task_id="t1"), *events, last)
    else:
        watched = begun()
        watched.feed(start("m1", task_id="t1"))
        for event in (*events, last):
            watched.feed(event)
        found = watched.found
    assert "".join(texts(found)) == "".join(parts)
    for delta in found:
        delta.text.encode()
