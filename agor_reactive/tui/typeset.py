"""Lays out units as lines of segments for one width, with rich. Knows no screen."""

from __future__ import annotations

import io
from typing import Final

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.segment import Segment
from rich.style import Style
from rich.table import Table
from rich.text import Text
from rich.theme import Theme

from agor_reactive.adapters.presentation.blocks import ThinkingBlock
from agor_reactive.adapters.presentation.diffs import DiffLine
from agor_reactive.adapters.presentation.exact import cut_text
from agor_reactive.adapters.presentation.quantities import seconds_text
from agor_reactive.adapters.presentation.requests import RequestBlock
from agor_reactive.adapters.presentation.runs import Calls
from agor_reactive.adapters.presentation.tasks import TaskHeading
from agor_reactive.adapters.terminal.blocks import paint, status_text
from agor_reactive.adapters.terminal.layout import Line, lay_out
from agor_reactive.adapters.terminal.prose import LongText, prose
from agor_reactive.adapters.terminal.signs import SIGNS, heading_style
from agor_reactive.tui.pieces import Piece
from agor_reactive.tui.units import Call, Run, Unit

__all__ = ["Typesetter"]

DIFF_LINES: Final = 12
"""Lines of a diff that are shown while its call is folded."""

DETAIL_LINES: Final = 200
DETAIL_TEXT: Final = 20_000
"""Lines and characters of an input or a result of an open call."""

_THEME: Final = Theme({"markdown.code": "bold cyan"})
"""rich puts inline code on black, which no light screen has."""

_DIFF_STYLES: Final = {"+": "green", "-": "red", " ": "dim", "…": "dim"}


class Typesetter:
    """Lays out units for one width."""

    def __init__(self, width: int) -> None:
        self.width = max(width, 10)
        self._console = Console(
            file=io.StringIO(),
            width=self.width,
            color_system="truecolor",
            force_terminal=True,
            legacy_windows=False,
            markup=False,
            emoji=False,
            highlight=False,
            theme=_THEME,
        )
        self._options = self._console.options

    def lay(self, unit: Unit) -> list[Line]:
        """Return the lines of a unit, without the blank ones before it; at least one."""
        indent = 0 if isinstance(unit.content, TaskHeading) else 2
        lines = lay_out(self._console, self._options, self._painted(unit), indent=indent)
        lines = [[_on_any_background(segment) for segment in line] for line in lines]
        while lines and not lines[-1]:
            lines.pop()
        if unit.writing and lines and Segment.get_line_length(lines[-1]) < self.width:
            lines[-1].append(Segment(SIGNS.cursor, Style(dim=True)))
        return lines or [[]]

    def _painted(self, unit: Unit) -> RenderableType:
        content = unit.content
        match content:
            case TaskHeading():
                return _heading(content, opened=unit.opened)
            case Piece(text=text):
                return prose(text)
            case Run(line=calls):
                return _run(calls, opened=unit.opened)
            case Call():
                return _call(content, opened=unit.opened)
            case ThinkingBlock(text=text) if unit.opened:
                return Group(
                    Text(f"{SIGNS.thought} Thinking", "dim italic"), LongText(cut_text(text, DETAIL_TEXT), "dim italic")
                )
            case RequestBlock() if unit.opened:
                line = Text(f"{SIGNS.asks} {content.line}", style="bold yellow")
                return Group(line, Padding(LongText(cut_text(content.input, DETAIL_TEXT)), (0, 0, 0, 2)))
            case _:
                return paint(content, SIGNS).painted


def _on_any_background(segment: Segment) -> Segment:
    """The segment without "default" colours: the screen has its own, and rows that are selected have others.

    Dim text loses its colour, too: both together are hard to read.
    """
    style = segment.style
    if style is None or (style.color is None and style.bgcolor is None):
        return segment
    color = None if style.color is None or style.color.is_default or style.dim else style.color
    background = None if style.bgcolor is None or style.bgcolor.is_default else style.bgcolor
    if color is style.color and background is style.bgcolor:
        return segment
    return Segment(segment.text, style.without_color + Style.from_color(color, background))


def _heading(heading: TaskHeading, *, opened: bool) -> RenderableType:
    """The prompt at the left, the status at the right."""
    grid = Table.grid(expand=True, padding=(0, 1, 0, 0))
    grid.add_column(width=1)
    grid.add_column(ratio=1)
    grid.add_column(justify="right", no_wrap=True)
    prompt = Text(heading.full_prompt if opened and heading.full_prompt else heading.prompt, style="bold")
    if heading.full_prompt and not opened:
        prompt.append(f" {SIGNS.more}" if not heading.prompt.endswith("…") else "", style="dim")
    grid.add_row(Text(SIGNS.bar, style=heading_style(heading)), prompt, status_text(heading, SIGNS))
    return grid


def _run(calls: Calls, *, opened: bool) -> RenderableType:
    """``▸ 6 tool calls · Read ×4, Bash ×2 · 3.4 s``."""
    line = Text(no_wrap=True, overflow="ellipsis")
    line.append("▾ " if opened else "▸ ", style="dim")
    line.append(calls.title, style="bold")
    line.append(f" {SIGNS.dot} {calls.named}", style="dim")
    if calls.seconds is not None:
        line.append(f" {SIGNS.dot} {seconds_text(calls.seconds)}", style="dim")
    return line


def _call(call: Call, *, opened: bool) -> RenderableType:
    # A line that is cut to its room has no end, which Padding gives it.
    parts: list[RenderableType] = [Padding(paint(call.block, SIGNS).painted, 0)]
    if call.diff:
        parts.append(Padding(_diff(call.diff, None if opened else DIFF_LINES), (0, 0, 0, 2)))
    if opened and call.detail is not None:
        for title, text in (("Input", call.detail.input), ("Result", call.detail.result)):
            if text:
                shown = cut_text(text, DETAIL_TEXT, lines=DETAIL_LINES)
                parts.append(Padding(Group(Text(title, "dim"), LongText(shown)), (0, 0, 0, 2)))
    return Group(*parts)


def _diff(lines: tuple[DiffLine, ...], most: int | None) -> RenderableType:
    """Lines with their signs; with `most`, so many and how many follow."""
    shown = lines if most is None or len(lines) <= most + 1 else lines[:most]
    text = Text(no_wrap=False)
    for number, line in enumerate(shown):
        text.append("\n" if number else "")
        text.append(f"{line.sign} {line.text}", style=_DIFF_STYLES[line.sign])
    if len(shown) < len(lines):
        text.append(f"\n{SIGNS.more} {len(lines) - len(shown):,} more lines", style="dim")
    return text
