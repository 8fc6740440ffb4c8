"""Lines of a terminal made of the parts of one snapshot, for one width. Knows blocks and rich, nothing of screens."""

from __future__ import annotations

import re
from collections.abc import Iterator

from rich.console import Console, ConsoleOptions, RenderableType
from rich.padding import Padding
from rich.segment import Segment
from rich.style import Style
from rich.table import Table
from rich.text import Text

from agor_reactive.adapters.terminal.blocks import (
    Item,
    message_items,
    prompt_line,
    stream_items,
    task_heading,
    tool_ids,
    tool_line,
)
from agor_reactive.adapters.terminal.plain import one_line, plain
from agor_reactive.adapters.terminal.words import (
    ASCII,
    SIGNS,
    Signs,
    fault_text,
    seconds_text,
    sign_of,
    status_style,
    words_of,
)
from agor_reactive.core.snapshot import SessionState
from agor_reactive.core.streams import Stream
from agor_reactive.core.tools import Tool
from agor_reactive.models.ids import format_short_id
from agor_reactive.models.message import Message
from agor_reactive.models.task import Task

__all__ = ["Layouts", "Line", "Painter", "signs_for", "stacked"]

Line = list[Segment]
_CONTROL = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
_QUEUE_SHOWN = 3


class Layouts:
    """Saved messages already laid out, so that a message is laid out once. Keeps the newest few hundred."""

    def __init__(self, limit: int = 400) -> None:
        self._limit = limit
        self._kept: dict[str, tuple[Message, tuple[Tool, ...], int, list[tuple[Item, list[Line]]]]] = {}

    def get(self, message: Message, tools: tuple[Tool, ...], width: int) -> list[tuple[Item, list[Line]]] | None:
        """The layout of that very row with tools in that very state at that width."""
        kept = self._kept.get(message.message_id)
        if kept is not None and kept[0] is message and kept[1] == tools and kept[2] == width:
            return kept[3]
        return None

    def put(self, message: Message, tools: tuple[Tool, ...], width: int, layout: list[tuple[Item, list[Line]]]) -> None:
        """Keep one."""
        self._kept.pop(message.message_id, None)
        self._kept[message.message_id] = (message, tools, width, layout)
        if len(self._kept) > self._limit:
            del self._kept[next(iter(self._kept))]


def signs_for(console: Console) -> Signs:
    """The signs that the console can show."""
    return SIGNS if console.encoding.startswith("utf") else ASCII


def _tame(line: Line) -> Line:
    """The last guard: no control character leaves here, not even one that Markdown made of ``&#27;``."""
    for at, segment in enumerate(line):
        if _CONTROL.search(segment.text):
            line[at] = Segment(_CONTROL.sub("", segment.text), segment.style)
    return line


def _trimmed(line: Line) -> Line:
    """The line as a list of its own, without the blanks that Markdown pads it with."""
    kept = list(line)
    while kept and not kept[-1].text.strip():
        kept.pop()
    if kept:
        kept[-1] = Segment(kept[-1].text.rstrip(), kept[-1].style)
    return kept


