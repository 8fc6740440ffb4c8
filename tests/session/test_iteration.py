"""`iterate`: any Observable with `async for`; what is dropped is counted, errors are raised, the end unsubscribes."""

from __future__ import annotations

import asyncio
import threading
from contextlib import aclosing
from typing import Any

import pytest
import reactivex
from reactivex import Observable
from reactivex import operators as ops
from reactivex.subject import Subject

from agor_reactive.errors import UsageError
from agor_reactive.session.iteration import Buffering, back_pressure, buffered, iterate, newest
from tests.contract.waiting import eventually


async def taken(source: Subject[int], policy: Buffering | None, count: int) -> tuple[list[int], int]:
    """What a consumer gets that takes one item, is away while `count` more come, and then takes the rest."""
    iteration = iterate(source, policy)
    found = []
    async with aclosing(aiter(iteration)) as items:
        first = asyncio.ensure_future(anext(items))
        await asyncio.sleep(0)
        source.on_next(0)
        found.append(await first)
        for number in range(1, count + 1):
            source.on_next(number)
        source.on_completed()
        async for item in items:
            found.append(item)
    return found, iteration.dropped


@pytest.mark.parametrize(
    ("policy", "wanted", "dropped"),
    [
        (newest(), [0, 5], 4),
        (buffered(3), [0, 3, 4, 5], 2),
        (buffered(3, when_full="drop_newest"), [0, 1, 2, 3], 2),
        (buffered(5), [0, 1, 2, 3, 4, 5], 0),
        (None, [0, 1, 2, 3, 4, 5], 0),
    ],
)
async def test_a_slow_consumer_gets_what_the_policy_keeps(
    policy: Buffering | None, wanted: list[int], dropped: int
) -> None:
    assert await taken(Subject[int](), policy, 5) == (wanted, dropped)


async def test_a_source_that_can_wait_waits() -> None:
    made: list[int] = []
    source = reactivex.from_iterable(range(100)).pipe(ops.do_action(made.append))
    iteration = iterate(source, back_pressure(2))
    found = []
    async for item in iteration:
        assert len(made) <= item + 1 + 2 + 1  # those taken, two that wait, one that is offered
        found.append(item)
    assert (found, iteration.dropped) == (list(range(100)), 0)


async def test_leaving_ends_a_source_that_waits() -> None:
    before = threading.active_count()
    async with aclosing(aiter(iterate(reactivex.from_iterable(range(10_000)), back_pressure()))) as items:
        assert await anext(items) == 0
    await eventually(lambda: threading.active_count() == before)


async def test_a_source_on_the_loop_cannot_wait() -> None:
    loop = asyncio.get_running_loop()

    def subscribe(observer: Any, scheduler: Any = None) -> Any:
        loop.call_soon_threadsafe(emit, observer)
        return lambda: None

    def emit(observer: Any) -> None:
        try:
            observer.on_next(1)
        except UsageError as error:
            observer.on_error(error)

    with pytest.raises(UsageError, match="cannot wait"):
        await anext(aiter(iterate(Observable(subscribe), back_pressure())))


async def test_an_error_is_raised_after_the_last_item() -> None:
    source = reactivex.concat(reactivex.of(1, 2), reactivex.throw(ValueError("broken")))
    for policy in (buffered(9), back_pressure()):
        items = aiter(iterate(source, policy))
        assert [await anext(items), await anext(items)] == [1, 2]
        with pytest.raises(ValueError, match="broken"):
            await anext(items)


async def test_leaving_the_loop_unsubscribes() -> None:
    source = Subject[int]()
    async with aclosing(aiter(iterate(source))) as items:
        first = asyncio.ensure_future(anext(items))
        await asyncio.sleep(0)
        source.on_next(1)
        assert await first == 1
        assert len(source.observers) == 1
    assert source.observers == []


async def test_items_from_another_thread_wake_the_loop() -> None:
    source = Subject[int]()
    async with aclosing(aiter(iterate(source))) as items:
        first = asyncio.ensure_future(anext(items))
        await asyncio.sleep(0)
        await asyncio.to_thread(source.on_next, 7)
        async with asyncio.timeout(10):
            assert await first == 7


@pytest.mark.parametrize("most", [0, -1, 1.5, None])
def test_a_buffer_holds_at_least_one_item(most: Any) -> None:
    with pytest.raises(UsageError, match="1 item or more"):
        buffered(most)
