"""A log's states played again: in their rhythm, on virtual time, on an event loop, without a pause."""

from __future__ import annotations

import asyncio
import math
from pathlib import Path

import pytest
from reactivex.scheduler import VirtualTimeScheduler
from reactivex.testing import TestScheduler

from agor_reactive import logs
from agor_reactive.core.snapshot import SessionState
from agor_reactive.errors import NotFound, UsageError
from tests.core.build import chunk, start
from tests.logs.test_fold_of_a_log import dumped
from tests.logs.writer import BEGIN, Recorded

TEXTS = ["", "0", "01", "012", "0123"]


@pytest.fixture
def log(tmp_path: Path) -> logs.Log:
    """A stream that begins with the mirror and grows each second."""
    recorded = Recorded(tmp_path / "log.jsonl")
    recorded.feed(start("m1"), *[chunk("m1", str(number), number) for number in range(4)]).close()
    return logs.open(tmp_path / "log.jsonl")


def text(state: SessionState) -> str:
    stream = state.get_streaming_message("m1")
    return "" if stream is None else stream.text


@pytest.mark.parametrize(("speed", "each"), [(1.0, 1.0), (4.0, 0.25), (0.5, 2.0)])
def test_states_come_on_virtual_time_as_they_were_recorded(log: logs.Log, speed: float, each: float) -> None:
    scheduler = VirtualTimeScheduler()
    seen: list[tuple[float, str]] = []
    ended: list[float] = []
    logs.replay(log, speed=speed, scheduler=scheduler).subscribe(
        lambda state: seen.append((scheduler.clock, text(state))), on_completed=lambda: ended.append(scheduler.clock)
    )
    assert seen == [(0.0, ""), (0.0, "")]  # the empty state and the start: one moment
    scheduler.start()
    assert seen[2:] == [(pytest.approx(each * (number + 1)), TEXTS[number + 1]) for number in range(4)]
    assert ended == [pytest.approx(4 * each)]


def test_on_a_test_scheduler_a_disposed_subscription_gets_nothing_more(log: logs.Log) -> None:
    scheduler = TestScheduler()
    observer = scheduler.start(lambda: logs.replay(log), disposed=202.5)
    assert [text(message.value.value) for message in observer.messages] == ["", "", "0", "01"]


def test_without_a_pause_everything_comes_with_the_subscription(log: logs.Log) -> None:
    seen: list[SessionState] = []
    ended: list[bool] = []
    logs.replay(log, speed=math.inf).subscribe(seen.append, on_completed=lambda: ended.append(True))
    assert [text(state) for state in seen] == ["", *TEXTS]
    assert ended == [True]
    assert [state.revision for state in seen] == [state.revision for _, state in log.states()]


async def test_on_an_event_loop_it_plays_there(log: logs.Log) -> None:
    done = asyncio.get_running_loop().create_future()
    seen: list[str] = []
    logs.replay(log, speed=1_000.0).subscribe(
        lambda state: seen.append(text(state)), done.set_exception, lambda: done.set_result(None)
    )
    assert len(seen) == 2
    await asyncio.wait_for(done, 10)
    assert seen == ["", *TEXTS]


def test_wrong_arguments_fail_before_anybody_subscribes(log: logs.Log) -> None:
    for speed in (0.0, -1.0, math.nan):
        with pytest.raises(UsageError, match="speed"):
            logs.replay(log, speed=speed)
    with pytest.raises(NotFound):
        logs.replay(log, "unknown")


def test_states_since_and_until_a_time(log: logs.Log) -> None:
    def between(since: float | None, until: float | None) -> list[tuple[float, str]]:
        return [(t - BEGIN, text(state)) for t, state in log.states(since=since, until=until)]

    whole = between(None, None)
    assert between(BEGIN + 2.5, None) == [(3.0, "012"), (4.0, "0123")]
    assert between(None, BEGIN + 2.5) == [entry for entry in whole if entry[0] <= 2.5]
    assert between(BEGIN + 1, BEGIN + 3) == [(2.0, "01"), (3.0, "012")]
    assert between(BEGIN - 5, None) == whole
    assert between(BEGIN + 99, None) == []
    for since in (BEGIN - 1, BEGIN, BEGIN + 2.5):
        *_, (_, last) = log.states(since=since)
        assert dumped(last) == dumped(log.fold())
