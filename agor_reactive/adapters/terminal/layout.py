"""Lays out one snapshot as lines of a terminal for one width. Knows blocks and rich, nothing of screens."""

from __future__ import annotations

import re
from collections.abc import Iterable

from rich.console import Console, ConsoleOptions, RenderableType
from rich.padding import Padding
from rich.segment import Segment
from rich.style import Style
from rich.table import Table
from rich.text import Text

from agor_reactive.adapters.presentation.blocks import Block, NoteBlock
from agor_reactive.adapters.presentation.heading import heading_of, notes_of
from agor_reactive.adapters.presentation.plain import plain
from agor_reactive.adapters.presentation.presenter import Presenter
from agor_reactive.adapters.presentation.status import Tone
from agor_reactive.adapters.presentation.tasks import TaskHeading, queue_of
from agor_reactive.adapters.terminal.blocks import Item, full_heading, paint, short_heading
from agor_reactive.adapters.terminal.signs import Signs, heading_style, signs_for, status_style, tone_style
from agor_reactive.core.snapshot import SessionState
from agor_reactive.models.task import Task

__all__ = ["LaidOut", "Layouts", "Line", "Painter", "lay_out", "note_sign", "stacked"]

Line = list[Segment]
LaidOut = tuple[Item, list[Line]]

_CONTROL = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
_QUEUE_SHOWN = 3


class Layouts:
    """What successive views of a session share: its presenter, and the newest few hundred blocks already laid out."""

    def __init__(self, limit: int = 400) -> None:
        self.presenter = Presenter()
        self._limit = limit
        self._kept: dict[tuple[str, str], tuple[Block, int, LaidOut]] = {}

    def get(self, task_id: str, block: Block, width: int) -> LaidOut | None:
        """Return the layout of the block at that width, None if it differs."""
        kept = self._kept.get((task_id, block.key))
        return kept[2] if kept is not None and kept[0] == block and kept[1] == width else None

    def put(self, task_id: str, block: Block, width: int, laid_out: LaidOut) -> None:
        """Keep a layout."""
        key = (task_id, block.key)
        self._kept.pop(key, None)
        self._kept[key] = (block, width, laid_out)
        if len(self._kept) > self._limit:
            del self._kept[next(iter(self._kept))]


def note_sign(tone: Tone, signs: Signs) -> str:
    """Return the sign and blank before a note, empty for neutral ones."""
    sign = {"ok": signs.done, "busy": signs.busy, "warn": signs.note, "bad": signs.failed}.get(tone, "")
    return f"{sign} " if sign else ""


def _without_controls(line: Line) -> Line:
    """The last guard: removes control characters that Markdown made of entities such as ``&#27;``."""
    for at, segment in enumerate(line):
        if _CONTROL.search(segment.text):
            line[at] = Segment(_CONTROL.sub("", segment.text), segment.style)
    return line


def _trimmed(line: Line) -> Line:
    """A copy of the line without the blanks that Markdown pads it with."""
    kept = list(line)
    while kept and not kept[-1].text.strip():
        kept.pop()
    if kept:
        kept[-1] = Segment(kept[-1].text.rstrip(), kept[-1].style)
    return kept


def lay_out(console: Console, options: ConsoleOptions, painted: RenderableType, *, indent: int = 0) -> list[Line]:
    """Return the lines of a renderable, without control characters and without blanks at their ends."""
    part = Padding(painted, (0, 0, 0, indent), expand=False) if indent else painted
    return [_without_controls(_trimmed(line)) for line in console.render_lines(part, options, pad=False)]


