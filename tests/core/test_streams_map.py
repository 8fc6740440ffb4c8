"""The mapping of messages being written, and the draft of a stream, which leaves what it began with as it was."""

from __future__ import annotations

import pickle
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agor_reactive.core.streams import NO_STREAMS, Stream, Streams, draft_of, freeze_stream, opened_stream

chunks = st.tuples(st.text(max_size=3), st.one_of(st.none(), st.integers(0, 6)))


def written(message_id: str, *parts: tuple[str, int | None]) -> Stream:
    draft = opened_stream(message_id, None, 1)
    for text, sequence in parts:
        draft.add(text, sequence)
    return freeze_stream(draft)


@given(st.lists(chunks, max_size=8), st.lists(chunks, max_size=8), st.lists(chunks, max_size=8))
def test_two_drafts_of_one_stream_change_neither_it_nor_each_other(first: Any, left: Any, right: Any) -> None:
    stream = written("m", *first)
    before = stream.dump()
    one, other = draft_of(stream), draft_of(stream)
    for (text, sequence), (more, at) in zip(left, right, strict=False):
        one.add(text, sequence)
        other.add(more, at)
    for text, sequence in left[len(right) :]:
        one.add(text, sequence)
    for more, at in right[len(left) :]:
        other.add(more, at)
    assert freeze_stream(one).dump() == written("m", *first, *left).dump()
    assert freeze_stream(other).dump() == written("m", *first, *right).dump()
    assert stream.dump() == before


def test_a_draft_that_was_not_changed_freezes_to_the_very_stream_it_began_with() -> None:
    stream = written("m", ("a", 0))
    draft = draft_of(stream)
    assert not draft.add("a", 0)
    assert freeze_stream(draft) is stream
    changed = draft_of(stream)
    changed.head_to_change(7).streaming = True
    assert (freeze_stream(changed).streaming, changed.moved_at, stream.streaming, stream.moved_at) == (
        True,
        7,
        False,
        1,
    )


def test_streams_are_a_mapping_oldest_first_that_pickles_and_names_what_it_lacks() -> None:
    streams = Streams([written("b", ("x", 0)), written("a", ("y", 0))])
    assert list(streams) == ["b", "a"]
    assert pickle.loads(pickle.dumps(streams)) == streams == dict(streams)
    assert streams.get("c") is None
    assert "c" not in streams
    assert len(streams) == 2
    assert len(NO_STREAMS) == 0
    for some in (streams, NO_STREAMS):
        with pytest.raises(KeyError, match="z"):
            some["z"]


@pytest.mark.parametrize("name", ["text", "head", "moved_at", "role", "anything"])
def test_a_stream_refuses_to_be_changed(name: str) -> None:
    with pytest.raises(AttributeError):
        setattr(written("m"), name, 1)
