"""The fold beside a textbook reducer in Node (`node/reducer.mjs`), both fed with the same decoded events.

Ours parses and folds a turn of 256 events at a time, as a session does, with the garbage collector on; Node reduces one
by one, as a store does. What counts is Node warm: after as many runs as ours, the first of which is shown as cold.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from benchmarks import mirror, workloads
from benchmarks.cases import Plan
from benchmarks.measure import Side, Timing, interleave, quiet
from benchmarks.processes import NODE, node_is_here, talk
from benchmarks.table import Line, Row, Skipped
from benchmarks.workloads import FOLDED, Workload

__all__ = ["BOUNDS", "node"]

BOUNDS = {"stream": 1.5, "chat": 1.0 if sys.version_info >= (3, 14) else 0.9, "long": 1.2, "huge": 10.0}
"""How many times as many events per second as warm Node."""


def node(plan: Plan) -> Iterator[Line]:
    missing = node_is_here()
    if missing is not None:
        yield Skipped("a textbook reducer on node", missing)
        return
    with tempfile.TemporaryDirectory() as directory:
        for name, make in FOLDED.items():
            yield from _beside_node(make(plan.scale), Path(directory), plan, BOUNDS[name])


def _beside_node(load: Workload, directory: Path, plan: Plan, bound: float) -> Iterator[Line]:
    path = directory / f"{load.name}.jsonl"
    workloads.write(path, load.events)
    frames, start = workloads.payloads(load.events), mirror.read_state(load.session_id)
    count = len(frames)
    with talk("node", str(NODE / "reducer.mjs"), str(path)) as reducer:
        version = reducer.read()["node"]
        ends: list[dict[str, int]] = []

        def reduce() -> float:
            reducer.send("fold")
            answer = reducer.read()
            ends.append(answer["end"])
            return float(answer["ns"]) / count

        cold = reduce()
        end, _ = mirror.fold_run_frames(start, frames)
        messages, tools = (sum(map(len, of_task.values())) for of_task in (end.messages_by_task, end.tools_by_task))
        if ends[0] != {"tasks": len(end.tasks), "messages": messages, "text": 0, "tools": tools}:
            raise AssertionError(f"node ended in {ends[0]}, ours in {end!r}")

        def ours() -> float:
            with quiet(Timing(collect=True)):
                return mirror.fold_run_frames(start, frames)[1] / count

        sides: dict[str, Side] = {"ours": ours, "node": reduce}
        # The copies of `huge` take Node a minute a round.
        turns = interleave(sides, replace(plan.timing, rounds=1) if load.name == "huge" else plan.timing)
    yield Row(f"node {version} reduces {load.name}, cold", cold)
    yield Row(
        f"fold of {load.name}, parsed",
        turns.ns("ours"),
        "node, warm",
        turns.ns("node"),
        turns.ratio("node", "ours"),
        bound,
        ">=",
    )
