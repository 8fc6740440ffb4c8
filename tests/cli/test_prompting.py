"""`prompt --follow` and `--answer`: one turn, its text however it ends, permission requests, exit codes."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from agor_reactive.cli.deciding import matches
from tests.cli.conftest import Cli, Process, Served


def test_follow_in_a_pipe_prints_only_its_own_turn(cli: Cli, session_id: str) -> None:
    cli("prompt", session_id, "before [say:old words]", "-f")
    cli("prompt", session_id, "running [say:other words]")
    ended = cli("prompt", session_id, "mine [say:my words]", "--follow")
    assert ended.code == 0, ended.err
    assert [line for line in ended.out.splitlines() if line.startswith("▌")] == ["▌ mine [say:my words]"]
    assert "  my words" in ended.out.splitlines()
    assert "old words" not in ended.out
    assert "other words" not in ended.out


def test_answer_is_the_text_of_the_reply_alone(cli: Cli, session_id: str) -> None:
    cli("prompt", session_id, "before [say:old words]", "-f")
    ended = cli("prompt", session_id, "mine [say:There are *two*.]", "--answer")
    assert ended == (0, "There are *two*.\n", "")


@pytest.mark.parametrize("way", ["--follow", "--answer"])
@pytest.mark.parametrize("directives", ["[fail]", "[crash]"])
def test_a_reply_that_failed_is_1_with_the_reason_and_what_was_written(
    cli: Cli, session_id: str, way: str, directives: str
) -> None:
    ended = cli("prompt", session_id, f"go {directives} [tools:0]", way)
    assert ended.code == 1
    assert ended.err.startswith("agor-reactive: the task ended failed")
    assert len([line for line in ended.out.splitlines() if line.strip()]) >= (1 if way == "--answer" else 3)


@pytest.mark.parametrize("way", ["--follow", "--answer"])
def test_the_partial_text_of_a_stopped_reply_is_printed(
    cli: Cli, served: Served, session_id: str, start: Callable[..., Any], way: str
) -> None:
    process: Process = start(Process, "prompt", session_id, "[slow] [tools:0] go", way, env=served.env)
    watch: Process = start(Process, "watch", session_id, "--json", env=served.env)
    watch.line_that(lambda line: json.loads(line).get("streamed_characters", 0) > 40)
    assert cli("stop", session_id).code == 0
    ended = process.wait()
    assert ended.code == 1
    assert ended.err == "agor-reactive: the task ended stopped"
    written = [line for line in ended.out.splitlines() if line.strip() and not line.startswith(("▌", "■", "✗"))]
    assert sum(len(line) for line in written) > 30, ended.out


@pytest.mark.parametrize("way", ["--follow", "--answer"])
def test_ctrl_c_is_130_and_says_how_to_stop_the_task(
    cli: Cli, served: Served, session_id: str, start: Callable[..., Any], way: str
) -> None:
    process: Process = start(Process, "prompt", session_id, "[hold] go", way, env=served.env)
    watch: Process = start(Process, "watch", session_id, "--json", env=served.env)
    watch.line_that(lambda line: json.loads(line).get("active"))
    if way == "--follow":
        process.line_that(lambda line: line.startswith("▌"))
    process.interrupt()
    ended = process.wait()
    assert ended.code == 130
    if ended.err != "agor-reactive: interrupted":  # before the prompt was answered
        assert ended.err == f"agor-reactive: interrupted; the task continues (agor-reactive stop {session_id} stops it)"
    assert cli("stop", session_id).out.startswith("stopped")


def test_it_waits_for_permission_and_says_how_to_give_it(
    cli: Cli, served: Served, session_id: str, start: Callable[..., Any]
) -> None:
    words = ("prompt", session_id, "[permission] look [say:seen]", "--answer", "--approve", "Bash")
    process: Process = start(Process, *words, env=served.env)
    hint = process.line_that(lambda line: "waits for permission" in line, errors=True)
    assert "to run Read(src/inventory/stock.py)" in hint
    assert f"agor-reactive approve {session_id}" in hint
    assert cli("approve", session_id).code == 0
    assert process.wait()[:2] == (0, "seen")


def test_approve_allows_what_matches(cli: Cli, session_id: str) -> None:
    ended = cli("prompt", session_id, "[permission] look [say:seen]", "--answer", "--approve", "Read(src/*)")
    assert ended == (0, "seen\n", "agor-reactive: approved Read(src/inventory/stock.py)\n")


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("*", True),
        ("Bash", True),
        ("B*", True),
        ("bash", False),
        ("Bash(pytest *)", True),
        ("Bash(pytest)", False),
        ("Read(*)", False),
        ("*(pytest -q)", True),
        ("", False),
    ],
)
def test_patterns_match_a_tool_and_its_input(pattern: str, expected: bool) -> None:
    assert matches(["Write", pattern], "Bash", {"command": "pytest -q"}) is expected


def test_an_input_too_long_to_compare_matches_no_pattern_of_inputs() -> None:
    given = {"command": "ls " + "x" * 5_000 + "; rm"}
    assert not matches(["Bash(ls *)"], "Bash", given)
    assert matches(["Bash"], "Bash", given)


@pytest.mark.parametrize(
    "words",
    [
        ["--follow", "--answer"],
        ["--json"],
        ["--answer", "--json"],
        ["--approve", "*"],
        ["--record", "x.jsonl"],
    ],
)
def test_options_that_do_not_go_together_are_refused_before_sending(
    cli: Cli, session_id: str, words: list[str]
) -> None:
    ended = cli("prompt", session_id, "go", *words)
    assert (ended.code, len(ended.err.splitlines())) == (2, 1)
    assert cli("logs", session_id, "-q", "length").out == "0\n"
