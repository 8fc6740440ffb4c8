"""Timing: the sides of a ratio run alternately in one process, without garbage collection.

Every side has one warm-up run. Then each side runs once per round; every other round in reverse order, so that a slow
phase of the machine affects all sides. The result is the median of the rounds, and for a ratio the median of the
rounds' ratios. Garbage is collected before each run; during it the collector is off, unless `--gc` is set.
"""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

__all__ = ["Side", "Timing", "Turns", "interleave", "now", "quiet", "timed"]

now: Callable[[], int] = (
    time.process_time_ns if time.get_clock_info("process_time").resolution < 1e-6 else time.perf_counter_ns
)
"""The CPU time of this process in ns, where the clock is fine enough: other processes are not counted. Work that waits
for another process is measured in wall-clock time instead."""

Side = Callable[[], float]
"""Runs once, and returns the ns per event."""


@dataclass(frozen=True, slots=True)
class Timing:
    """The settings of a measurement: rounds, and garbage collection during a run."""

    rounds: int = 5
    collect: bool = False


@contextmanager
def quiet(timing: Timing) -> Iterator[None]:
    """Collect garbage first, and turn the collector off within."""
    gc.collect()
    if not timing.collect:
        gc.disable()
    try:
        yield
    finally:
        gc.enable()


def timed(work: Callable[[], Any], timing: Timing) -> int:
    """Run without garbage collection, and return the time in ns."""
    with quiet(timing):
        begun = now()
        work()
        return now() - begun


@dataclass(frozen=True, slots=True)
class Turns:
    """The rounds of each side, in ns per event."""

    of: Mapping[str, list[float]]

    def ns(self, side: str) -> float:
        """Median ns per event."""
        return statistics.median(self.of[side])

    def ratio(self, side: str, base: str) -> float:
        """The median of the rounds' ratios."""
        return statistics.median(a / b for a, b in zip(self.of[side], self.of[base], strict=True))


def interleave(sides: Mapping[str, Side], timing: Timing) -> Turns:
    """Run the sides alternately."""
    taken: dict[str, list[float]] = {name: [] for name in sides}
    for run in sides.values():
        run()
    for number in range(timing.rounds):
        for name in list(sides) if number % 2 == 0 else list(sides)[::-1]:
            taken[name].append(sides[name]())
    return Turns(taken)
