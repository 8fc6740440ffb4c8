"""Folds all events of a session: the fold alone, and the whole pipeline, compared with the decoding.

The pipeline is everything after decoding: the router, parsing, the fold, and one subscriber that is called once per
loop iteration and reads nothing. Rows are validated on access, so another line has the cost if every row is read.
"""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks import mirror, workloads
from benchmarks.bases import decode_all
from benchmarks.cases import Plan
from benchmarks.measure import Side, Turns, interleave, quiet, timed
from benchmarks.mirror import Feed
from benchmarks.table import Line, Row
from benchmarks.workloads import FOLDED, Workload

__all__ = ["chat", "huge", "long", "message", "noise", "stream"]

FOLD_BOUND = 0.35
PIPELINE_BOUNDS = {"chat": 0.30, "stream": 0.30, "long": 0.45, "huge": 0.45}
FLAT_BOUND = 1.5
DECODE = "socketio decode"


def chat(plan: Plan) -> Iterator[Line]:
    yield from _folds(FOLDED["chat"](plan.scale), plan)


def long(plan: Plan) -> Iterator[Line]:
    yield from _folds(FOLDED["long"](plan.scale), plan)


def huge(plan: Plan) -> Iterator[Line]:
    yield from _folds(FOLDED["huge"](plan.scale), plan)


def stream(plan: Plan) -> Iterator[Line]:
    yield from _folds(FOLDED["stream"](plan.scale), plan)


def _folds(load: Workload, plan: Plan) -> Iterator[Line]:
    timing = plan.timing
    frames = workloads.frames(load.events)
    start = mirror.read_state(load.session_id)
    encoded = workloads.payloads(load.events)
    count = len(encoded)

    feed = Feed([load.session_id])
    begin = feed.handles[0].state

    def pipeline() -> float:
        feed.put_back(begin)
        with quiet(timing):
            return feed.run_frames(encoded) / count

    def fold() -> float:
        with quiet(timing):
            return mirror.fold_frames(start, encoded) / count

    def one_by_one() -> float:
        with quiet(timing):
            return mirror.fold_frames(start, encoded, one_by_one=True) / count

    def read() -> float:
        with quiet(timing):
            return mirror.read_rows(encoded) / count

    sides: dict[str, Side] = {
        "decode": lambda: timed(lambda: decode_all(frames), timing) / count,
        "fold": fold,
        "one by one": one_by_one,
        "pipeline": pipeline,
        "read": read,
    }
    try:
        turns = interleave(sides, timing)
    finally:
        feed.close()
    bounds = {"fold": FOLD_BOUND, "one by one": None, "pipeline": PIPELINE_BOUNDS[load.name]}
    for name, bound in bounds.items():
        work = "  and one by one" if name == "one by one" else f"{name} {load.name}"
        yield Row(work, turns.ns(name), DECODE, turns.ns("decode"), turns.ratio(name, "decode"), bound)
    both = turns.ns("pipeline") + turns.ns("read")
    ratio = turns.ratio("pipeline", "decode") + turns.ratio("read", "decode")
    yield Row("  and every row read", both, DECODE, turns.ns("decode"), ratio)


def noise(plan: Plan) -> Iterator[Line]:
    """Measure events that no mirror uses: `messages/streaming created` per chunk, twins with null."""
    load = FOLDED["chat"](plan.scale)
    frames = workloads.frames(load.noise)
    timing, count = plan.timing, len(load.noise)
    feed = Feed([load.session_id])

    def pass_by() -> float:
        with quiet(timing):
            return feed.run(load.noise) / count

    sides: dict[str, Side] = {"decode": lambda: timed(lambda: decode_all(frames), timing) / count, "noise": pass_by}
    try:
        turns = interleave(sides, timing)
    finally:
        feed.close()
    yield Row("noise of chat", turns.ns("noise"), DECODE, turns.ns("decode"), turns.ratio("noise", "decode"))


def message(plan: Plan) -> Iterator[Line]:
    """Measure one message of 100,000 chunks: the last thousand compared with the first, through the whole pipeline."""
    chunks = plan.scale(100_000, 3_000)
    part = plan.scale(1_000, 100)
    load = workloads.one_message(chunks)
    head, body, tail = load.events[1 : part + 1], load.events[part + 1 : -part], load.events[-part:]
    taken: dict[str, list[float]] = {"first": [], "last": []}
    feed = Feed([load.session_id])
    begin = feed.handles[0].state
    try:
        for _ in range(plan.timing.rounds + 1):
            feed.put_back(begin)
            feed.run(load.events[:1])
            with quiet(plan.timing):
                taken["first"].append(feed.run(head) / part)
                feed.run(body)
                taken["last"].append(feed.run(tail) / part)
    finally:
        feed.close()
    turns = Turns({name: times[1:] for name, times in taken.items()})
    yield Row(
        f"last {part:,} of {chunks:,} chunks",
        turns.ns("last"),
        f"first {part:,}",
        turns.ns("first"),
        turns.ratio("last", "first"),
        FLAT_BOUND,
    )
