"""`sample_frames` on virtual time: the newest of each frame, the last before the end."""

from __future__ import annotations

import pytest
from reactivex.testing import ReactiveTest, TestScheduler

from agor_reactive.operators import sample_frames

on_next, on_completed = ReactiveTest.on_next, ReactiveTest.on_completed


def test_the_newest_item_of_a_frame_is_emitted_and_the_last_before_the_end() -> None:
    scheduler = TestScheduler()
    source = scheduler.create_hot_observable(on_next(201, 1), on_next(205, 2), on_next(222, 3), on_completed(225))
    seen = scheduler.start(lambda: source.pipe(sample_frames(0.1))).messages
    assert seen == [on_next(210, 2), on_next(230, 3), on_completed(230)]


@pytest.mark.parametrize("hz", [0, -1, float("nan")])
def test_a_rate_that_is_not_above_zero_is_refused(hz: float) -> None:
    with pytest.raises(ValueError, match="above 0"):
        sample_frames(hz)
