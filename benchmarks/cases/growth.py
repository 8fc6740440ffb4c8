"""How the cost of one event grows with the session: the same mix of events on top of 10, 100, 1,000, 10,000 tasks.

Session rows list all task ids on the real wire, so that frame itself grows. The mix is measured without the ids, which
the bound applies to, and with them, compared with the decoding of the same frames.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from agor_reactive.core import SessionState
from benchmarks import mirror, textbook, workloads
from benchmarks.bases import decode_all
from benchmarks.cases import Plan
from benchmarks.measure import Side, Timing, interleave, now, quiet, timed
from benchmarks.mirror import Feed
from benchmarks.table import Line, Row
from benchmarks.wire import Event
from benchmarks.workloads import Workload

__all__ = ["folded_on", "growth", "state_of"]

FLAT_BOUND = 1.5
TEXTBOOK_BOUND = 10.0
MIX_TASKS = 10
TEXTBOOK_AT = 1_000


def state_of(tasks: int) -> SessionState:
    """Make the state of a session with `tasks` tasks, all loaded."""
    script = workloads.history(tasks)
    return mirror.folded(mirror.read_state(script.session_id), mirror.parsed(script.events))


def growth(plan: Plan) -> Iterator[Line]:
    sizes = (10, 100, 1_000, 10_000) if not plan.scale.quick else (10, 100)
    states = {size: state_of(size) for size in sizes}
    yield from _flat(plan, states)
    yield from _beside_textbook(plan, states)
    yield from _with_ids(plan, states)


def _cut(load: Workload) -> tuple[tuple[Event, ...], tuple[Event, ...]]:
    """Split the mix into its first task and the others. Every run restarts from an old snapshot, whose keys are copied
    once, which never happens in a live session. The first task absorbs that cost."""
    at = next(at for at, (topic, _) in enumerate(load.events) if at and topic == "tasks created")
    return load.events[:at], load.events[at:]


def _pipeline(plan: Plan, feed: Feed, load: Workload, state: SessionState, repeats: int) -> Callable[[], float]:
    first, others = _cut(load)

    def run() -> float:
        spent = 0
        with quiet(plan.timing):
            for _ in range(repeats):
                feed.put_back(state)
                feed.run(first)
                spent += feed.run(others)
        return spent / repeats / len(others)

    return run


def folded_on(state: SessionState, load: Workload, timing: Timing, repeats: int) -> Side:
    """Time the fold of the mix on top of that state, as in a live session."""
    first, others = (mirror.parsed(events) for events in _cut(load))

    def run() -> float:
        spent = 0
        with quiet(timing):
            for _ in range(repeats):
                line = mirror.folded(state, first)
                begun = now()
                mirror.folded(line, others)
                spent += now() - begun
        return spent / repeats / len(others)

    return run


def _flat(plan: Plan, states: dict[int, SessionState]) -> Iterator[Line]:
    smallest, *larger = states
    loads = {size: workloads.mix(size, MIX_TASKS, ids_in_session=False) for size in states}
    feed = Feed([loads[smallest].session_id])
    repeats = plan.scale(30, 2)
    try:
        sides = {str(size): _pipeline(plan, feed, loads[size], states[size], repeats) for size in states}
        turns = interleave(sides, plan.timing)
    finally:
        feed.close()
    base = turns.ns(str(smallest))
    yield Row(f"growth at {smallest:,} tasks", base)
    for size in larger:
        ratio = turns.ratio(str(size), str(smallest))
        bound = FLAT_BOUND if size == max(states) else None
        yield Row(f"growth at {size:,} tasks", turns.ns(str(size)), f"at {smallest} tasks", base, ratio, bound)


def _beside_textbook(plan: Plan, states: dict[int, SessionState]) -> Iterator[Line]:
    size = TEXTBOOK_AT if TEXTBOOK_AT in states else max(states)
    load = workloads.mix(size, MIX_TASKS, ids_in_session=False)
    events = mirror.parsed(load.events)
    theirs = textbook.from_state(states[size])

    def by_the_book() -> None:
        state = theirs
        for event in events:
            state = textbook.fold(state, event)

    sides: dict[str, Side] = {
        "ours": folded_on(states[size], load, plan.timing, plan.scale(30, 2)),
        "textbook": lambda: timed(by_the_book, plan.timing) / len(events),
    }
    turns = interleave(sides, plan.timing)
    yield Row(
        f"textbook fold at {size:,} tasks",
        turns.ns("textbook"),
        "our fold",
        turns.ns("ours"),
        turns.ratio("textbook", "ours"),
        TEXTBOOK_BOUND,
        ">=",
    )


def _with_ids(plan: Plan, states: dict[int, SessionState]) -> Iterator[Line]:
    for size in (min(states), max(states)):
        load = workloads.mix(size, MIX_TASKS, ids_in_session=True)
        frames = workloads.frames(load.events)
        feed = Feed([load.session_id])

        def decode(frames: list[str] = frames) -> float:
            return timed(lambda: decode_all(frames), plan.timing) / len(frames)

        try:
            run = _pipeline(plan, feed, load, states[size], 1)
            turns = interleave({"ours": run, "decode": decode}, plan.timing)
        finally:
            feed.close()
        yield Row(
            f"growth at {size:,}, ids in session rows",
            turns.ns("ours"),
            "socketio decode",
            turns.ns("decode"),
            turns.ratio("ours", "decode"),
            note=f"{sum(map(len, frames)) / len(frames):,.0f} B a frame",
        )
