"""How the cost of one event grows with the handles of a client: the same chunks over 1, 100 and 1,000 sessions.

Every handle has one subscriber. Chunks go to the sessions in turns, so each turn of the loop tells a few subscribers of
one session, or some hundred subscribers of as many.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from benchmarks.cases import Plan
from benchmarks.measure import interleave, quiet
from benchmarks.mirror import Feed
from benchmarks.table import Line, Row
from benchmarks.wire import Event, SessionScript
from benchmarks.workloads import payloads

__all__ = ["chunks_over", "fanout"]

FLAT_BOUND = 1.5


def chunks_over(sessions: int, chunks: int) -> tuple[list[str], list[Event]]:
    """Ids of so many sessions, and so many chunks of one message in each, in turns."""
    scripts = [SessionScript(f"session {number}/fanout") for number in range(sessions)]
    for script in scripts:
        script.reply(script.id(), chunks=-(-chunks // sessions))
    texts = [[event for event in script.events if event[0].endswith("chunk")] for script in scripts]
    events = [event for at_once in zip(*texts, strict=True) for event in at_once][:chunks]
    return [script.session_id for script in scripts], events


def _side(plan: Plan, feed: Feed, events: list[Event]) -> Callable[[], float]:
    # A chunk known already changes nothing, so each round tells of other messages.
    rounds = 0

    def run() -> float:
        nonlocal rounds
        rounds += 1
        fresh = [(topic, {**payload, "message_id": f"{payload['message_id']}-{rounds}"}) for topic, payload in events]
        ends = {
            payload["message_id"]: ("messages removed", {k: payload[k] for k in ("session_id", "message_id")})
            for _, payload in fresh
        }
        told = payloads(fresh)
        with quiet(plan.timing):
            taken = feed.run_frames(told)
        feed.run(list(ends.values()))
        return taken / len(fresh)

    return run


def fanout(plan: Plan) -> Iterator[Line]:
    counts = (1, 100, 1_000) if not plan.scale.quick else (1, 20)
    chunks = plan.scale(20_000, 400)
    feeds: dict[str, Feed] = {}
    sides: dict[str, Callable[[], float]] = {}
    try:
        for count in counts:
            ids, events = chunks_over(count, chunks)
            feeds[str(count)] = Feed(ids)
            sides[str(count)] = _side(plan, feeds[str(count)], events)
        turns = interleave(sides, plan.timing)
    finally:
        for feed in feeds.values():
            feed.close()
    base = turns.ns("1")
    yield Row("fanout over 1 handle", base)
    for count in counts[1:]:
        bound = FLAT_BOUND if count == max(counts) else None
        ratio = turns.ratio(str(count), "1")
        yield Row(f"fanout over {count:,} handles", turns.ns(str(count)), "over 1 handle", base, ratio, bound)
