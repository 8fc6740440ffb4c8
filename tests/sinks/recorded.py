"""A sink in memory that fails as a list says, a clock that never waits, and records."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable, Sequence
from typing import Any

from agor_reactive.sinks import Record


def record(number: int, **data: Any) -> Record:
    return Record(f"k{number}", "text", {"text": f"text {number}", **data})


def texts(count: int, first: int = 0) -> list[str]:
    return [f"text {number}" for number in range(first, first + count)]


class VirtualClock:
    """`sleep` returns at once and keeps the seconds in `waits`."""

    def __init__(self) -> None:
        self.waits: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        await asyncio.sleep(0)


class MemorySink:
    """`failures` are raised one per write (None: that write works). With `gate`, a write waits until it is set."""

    def __init__(self, failures: Iterable[BaseException | None] = ()) -> None:
        self.failures = deque(failures)
        self.batches: list[tuple[Record, ...]] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.began = 0
        self.opened = self.closed = 0
        self.open_failures: deque[BaseException] = deque()

    @property
    def records(self) -> list[Record]:
        return [one for batch in self.batches for one in batch]

    @property
    def texts(self) -> list[str]:
        return [one.data["text"] for one in self.records]

    async def open(self) -> None:
        if self.open_failures:
            raise self.open_failures.popleft()
        self.opened += 1

    async def write(self, records: Sequence[Record]) -> None:
        self.began += 1
        await self.gate.wait()
        failure = self.failures.popleft() if self.failures else None
        written = getattr(failure, "written", len(records) if failure is None else 0)
        if written:
            self.batches.append(tuple(records[:written]))
        if failure is not None:
            raise failure

    async def close(self) -> None:
        self.closed += 1
