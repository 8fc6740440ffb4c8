"""Instructions per event, which say the same on a busy machine: decoding and folding, and the pipeline over handles."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from benchmarks.cases import Plan
from benchmarks.instructions import WORK, count, valgrind_is_here
from benchmarks.table import Line, Row, Skipped

__all__ = ["instructions", "over_handles"]

OF_HANDLES = tuple(name for name in WORK if "handle" in name)


def instructions(plan: Plan) -> Iterator[Line]:
    yield from _counted(plan, tuple(WORK) if not plan.scale.quick else ("stream",))


def over_handles(plan: Plan) -> Iterator[Line]:
    """The same for the pipeline over one handle and over many in turns, beside the times of `fanout`."""
    if not plan.scale.quick:
        yield from _counted(plan, OF_HANDLES)


def _counted(plan: Plan, names: Sequence[str]) -> Iterator[Line]:
    missing = valgrind_is_here()
    if missing is not None:
        yield Skipped("instructions per event", missing)
        return
    events = plan.scale(1_500, 50)
    counted: dict[str, float] = {}
    for name in names:
        counted[name] = each = count(name, events)
        of_one = counted.get("1 handle") if name.endswith("handles") else None
        ratio = None if of_one is None else each / of_one
        base = "" if of_one is None else "1 handle"
        yield Row(f"instructions, {name}", each, base, of_one, ratio, unit="instruction")
