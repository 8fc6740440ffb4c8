"""Instructions per event, which say the same on a busy machine: decoding and folding, and the pipeline over handles."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.cases import Plan
from benchmarks.instructions import WORK, count, valgrind_is_here
from benchmarks.table import Line, Row, Skipped

__all__ = ["instructions"]


def instructions(plan: Plan) -> Iterator[Line]:
    missing = valgrind_is_here()
    if missing is not None:
        yield Skipped("instructions per event", missing)
        return
    events = plan.scale(1_500, 50)
    names = list(WORK) if not plan.scale.quick else ["stream"]
    counted: dict[str, float] = {}
    for name in names:
        counted[name] = each = count(name, events)
        of_one = counted.get("1 handle") if name.endswith("handles") else None
        ratio = None if of_one is None else each / of_one
        base = "" if of_one is None else "1 handle"
        yield Row(f"instructions, {name}", each, base, of_one, ratio, unit="instruction")
