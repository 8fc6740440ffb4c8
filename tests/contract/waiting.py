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
    """Return the value, awaited if it is awaitable."""
    return await value if inspect.isawaitable(value) else cast(T, value)


async def eventually(
    predicate: Callable[[], Any], timeout: float = 10.0, *, every: float = 0.01, what: str | None = None
) -> Any:
    """Call `predicate` (plain or awaitable) until its result is true; returns the result. Fails after `timeout` s."""
    ends = time.monotonic() + timeout
    while True:
        answer = await settled(predicate())
        if answer:
            return answer
        if time.monotonic() > ends:
            raise AssertionError(f"not within {timeout} s: {what or inspect.getsource(predicate).strip()}")
        await asyncio.sleep(every)
