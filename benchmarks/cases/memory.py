"""The memory of kept snapshots: 1,000 successive ones compared with the last one alone, 1,000 tasks loaded."""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Iterator

import orjson

from agor_reactive.core import fold
from agor_reactive.core.parse import OWN_TOPICS, parse_payload
from benchmarks import mirror, workloads
from benchmarks.cases import Plan
from benchmarks.table import Line, Row

__all__ = ["memory"]

BOUND = 1.2


def memory(plan: Plan) -> Iterator[Line]:
    tasks, snapshots = plan.scale(1_000, 50), plan.scale(1_000, 50)
    script = workloads.history(tasks)
    # Decoded again, event by event, so that the workload's dicts are neither counted nor shared with the state's rows.
    encoded = [(topic, orjson.dumps(payload)) for topic, payload in script.events]
    later = workloads.mix(tasks, snapshots // 10, ids_in_session=False).events[:snapshots]
    more = [(topic, orjson.dumps(payload)) for topic, payload in later]
    gc.collect()
    tracemalloc.start()
    try:
        state = mirror.read_state(script.session_id)
        for topic, payload in encoded:
            state = fold(state, parse_payload(topic, orjson.loads(payload), OWN_TOPICS))
        held = [state]
        for topic, payload in more:
            held.append(fold(held[-1], parse_payload(topic, orjson.loads(payload), OWN_TOPICS)))
        del state
        gc.collect()
        all_of_them, _ = tracemalloc.get_traced_memory()
        del held[:-1]
        gc.collect()
        one, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    yield Row(f"{snapshots:,} snapshots held", all_of_them, "the last one", one, all_of_them / one, BOUND, unit="byte")
