"""One tick publishes every subject of a loop that changed; ending one of them leaves the others their turn."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import pytest

from agor_reactive.session.newest import NewestSubject
from agor_reactive.session.observers import log_failure


@dataclass(frozen=True)
class Value:
    revision: int


@pytest.mark.parametrize("ended", [0, 1])
async def test_a_subject_that_ends_before_the_tick_takes_no_others_notification(ended: int) -> None:
    loop = asyncio.get_running_loop()
    subjects = [NewestSubject(Value(0), loop, emitting="a value", on_failure=log_failure) for _ in range(2)]
    received: list[list[int]] = [[], []]
    for subject, values in zip(subjects, received, strict=True):
        subject.add(lambda value, values=values: values.append(value.revision))
    for subject in subjects:
        subject.put(Value(1))
    subjects[ended].complete()
    await asyncio.sleep(0)
    assert received[1 - ended] == [0, 1]
    assert received[ended] == [0]
    subjects[1 - ended].put(Value(2))
    await asyncio.sleep(0)
    assert received[1 - ended] == [0, 1, 2]
