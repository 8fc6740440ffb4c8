"""How the cost of one event grows with the handles of a client: the same chunks over 1, 100 and 1,000 sessions.

Every handle has one subscriber. Chunks go to the sessions in turns, so each turn of the loop notifies the subscriber of
one session, or some hundred subscribers of as many. That all sessions are written at the same moment is the hardest
case: none is in the processor's cache when its next chunk comes, and where one session has a batch of 256 chunks and
one snapshot of it, a thousand have 256 batches of one chunk. The first bound is on both reasons together. Two more
lines tell them apart: one session whose state is read after every chunk, so that every chunk is a batch there too (with
another bound), and as many handles of which twenty are written at a time, one group after the other. `Least`, which
does nothing that a mirror could leave out, has a line with the same ratio. Where valgrind is installed, the
instructions of an event over one handle and over fifty are counted, too: no load of the machine changes them.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

from benchmarks.cases import Plan
from benchmarks.cases.instructions import over_handles
from benchmarks.least import Least
from benchmarks.measure import Side, Timing, interleave, quiet
from benchmarks.mirror import Feed
from benchmarks.table import Line, Row
from benchmarks.wire import Event, SessionScript
from benchmarks.workloads import payloads

__all__ = ["chunks_over", "fanout", "written"]

FLAT_BOUND = 1.5
PER_EVENT_BOUND = 1.75
"""With a batch of one event on both sides, so that only the processor's cache tells them apart."""
AT_ONCE = 20


def chunks_over(sessions: int, chunks: int, *, at_once: int | None = None) -> tuple[list[str], list[Event]]:
    """Session ids, and the chunks of one message in each session: all in turns, or `at_once` sessions in turns, group
    by group."""
    scripts = [SessionScript(f"session {number}/fanout") for number in range(sessions)]
    for script in scripts:
        script.reply(script.id(), chunks=-(-chunks // sessions))
    texts = [[event for event in script.events if event[0].endswith("chunk")] for script in scripts]
    group = at_once or sessions
    groups = [texts[at : at + group] for at in range(0, sessions, group)]
    events = [event for some in groups for turn in zip(*some, strict=True) for event in turn]
    return [script.session_id for script in scripts], events[:chunks]


def written(feed: Feed, events: list[Event], timing: Timing, *, read_each: bool = False) -> Side:
    """Run the pipeline with these chunks."""
    rounds = count(1)

    def run() -> float:
        fresh = _fresh(events, next(rounds))
        ends = {payload["message_id"]: ("messages removed", payload) for _, payload in fresh}
        encoded = payloads(fresh)
        with quiet(timing):
            taken = feed.run_frames(encoded, read_each=read_each)
        feed.run(list(ends.values()))
        return taken / len(fresh)

    return run


def _fresh(events: list[Event], rounds: int) -> list[Event]:
    """The same chunks of new messages: a known chunk changes nothing."""
    return [(topic, {**payload, "message_id": f"{payload['message_id']}-{rounds}"}) for topic, payload in events]


def _least(least: Least, events: list[Event], timing: Timing) -> Side:
    rounds = count(1)

    def run() -> float:
        encoded = payloads(_fresh(events, next(rounds)))
        with quiet(timing):
            return least.run_frames(encoded) / len(encoded)

    return run


def fanout(plan: Plan) -> Iterator[Line]:
    counts = (1, 100, 1_000) if not plan.scale.quick else (1, 20)
    chunks = plan.scale(20_000, 400)
    feeds: dict[str, Feed] = {}
    sides: dict[str, Side] = {}
    try:
        for handles in counts:
            ids, events = chunks_over(handles, chunks)
            feeds[str(handles)] = Feed(ids)
            sides[str(handles)] = written(feeds[str(handles)], events, plan.timing)
            sides[f"least {handles}"] = _least(Least(ids), events, plan.timing)
        ids, events = chunks_over(counts[-1], chunks, at_once=AT_ONCE)
        feeds["groups"] = Feed(ids)
        sides["groups"] = written(feeds["groups"], events, plan.timing)
        ids, events = chunks_over(1, chunks)
        feeds["each"] = Feed(ids)
        sides["each"] = written(feeds["each"], events, plan.timing, read_each=True)
        turns = interleave(sides, plan.timing)
    finally:
        for feed in feeds.values():
            feed.close()
    base, each = turns.ns("1"), turns.ns("each")
    yield Row("fanout over 1 handle", base)
    yield Row("  read after every event", each, "over 1 handle", base, turns.ratio("each", "1"))
    for handles in counts[1:]:
        name, work = str(handles), f"fanout over {handles:,} handles"
        bound = FLAT_BOUND if handles == counts[-1] else None
        yield Row(work, turns.ns(name), "over 1 handle", base, turns.ratio(name, "1"), bound)
    most = str(max(counts))
    bound = None if plan.scale.quick else PER_EVENT_BOUND
    yield Row("  the same", turns.ns(most), "1 handle, read", each, turns.ratio(most, "each"), bound)
    ratio = turns.ratio("groups", "1")
    yield Row(f"  of which {AT_ONCE} at a time", turns.ns("groups"), "over 1 handle", base, ratio)
    least, least_base = f"least {most}", turns.ns("least 1")
    ratio = turns.ratio(least, "least 1")
    yield Row("  the least of any mirror", turns.ns(least), "the same over 1", least_base, ratio)
    yield from over_handles(plan)
