"""One process mirrors 2,000 sessions live: a collection with a view of its newest 50 rows, and a mirror of each.

Every session gets the events of a turn, all sessions in turns, so none is in the processor's cache when its next event
comes. At 100 events/s each event has a tick of the loop to itself, and the view is drawn once per event; in a burst
256 events share one. Events are decoded, parsed, routed and folded; what a socket adds is in the case `socket`.

The last lines say what sharding gives: a daemon sends every event to every socket, so a process that mirrors a share of
the sessions still reads and routes all events. Both parts are measured; the rest is their sum. What the daemon pays at
least for one more socket is a write per event.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator

from benchmarks.cases import Plan
from benchmarks.fleet import BURST, Fleet, work_of
from benchmarks.measure import quiet
from benchmarks.processes import talk
from benchmarks.table import Line, Row

__all__ = ["fleet"]

FLAT_BOUND = 1.75
RATE = 100.0


def fleet(plan: Plan) -> Iterator[Line]:
    many, few = plan.scale(2_000, 40), plan.scale(200, 4)
    burst: dict[int, float] = {}
    single: dict[int, float] = {}
    for sessions in (few, many):
        rows, encoded = work_of(sessions, rounds=3)
        opened = Fleet(rows)
        try:
            opened.run(encoded[0], turn=BURST)
            with quiet(plan.timing):
                burst[sessions] = opened.run(encoded[1], turn=BURST) / len(encoded[1])
            some = encoded[2][: plan.scale(20_000, 400)]
            with quiet(plan.timing):
                single[sessions] = opened.run(some, turn=1) / len(some)
            if sessions == many:
                rest = encoded[2][len(some) :][: plan.scale(500, 10)] or encoded[2][:10]
                cpu, wall = opened.run_paced(rest, RATE)
                looks = sorted(opened.look_at(number)[0] for number in range(0, many, max(1, many // 20)))
        finally:
            opened.close()
    bound = None if plan.scale.quick else FLAT_BOUND
    yield Row(f"{many:,} sessions, bursts", burst[many], f"{few} sessions", burst[few], burst[many] / burst[few], bound)
    ratio = single[many] / single[few]
    yield Row(f"{many:,} sessions, one event a tick", single[many], f"{few} sessions", single[few], ratio, bound)
    percent = 100 * cpu / wall
    yield Row("CPU at 100 events/s, %", cpu * 1e9 / len(rest), ratio=percent, note="of one core, paced by the clock")
    yield Row("details of a task on demand", looks[len(looks) // 2], unit="call", note="without the daemon's part")
    yield from _memory(many)
    yield from _shards(plan, many)


def _memory(sessions: int) -> Iterator[Line]:
    with talk("python", "-m", "benchmarks.fleet", str(sessions)) as child:
        held = child.read()
    empty, one, two = held["rows"], held["first"], held["second"]
    yield Row("memory of a session", empty / sessions, unit="byte", note="mirror and row, no task")
    yield Row("  and of each turn", (two - one) / sessions, "the first", (one - empty) / sessions, unit="byte")


def _shards(plan: Plan, sessions: int) -> Iterator[Line]:
    """What a process pays for an event of a session that it mirrors, and for one of another process's."""
    rows, rounds = work_of(sessions, rounds=2)
    half = sessions // 2
    opened = Fleet(rows[:half])
    try:
        own = {row["session_id"].encode() for row in rows[:half]}
        mine, others = (
            [frame for frame in rounds[1] if (_session(frame) in own) is is_own] for is_own in (True, False)
        )
        opened.run([frame for frame in rounds[0] if _session(frame) in own], turn=BURST)
        with quiet(plan.timing):
            paid = opened.run(mine, turn=BURST) / len(mine)
        with quiet(plan.timing):
            ignored = opened.run(others, turn=BURST) / len(others)
    finally:
        opened.close()
    yield Row("event of an own session", paid)
    yield Row("event of another process's", ignored, "of an own", paid, ignored / paid)
    sending = _send(max(map(len, mine[:100])), plan.scale(20_000, 200))
    yield Row("daemon: a frame to one socket", sending, unit="frame", note="the system call alone, TCP on loopback")
    for shards in (2, 4, 8, 16):
        each = paid / shards + ignored * (1 - 1 / shards)
        note = f"the daemon writes {1e9 / sending / shards:,.0f} events/s at most"
        yield Row(f"  {shards} processes, each", each, "one process", paid, each / paid, note=note)


def _session(frame: bytes) -> bytes:
    at = frame.index(b'"session_id":"') + 14
    return frame[at : at + 36]


def _send(size: int, count: int) -> float:
    """The ns of CPU for one write of so many bytes to a TCP socket whose other end reads."""
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as ours:
        theirs, _ = server.accept()
        with theirs:
            taken, frame = 0, b"x" * size
            for _ in range(count):
                begun = time.thread_time_ns()
                ours.sendall(frame)
                taken += time.thread_time_ns() - begun
                theirs.recv(2**20)
    return taken / count
