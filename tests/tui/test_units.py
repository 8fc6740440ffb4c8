"""Units of a task's blocks: which calls are one line, and what a folded line hides."""

from __future__ import annotations

from typing import Literal

from agor_reactive.adapters.presentation.blocks import Block, TextBlock, ToolBlock
from agor_reactive.adapters.presentation.exact import Excerpt
from agor_reactive.core.tools import Tool
from agor_reactive.models.base import freeze
from agor_reactive.tui.units import Call, Folds, Run, Unit, plain_text, units_of


def call(key: str, state: Literal["executing", "complete", "failed"] = "complete") -> ToolBlock:
    return ToolBlock(f"tool/{key}", key, "Read", state, summary=Excerpt(f"file-{key}"), failure="no such file")


def calls(line: str, states: str = "") -> list[Block]:
    """A call for each letter; those in `states` failed if they are capital there, else execute."""
    return [
        call(key, "failed" if key.upper() in states else "executing" if key in states else "complete") for key in line
    ]


def shown(units: tuple[Unit, ...]) -> list[str]:
    """The lines: runs by their titles, calls by the letters of their ids."""
    lines = []
    for unit in units:
        assert isinstance(unit.content, Run | Call)
        lines.append(unit.content.line.title if isinstance(unit.content, Run) else unit.content.block.tool_use_id)
    return lines


def test_a_call_that_failed_or_executes_stands_outside_the_runs_with_its_reason() -> None:
    units = units_of("t", calls("abcdefghijk", "Ek"), {}, Folds())
    assert shown(units) == ["4 tool calls", "e", "5 tool calls", "k"]
    assert "no such file" in plain_text(units[1])


def test_an_edit_stands_outside_the_runs_because_its_diff_is_shown() -> None:
    given = freeze({"file_path": "a.py", "old_string": "x", "new_string": "y"})
    units = units_of("t", calls("abcdefghi"), {"e": Tool("e", "Edit", "t", "complete", given)}, Folds())
    assert shown(units) == ["4 tool calls", "e", "4 tool calls"]


def test_an_opened_run_stays_open_while_calls_end_on_both_sides_of_it() -> None:
    folds = Folds()
    folds.flip("t", units_of("t", calls("abcdef", "af"), {}, folds)[1].key)
    assert shown(units_of("t", calls("abcdef", "af"), {}, folds)) == ["a", "4 tool calls", *"bcdef"]
    assert shown(units_of("t", calls("abcdefg", "g"), {}, folds)) == ["6 tool calls", *"abcdefg"]


def test_a_folded_run_has_the_text_of_the_calls_that_it_hides_and_an_open_one_has_not() -> None:
    folds = Folds()
    blocks = [*calls("abcd"), TextBlock("text", "Then")]
    assert [unit.key for unit in units_of("t", blocks, {}, folds) if "file-c" in plain_text(unit)] == ["run/tool/a"]
    folds.flip("t", "run/tool/a")
    assert [unit.key for unit in units_of("t", blocks, {}, folds) if "file-c" in plain_text(unit)] == ["tool/c"]
