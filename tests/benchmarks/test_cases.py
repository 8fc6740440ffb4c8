"""Every case of the table runs, quickly, and says what it should. Times are not judged."""

from __future__ import annotations

import subprocess
from pathlib import Path

import orjson
import pytest

from benchmarks import instructions, processes
from benchmarks.__main__ import main
from benchmarks.cases import CASES, Plan, case
from benchmarks.measure import Timing, Turns, interleave
from benchmarks.table import Row, Skipped, print_rows
from benchmarks.workloads import Scale

PLAN = Plan(Scale(quick=True), Timing(rounds=1))


SLOW = ("socket", "instructions")
"""Tested below: sockets take a server, and a run under valgrind nearly a minute."""


@pytest.mark.parametrize("name", [name for name in CASES if name not in SLOW])
def test_a_case_gives_lines(name: str) -> None:
    lines = list(case(name)(PLAN))
    assert lines
    for line in lines:
        if isinstance(line, Skipped):
            assert line.why
        else:
            assert line.ns > 0 or line.ratio  # a time, or a count
            assert (line.passed is None) == (line.bound is None)


def test_without_node_the_socket_case_is_ours_and_the_stock_client_and_a_counted_skip(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(processes.shutil, "which", lambda name: None)
    lines = list(case("socket")(PLAN))
    assert [line.work for line in lines if isinstance(line, Row)] == [
        "stock socketio, empty handler",
        "socket to state",
    ]
    assert [line.why for line in lines if isinstance(line, Skipped)] == ["node is not installed"]
    print_rows(lines)
    assert "1 skipped" in capsys.readouterr().out


def test_instructions_are_counted_by_valgrind_or_skipped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(instructions.shutil, "which", lambda name: None)
    assert [line.why for line in case("instructions")(PLAN) if isinstance(line, Skipped)] == [
        "valgrind is not installed"
    ]
    said = "==7== I   refs:      {:,}"
    refs = iter([said.format(3_000_000), said.format(3_050_000)])

    def run(under: list[str], work: str, events: int) -> subprocess.CompletedProcess[str]:
        return subprocess.CompletedProcess([], 0, "", next(refs) if under else "")

    monkeypatch.setattr(instructions, "_run", run)
    assert instructions.count("stream", 100) == 500


def test_sides_run_in_turns_after_one_to_warm_up() -> None:
    ran: list[str] = []

    def side(name: str, ns: float) -> float:
        ran.append(name)
        return ns

    turns = interleave({"a": lambda: side("a", 3.0), "b": lambda: side("b", 6.0)}, Timing(rounds=2))
    assert ran == ["a", "b", "a", "b", "b", "a"]
    assert turns.ratio("a", "b") == 0.5


def test_a_ratio_is_the_median_of_the_rounds_own_ratios() -> None:
    # The machine was three times as slow in one round: for both.
    turns = Turns({"a": [1.0, 3.0, 1.2], "b": [2.0, 6.0, 2.0]})
    assert turns.ratio("a", "b") == 0.5


def test_bounds_hold_from_their_side() -> None:
    assert Row("x", 1.0, "y", 2.0, 0.5, 0.7).passed is True
    assert Row("x", 1.0, "y", 2.0, 2.9, 3.0, ">=").passed is False
    assert Row("x", 1.0).passed is None


def test_the_command_prints_one_table_and_writes_it_as_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "table.json"
    main(["--quick", "--rounds", "1", "--only", "stream", "--only", "memory", "--json", str(file)])
    said = capsys.readouterr().out
    assert "processor" in said
    assert "pipeline stream" in said
    written = orjson.loads(file.read_bytes())
    assert written["machine"]["python"]
    works = [row["work"] for row in written["rows"]]
    of_stream = ["fold stream", "  and one by one", "pipeline stream", "  and every row read"]
    assert works == [*of_stream, "50 snapshots held"]


def test_workloads_are_dumped_by_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["workloads", "--quick", "--dump", str(tmp_path)])
    assert (tmp_path / "stream.jsonl").stat().st_size > 0
