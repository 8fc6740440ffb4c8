"""200,000 events over 20 sessions as fast as they can be read: how long a tick of the loop takes, and how far behind a
subscriber is.

A turn is what the socket hands over before it yields to the loop: 256 events. A tick is what the loop cannot interrupt:
those events are received, then folded, then the subscribers are notified. Its time is this process's own. The lag of an
event is the time from its receipt until a subscriber has a snapshot that contains it, by the wall clock.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator

from benchmarks.cases import Plan
from benchmarks.measure import quiet
from benchmarks.mirror import Feed
from benchmarks.table import Line, Row
from benchmarks.wire import Event, SessionScript
from benchmarks.workloads import payloads

__all__ = ["flood"]

SESSIONS = 20
LONGEST_TICK = 10e6  # ns


def _events(events: int) -> tuple[list[str], list[Event]]:
    """The ids of the sessions, and their events in turns, each a chat with tools and thinking."""
    scripts = [SessionScript(f"flood {number}/chat") for number in range(SESSIONS)]
    for script in scripts:
        while len(script.events) < events // SESSIONS:
            script.task(messages=20, chunks=50, tools=True, thoughts=3)
    by_session = [script.events[: events // SESSIONS] for script in scripts]
    return [script.session_id for script in scripts], [
        event for turn in zip(*by_session, strict=True) for event in turn
    ]


def flood(plan: Plan) -> Iterator[Line]:
    ids, events = _events(plan.scale(200_000, 2_000))
    frames = payloads(events)
    feed = Feed(ids)
    try:
        with quiet(plan.timing):
            begun = time.perf_counter_ns()
            ticks, lags = feed.run_ticks(frames)
            taken = time.perf_counter_ns() - begun
    finally:
        feed.close()
    yield Row(f"flood over {SESSIONS} sessions, decoding included", taken / len(frames))
    longest = max(ticks)
    yield Row("  longest tick", longest, "10 ms", LONGEST_TICK, longest / LONGEST_TICK, 1.0, unit="tick")
    yield Row("  median tick", statistics.median(ticks), unit="tick")
    yield Row("  lag of a subscriber, median", statistics.median(lags), unit="lag")
    yield Row("  lag of a subscriber, 99th percentile", statistics.quantiles(lags, n=100)[98], unit="lag")
