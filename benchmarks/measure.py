"""How things are timed here: the sides of a ratio in turns, in one process, the garbage collector kept out of both.

Every side is run once to warm up. Then, round by round, each side once; every other round in reverse order, so that a
machine that slows down slows all of them. What counts is the median of the rounds, and for a ratio the median of the
rounds' own ratios. Before each run garbage is collected; during it the collector is off, unless asked for (`--gc`).
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
"""Ns of this process's own time where the clock is fine enough: what others do on the machine is not counted. What
waits for another process is timed by the wall clock instead."""

Side = Callable[[], float]
"""Runs once, and says what it took: ns per event."""


@dataclass(frozen=True, slots=True)
class Timing:
    """How to time: so many rounds, with the collector on or off during a run."""

    rounds: int = 5
    collect: bool = False


@contextmanager
def quiet(timing: Timing) -> Iterator[None]:
    """Garbage collected before, and the collector off within."""
    gc.collect()
    if not timing.collect:
        gc.disable()
    try:
        yield
    finally:
        gc.enable()


def timed(work: Callable[[], Any], timing: Timing) -> int:
    """Do it quietly, and return the ns it took."""
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
    """Run the sides in turns."""
    taken: dict[str, list[float]] = {name: [] for name in sides}
    for run in sides.values():
        run()
    for number in range(timing.rounds):
        for name in list(sides) if number % 2 == 0 else list(sides)[::-1]:
            taken[name].append(sides[name]())
    return Turns(taken)
