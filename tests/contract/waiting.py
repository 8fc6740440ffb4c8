"""Waiting for conditions, within bounds. Knows neither daemon nor client."""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar, cast

__all__ = ["eventually", "settled"]

T = TypeVar("T")


async def settled(value: T | Awaitable[T]) -> T:
    """The value, awaited if it is something to await."""
    return await value if inspect.isawaitable(value) else cast(T, value)


async def eventually(
    predicate: Callable[[], Any], timeout: float = 10.0, *, every: float = 0.01, what: str | None = None
) -> Any:
    """Call `predicate` (plain or awaitable) until it returns something true; returns that. Fails after `timeout` s.

    The pauses grow from 1 ms to `every`, so that what happens soon costs little. A condition that holds only for a
    moment can pass between two looks: record it (a subscriber that appends) and wait for the record.
    """
    ends = time.monotonic() + timeout
    pause = min(0.001, every)
    while True:
        answer = await settled(predicate())
        if answer:
            return answer
        if time.monotonic() > ends:
            raise AssertionError(f"not within {timeout} s: {what or inspect.getsource(predicate).strip()}")
        await asyncio.sleep(pause)
        pause = min(pause * 1.5, every)
