"""`demo`: what the first minute with this package is."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from tests.cli.conftest import Cli, Ended


def as_promised(state: Any) -> None:
    assert [task["status"] for task in state["tasks"]] == ["completed", "completed"]
    assert state["queued_tasks"] == []
    assert state["streaming_messages"] == {}
    assert state["session"]["status"] == "idle"
    tools = [tool for used in state["tools_by_task"].values() for tool in used]
    assert tools
    assert {tool["status"] for tool in tools} == {"complete"}
    assert set(state["loaded_task_ids"]) == {task["task_id"] for task in state["tasks"]}
    indexes = [[message["index"] for message in state["messages_by_task"][task["task_id"]]] for task in state["tasks"]]
    assert all(len(group) >= 4 for group in indexes)
    assert [index for group in indexes for index in group] == list(range(sum(map(len, indexes))))
    assert state["error"] is None
    assert not state["loading"]


@pytest.mark.parametrize("api_version", ["handshake", "branches", "worktrees"])
def test_the_last_line_is_the_final_state_of_two_answered_prompts(cli: Cli, api_version: str) -> None:
    ended: Ended = cli("demo", "--json", "--speed", "30", "--api-version", api_version)
    assert ended.code == 0, ended.err
    *summaries, state = [json.loads(line) for line in ended.out.splitlines()]
    as_promised(state)
    revisions = [summary["revision"] for summary in summaries]
    assert revisions == sorted(set(revisions))
    assert any(summary["queued"] == 1 for summary in summaries)
    assert any(summary["streamed_characters"] > 0 for summary in summaries)
    assert summaries[-1]["ended"] == 2
    assert "mcp_token" not in state["session"] or state["session"]["mcp_token"] == "[redacted]"


def test_the_same_seed_says_the_same(cli: Cli) -> None:
    def said(seed: str) -> list[Any]:
        state = cli("demo", "--json", "--speed", "100", "--seed", seed).last_json
        return [message["content"] for group in state["messages_by_task"].values() for message in group]

    assert said("7") == said("7") != said("8")


def test_people_get_a_transcript_and_a_summary(cli: Cli) -> None:
    ended = cli("demo", "--speed", "30")
    assert ended.code == 0, ended.err
    lines = ended.out.splitlines()
    assert sum(line.startswith("▌ ") for line in lines) == 2
    assert sum(line.startswith("✓ completed") for line in lines) == 2
    assert any(line.startswith("  ✓ ") for line in lines)
    assert any(line.startswith("Two prompts answered in ") for line in lines)
    assert all(len(line) <= 80 for line in lines)


def test_the_picture_is_a_drawing_that_asks_nothing_of_the_network(cli: Cli, tmp_path: Path) -> None:
    file = tmp_path / "terminal.svg"
    assert cli("demo", "--speed", "10", "--picture", str(file)).code == 0
    text = file.read_text(encoding="utf-8")
    ElementTree.fromstring(text)
    assert "url(" not in text.replace("url(#", "")
    assert len(text) < 150_000


def test_a_reader_that_goes_away_ends_it_quietly() -> None:
    for words in (["--json"], []):
        command = [sys.executable, "-m", "agor_reactive", "demo", "--speed", "10", *words]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        try:
            assert process.stdout is not None
            assert process.stderr is not None
            assert process.stdout.readline()
            process.stdout.close()
            assert process.wait(20) == 1
            assert process.stderr.read() == b""
        finally:
            process.kill()
            process.wait()
            process.stderr.close()
