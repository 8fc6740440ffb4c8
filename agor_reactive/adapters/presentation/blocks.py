"""Blocks: what a task shows below its heading, made of saved messages and of messages being written.

A block's `key` is unique in its task and stays the same while the block changes, also when a stream is replaced by its
saved message, so that a view can update the block in place.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from agor_reactive.adapters.presentation.exact import NOTHING, Excerpt, exact_line
from agor_reactive.adapters.presentation.plain import one_line, plain
from agor_reactive.adapters.presentation.requests import RequestBlock
from agor_reactive.adapters.presentation.status import Tone, status_label
from agor_reactive.adapters.presentation.tools import ToolTime, failure_summary, input_summary, tool_ids
from agor_reactive.core.streams import Stream
from agor_reactive.core.tools import Tool
from agor_reactive.models.base import FrozenDict
from agor_reactive.models.message import Message

__all__ = [
    "Block",
    "NoteBlock",
    "QuestionBlock",
    "TextBlock",
    "ThinkingBlock",
    "ToolBlock",
    "UserBlock",
    "message_blocks",
    "stream_blocks",
    "tool_block",
]


@dataclass(frozen=True, slots=True)
class TextBlock:
    """Markdown text of the agent; `writing` while more is expected."""

    key: str
    text: str
    writing: bool = False


@dataclass(frozen=True, slots=True)
class ThinkingBlock:
    """Thinking of the agent; `writing` while more is expected."""

    key: str
    text: str
    writing: bool = False


@dataclass(frozen=True, slots=True)
class UserBlock:
    """Text of the user besides the prompt that heads the task."""

    key: str
    text: str


@dataclass(frozen=True, slots=True)
class ToolBlock:
    """A tool call: `summary` of its input (exact), `failure` (why a call failed or was denied) on one line each.

    `began` (while it executes) and `ended` are in epoch seconds; `seconds` is how long the call took. None where the
    messages do not tell.
    """

    key: str
    tool_use_id: str
    name: str
    state: Literal["executing", "complete", "failed"]
    summary: Excerpt = NOTHING
    failure: str = ""
    began: float | None = None
    seconds: float | None = None
    ended: float | None = None


@dataclass(frozen=True, slots=True)
class QuestionBlock:
    """Questions of the agent to the user, with options and answers, as lines."""

    key: str
    text: str


@dataclass(frozen=True, slots=True)
class NoteBlock:
    """A notice: of the system, of a failure, of missing or unknown content."""

    key: str
    text: str
    tone: Tone = ""


Block: TypeAlias = TextBlock | ThinkingBlock | UserBlock | ToolBlock | RequestBlock | QuestionBlock | NoteBlock


def tool_block(tool: Tool, time: ToolTime | None = None) -> ToolBlock:
    """Return the block of a tool call."""
    executing = tool.status == "executing"
    failed = (tool.failed or tool.denied) and not executing
    time = time or ToolTime()
    return ToolBlock(
        key=f"tool/{tool.tool_use_id}",
        tool_use_id=tool.tool_use_id,
        name=exact_line(tool.tool_name or "tool").within(60),
        state="executing" if executing else "failed" if failed else "complete",
        summary=input_summary(tool.input),
        failure=failure_summary(tool) if failed else "",
        began=time.began if executing else None,
        seconds=None if executing else time.seconds,
        ended=None if executing else time.ended,
    )


def message_blocks(message: Message, tools: Mapping[str, ToolBlock], *, prompt: str) -> Iterator[Block]:
    """Yield the blocks of a saved message that is no permission request (see `request_block`).

    `tools` are the blocks of its calls by tool_use_id. The user's own text is left out where it is the prompt.
    """
    key = message.message_id
    if message.type in ("permission_request", "input_request"):
        yield QuestionBlock(f"{key}/note", _questions(message))
    elif message.role == "user":
        if message.text and message.text != prompt:
            yield UserBlock(f"{key}/user", plain(message.text))
    elif message.role == "system" or message.type not in ("assistant", ""):
        text = one_line(message.text or message.content_preview)
        if text:
            yield NoteBlock(f"{key}/note", text, "warn")
    else:
        yield from _assistant_blocks(message, tools)


def _assistant_blocks(message: Message, tools: Mapping[str, ToolBlock]) -> Iterator[Block]:
    key = message.message_id
    # Some agents list a call in `tool_uses` only; those come last.
    remaining = dict.fromkeys(tool_ids(message))
    counts: dict[str, int] = {}
    for block in message.blocks:
        kind = block.get("type", "text")
        if kind in ("text", "thinking"):
            text = block.get(kind)
            if isinstance(text, str) and text.strip():
                number = counts[kind] = counts.get(kind, 0) + 1
                # The first text and the first thinking keep the keys of their stream, so that they replace it in place.
                name = f"{key}/{kind}{number if number > 1 else ''}"
                yield TextBlock(name, plain(text)) if kind == "text" else ThinkingBlock(name, plain(text))
        elif kind == "tool_use":
            tool_id = block.get("id")
            if isinstance(tool_id, str) and remaining.pop(tool_id, False) is None and tool_id in tools:
                yield tools[tool_id]
        elif kind != "tool_result":
            number = counts["other"] = counts.get("other", 0) + 1
            yield NoteBlock(f"{key}/other{number}", f"[{one_line(str(kind), 40)}]")
    for tool_id in remaining:
        if tool_id in tools:
            yield tools[tool_id]


def _questions(message: Message) -> str:
    """Questions with options and answers; the best there is for requests that cannot be read."""
    content: Mapping[str, Any] = message.content if isinstance(message.content, FrozenDict) else {}
    status = content.get("status")
    end = f" ({status_label(status)})" if isinstance(status, str) else ""
    asked = message.input_request
    if asked is not None and asked.questions:
        lines = [f"Question{'' if len(asked.questions) == 1 else 's'}{end}:"]
        for question in asked.questions:
            lines.append(one_line(question.question or question.header, 400))
            lines += [f"  · {one_line(option.label, 200)}" for option in question.options]
            answer = (asked.answers or {}).get(question.question)
            if isinstance(answer, str) and answer:
                lines.append(f"  Answer: {one_line(answer, 400)}")
        return "\n".join(lines)
    tool = content.get("tool_name") or content.get("toolName")
    preview = message.content_preview or message.text
    subject = exact_line(tool).within(60) if isinstance(tool, str) else exact_line(preview).within(200)
    kind = "Permission request" if message.type == "permission_request" else "Question"
    return f"{kind}: {subject or '?'}{end}"


def stream_blocks(stream: Stream) -> Iterator[Block]:
    """Yield the blocks of a message being written: thinking, what is missing, text, how it failed."""
    key = stream.message_id
    if stream.thinking.strip():
        yield ThinkingBlock(f"{key}/thinking", plain(stream.thinking), stream.is_thinking and not stream.runs)
    missing = _missing_part(stream)
    if missing:
        yield NoteBlock(f"{key}/missing", f"{missing} of this reply is missing until it is saved.", "warn")
    text = stream.text
    if text.strip():
        yield TextBlock(f"{key}/text", plain(text), stream.streaming)
    if stream.error is not None:
        yield NoteBlock(f"{key}/error", one_line(stream.error), "bad")
    elif stream.settled:
        yield NoteBlock(f"{key}/error", "The task ended before this reply was saved.")


def _missing_part(stream: Stream) -> str:
    # After the end of the task no saved message follows: the last note says so instead.
    if stream.complete or (stream.settled and stream.error is None):
        return ""
    runs = stream.runs
    if not stream.numbered or not runs or runs[0].start > 0:
        return "The beginning"
    # Chunks may arrive out of order: a gap counts only once the stream has ended.
    return "" if stream.streaming else "A part"
