"""Whether functions that read text from outside take linear time: ten times the text, on the worst kind of text.

A time counts as at least `FLOOR_NS` a character, so that a short text with a faster way of its own (plain ASCII, one
line) does not make the long one look slow. The garbage collector and the machine can make one run slow: a kind that is
over the bound is measured again, and its best times count.
"""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.cases import Plan
from benchmarks.measure import now, quiet
from benchmarks.table import Line, Row
from benchmarks.texts import FLOOR_NS, KINDS, READERS, Reader, of_size

__all__ = ["growth_of", "text"]

BOUND = 15.0
TIMES = 10
AGAIN = 3


def growth_of(reader: Reader, kind: str, size: int) -> tuple[float, float]:
    """Ns a character of the long text and of the short one, the best of several runs where the first is over."""
    short, long = of_size(kind, size), of_size(kind, size * TIMES)
    small = large = float("inf")
    for _ in range(AGAIN):
        small = min(small, _taken(reader, short) / size)
        large = min(large, _taken(reader, long) / size)
        if large <= BOUND * max(small, FLOOR_NS):
            break
    return large / TIMES, small


def _taken(reader: Reader, given: str) -> int:
    """Ns of one call. The garbage collector is off already: a collection before each call would take far longer."""
    begun = now()
    reader(given)
    return now() - begun


def text(plan: Plan) -> Iterator[Line]:
    size = plan.scale(40_000, 40)
    for name, reader in READERS.items():
        with quiet(plan.timing):
            found = {kind: growth_of(reader, kind, size) for kind in KINDS}

        def ratio(kind: str, found: dict[str, tuple[float, float]] = found) -> float:
            large, small = found[kind]
            return large * TIMES / max(small, FLOOR_NS)

        worst = max(KINDS, key=ratio)
        large, small = found[worst]
        yield Row(
            f"text {name}",
            large,
            f"{size:,} characters",
            small,
            ratio(worst),
            BOUND,
            unit="character",
            note=f"{size * TIMES:,} characters: {worst}",
        )
