"""Processes as workers: one that is killed midway changes nothing in the result."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import pytest

from agor_reactive import scale
from agor_reactive.errors import CannotConnect
from tests.contract.waiting import eventually
from tests.scale.recordings import Written, turn

pytest.importorskip("dask", reason='needs pip install "agor-reactive[dask]"')


def test_a_worker_that_is_killed_midway_changes_nothing(tmp_path: Path) -> None:
    for number in range(24):
        written = Written(tmp_path / f"s{number}.jsonl.zst", begin=1_000.0 * number).mirror(number % 20)
        for at in range(15):
            written.events(turn(number % 20, at))
        written.close()
    pattern = str(tmp_path / "*.zst")
    expected = scale.fold_logs(pattern, "task", partition_bytes=1).compute()
    assert len(expected) == 300
    with scale.local_workers(2) as client:
        frame = scale.fold_logs(pattern, "task", partition_bytes=1)
        pids = client.run(os.getpid)
        computing = client.compute(frame)
        victim, pid = next(iter(pids.items()))
        # It has results that no other worker has.
        asyncio.run(eventually(lambda: client.has_what().get(victim) or computing.done(), 20))
        assert not computing.done()
        os.kill(pid, signal.SIGKILL)
        found = computing.result(timeout=30)
        assert pid not in client.run(os.getpid).values()
        states = scale.fold_logs(pattern).states().map(lambda state: len(state.tasks))
        assert sum(states.compute()) == 300
        address = client.scheduler.address
        assert len(scale.fold_logs(pattern, scheduler=address).compute()) == 20
    assert found.astype(str).equals(expected.astype(str))


def test_a_scheduler_that_does_not_answer_is_said(tmp_path: Path, five: list[Path]) -> None:
    import dask

    with dask.config.set({"distributed.comm.timeouts.connect": "0.3s"}), pytest.raises(CannotConnect, match="tcp://"):
        scale.fold_logs(five, scheduler="tcp://127.0.0.1:1")
