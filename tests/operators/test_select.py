"""`select` on virtual time: distinct by identity, errors of the function, the end."""

from __future__ import annotations

from reactivex.testing import ReactiveTest, TestScheduler

from agor_reactive.operators import select

on_next, on_completed, on_error = ReactiveTest.on_next, ReactiveTest.on_completed, ReactiveTest.on_error


def test_a_part_is_emitted_when_it_is_another_object_and_not_when_it_is_equal() -> None:
    scheduler = TestScheduler()
    one, equal = [1], [1]
    source = scheduler.create_hot_observable(
        on_next(210, (0, one)), on_next(220, (1, one)), on_next(230, (2, equal)), on_completed(240)
    )
    seen = scheduler.start(lambda: source.pipe(select(lambda pair: pair[1]))).messages
    assert [message.time for message in seen] == [210, 230, 240]


def test_none_is_a_value_and_each_subscription_compares_separately() -> None:
    scheduler = TestScheduler()
    source = scheduler.create_cold_observable(on_next(10, None), on_next(20, None), on_completed(30))
    selected = source.pipe(select(lambda part: part))
    first, second = scheduler.create_observer(), scheduler.create_observer()
    selected.subscribe(first, scheduler=scheduler)
    selected.subscribe(second, scheduler=scheduler)
    scheduler.start()
    assert first.messages == second.messages == [on_next(10, None), on_completed(30)]


def test_what_the_function_raises_ends_the_stream_with_that_error() -> None:
    scheduler = TestScheduler()
    failure = ValueError("no")

    def fail(part: int) -> int:
        raise failure

    source = scheduler.create_hot_observable(on_next(210, 1), on_next(220, 2))
    seen = scheduler.start(lambda: source.pipe(select(fail))).messages
    assert seen == [on_error(210, failure)]
