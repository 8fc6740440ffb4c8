"""The comparison of counted turns says what is wrong."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.chaos.turns import turns_differ


@pytest.mark.parametrize(
    ("counts", "wrong"),
    [
        ({"a": 1, "b": 1}, []),
        ({"a": 1, "b": 1, "removed": 1}, []),
        ({"a": 1}, ["turn b was not counted"]),
        ({"a": 2, "b": 1}, ["turn a was counted 2 times"]),
        ({"a": 1, "b": 1, "old": 1}, ["turn old ended before the run and was counted"]),
    ],
)
def test_each_turn_is_counted_exactly_once(counts: dict[str, int], wrong: list[str]) -> None:
    assert turns_differ(Counter(counts), {"old"}, {"old", "a", "b"}) == wrong