class Painter:
    """Lays out the parts of one snapshot for one width."""

    def __init__(self, state: SessionState, console: Console, options: ConsoleOptions, layouts: Layouts) -> None:
        self.state = state
        self.console = console
        self.options = options
        self.layouts = layouts
        self.signs = signs_for(console)

    def _lay(self, shown: RenderableType, *, indent: int = 0) -> list[Line]:
        part = Padding(shown, (0, 0, 0, indent), expand=False) if indent else shown
        return [_tame(_trimmed(line)) for line in self.console.render_lines(part, self.options, pad=False)]

    # ------------------------------------------------------------------------------------------------- top and bottom

    def heading(self) -> list[Line]:
        """Title and status, where the link stands, the model; and a rule."""
        state, session = self.state, self.state.session
        title = one_line((session.title or "") if session is not None else "", 200)
        grid = Table.grid(expand=True, padding=(0, 1, 0, 0))
        grid.add_column(ratio=1, no_wrap=True, overflow="ellipsis")
        grid.add_column(justify="right", no_wrap=True)
        left = Text(title or f"session {format_short_id(state.session_id)}", style="bold")
        status = session.status if session is not None else ""
        if status:
            left.append(f"  {sign_of(status, self.signs)} {words_of(status)}", style=f"not bold {status_style(status)}")
        phase = state.connection.phase
        right = Text.assemble((phase, status_style(phase)))
        model = self._model()
        if model:
            right.append(f" {self.signs.dot} {model}", style="dim")
        grid.add_row(left, right)
        rule = Text(self.signs.rule * self.options.max_width, style="dim", no_wrap=True, overflow="crop", end="")
        return [*self._lay(grid), *self._lay(rule)]

    def _model(self) -> str:
        session = self.state.session
        settings = session.model_settings if session is not None else None
        return one_line((settings.model if settings is not None else None) or "", 40)

    def queue(self) -> list[Line]:
        """The prompts that wait."""
        queued = self.state.queued_tasks
        lines: list[Line] = []
        for number, task in enumerate(queued[:_QUEUE_SHOWN], 1):
            line = Text(no_wrap=True, overflow="ellipsis", end="")
            line.append(f"{self.signs.waiting} queued {number} ", style=status_style("queued"))
            lines += self._lay(line.append(one_line(task.full_prompt)))
        if len(queued) > _QUEUE_SHOWN:
            lines += self._lay(Text(f"  and {len(queued) - _QUEUE_SHOWN} more", style="dim", end=""))
        return [[], *lines] if lines else lines

    def footing(self, hint: str) -> list[Line]:
        """What is wrong, or under way; else the hint."""
        state, signs = self.state, self.signs
        notes: list[Text] = []
        status = state.connection
        if status.phase in ("reconnecting", "connecting") and (status.attempt or status.phase == "reconnecting"):
            again = f", next try in {seconds_text(status.next_try_in)}" if status.next_try_in else ""
            why = f": {one_line(status.reason, 120)}" if status.reason else ""
            notes.append(Text(f"{signs.busy} {status.phase}, attempt {max(1, status.attempt)}{again}{why}", "yellow"))
        elif status.phase == "unauthenticated" and status.reason:
            notes.append(Text(f"{signs.failed} not logged in: {one_line(status.reason, 160)}", "red"))
        if state.error is not None:
            end = "" if not state.terminal else " (nothing more will be tried)"
            notes.append(Text(f"{signs.failed} {one_line(fault_text(state.error))}{end}", "red"))
        if not notes and state.degraded:
            notes.append(Text(f"{signs.note} the daemon did not confirm that it sends live text", "yellow"))
        if not notes:
            if state.loading and state.connected:
                notes.append(Text(f"reading the session{signs.more}", "dim"))
            elif hint:
                notes.append(Text(plain(hint), "dim", no_wrap=True, overflow="ellipsis"))
        return [[], *(line for note in notes for line in self._lay(note))] if notes else []

    # ---------------------------------------------------------------------------------------------------- the middle

    def body(self, room: int | None) -> list[Line]:
        """The tasks, newest last; at most `room` lines, then under a line that says whose they are."""
        state = self.state
        lines: list[Line] = list(self._loose())
        # Streams that belong to no known task stand at the end.
        for task in reversed(state.tasks):
            if task.queued:
                continue
            block = self._task(task)
            if lines:
                block.append([])
            lines = block + lines
            if room is not None and len(lines) > room:
                return [*self._lay(prompt_line(task, self.signs))[:1], *lines[len(lines) - room + 1 :]]
            if room is not None and len(lines) == room:
                return lines
        if not lines and not state.loading:
            return self._lay(Text("No prompt yet.", style="dim"))
        return lines

    def _loose(self) -> Iterator[Line]:
        for stream in self.state.get_streaming_messages():
            if stream.task_id is None or self.state.get_task(stream.task_id) is None:
                for item in stream_items(stream, self.signs):
                    yield from self._item(item)

    def _item(self, item: Item) -> list[Line]:
        lines = self._lay(item.shown, indent=2)
        while lines and not lines[-1]:
            lines.pop()
        if item.writing and lines and Segment.get_line_length(lines[-1]) < self.options.max_width:
            lines[-1].append(Segment(self.signs.cursor, Style(dim=True)))
        return lines

    def _task(self, task: Task) -> list[Line]:
        state = self.state
        tools = {tool.tool_use_id: tool for tool in state.get_task_tools(task.task_id)}
        found: list[tuple[Item, list[Line]]] = []
        shown: set[str] = set()
        messages = state.get_task_messages(task.task_id)
        for message in messages:
            found += self.message(message, tools, shown, prompt=task.full_prompt)
        for stream in state.get_streaming_messages(task.task_id):
            found += self.stream(stream)
        for tool in tools.values():
            if tool.tool_use_id not in shown:
                item = Item("tool", tool_line(tool, self.signs))
                found.append((item, self._item(item)))
        if task.error_message and task.status != "completed":
            item = Item("note", Text(f"{self.signs.failed} {one_line(task.error_message)}", style="red"))
            found.append((item, self._item(item)))
        if not messages and not state.is_task_loaded(task.task_id) and task.ended:
            item = Item("note", Text("(messages not loaded)", style="dim"))
            found.append((item, self._item(item)))
        return [*self._lay(task_heading(task, self.signs)), *stacked(found)]

    def stream(self, stream: Stream) -> list[tuple[Item, list[Line]]]:
        """A message being written, laid out."""
        return [(item, self._item(item)) for item in stream_items(stream, self.signs)]

    def message(
        self, message: Message, tools: dict[str, Tool], shown: set[str], *, prompt: str
    ) -> list[tuple[Item, list[Line]]]:
        ids = tool_ids(message)
        shown.update(ids)
        used = tuple(tools[tool_id] for tool_id in ids if tool_id in tools)
        width = self.options.max_width
        layout = self.layouts.get(message, used, width)
        if layout is None:
            items = message_items(message, tools, self.signs, prompt=prompt)
            layout = [(item, self._item(item)) for item in items]
            self.layouts.put(message, used, width, layout)
        return layout


def stacked(parts: list[tuple[Item, list[Line]]], *, after: str = "") -> list[Line]:
    """The parts one below the other, `after` one of that kind; text stands apart from what is above it, tools close."""
    lines: list[Line] = []
    before = after
    for item, laid in parts:
        if laid:
            if before and (item.kind == "text" or (before == "text" and item.kind != "tool")) and before != "thought":
                lines.append([])
            lines += laid
            before = item.kind
    return lines
