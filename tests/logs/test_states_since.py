"""The states since a time: the one of then, and those of the whole log that come after it."""

from __future__ import annotations

from pathlib import Path

import pytest

from agor_reactive import logs
from tests.core.build import chunk, raw, start
from tests.logs.writer import BEGIN, Recorded


@pytest.mark.parametrize("since", [-1, 0, 0.5, 1, 2, 3, 4, 9])
def test_the_states_since_a_time_are_the_one_of_then_and_those_after_it(tmp_path: Path, since: float) -> None:
    recorded = Recorded(tmp_path / "log.jsonl")
    # The third and fifth change nothing: there is no state after them.
    recorded.feed(start("m1"), chunk("m1", "a", 0), chunk("m1", "a", 0), chunk("m1", "b", 1), raw("noise")).close()
    log = logs.open(tmp_path / "log.jsonl")
    every = [(t - BEGIN, state.dump()) for t, state in log.states()]
    wanted = [(since, state) for t, state in every if t <= since][-1:] + [pair for pair in every if pair[0] > since]
    found = [(t - BEGIN, state.dump()) for t, state in log.states(since=BEGIN + since)]
    assert [t for t, _ in found] == [t for t, _ in wanted]
    for (_, state), (_, other) in zip(found, wanted, strict=True):
        assert {**state, "revision": 0} == {**other, "revision": 0}
