"""`deliver`: order, retries, the queue, the stop, dead letters and the checkpoint, on a sink in memory."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from reactivex import from_iterable
from reactivex.subject import Subject

from agor_reactive.calls.backoff import Backoff
from agor_reactive.errors import UsageError
from agor_reactive.sinks import (
    Checkpoint,
    DeadLetter,
    DeadLetters,
    Record,
    SinkClosed,
    SinkRefused,
    SinkUnavailable,
    deliver,
    read_dead_letters,
    resend,
)
from tests.contract.waiting import eventually
from tests.sinks.recorded import MemorySink, VirtualClock, record, texts

BACKOFF = Backoff(first=1.0, most=8.0, jitter=(1.0, 1.0))


async def test_everything_is_delivered_in_order_and_in_batches() -> None:
    sink = MemorySink()
    async with deliver(from_iterable(map(record, range(25))), sink, batch_size=10) as delivery:
        await delivery.wait()
    assert sink.texts == texts(25)
    assert [len(batch) for batch in sink.batches] == [10, 10, 5]
    assert (delivery.delivered, delivery.dropped, delivery.pending) == (25, 0, 0)
    assert (sink.opened, sink.closed) == (1, 1)


async def test_a_failed_write_is_repeated_after_growing_waits() -> None:
    clock, sink = VirtualClock(), MemorySink([SinkUnavailable("down")] * 5)
    async with deliver(
        from_iterable([record(0)]), sink, backoff=BACKOFF, sleep=clock.sleep, random=lambda: 0.5
    ) as delivery:
        await delivery.wait()
    assert sink.texts == ["text 0"]
    assert clock.waits == [1, 2, 4, 8, 8]


async def test_what_the_destination_asks_for_goes_before_the_back_off_and_has_a_limit() -> None:
    clock = VirtualClock()
    sink = MemorySink([SinkUnavailable("slow down", retry_after=17.0), SinkUnavailable("go away", retry_after=1e9)])
    async with deliver(from_iterable([record(0)]), sink, sleep=clock.sleep) as delivery:
        await delivery.wait()
    assert clock.waits == [17.0, 3600.0]
    assert sink.texts == ["text 0"]


async def test_what_was_written_of_a_failed_batch_is_not_written_again() -> None:
    clock, sink = VirtualClock(), MemorySink([SinkUnavailable("down", written=2), SinkUnavailable("down", written=0)])
    async with deliver(from_iterable(map(record, range(5))), sink, backoff=BACKOFF, sleep=clock.sleep) as delivery:
        await delivery.wait()
    assert sink.texts == texts(5)
    assert clock.waits == [1, 2]


async def test_an_unknown_error_of_a_sink_costs_a_retry_and_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    clock, sink = VirtualClock(), MemorySink([ZeroDivisionError("oops"), ZeroDivisionError("oops")])
    async with deliver(from_iterable([record(0)]), sink, sleep=clock.sleep) as delivery:
        await delivery.wait()
    assert sink.texts == ["text 0"]
    assert [line.levelno for line in caplog.records].count(logging.ERROR) == 1


async def test_opening_is_repeated_too() -> None:
    clock, sink = VirtualClock(), MemorySink()
    sink.open_failures.append(SinkUnavailable("no such folder"))
    async with deliver(from_iterable([record(0)]), sink, sleep=clock.sleep) as delivery:
        await delivery.wait()
    assert (sink.texts, len(clock.waits)) == (["text 0"], 1)


async def test_a_refused_record_is_a_dead_letter_and_the_others_are_delivered(tmp_path: Path) -> None:
    sink = MemorySink([SinkRefused("too long", written=1)])
    letters = DeadLetters(tmp_path / "dead.jsonl")
    async with deliver(from_iterable(map(record, range(4))), sink, dead_letters=letters) as delivery:
        await delivery.wait()
    assert sink.texts == ["text 0", "text 2", "text 3"]
    (letter,) = read_dead_letters(letters.path)
    assert (letter.record, letter.reason, letter.attempts) == (record(1), "too long", 1)
    assert letters.path.stat().st_mode & 0o777 == 0o600
    assert (delivery.delivered, delivery.dropped) == (3, 1)


async def test_dead_letters_can_be_sent_again_and_those_that_fail_again_remain(tmp_path: Path) -> None:
    path = tmp_path / "dead.jsonl"
    clock = VirtualClock()
    down = MemorySink([SinkUnavailable("down")] * 3)
    async with deliver(
        from_iterable(map(record, range(5))),
        down,
        max_attempts=3,
        dead_letters=DeadLetters(path),
        sleep=clock.sleep,
    ) as delivery:
        await delivery.wait()
    assert (down.texts, delivery.dropped, len(clock.waits)) == ([], 5, 2)
    assert [letter.attempts for letter in read_dead_letters(path)] == [3] * 5

    half = MemorySink([SinkRefused("no", written=2)])
    done = await resend(path, half, sleep=clock.sleep)
    assert (done.delivered, done.dropped) == (4, 1)
    assert [one.key for one in half.records] == ["k0", "k1", "k3", "k4"]
    assert [letter.record.key for letter in read_dead_letters(path)] == ["k2"]

    again = MemorySink()
    await resend(path, again)
    assert again.records == [record(2)]
    assert not path.exists()
    assert not path.with_name("dead.jsonl.resend").exists()
    with pytest.raises(UsageError, match="cannot be read"):
        await resend(path, again)


async def test_a_resend_that_was_cut_short_loses_no_letter(tmp_path: Path) -> None:
    path = tmp_path / "dead.jsonl"
    async with deliver(
        from_iterable(map(record, range(3))), MemorySink([SinkRefused("no")] * 3), dead_letters=DeadLetters(path)
    ) as delivery:
        await delivery.wait()
    stuck = MemorySink()
    stuck.gate.clear()
    cut = asyncio.ensure_future(resend(path, stuck, drain=0))
    await eventually(lambda: stuck.began)
    cut.cancel()
    await asyncio.wait([cut])
    assert cut.cancelled()
    with path.open("a") as file:
        file.write('{"cut')  # and another process was killed while it wrote
    found = MemorySink()
    await resend(path, found)
    assert {one.key for one in found.records} == {"k0", "k1", "k2"}


async def test_a_resend_that_was_killed_is_taken_up_with_the_letters_that_came_since(tmp_path: Path) -> None:
    path = tmp_path / "dead.jsonl"
    DeadLetters(tmp_path / "dead.jsonl.resend").append(DeadLetter(record(0), "down", 1, 0.0))
    for number in (1, 2):
        DeadLetters(path).append(DeadLetter(record(number), "down", 1, 0.0))
    found = MemorySink()
    await resend(path, found)
    assert [one.key for one in found.records] == ["k0", "k1", "k2"]
    DeadLetters(tmp_path / "dead.jsonl.resend").append(DeadLetter(record(3), "down", 1, 0.0))
    await resend(path, found)  # without a file of new letters
    assert found.records[-1] == record(3)


async def test_a_stop_delivers_what_is_queued() -> None:
    source, sink = Subject[Record](), MemorySink()
    sink.gate.clear()
    delivery = deliver(source, sink, batch_size=2)
    for number in range(7):
        source.on_next(record(number))
    await eventually(lambda: sink.began)
    stopping = asyncio.ensure_future(delivery.stop())
    await eventually(lambda: not source.observers)
    source.on_next(record(99))  # too late
    assert not stopping.done()
    sink.gate.set()
    await stopping
    assert sink.texts == texts(7)
    assert sink.closed == 1
    await delivery.stop()  # twice changes nothing
    assert not source.observers


async def test_what_is_published_in_the_next_tick_is_delivered_before_a_stop() -> None:
    source, sink = Subject[Record](), MemorySink()
    async with deliver(source, sink):
        asyncio.get_running_loop().call_soon(source.on_next, record(0))
    assert sink.texts == ["text 0"]


async def test_a_cancelled_stop_keeps_the_rest_as_dead_letters(tmp_path: Path) -> None:
    source, sink, path = Subject[Record](), MemorySink(), tmp_path / "dead.jsonl"
    sink.gate.clear()
    delivery = deliver(source, sink, dead_letters=DeadLetters(path))
    source.on_next(record(0))
    stopping = asyncio.ensure_future(delivery.stop())
    await eventually(lambda: sink.began and not source.observers)
    stopping.cancel()
    await asyncio.wait([stopping])
    assert [letter.record for letter in read_dead_letters(path)] == [record(0)]
    assert sink.closed == 1


async def test_a_stop_that_runs_out_of_time_keeps_the_rest_as_dead_letters(tmp_path: Path) -> None:
    source, sink, path = Subject[Record](), MemorySink(), tmp_path / "dead.jsonl"
    sink.gate.clear()
    delivery = deliver(source, sink, batch_size=2, dead_letters=DeadLetters(path))
    for number in range(5):
        source.on_next(record(number))
    await eventually(lambda: sink.began)
    await delivery.stop(drain=0)
    assert [letter.record for letter in read_dead_letters(path)] == [record(number) for number in range(5)]
    assert (delivery.dropped, delivery.pending, sink.closed) == (5, 0, 1)


@pytest.mark.parametrize(("when_full", "kept"), [("drop_oldest", [0, 3, 4]), ("drop_newest", [0, 1, 2])])
async def test_a_full_queue_says_what_it_dropped(
    when_full: str, kept: list[int], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    source, sink, path = Subject[Record](), MemorySink(), tmp_path / "dead.jsonl"
    sink.gate.clear()
    named: list[tuple[str, str]] = []
    delivery = deliver(
        source,
        sink,
        queue_size=2,
        batch_size=1,
        when_full=when_full,  # type: ignore[arg-type]
        on_drop=lambda one, reason: named.append((one.key, reason)),
        dead_letters=DeadLetters(path),
    )
    source.on_next(record(0))
    await eventually(lambda: sink.began)
    for number in range(1, 5):
        source.on_next(record(number))
    sink.gate.set()
    await delivery.stop()
    lost = [f"k{number}" for number in range(5) if number not in kept]
    assert sink.texts == [f"text {number}" for number in kept]
    assert named == [(key, "the queue is full") for key in lost]
    assert [letter.record.key for letter in read_dead_letters(path)] == lost
    assert delivery.dropped == len(lost)
    assert all(any(key in line.getMessage() for line in caplog.records) for key in lost)


async def test_an_async_iterable_is_read_no_faster_than_it_is_delivered() -> None:
    read = 0

    async def source() -> AsyncIterator[Record]:
        nonlocal read
        for number in range(50):
            read += 1
            yield record(number)

    sink = MemorySink()
    sink.gate.clear()
    async with deliver(source(), sink, queue_size=5, batch_size=2) as delivery:
        await eventually(lambda: sink.began)
        for _ in range(20):
            await asyncio.sleep(0)
        assert read <= 8  # two being written, five queued, one in hand
        sink.gate.set()
        await delivery.wait()
    assert sink.texts == texts(50)
    assert delivery.dropped == 0


async def test_one_key_is_delivered_once() -> None:
    source, sink = Subject[Record](), MemorySink()
    async with deliver(source, sink, batch_size=1) as delivery:
        source.on_next(record(0))
        source.on_next(record(0))  # queued
        await eventually(lambda: delivery.delivered)
        source.on_next(record(0))  # delivered
        source.on_next(record(1))
    assert sink.texts == texts(2)
    assert delivery.duplicates == 2


async def test_a_restart_with_a_checkpoint_delivers_what_is_missing_only(tmp_path: Path) -> None:
    now = 1000.0
    path = tmp_path / "checkpoint"
    source, sink = Subject[Record](), MemorySink()
    first = deliver(source, sink, batch_size=1, checkpoint=Checkpoint(path, clock=lambda: now))
    for number in range(3):
        source.on_next(record(number))
    await eventually(lambda: first.delivered == 3)
    sink.gate.clear()
    source.on_next(record(3))
    await eventually(lambda: sink.began == 4)
    assert first._running is not None
    first._running.cancel()  # the process dies here
    await asyncio.wait([first._running])
    with path.open("ab") as file:
        file.write(b'["k3", 10')  # and cut a line

    now = 2000.0
    checkpoint = Checkpoint(path, clock=lambda: now)
    assert checkpoint.since == 1000.0
    restarted = MemorySink()
    async with deliver(from_iterable(map(record, range(5))), restarted, checkpoint=checkpoint) as second:
        await second.wait()
    assert restarted.texts == ["text 3", "text 4"]
    assert second.duplicates == 3


def test_a_checkpoint_keeps_the_newest_keys_and_moves_its_time_with_them(tmp_path: Path) -> None:
    now = 0.0
    path = tmp_path / "checkpoint"
    checkpoint = Checkpoint(path, kept=10, clock=lambda: now)
    for number in range(100):
        now = float(number)
        checkpoint.add([f"k{number}"])
        assert len(path.read_bytes().splitlines()) <= 22
    assert len(checkpoint) == 10
    assert checkpoint.since == 90.0
    checkpoint.close()
    again = Checkpoint(path, kept=10, clock=lambda: now)
    assert ("k90" in again, "k89" in again, again.since) == (True, False, 90.0)
    again.close()


def test_a_file_that_is_no_checkpoint_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("Buy milk\n")
    with pytest.raises(UsageError, match="not a checkpoint"):
        Checkpoint(path)
    assert path.read_text() == "Buy milk\n"


async def test_what_was_dropped_without_a_dead_letter_is_not_in_the_checkpoint(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint"
    for letters, known in ((None, False), (DeadLetters(tmp_path / "dead.jsonl"), True)):
        async with deliver(
            from_iterable([record(0)]),
            MemorySink([SinkRefused("no")]),
            checkpoint=Checkpoint(path),
            dead_letters=letters,
        ) as delivery:
            await delivery.wait()
        checkpoint = Checkpoint(path)
        assert ("k0" in checkpoint) is known
        checkpoint.close()


async def test_a_closed_destination_ends_the_delivery(tmp_path: Path) -> None:
    source, path = Subject[Record](), tmp_path / "dead.jsonl"
    sink = MemorySink([None, SinkClosed("the output was closed")])
    delivery = deliver(source, sink, batch_size=1, dead_letters=DeadLetters(path))
    for number in range(4):
        source.on_next(record(number))
    with pytest.raises(SinkClosed):
        await delivery.wait()
    assert not source.observers
    assert sink.texts == ["text 0"]
    assert [letter.record.key for letter in read_dead_letters(path)] == ["k1", "k2", "k3"]


async def test_an_error_of_the_source_is_raised_after_what_came_before_it() -> None:
    source, sink = Subject[Record](), MemorySink()
    delivery = deliver(source, sink)
    source.on_next(record(0))
    source.on_error(OSError("broken"))
    with pytest.raises(OSError, match="broken"):
        await delivery.wait()
    assert sink.texts == ["text 0"]


async def test_an_item_that_is_no_record_ends_the_delivery_with_a_reason() -> None:
    source, sink = Subject[object](), MemorySink()
    delivery = deliver(source, sink)
    source.on_next(record(0))
    source.on_next(object())
    with pytest.raises(UsageError, match="map it to a dict"):
        await delivery.wait()
    assert sink.texts == ["text 0"]


async def test_a_source_may_emit_from_another_thread() -> None:
    source, sink = Subject[Record](), MemorySink()
    async with deliver(source, sink) as delivery:
        thread = threading.Thread(target=lambda: [source.on_next(record(number)) for number in range(100)])
        thread.start()
        await eventually(lambda: delivery.delivered == 100)
        thread.join()
    assert sink.texts == texts(100)


@pytest.mark.parametrize("wrong", [{"batch_size": 0}, {"queue_size": 0}, {"max_attempts": 0}, {"when_full": "block"}])
async def test_wrong_options_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(UsageError, match=next(iter(wrong))):
        deliver(Subject[Record](), MemorySink(), **wrong)  # type: ignore[arg-type]
