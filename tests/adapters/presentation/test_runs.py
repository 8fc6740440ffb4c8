"""Runs of tool calls: which calls are one line, and what the line says."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from typing import Literal

import pytest

from agor_reactive.adapters.presentation.blocks import Block, TextBlock, ToolBlock
from agor_reactive.adapters.presentation.runs import Calls, calls_of, grouped, run_key


def call(
    key: str,
    state: Literal["executing", "complete", "failed"] = "complete",
    seconds: float | None = 1.0,
    ended: float | None = None,
) -> ToolBlock:
    """A call of the tool that its key begins with."""
    return ToolBlock(key, key, key[0], state, seconds=seconds, ended=ended)


KINDS: dict[str, Block] = {
    "-": TextBlock("text", "Then"),
    "e": call("e", "executing"),
    "f": call("f", "failed"),
}


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("", []),
        ("ccc", ["c", "c", "c"]),
        ("cccc", ["cccc"]),
        ("ccccc-cc", ["ccccc", "-", "c", "c"]),
        ("cc-cc", ["c", "c", "-", "c", "c"]),
        ("ccccecccc", ["cccc", "e", "cccc"]),
        ("cccfcccc", ["c", "c", "c", "f", "cccc"]),
        ("fffff", ["f"] * 5),
        ("cctccccf", ["c", "c", "t", "cccc", "f"]),
    ],
)
def test_more_than_three_completed_calls_in_a_row_are_one_line(line: str, wanted: list[str]) -> None:
    blocks = [KINDS.get(sign) or call(sign) for sign in line]
    signs = {id(block): sign for block, sign in zip(blocks, line, strict=True)}
    found = grouped(blocks, tall=lambda block: block.name == "t")
    shown = ["".join(signs[id(b)] for b in item) if isinstance(item, list) else signs[id(item)] for item in found]
    assert shown == wanted


def test_no_view_can_put_a_call_that_executes_or_failed_into_a_run() -> None:
    for signs in product("cef", repeat=6):
        blocks = [KINDS.get(sign) or call("c") for sign in signs]
        hidden = [block for item in grouped(blocks, tall=lambda _: False) if isinstance(item, list) for block in item]
        assert {block.state for block in hidden} <= {"complete"}
        assert [block for item in grouped(blocks) for block in (item if isinstance(item, list) else [item])] == blocks


def test_the_line_says_what_was_called_how_often_and_how_long_all_took() -> None:
    one, two, three = (call(f"R{number}", ended=10.0 * number) for number in (1, 2, 3))
    calls = calls_of([replace(one, seconds=0.5), call("B1", seconds=None), two, three])
    assert (calls.title, calls.named, calls.seconds) == ("4 tool calls", "R ×3, B", 2.5)
    assert calls_of([call("R1", seconds=None)]) == Calls((("R", 1),), None)


@pytest.mark.parametrize(
    ("spans", "seconds"),
    [
        ([(0, 4), (0, 4), (0, 4), (0, 4)], 4),  # called by one message
        ([(0, 4), (1, 3), (0, 2), (4, 5)], 5),
        ([(6, 8), (0, 1), (7, 9), (0, 2)], 5),  # ended in another order
        ([(0, 1), (10, 11), (20, 21), (30, 31)], 4),  # what was between them is no time of theirs
    ],
)
def test_time_in_which_several_calls_ran_at_once_counts_once(spans: list[tuple[int, int]], seconds: int) -> None:
    run = [call(f"R{n}", seconds=float(end - begin), ended=float(end)) for n, (begin, end) in enumerate(spans)]
    assert calls_of(run).seconds == seconds


def test_a_run_keeps_its_key_when_calls_before_its_first_end() -> None:
    run = [call("R1"), call("R2"), call("R3")]
    assert run_key(run, set()) == "run/R1"
    assert run_key([call("R0"), *run], {"run/R1"}) == "run/R1"
