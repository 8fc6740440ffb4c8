"""Units: the parts of a task that are laid out, folded and selected one by one. Pure: made of a snapshot."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal, TypeAlias

from agor_reactive.adapters.presentation.blocks import (
    Block,
    NoteBlock,
    QuestionBlock,
    TextBlock,
    ThinkingBlock,
    ToolBlock,
    UserBlock,
)
from agor_reactive.adapters.presentation.diffs import DiffLine, edit_diff
from agor_reactive.adapters.presentation.quantities import seconds_text
from agor_reactive.adapters.presentation.requests import RequestBlock
from agor_reactive.adapters.presentation.runs import Calls, calls_of, grouped, run_key
from agor_reactive.adapters.presentation.tasks import TaskHeading
from agor_reactive.adapters.presentation.tools import ToolDetail, input_text, result_text
from agor_reactive.core.tools import Tool
from agor_reactive.tui.pieces import Piece, pieces_of

__all__ = ["Call", "Folds", "Run", "Unfolded", "Unit", "base_key", "heading_unit", "plain_text", "units_of"]

Kind: TypeAlias = Literal["heading", "text", "thinking", "tool", "note"]


@dataclass(frozen=True, slots=True)
class Call:
    """A call of a tool, with its diff if it edits a file, and its input and result while it is open."""

    block: ToolBlock
    diff: tuple[DiffLine, ...] = ()
    detail: ToolDetail | None = None


@dataclass(frozen=True, slots=True)
class Run:
    """The line of a run of calls, and the calls that it hides: none while it is open."""

    line: Calls
    hidden: tuple[ToolBlock, ...] = ()


Content: TypeAlias = TaskHeading | Piece | Call | Run | Block


@dataclass(frozen=True, slots=True)
class Unit:
    """A part of a task. Equal units look the same. `gap`: blank lines before it. `folds`: whether it opens and folds.

    `key` is unique in the task; the pieces of one text have the key of its block with ``#`` and a number.
    """

    key: str
    kind: Kind
    content: Content
    gap: int = 0
    folds: bool = False
    opened: bool = False
    writing: bool = False


@dataclass(slots=True)
class Folds:
    """What is open. Written by the transcript; `revision` counts the changes."""

    thinking: bool = False
    tools: bool = False
    revision: int = 0
    flipped: set[tuple[str, str]] = field(default_factory=set)

    def is_open(self, task_id: str, key: str, kind: Kind) -> bool:
        """Whether a unit is open: as all of its kind are, unless it was changed alone."""
        opened = self.thinking if kind == "thinking" else self.tools if kind == "tool" else False
        return opened != ((task_id, key) in self.flipped)

    def flipped_keys(self, task_id: str) -> set[str]:
        """Return the keys of the units of a task that were changed alone."""
        return {key for task, key in self.flipped if task == task_id}

    def flip(self, task_id: str, key: str) -> None:
        """Open or fold one unit."""
        self.flipped ^= {(task_id, key)}
        self.revision += 1

    def flip_all(self, kind: Literal["thinking", "tools"]) -> bool:
        """Open or fold all units of a kind. Returns whether they are open now."""
        opened = not getattr(self, kind)
        setattr(self, kind, opened)
        self.flipped.clear()
        self.revision += 1
        return opened


class Unfolded(Folds):
    """Everything is open."""

    def is_open(self, task_id: str, key: str, kind: Kind) -> bool:
        return True


def base_key(key: str) -> str:
    """Return the key of the block that a unit is of."""
    return key.partition("#")[0]


def heading_unit(task_id: str, heading: TaskHeading, folds: Folds, *, first: bool, now: float) -> Unit:
    """Return the unit of a task's heading; a running task shows how long it has run at `now`."""
    if heading.began is not None:
        heading = replace(heading, took=seconds_text(float(max(0, int(now - heading.began)))), began=None)
    opened = folds.is_open(task_id, "heading", "heading")
    return Unit("heading", "heading", heading, gap=0 if first else 1, folds=bool(heading.full_prompt), opened=opened)


