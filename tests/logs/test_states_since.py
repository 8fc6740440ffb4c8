"""The states after a time are those of the whole log that come after it."""

from __future__ import annotations

from pathlib import Path

import pytest

from agor_reactive import logs
from tests.core.build import chunk, raw, start
from tests.logs.writer import BEGIN, Recorded


@pytest.mark.parametrize("since", [-1, 0, 0.5, 1, 2, 3, 4, 9])
def test_the_states_after_a_time_are_the_last_of_all_states(tmp_path: Path, since: float) -> None:
    recorded = Recorded(tmp_path / "log.jsonl")
    # The third and fifth change nothing: there is no state after them.
    recorded.feed(start("m1"), chunk("m1", "a", 0), chunk("m1", "a", 0), chunk("m1", "b", 1), raw("noise")).close()
    log = logs.open(tmp_path / "log.jsonl")
    every = [(t - BEGIN, state.dump()) for t, state in log.states() if t > BEGIN + since]
    assert len(every) == {-1: 4, 0: 2, 0.5: 2, 1: 1, 2: 1}.get(since, 0)
    found = [(t - BEGIN, state.dump()) for t, state in log.states(since=BEGIN + since)]
    for _, state in (*every, *found):
        del state["revision"]
    assert found == every
