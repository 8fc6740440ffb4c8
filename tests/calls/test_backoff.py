"""How long the waits between tries are."""

from __future__ import annotations

from itertools import islice

import pytest

from agor_reactive.calls.backoff import Backoff


def test_waits_double_up_to_the_longest() -> None:
    assert list(islice(Backoff(1.0, 5.0, jitter=(1.0, 1.0)).delays(), 5)) == [1.0, 2.0, 4.0, 5.0, 5.0]


def test_waits_grow_by_the_factor() -> None:
    assert list(islice(Backoff(1.0, 3.0, factor=1.5, jitter=(1.0, 1.0)).delays(), 4)) == [1.0, 1.5, 2.25, 3.0]


@pytest.mark.parametrize(("jitter", "shortest", "longest"), [((0.0, 1.0), 0.0, 4.0), ((0.5, 1.5), 2.0, 6.0)])
def test_jitter_is_a_range_around_the_wait(jitter: tuple[float, float], shortest: float, longest: float) -> None:
    backoff = Backoff(1.0, 8.0, jitter=jitter)
    assert backoff.delay(3, lambda: 0.0) == shortest
    assert backoff.delay(3, lambda: 1.0) == longest


def test_many_tries_overflow_nothing() -> None:
    assert Backoff(1.0, 8.0, jitter=(1.0, 1.0)).delay(10**6, lambda: 0.0) == 8.0