def units_of(task_id: str, blocks: Iterable[Block], tools: Mapping[str, Tool], folds: Folds) -> tuple[Unit, ...]:
    """Return the units of a task's blocks. `tools` are its calls by tool_use_id."""
    units: list[Unit] = []
    before = ""
    items = grouped(blocks, tall=lambda call: bool(_diff(call, tools)))
    for unit in _ungapped(task_id, items, tools, folds):
        apart = unit.kind == "text" or (before == "text" and unit.kind != "tool")
        if isinstance(unit.content, Piece):
            apart = apart and unit.content.apart
        units.append(replace(unit, gap=1) if before and apart and before != "thinking" else unit)
        before = unit.kind
    return tuple(units)


def _diff(block: ToolBlock, tools: Mapping[str, Tool]) -> tuple[DiffLine, ...]:
    tool = tools.get(block.tool_use_id)
    if tool is None:
        return ()
    known = _DIFFS.get(block.tool_use_id)
    if known is None or known[0] is not tool.input:
        known = (tool.input, edit_diff(tool.input))
        if len(_DIFFS) > 500:
            _DIFFS.pop(next(iter(_DIFFS)))
        _DIFFS[block.tool_use_id] = known
    return known[1]


_DIFFS: dict[str, tuple[object, tuple[DiffLine, ...]]] = {}
"""The newest diffs, by tool_use_id, with the input that each is of."""


def _ungapped(
    task_id: str, items: Iterable[Block | list[ToolBlock]], tools: Mapping[str, Tool], folds: Folds
) -> Iterator[Unit]:
    for item in items:
        if isinstance(item, list):
            yield from _run(task_id, item, tools, folds)
            continue
        key = item.key
        match item:
            case TextBlock(text=text, writing=writing):
                pieces = pieces_of(text)
                for number, piece in enumerate(pieces):
                    last = number == len(pieces) - 1
                    yield Unit(f"{key}#{number}" if number else key, "text", piece, writing=writing and last)
            case ThinkingBlock(writing=writing):
                opened = folds.is_open(task_id, key, "thinking")
                yield Unit(key, "thinking", item, folds=True, opened=opened, writing=writing)
            case ToolBlock():
                yield _call(task_id, item, tools, folds)
            case UserBlock():
                yield Unit(key, "text", item)
            case RequestBlock():
                opened = folds.is_open(task_id, key, "note")
                yield Unit(key, "note", item, folds=bool(item.input), opened=opened)
            case QuestionBlock() | NoteBlock():
                yield Unit(key, "note", item)


def _run(task_id: str, run: list[ToolBlock], tools: Mapping[str, Tool], folds: Folds) -> Iterator[Unit]:
    """A line, which opens to the calls."""
    key = run_key(run, folds.flipped_keys(task_id))
    opened = folds.is_open(task_id, key, "tool")
    yield Unit(key, "tool", Run(calls_of(run), () if opened else tuple(run)), folds=True, opened=opened)
    if opened:
        for block in run:
            yield _call(task_id, block, tools, folds, within=True)


def _call(task_id: str, block: ToolBlock, tools: Mapping[str, Tool], folds: Folds, *, within: bool = False) -> Unit:
    # A call of a run that was opened by "open all" would show its details at once: they open one by one.
    opened = folds.is_open(task_id, block.key, "note" if within else "tool")
    tool = tools.get(block.tool_use_id)
    diff = _diff(block, tools)
    detail = None
    if opened and tool is not None:
        detail = ToolDetail("" if diff else input_text(tool.input), result_text(tool.result))
    return Unit(block.key, "tool", Call(block, diff, detail), folds=tool is not None, opened=opened)


def plain_text(unit: Unit) -> str:
    """Return the text of a unit, for a search or the clipboard."""
    content = unit.content
    match content:
        case TaskHeading():
            return content.full_prompt or content.prompt
        case Piece() | TextBlock() | ThinkingBlock() | UserBlock() | QuestionBlock() | NoteBlock():
            return content.text
        case RequestBlock():
            return f"{content.line}\n{content.input}".strip()
        case Run(line=calls, hidden=hidden):
            return "\n".join([calls.named, *map(_call_text, hidden)])
        case Call(block=block, diff=diff, detail=detail):
            lines = [_call_text(block), block.failure]
            lines += [f"{line.sign} {line.text}" for line in diff]
            lines += [detail.input, detail.result] if detail is not None else []
            return "\n".join(line for line in lines if line)
        case ToolBlock():  # always inside a `Call`
            return content.name


def _call_text(block: ToolBlock) -> str:
    return f"{block.name} {block.summary.text}".strip()
