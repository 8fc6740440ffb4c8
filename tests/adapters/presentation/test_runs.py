"""Runs of tool calls: which calls are one line, and what the line says."""

from __future__ import annotations

from typing import Literal

import pytest

from agor_reactive.adapters.presentation.blocks import Block, TextBlock, ToolBlock
from agor_reactive.adapters.presentation.runs import Calls, calls_of, grouped


def call(
    key: str, state: Literal["executing", "complete", "failed"] = "complete", seconds: float | None = 1.0
) -> ToolBlock:
    """A call of the tool that its key begins with."""
    return ToolBlock(key, key, key[0], state, seconds=seconds)


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
    ],
)
def test_more_than_three_calls_in_a_row_are_one_line(line: str, wanted: list[str]) -> None:
    blocks = [KINDS.get(sign) or call("c") for sign in line]
    signs = {id(block): sign for block, sign in zip(blocks, line, strict=True)}
    found = grouped(blocks, lambda block: block.state != "complete")
    shown = ["".join(signs[id(b)] for b in item) if isinstance(item, list) else signs[id(item)] for item in found]
    assert shown == wanted


def test_the_line_says_what_was_called_how_often_and_how_long_all_took() -> None:
    calls = calls_of([call("R1", seconds=0.5), call("B1", seconds=None), call("R2", "failed"), call("R3")])
    assert (calls.title, calls.named, calls.seconds, calls.failed) == ("4 tool calls", "R ×3, B", 2.5, 1)
    assert calls_of([call("R1", seconds=None)]) == Calls((("R", 1),), 0, None)
