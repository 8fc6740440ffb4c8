"""Instructions per event, counted by valgrind's cachegrind: the same on a busy machine as on a quiet one.

``python -m benchmarks.instructions WORK EVENTS`` does the work once; `count` runs that twice under valgrind, with more
and with fewer events, and divides the difference, so that start-up is not in it.
"""

from __future__ import annotations

import gc
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping

import orjson

from benchmarks.processes import ROOT

__all__ = ["WORK", "count", "valgrind_is_here"]

HANDLES = 50
"""Handles that are written in turns. More take minutes to retain under valgrind, and cost the same per event."""


def _fold(name: str, events: int, *, one_by_one: bool) -> None:
    from agor_reactive.core.fold import fold_run
    from benchmarks import mirror, workloads

    load = workloads.FOLDED[name](workloads.Scale())
    frames = workloads.payloads(load.events[:events])
    state = mirror.read_state(load.session_id)
    turn = 1 if one_by_one else mirror.TURN
    for at in range(0, len(frames), turn):
        state = fold_run(state, [orjson.loads(frame) for frame in frames[at : at + turn]])


def _fanout(handles: int, events: int) -> None:
    from benchmarks.cases.fanout import chunks_over
    from benchmarks.mirror import Feed
    from benchmarks.workloads import payloads

    ids, chunks = chunks_over(handles, 8_000)
    feed = Feed(ids)
    feed.run_frames(payloads(chunks[:events]))
    feed.close()


WORK: Mapping[str, Callable[[int], None]] = {
    "chat": lambda events: _fold("chat", events, one_by_one=False),
    "chat one by one": lambda events: _fold("chat", events, one_by_one=True),
    "stream": lambda events: _fold("stream", events, one_by_one=False),
    "huge": lambda events: _fold("huge", events, one_by_one=False),
    "stream one by one": lambda events: _fold("stream", events, one_by_one=True),
    "1 handle": lambda events: _fanout(1, events),
    f"{HANDLES} handles": lambda events: _fanout(HANDLES, events),
}
"""What can be counted: folds of decoded frames (decoding included), and the pipeline over one and many handles."""


def valgrind_is_here() -> str | None:
    """None where instructions can be counted, else why not."""
    return None if shutil.which("valgrind") else "valgrind is not installed"


def count(work: str, events: int) -> float:
    """Instructions per event of `work`. Raises `RuntimeError` when valgrind gives no count."""
    _run([], work, 1)  # compiles what has changed, so that no counted run does
    few, many = _instructions(work, events), _instructions(work, 2 * events)
    return (many - few) / events


def _instructions(work: str, events: int) -> int:
    valgrind = ["valgrind", "--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null"]
    run = _run(valgrind, work, events)
    found = re.search(r"I\s+refs:\s+([\d,]+)", run.stderr)
    if found is None or run.returncode:
        raise RuntimeError(f"valgrind counted nothing for {work!r}: {run.stderr[-300:]}")
    return int(found.group(1).replace(",", ""))


def _run(under: list[str], work: str, events: int) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*under, sys.executable, "-m", "benchmarks.instructions", work, str(events)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        env={"PYTHONHASHSEED": "1", "PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"},
    )


if __name__ == "__main__":
    gc.disable()
    WORK[sys.argv[1]](int(sys.argv[2]))
