"""The mapping of messages being written beside dict: whatever is done to any version, every version stays as it was."""

from __future__ import annotations

import pickle
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agor_reactive.core.streams import NO_STREAMS, Stream, Streams, new_head, open_stream, with_chunk
from agor_reactive.core.streams import freeze_stream as frozen

ids = st.sampled_from("abcd")
steps = st.lists(st.tuples(st.floats(0, 1), st.sampled_from(["put", "without"]), ids), max_size=30)


def written(message_id: str, text: str) -> Stream:
    stream = open_stream(new_head(message_id, None), 1)
    with_chunk(stream, text, 0)
    return frozen(stream)


@given(steps)
def test_every_version_says_what_a_dict_would_say(steps: list[Any]) -> None:
    versions: list[tuple[Streams, dict[str, Stream]]] = [(NO_STREAMS, {})]
    for at, (back, how, message_id) in enumerate(steps):
        base, model = versions[-1] if back < 0.8 else versions[int((1 - back) * 5 * (len(versions) - 1))]
        if how == "put":
            stream = written(message_id, str(at))
            versions.append((base.put(stream), {**model, message_id: stream}))
        elif message_id in model:
            left = {key: value for key, value in model.items() if key != message_id}
            versions.append((base.without(message_id), left))
    for version, model in [*versions, *[(Streams(model.values()), model) for _, model in versions]]:
        assert list(version) == list(model)  # oldest first: a change keeps the place
        assert all(version[key] is value and version.get(key) is value for key, value in model.items())
        assert all(ours is value for ours, value in zip(version.values(), model.values(), strict=True))
        assert len(version) == len(model)
        assert (version.last is None) == (not model)
        assert bool(version) == bool(model)
        assert all((key in version) == (key in model) for key in "abcd")
        assert all(version.get(key) is None and version.get(key, 7) == 7 for key in set("abcd") - set(model))
        assert version == model
        assert pickle.loads(pickle.dumps(version)) == version


def test_a_message_that_is_not_being_written_is_named_when_asked_for() -> None:
    for streams in (NO_STREAMS, NO_STREAMS.put(written("a", "x")), Streams([written("a", "x"), written("b", "y")])):
        with pytest.raises(KeyError, match="z"):
            streams["z"]


def test_the_next_chunk_of_the_stream_that_moved_last_copies_no_other() -> None:
    many = Streams([written(message_id, "x") for message_id in "abcd"])
    moved = many.put(written("b", "y"))
    assert moved.put(written("b", "z")).places is moved.places
    assert moved.places is not many.places
