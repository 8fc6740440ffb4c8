"""What one task looks like: its prompt and status, its messages, tools and whatever is being written, as renderables.

Each item says of what kind it is, so that whoever stacks them knows where a blank line belongs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from rich.cells import cell_len
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from agor_reactive.adapters.terminal.plain import one_line, plain
from agor_reactive.adapters.terminal.prose import prose, tail_of
from agor_reactive.adapters.terminal.words import (
    Signs,
    duration,
    sign_of,
    status_style,
    tool_failure,
    tool_input,
    words_of,
)
from agor_reactive.core.streams import Stream
from agor_reactive.core.tools import Tool
from agor_reactive.models.message import Message
from agor_reactive.models.task import Task

__all__ = [
    "Item",
    "message_items",
    "prompt_line",
    "prompt_text",
    "status_text",
    "stream_items",
    "task_heading",
    "tool_ids",
    "tool_line",
]

LIVE_TEXT = 12_000
"""Of a text being written, as many characters are laid out at a time: several screens, whatever its length."""


class Item(NamedTuple):
    """A part of a task's block. `kind`: ``text``, ``thought``, ``tool``, ``note``. `writing`: ends with the cursor."""

    kind: str
    shown: RenderableType
    writing: bool = False


def _line(sign: str, style: str, text: str, *, dim: bool = False) -> Text:
    line = Text(no_wrap=True, overflow="ellipsis", end="")
    line.append(f"{sign} ", style=style)
    return line.append(text, style="dim" if dim else "")


def status_text(task: Task, signs: Signs) -> Text:
    """``✓ completed 2.6 s``."""
    style = status_style(task.status)
    text = Text(f"{sign_of(task.status, signs)} {words_of(task.status)}", style=style, no_wrap=True)
    took = duration(task) if task.ended else ""
    return text.append(f" {took}", style="dim") if took else text


def task_heading(task: Task, signs: Signs) -> RenderableType:
    """The prompt at the left, the status at the right."""
    grid = Table.grid(expand=True, padding=(0, 1, 0, 0))
    grid.add_column(width=1)
    grid.add_column(ratio=1)
    grid.add_column(justify="right", no_wrap=True)
    grid.add_row(Text(signs.bar, style=status_style(task.status)), prompt_text(task), status_text(task, signs))
    return grid


def prompt_text(task: Task) -> Text:
    """The prompt, in one run of text."""
    return Text(one_line(task.full_prompt) or "(no prompt)", style="bold")


def prompt_line(task: Task, signs: Signs) -> RenderableType:
    """The heading on one line, for when its own has scrolled away."""
    grid = Table.grid(expand=True, padding=(0, 1, 0, 0))
    grid.add_column(width=len(signs.more))
    grid.add_column(ratio=1, no_wrap=True, overflow="ellipsis")
    grid.add_column(justify="right", no_wrap=True)
    grid.add_row(
        Text(signs.more, style="dim"), Text(one_line(task.full_prompt), style="dim bold"), status_text(task, signs)
    )
    return grid


def tool_line(tool: Tool, signs: Signs) -> Text:
    """``✓ Bash pytest -q``; a failed or denied one says how."""
    name = one_line(tool.tool_name or "tool", 60)
    if tool.status == "executing":
        line = _line(signs.busy, "cyan", name)
    elif tool.failed or tool.denied:
        line = _line(signs.failed, "red", name)
    else:
        line = _line(signs.done, "green", name)
    line.stylize("bold", 2, 2 + len(name))
    given = tool_input(tool)
    if given:
        line.append(f" {given}", style="dim")
    if tool.status != "executing" and (why := tool_failure(tool)):
        line.append(f" {signs.dot} {why}", style="red")
    return line


def tool_ids(message: Message) -> tuple[str, ...]:
    """The ids of the tools that a message uses."""
    found = [block.get("id") for block in message.blocks if block.get("type") == "tool_use"]
    if isinstance(message.tool_uses, tuple):
        found += [use.get("id") for use in message.tool_uses if isinstance(use, Mapping)]
    return tuple(dict.fromkeys(tool_id for tool_id in found if isinstance(tool_id, str)))


