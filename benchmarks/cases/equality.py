"""Whether the textbook fold and ours end in the same state, for every workload."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

from benchmarks import mirror, textbook, workloads
from benchmarks.cases import Plan
from benchmarks.table import Line, Row
from benchmarks.workloads import FOLDED, Workload

__all__ = ["dumps", "equal"]


def dumps(load: Workload) -> tuple[dict[str, Any], dict[str, Any]]:
    """The final dumps of a workload: ours, without its revision, and the textbook fold's."""
    start = mirror.read_state(load.session_id)
    theirs = textbook.from_state(start)
    events = mirror.parsed(load.events)
    for event in events:
        theirs = textbook.fold(theirs, event)
    ours = mirror.folded(start, events).dump()
    del ours["revision"]
    return ours, theirs.dump()


def equal(plan: Plan) -> Iterator[Line]:
    """The ratio is 1 when the dumps are equal, 0 when not."""
    loads = [make(plan.scale) for make in FOLDED.values()]
    history = workloads.history(plan.scale(500, 20))
    loads.append(Workload("growth", history.session_id, tuple(history.events), ()))
    for load in loads:
        begun = time.perf_counter_ns()
        ours, theirs = dumps(load)
        each = (time.perf_counter_ns() - begun) / len(load.events)
        same = 1.0 if ours == theirs else 0.0
        yield Row(f"equal {load.name}", each, "textbook", None, same, 1.0, ">=", note="both folds and dumps")
