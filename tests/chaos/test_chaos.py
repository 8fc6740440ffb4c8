"""A short chaos run as a separate process: exit code, report, and reported problems."""

from __future__ import annotations

import asyncio
import sys
from collections import Counter
from pathlib import Path

from tests.chaos.comparison import difference
from tests.chaos.report import Mirror, Report

ROOT = Path(__file__).parents[2]


async def test_a_few_seconds_of_chaos_end_with_nothing_off() -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.chaos", "--seconds", "4", "--seed", "7",
        cwd=ROOT, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    async with asyncio.timeout(50):
        printed, progress = await process.communicate()
    assert process.returncode == 0, printed.decode()
    assert b"all good" in printed
    assert b"kills                      1" in printed
    assert b"waiting until all is quiet" in progress


def test_a_difference_is_told_by_its_place() -> None:
    ours = {"tasks": [{"id": "t1", "status": "running"}], "queue": []}
    assert difference(ours, ours) is None
    assert difference(ours, {"tasks": [{"id": "t1", "status": "completed"}], "queue": []}) == (
        ".tasks[0].status is 'running', in the fresh read 'completed'"
    )
    assert difference(ours, {"tasks": ours["tasks"], "queue": [1]}) == ".queue has 0 items, in the fresh read 1"
    assert difference(ours, {"tasks": ours["tasks"]}) == ".queue is only in the mirror"


def test_a_report_is_good_only_if_nothing_is_off() -> None:
    def report() -> Report:
        return Report(1.0, 1, "branches", facts={"drops": 3}, mirrors=[Mirror("a lazy", "1 task", None, None, None)])

    assert report().good
    assert report().lines()[-1].strip() == "all good"
    said_so = report()
    said_so.mirrors.append(Mirror("b eager", "1 task", ".tasks has 0 items", "could not be read", None))
    assert said_so.good, "it owned up to it, and a resync put it right"
    for spoil in (
        lambda one: one.leaks.append("1 rooms left"),
        lambda one: one.faults.append("not quiet"),
        lambda one: one.mirrors.append(Mirror("b eager", "1 task", ".tasks has 0 items", None, None)),
        lambda one: one.mirrors.append(Mirror("b eager", "1 task", None, None, ".tasks has 0 items")),
        lambda one: one.mirrors.append(Mirror("b eager", "1 task", None, None, None, ".tasks has 0 items")),
        lambda one: one.problems.update({"left unclosed": Counter({"a session": 1})}),
    ):
        bad = report()
        spoil(bad)
        assert not bad.good
        assert bad.lines()[-1].strip() == "SOMETHING IS OFF"
