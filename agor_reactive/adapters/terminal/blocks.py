"""Paints headings and blocks of the presentation as rich renderables."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from rich.cells import cell_len
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from agor_reactive.adapters.presentation.blocks import (
    Block,
    NoteBlock,
    QuestionBlock,
    TextBlock,
    ThinkingBlock,
    ToolBlock,
    UserBlock,
)
from agor_reactive.adapters.presentation.exact import Excerpt, cut_text
from agor_reactive.adapters.presentation.plain import one_line
from agor_reactive.adapters.presentation.quantities import seconds_text
from agor_reactive.adapters.presentation.requests import RequestBlock
from agor_reactive.adapters.presentation.tasks import TaskHeading, prompt_line
from agor_reactive.adapters.terminal.prose import MARKDOWN_LIMIT, LongText, prose, tail_of
from agor_reactive.adapters.terminal.signs import Signs, heading_style, tone_style
from agor_reactive.models.task import Task

__all__ = ["Item", "full_heading", "paint", "prompt_text", "short_heading", "status_text"]

LIVE_TEXT = 12_000
"""Characters of a growing text that are laid out: several screens, so that its cost does not grow with it."""

PROMPT_LIMIT = 400
"""Characters of a prompt. More than a heading elsewhere shows, because a terminal cannot open it."""


REQUEST_LIMIT, REQUEST_LINES = 2_000, 12
"""Characters and lines of the input of a pending request: a screen of 24 lines shows them all."""


class Item(NamedTuple):
    """A painted block. `kind`: ``text``, ``thinking``, ``tool``, ``note``. `writing`: the cursor follows."""

    kind: str
    painted: RenderableType
    writing: bool = False


def status_text(heading: TaskHeading, signs: Signs) -> Text:
    """``✓ completed 2.6 s``."""
    text = Text(f"{signs.mark(heading.mark)} {heading.status}", style=heading_style(heading), no_wrap=True)
    return text.append(f" {heading.took}", style="dim") if heading.took else text


def prompt_text(task: Task) -> Text:
    """The prompt as one run of text."""
    return Text(prompt_line(task, PROMPT_LIMIT), style="bold")


def full_heading(task: Task, heading: TaskHeading, signs: Signs) -> RenderableType:
    """The prompt at the left, the status at the right."""
    grid = Table.grid(expand=True, padding=(0, 1, 0, 0))
    grid.add_column(width=1)
    grid.add_column(ratio=1)
    grid.add_column(justify="right", no_wrap=True)
    grid.add_row(Text(signs.bar, style=heading_style(heading)), prompt_text(task), status_text(heading, signs))
    return grid


def short_heading(heading: TaskHeading, signs: Signs) -> RenderableType:
    """The heading on one line, for a task whose full heading has scrolled away."""
    grid = Table.grid(expand=True, padding=(0, 1, 0, 0))
    grid.add_column(width=len(signs.more))
    grid.add_column(ratio=1, no_wrap=True, overflow="ellipsis")
    grid.add_column(justify="right", no_wrap=True)
    prompt = Text(heading.prompt, style="dim bold")
    grid.add_row(Text(signs.more, style="dim"), prompt, status_text(heading, signs))
    return grid


def paint(block: Block, signs: Signs) -> Item:
    """Paint a block."""
    match block:
        case TextBlock(text=text, writing=writing):
            return Item("text", prose(tail_of(text, LIVE_TEXT) if writing else text), writing)
        case ThinkingBlock():
            return _thinking(block, signs)
        case UserBlock(text=text):
            said = f"{signs.user} {text}"
            long = len(said) > MARKDOWN_LIMIT
            return Item("text", LongText(said, "italic") if long else Text(said, style="italic"))
        case ToolBlock():
            return Item("tool", _tool(block, signs))
        case RequestBlock():
            return Item("note", _request(block, signs))
        case QuestionBlock(text=text):
            return Item("note", Text(f"{signs.asks} {text}", style="bold yellow"))
        case NoteBlock(text=text, tone=tone):
            sign = {"warn": f"{signs.note} ", "bad": f"{signs.failed} "}.get(tone, "")
            return Item("note", Text(f"{sign}{one_line(text)}", style=tone_style(tone) if tone else "dim"))


def _line(sign: str, style: str, text: str) -> Text:
    line = Text(no_wrap=True, overflow="ellipsis", end="")
    line.append(f"{sign} ", style=style)
    return line.append(text)


def _request(block: RequestBlock, signs: Signs) -> RenderableType:
    """The request, and its input below: lines while it is pending, because it is approved as it is read here."""
    line = Text(f"{signs.asks} {block.line}", style="bold yellow" if block.state == "pending" else "yellow")
    if not block.input:
        return line
    data: RenderableType = Text(cut_text(block.input, REQUEST_LIMIT, lines=REQUEST_LINES))
    if block.state != "pending":
        data = _Cut(Text(), block.summary, Text())
    return Group(line, Padding(data, (0, 0, 0, 2)))


def _tool(block: ToolBlock, signs: Signs) -> RenderableType:
    """``✓ Bash pytest -q · 12.0 s``; a failed call is followed by the reason."""
    sign, style = {
        "executing": (signs.busy, tone_style("busy")),
        "complete": (signs.done, tone_style("ok")),
        "failed": (signs.failed, tone_style("bad")),
    }[block.state]
    line = _line(sign, style, block.name)
    line.stylize("bold", 2, 2 + len(block.name))
    line.append(" ")
    rest = Text(no_wrap=True, overflow="ellipsis", end="")
    if block.seconds is not None:
        rest.append(f" {signs.dot} {seconds_text(block.seconds)}", style="dim")
    if block.failure:
        rest.append(f" {signs.dot} {block.failure}", style=tone_style("bad"))
    return _Cut(line, block.summary, rest)


class _Cut:
    """One line of three parts; where they do not fit, the middle one is cut and says how much is left out."""

    def __init__(self, lead: Text, middle: Excerpt, rest: Text) -> None:
        self._lead, self._middle, self._rest = lead, middle, rest

    def __rich_console__(self, console: object, options: object) -> Iterator[Text]:
        width = getattr(options, "max_width", 80)
        rest = min(self._rest.cell_len, max(width // 3, 12))
        room = max(width - self._lead.cell_len - rest, width // 3)
        line = self._lead.copy()
        line.append(self._middle.within(room, cell_len), style="dim").append_text(self._rest)
        line.no_wrap, line.overflow, line.end = True, "ellipsis", ""
        yield line


def _thinking(block: ThinkingBlock, signs: Signs) -> Item:
    """Thinking on one dim line: its end while it grows, its beginning after."""
    if block.writing:
        tail = one_line(block.text[-600:], 600)
        return Item("thinking", _Tail(f"{signs.thought} ", tail, signs.more), writing=True)
    text = Text(no_wrap=True, overflow="ellipsis", style="dim italic", end="")
    return Item("thinking", text.append(f"{signs.thought} {one_line(block.text)}"))


class _Tail:
    """One line that shows the end of a text rather than its beginning."""

    def __init__(self, lead: str, text: str, more: str) -> None:
        self._lead, self._text, self._more = lead, text, more

    def __rich_console__(self, console: object, options: object) -> Iterator[Text]:
        room = max(8, getattr(options, "max_width", 80) - cell_len(self._lead) - 2)
        text = self._text
        if cell_len(text) > room:
            text = self._more + text[-(room - len(self._more)) :]
            while cell_len(text) > room:
                text = self._more + text[len(self._more) + 1 :]
        yield Text(f"{self._lead}{text}", style="dim italic", no_wrap=True, overflow="crop", end="")