class Painter:
    """Lays out the parts of one snapshot for one width."""

    def __init__(
        self,
        state: SessionState,
        console: Console,
        options: ConsoleOptions,
        layouts: Layouts,
        *,
        released: bool = False,
    ) -> None:
        self.state = state
        self.released = released
        self.console = console
        self.options = options
        self.layouts = layouts
        self.signs = signs_for(console)

    def _lay(self, painted: RenderableType, *, indent: int = 0) -> list[Line]:
        return lay_out(self.console, self.options, painted, indent=indent)

    # ------------------------------------------------------------------------------------------------- top and bottom

    def heading(self) -> list[Line]:
        """Title and status, connection, model; and a rule."""
        heading = heading_of(self.state, released=self.released)
        grid = Table.grid(expand=True, padding=(0, 1, 0, 0))
        grid.add_column(ratio=1, no_wrap=True, overflow="ellipsis")
        grid.add_column(justify="right", no_wrap=True)
        left = Text(heading.title, style="bold")
        if heading.status:
            style = f"not bold {heading_style(heading)}"
            left.append(f"  {self.signs.mark(heading.mark)} {heading.status}", style=style)
        right = Text.assemble((heading.link, tone_style(heading.link_tone)))
        if heading.model:
            right.append(f" {self.signs.dot} {heading.model}", style="dim")
        grid.add_row(left, right)
        rule = Text(self.signs.rule * self.options.max_width, style="dim", no_wrap=True, overflow="crop", end="")
        return [*self._lay(grid), *self._lay(rule)]

    def queue(self) -> list[Line]:
        """The queued prompts."""
        queued = queue_of(self.state)
        lines: list[Line] = []
        for number, entry in enumerate(queued[:_QUEUE_SHOWN], 1):
            line = Text(no_wrap=True, overflow="ellipsis", end="")
            line.append(f"{self.signs.waiting} queued {number} ", style=status_style("queued"))
            lines += self._lay(line.append(entry.prompt))
        if len(queued) > _QUEUE_SHOWN:
            lines += self._lay(Text(f"  and {len(queued) - _QUEUE_SHOWN} more", style="dim", end=""))
        return [[], *lines] if lines else lines

    def footing(self, hint: str, *, always: bool = False) -> list[Line]:
        """The notes on the session, else (or `always`) the hint."""
        signs = self.signs
        notes = [
            Text(f"{note_sign(note.tone, signs)}{note.text}", tone_style(note.tone))
            for note in notes_of(self.state, released=self.released)
        ]
        if hint and (always or not notes):
            notes.append(Text(plain(hint), "dim", no_wrap=True, overflow="ellipsis"))
        return [[], *(line for note in notes for line in self._lay(note))] if notes else []

    # ---------------------------------------------------------------------------------------------------- the middle

    def body(self, room: int | None) -> list[Line]:
        """The tasks, newest last. With `room`, at most so many lines, below a short heading of the cut task."""
        state = self.state
        # Streams without a known task stand at the end.
        lines = [
            line for _, block in self.laid_out("", self.layouts.presenter.unassigned_blocks(state)) for line in block
        ]
        shown: set[str] = set()
        for task in reversed(state.tasks):
            if task.queued:
                continue
            shown.add(task.task_id)
            block = self._task(task)
            if lines:
                block.append([])
            lines = block + lines
            if room is not None and len(lines) > room:
                lines = [
                    *self._lay(short_heading(self._heading(task), self.signs))[:1],
                    *lines[len(lines) - room + 1 :],
                ]
            if room is not None and len(lines) == room:
                break
        self.layouts.presenter.keep(shown)
        if not lines and not state.loading and not state.terminal:
            return self._lay(Text("No prompts yet.", style="dim"))
        return lines

    def laid_out(self, task_id: str, blocks: Iterable[Block]) -> list[LaidOut]:
        """Lay out blocks of a task; unchanged ones are taken from the layouts kept."""
        found: list[LaidOut] = []
        width = self.options.max_width
        for block in blocks:
            laid_out = self.layouts.get(task_id, block, width)
            if laid_out is None:
                laid_out = self._item(paint(block, self.signs))
                self.layouts.put(task_id, block, width, laid_out)
            found.append(laid_out)
        return found

    def _item(self, item: Item) -> LaidOut:
        lines = self._lay(item.painted, indent=2)
        while lines and not lines[-1]:
            lines.pop()
        if item.writing and lines and Segment.get_line_length(lines[-1]) < self.options.max_width:
            lines[-1].append(Segment(self.signs.cursor, Style(dim=True)))
        return item, lines

    def _heading(self, task: Task) -> TaskHeading:
        return self.layouts.presenter.task_heading(task)

    def _task(self, task: Task) -> list[Line]:
        state = self.state
        blocks = self.layouts.presenter.task_blocks(state, task)
        if task.ended and not state.get_task_messages(task.task_id) and not state.is_task_loaded(task.task_id):
            blocks = (*blocks, NoteBlock("unloaded", "(messages not loaded)"))
        return [
            *self._lay(full_heading(task, self._heading(task), self.signs)),
            *stacked(self.laid_out(task.task_id, blocks)),
        ]


def stacked(parts: Iterable[LaidOut], *, after: str = "") -> list[Line]:
    """Stack blocks, the first one below a block of kind `after`: a blank line around text, none between tools."""
    lines: list[Line] = []
    before = after
    for item, laid in parts:
        if laid:
            separate = item.kind == "text" or (before == "text" and item.kind != "tool")
            if before and separate and before != "thinking":
                lines.append([])
            lines += laid
            before = item.kind
    return lines
