"""A log of a long session: what folding it costs beside its parts, and what a jump to any time of it costs.

The log is a file of the workload `chat`'s tasks, compressed. Its parts, measured apart in the same run: decoding each
of its lines, and `fold_run` of its events as a live session calls it.
"""

from __future__ import annotations

import tempfile
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import orjson

from agor_reactive import logs
from agor_reactive.core.fold import fold_run, initial_state
from agor_reactive.logs.files import create, lines
from benchmarks.cases import Plan
from benchmarks.measure import Timing, now, quiet, timed
from benchmarks.table import Line, Row, Skipped
from benchmarks.wire import SessionScript

__all__ = ["log"]

FOLD_BOUND = 1.2
AT_BOUND_MS = 300.0
AT_SHARE_BOUND = 0.01
INDEX_SHARE_BOUND = 0.1
MEMORY_BOUND = 1.2
BATCH = 2_048
JUMPS = 25
BEGIN, APART = 1_764_000_000.0, 0.05


def log(plan: Plan) -> Iterator[Line]:
    try:
        import zstandard  # noqa: F401
    except ImportError:
        yield Skipped("log", "zstandard is not installed")
        return
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory, "log.jsonl.zst")
        count = write(path, plan.scale(1_000_000, 20_000))
        yield from _fold(path, count, plan.timing)
        yield from _memory(plan)
        yield from _jumps(path, count, plan.timing)


def write(path: Path, count: int) -> int:
    """Write a log of at least `count` events of one session; how many there are."""
    script = SessionScript("agor/log")
    first: list[dict[str, Any]] = [
        {"kind": "mirror", "mirror": 1, "session_id": script.session_id, "hydration": "eager", "state": None},
        {"kind": "link", "mirror": 1, "phase": "live", "attempt": 0, "next_try_in": None, "reason": None, "epoch": 1},
    ]
    file = create(path)
    header = {"agor_log": 1, "kind": "header", "t": BEGIN, "log_id": "benchmark", "part": 1}
    file.write(orjson.dumps(header) + b"\n")
    written = 0
    for record in first:
        written += 1
        file.write(orjson.dumps({"n": written, "t": BEGIN, **record}) + b"\n")
    while written < count:
        script.task(messages=20, chunks=50, tools=True, thoughts=3)
        for topic, payload in script.events:
            written += 1
            record = {"n": written, "t": BEGIN + written * APART, "kind": "event", "topic": topic, "payload": payload}
            file.write(orjson.dumps(record) + b"\n")
        script.events.clear()
        script.noise.clear()
    file.close()
    return written


def _fold(path: Path, count: int, timing: Timing) -> Iterator[Line]:
    rounds = []
    for _ in range(3):
        texts = [line for _, line in lines(path, [])]
        records: list[Any] = []
        decoding = timed(lambda texts=texts, records=records: records.extend(map(orjson.loads, texts)), timing)
        del texts
        events = [(r["topic"], r["payload"]) for r in records if r.get("kind") == "event"]
        session_id = records[1]["session_id"]
        del records

        def fold(events: list[tuple[str, Any]] = events, session_id: str = session_id) -> None:
            state = initial_state(session_id, task_hydration="eager")
            for at in range(0, len(events), BATCH):
                state = fold_run(state, events[at : at + BATCH])

        folding = timed(fold, timing)
        del events, fold  # whose default it was: a million records alive would slow the next part down
        whole = timed(lambda: logs.open(path).fold(), timing)
        rounds.append((whole / (decoding + folding), whole, decoding + folding))
    ratio, whole, parts = sorted(rounds)[1]
    yield Row("fold of a log", whole / count, "decode + fold_run", parts / count, ratio, FOLD_BOUND)


def _memory(plan: Plan) -> Iterator[Line]:
    """What folding needs beside the state: the same for a log of twice the length. On small logs: tracing is slow."""
    needed = []
    for count in (plan.scale(40_000, 4_000), plan.scale(80_000, 8_000)):
        with tempfile.TemporaryDirectory() as directory:
            path = Path(directory, "log.jsonl.zst")
            write(path, count)
            tracemalloc.start()
            try:
                state = logs.open(path).fold()
                held, peak = tracemalloc.get_traced_memory()
            finally:
                tracemalloc.stop()
            assert state.tasks
            needed.append(peak - held)
    short, long = needed
    bound = None if plan.scale.quick else MEMORY_BOUND
    yield Row("memory beside the state", long, "log of half the length", short, long / short, bound, unit="byte")


def _jumps(path: Path, count: int, timing: Timing) -> Iterator[Line]:
    opened = logs.open(path)
    building = timed(lambda: opened.at(BEGIN), timing)
    yield Row("building the index", building / count)
    index = Path(f"{path}.index")
    if not index.exists():
        yield Skipped("log at(t)", "the log is too small for an index")
        return
    size = index.stat().st_size
    yield Row("index", size, "log", path.stat().st_size, size / path.stat().st_size, INDEX_SHARE_BOUND, unit="byte")
    whole = timed(lambda: logs.open(path).fold(), timing)
    first = timed(lambda: logs.open(path).at(BEGIN + count * APART / 2), timing)
    yield Row("first at(t), ms", first, ratio=first / 1e6, bound=AT_BOUND_MS, unit="call", note="reads the index")
    opened = logs.open(path)
    opened.at(BEGIN)
    taken = []
    with quiet(timing):
        for share in Random("jumps").sample(range(1_000), JUMPS):
            begun = now()
            opened.at(BEGIN + count * APART * share / 1_000)
            taken.append(now() - begun)
    taken.sort()
    median, slowest = taken[len(taken) // 2], taken[-1]
    yield Row("slowest at(t), ms", slowest, ratio=slowest / 1e6, bound=AT_BOUND_MS, unit="call")
    yield Row("at(t), median", median, "a whole fold", whole, median / whole, AT_SHARE_BOUND, unit="call")
