"""A thousand recorded sessions folded by `agor_reactive.scale`: one worker, two, memory, a killed one, a report.

Rows say how they were measured: CPU time of the workers, or of this process, because other programs may run; the clock
on the wall beside it. The logs are twenty sessions of the workload `chat`'s tasks, each with many ids.
"""

from __future__ import annotations

import logging
import os
import re
import resource
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import orjson
from rich.console import Console

from agor_reactive import logs
from agor_reactive.logs.files import create
from benchmarks.cases import Plan
from benchmarks.measure import timed
from benchmarks.table import Line, Row, Skipped
from benchmarks.wire import SessionScript

__all__ = ["scale"]

TWO_WORKERS_BOUND = 0.65
MEMORY_BOUND = 1.2
REPORT_BOUND = 1.2
DISTINCT = 20
BEGIN = 1_764_000_000.0


def scale(plan: Plan) -> Iterator[Line]:
    try:
        import dask
        import distributed  # noqa: F401
    except ImportError:
        yield Skipped("scale", "dask is not installed")
        return
    sessions = plan.scale(1_000, 12)
    with tempfile.TemporaryDirectory() as directory:
        folder = Path(directory)
        records = write(folder, sessions, tasks=plan.scale(5, 1))
        with dask.config.set(scheduler="synchronous"):
            yield from _report(str(folder / "*.zst"), sessions, plan)
        if plan.scale.quick:
            yield Skipped("workers", "starting processes takes longer than --quick")
            return
        yield from _workers(str(folder / "*.zst"), str(folder / "s00*.zst"), sessions, records)


def write(folder: Path, sessions: int, *, tasks: int) -> int:
    """Write that many logs of one session each; how many records they have."""
    bodies: list[tuple[str, bytes]] = []
    for number in range(min(DISTINCT, sessions)):
        script = SessionScript(f"scale {number}/scale")
        for _ in range(tasks):
            script.task(messages=10, chunks=30, tools=True, thoughts=3)
        first: list[dict[str, Any]] = [
            {"kind": "mirror", "mirror": 1, "session_id": script.session_id, "hydration": "eager", "state": None},
            {
                "kind": "link",
                "mirror": 1,
                "phase": "live",
                "attempt": 0,
                "next_try_in": None,
                "reason": None,
                "epoch": 1,
            },
        ]
        events = [{"kind": "event", "topic": topic, "payload": payload} for topic, payload in script.events]
        lines = [{"n": n, "t": BEGIN + n * 0.05, **record} for n, record in enumerate([*first, *events], 1)]
        bodies.append((script.session_id, b"".join(orjson.dumps(line) + b"\n" for line in lines)))
    written = 0
    for number in range(sessions):
        session_id, body = bodies[number % len(bodies)]
        file = create(folder / f"s{number:04}.jsonl.zst")
        header = {"agor_log": 1, "kind": "header", "t": BEGIN + number, "log_id": f"scale-{number}", "part": 1}
        file.write(orjson.dumps(header) + b"\n")
        file.write(body.replace(session_id.encode(), f"{number:08x}{session_id[8:]}".encode()))
        file.close()
        written += body.count(b"\n")
    return written


def _report(pattern: str, sessions: int, plan: Plan) -> Iterator[Line]:
    from agor_reactive import scale as work
    from agor_reactive.scale.cells import headline, tables_of

    def printed() -> None:
        out = Console(file=StringIO())
        made = work.report(pattern)
        out.print(headline(made), *(str(table) for table in tables_of(made)))

    paths = sorted(Path(pattern).parent.glob("*.zst"))
    work.report(str(paths[0]))  # imports and first calls of pandas
    plain = timed(lambda: [logs.open(path).fold() for path in paths], plan.timing)
    folding = timed(lambda: work.fold_logs(pattern, "task").compute(), plan.timing)
    report = timed(printed, plan.timing)
    yield Row("log by log, states only", plain / sessions, unit="session", note="CPU")
    yield Row(
        "fold_logs", folding / sessions, "log by log", plain / sessions, folding / plain, unit="session", note="CPU"
    )
    ratio, bound = report / folding, None if plan.scale.quick else REPORT_BOUND
    yield Row("report", report / sessions, "fold_logs", folding / sessions, ratio, bound, unit="session", note="CPU")


def _cpu() -> float:
    return time.process_time()


def _peak() -> int:
    """Bytes of memory that this process has had at most."""
    status = Path("/proc/self/status")
    if status.exists():  # what getrusage says on Linux includes the process that started this one
        found = re.search(r"VmHWM:\s+(\d+) kB", status.read_text())
        assert found is not None
        return int(found[1]) * 1_024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1_024)


def _workers(pattern: str, tenth: str, sessions: int, records: int) -> Iterator[Line]:
    from agor_reactive import scale as work

    taken: dict[int, tuple[float, float]] = {}
    expected: Any = None
    for count in (1, 2):
        with _cluster(count) as client:
            work.fold_logs(tenth).compute()  # starts what workers import
            small = max(client.run(_peak).values())
            frame = work.fold_logs(pattern)
            before, begun = client.run(_cpu), time.perf_counter()
            expected = frame.compute()
            wall = time.perf_counter() - begun
            after = client.run(_cpu)
            taken[count] = (wall, max(after[one] - before[one] for one in after))
            large = max(client.run(_peak).values())
            if count == 2:
                yield Row(
                    "peak memory of a worker", large, "of 100 sessions", small, large / small, MEMORY_BOUND, unit="byte"
                )
                yield from _killed(client, pattern, expected)
    assert len(expected) == sessions
    for at, name in ((1, "CPU of the busiest"), (0, "wall clock")):
        one, two = taken[1][at] * 1e9 / sessions, taken[2][at] * 1e9 / sessions
        yield Row("2 workers", two, "1 worker", one, two / one, TWO_WORKERS_BOUND, unit="session", note=name)
    yield Row("events, 2 workers", taken[2][0] * 1e9 / records, note="wall clock")


def _cluster(count: int) -> Any:
    from distributed import Client

    return Client(
        n_workers=count, threads_per_worker=1, processes=True, dashboard_address=None, silence_logs=logging.ERROR
    )


def _killed(client: Any, pattern: str, expected: Any) -> Iterator[Line]:
    from agor_reactive import scale as work

    pids = client.run(os.getpid)
    computing = client.compute(work.fold_logs(pattern))
    victim, pid = next(iter(pids.items()))
    while not client.has_what().get(victim) and not computing.done():
        time.sleep(0.05)
    os.kill(pid, signal.SIGKILL)
    found = computing.result()
    same = (found == expected).fillna(False) | (found.isna() & expected.isna())
    different = int((~same).to_numpy().sum())
    yield Row("cells that a killed worker changed", float(len(found)), ratio=different, bound=0, unit="row")