def message_items(message: Message, tools: Mapping[str, Tool], signs: Signs, *, prompt: str) -> Iterator[Item]:
    """A saved message. The user's own words are left out where they are the prompt that heads the task."""
    if message.type == "permission_request" or message.type == "input_request":
        yield Item("note", _line(signs.asks, "bold yellow", _request(message)))
        return
    if message.role == "user":
        if message.text and message.text != prompt:
            yield Item("text", Text(f"{signs.said} {plain(message.text)}", style="italic"))
        return
    if message.role == "system" or message.type not in ("assistant", ""):
        said = one_line(message.text or message.content_preview)
        if said:
            yield Item("note", Text(f"{signs.note} {said}", style="yellow"))
        return
    left = dict.fromkeys(tool_ids(message))
    for block in message.blocks:
        kind = block.get("type", "text")
        text = block.get("text")
        if kind == "text" and isinstance(text, str):
            if text.strip():
                yield Item("text", prose(plain(text)))
        elif kind == "thinking":
            thought = block.get("thinking")
            if isinstance(thought, str) and thought.strip():
                yield thought_item(thought, signs)
        elif kind == "tool_use":
            tool_id = block.get("id")
            if isinstance(tool_id, str) and tool_id in left:
                del left[tool_id]
                yield from _tool_item(tool_id, tools, signs)
        elif kind != "tool_result":
            yield Item("note", Text(f"[{one_line(str(kind), 40)}]", style="dim"))
    for tool_id in left:
        yield from _tool_item(tool_id, tools, signs)


def _tool_item(tool_id: str, tools: Mapping[str, Tool], signs: Signs) -> Iterator[Item]:
    tool = tools.get(tool_id)
    if tool is not None:
        yield Item("tool", tool_line(tool, signs))


def _request(message: Message) -> str:
    """What is asked, and what has become of it."""
    content = message.content if isinstance(message.content, Mapping) else {}
    tool = content.get("tool_name") or content.get("toolName")
    status = content.get("status")
    asked = one_line(tool, 60) if isinstance(tool, str) else one_line(message.content_preview or message.text, 200)
    kind = "permission" if message.type == "permission_request" else "input"
    return f"{kind}: {asked or 'asked'}" + (f" ({words_of(status)})" if isinstance(status, str) else "")


def thought_item(thinking: str, signs: Signs, *, growing: bool = False) -> Item:
    """Thinking, collapsed to one dim line: its beginning, or while it grows its end."""
    text = Text(no_wrap=True, overflow="ellipsis", style="dim italic", end="")
    if growing:
        return Item("thought", _Tail(f"{signs.thought} ", one_line(thinking[-600:], 600), signs.more), writing=True)
    return Item("thought", text.append(f"{signs.thought} {one_line(thinking)}"))


def stream_items(stream: Stream, signs: Signs) -> Iterator[Item]:
    """A message being written: thinking, text with the cursor at its end, and what is wrong with it."""
    thinking = stream.thinking
    if thinking.strip():
        yield thought_item(thinking, signs, growing=stream.is_thinking and not stream.runs)
    missing = _missing(stream)
    if missing:
        yield Item("note", Text(f"{signs.note} {missing}", style="yellow"))
    text = stream.text
    if text.strip():
        yield Item("text", prose(plain(tail_of(text, LIVE_TEXT))), writing=stream.streaming)
    if stream.error is not None:
        yield Item("note", Text(f"{signs.failed} {one_line(stream.error)}", style="red"))
    elif stream.settled:
        yield Item("note", Text(f"{signs.note} the task ended before this reply was saved", style="dim"))


def _missing(stream: Stream) -> str:
    if stream.complete or (stream.settled and stream.error is None):
        return ""
    runs = stream.runs
    if not stream.numbered or not runs or runs[0].start > 0:
        return "beginning missing"
    # Chunks race: while more are on their way a hole is no news.
    return "" if stream.streaming else "part missing"


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
