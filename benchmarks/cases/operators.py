"""What `completed_turns` and `tool_calls` cost beside the fold whose snapshots they look at.

Three ways for snapshots to come: one per loop tick, as from a live handle (the fold is `fold_run`, as in a session);
the same of a session with many short tasks, where nearly every event changes a row; and one per event, as from a log.
There the base is the fold whose snapshots two subscribers get that do nothing: RxPY alone takes a fourth of that time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import orjson
from reactivex.subject import Subject

from agor_reactive.core import SessionState, fold
from agor_reactive.core.fold import fold_run
from agor_reactive.operators import ToolCall, Turn, completed_turns, tool_calls
from benchmarks.cases import Plan
from benchmarks.measure import Timing, interleave, now, quiet
from benchmarks.mirror import TURN, parsed, read_state
from benchmarks.table import Line, Row
from benchmarks.wire import SessionScript
from benchmarks.workloads import payloads

__all__ = ["operators"]

BOUND = 1.3
WORST_BOUND = 1.5
"""With a tool call in every seven events and no text, which is the least that a fold may cost beside them."""

Publish = Callable[[SessionState], object]
FoldAll = Callable[[str, Sequence[bytes], Publish], int]


def operators(plan: Plan) -> Iterator[Line]:
    count = plan.scale(100_000, 6_000)
    yield _line("operators, per tick", _script(count, chunks=50), _fold_ticks, BOUND, plan.timing)
    yield _line("operators, short tasks", _script(count, chunks=2), _fold_ticks, WORST_BOUND, plan.timing)
    yield _line("operators, per event", _script(count, chunks=50), _fold_events, BOUND, plan.timing)


def _script(count: int, *, chunks: int) -> SessionScript:
    script = SessionScript(f"agor/operators/{chunks}", ids_in_session=False)
    while len(script.events) < count:
        script.task(messages=20, chunks=chunks, tools=True, thoughts=3 if chunks > 10 else 0)
        script.noise.clear()
    return script


def _line(work: str, script: SessionScript, fold_all: FoldAll, bound: float, timing: Timing) -> Line:
    frames = payloads(script.events)
    wanted = [len(script.task_ids), sum(topic == "tasks tool:start" for topic, _ in script.events)]

    def alone() -> float:
        source = Subject[SessionState]()
        if fold_all is _fold_events:
            source.subscribe(_ignore)
            source.subscribe(_ignore)
        with quiet(timing):
            return fold_all(script.session_id, frames, source.on_next) / len(frames)

    def watched() -> float:
        source = Subject[SessionState]()
        turns: list[Turn] = []
        calls: list[ToolCall] = []
        source.pipe(completed_turns()).subscribe(turns.append)
        source.pipe(tool_calls()).subscribe(calls.append)
        with quiet(timing):
            taken = fold_all(script.session_id, frames, source.on_next)
        assert [len(turns), len(calls)] == wanted
        return taken / len(frames)

    turns = interleave({"alone": alone, "watched": watched}, timing)
    ratio = turns.ratio("watched", "alone")
    return Row(work, turns.ns("watched"), "fold alone", turns.ns("alone"), ratio, bound)


def _ignore(state: SessionState) -> None:
    pass


def _fold_ticks(session_id: str, frames: Sequence[bytes], publish: Publish) -> int:
    """Fold the events of each tick at once and publish the snapshot. Returns the ns, without decoding."""
    state = read_state(session_id)
    publish(state)
    taken = 0
    for at in range(0, len(frames), TURN):
        run = [orjson.loads(frame) for frame in frames[at : at + TURN]]
        begun = now()
        state = fold_run(state, run)
        publish(state)
        taken += now() - begun
    return taken


def _fold_events(session_id: str, frames: Sequence[bytes], publish: Publish) -> int:
    """Fold one event after the other and publish each snapshot. Returns the ns, without decoding and parsing."""
    state = read_state(session_id)
    publish(state)
    taken = 0
    for at in range(0, len(frames), TURN):
        events = parsed([orjson.loads(frame) for frame in frames[at : at + TURN]])
        begun = now()
        for event in events:
            state = fold(state, event)
            publish(state)
        taken += now() - begun
    return taken
