"""What a page shows of one snapshot, as small JSON: heading, tasks, parts of the tasks that are open, queue.

Pure: no widget, no clock, no loop. All text of others passes `plain` here, so it is text without terminal codes; the
page never takes it for markup. What did not change from one snapshot to the next is the same object in both documents.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from agor_reactive.adapters.ipywidgets.detail import data_text
from agor_reactive.adapters.ipywidgets.facts import Head, TaskRow, head_of, task_row, whole_prompt
from agor_reactive.adapters.ipywidgets.requests import People, request_fields
from agor_reactive.adapters.terminal.plain import one_line, plain
from agor_reactive.adapters.terminal.words import tool_failure, tool_input, words_of
from agor_reactive.core.snapshot import SessionState
from agor_reactive.core.streams import Stream
from agor_reactive.core.tools import Tool
from agor_reactive.models.base import FrozenDict, instant
from agor_reactive.models.message import Message, PermissionAsked
from agor_reactive.models.task import Task
from agor_reactive.session.permissions import asked_by_row

__all__ = ["Document", "Part", "Parts", "Scribe"]


class Part(NamedTuple):
    """A part of a task: `fields` with its ``kind`` (whole, text, said, thought, tool, asks, note), and `text`, which
    may grow.
    """

    fields: Mapping[str, Any]
    text: str = ""


Parts = Mapping[str, Part]
"""The parts of a task by key, in order."""


@dataclass(frozen=True, slots=True)
class Document:
    """Everything that a page shows of one snapshot. `parts` has the tasks that are open; "" has what no task owns."""

    head: Head = field(default_factory=dict)
    tasks: Mapping[str, TaskRow] = field(default_factory=dict)
    parts: Mapping[str, Parts] = field(default_factory=dict)
    queue: tuple[tuple[str, str], ...] = ()


class Scribe:
    """Writes documents, one after another, of one session. What was written of a message is kept while it is shown."""

    def __init__(self) -> None:
        self._people = People()
        self._tasks: dict[str, tuple[Task, bool, bool, str | None, TaskRow]] = {}
        self._parts: dict[str, tuple[tuple[Any, ...], Parts]] = {}
        self._messages: dict[str, tuple[Message, tuple[Any, ...], dict[str, Part]]] = {}
        self._placed: set[tuple[str, str]] = set()

    def write(
        self, state: SessionState, shown: set[str], faults: Mapping[str, str], *, user_id: str | None = None
    ) -> Document:
        """The document of that snapshot. `shown`: ids of the open tasks; `faults`: what went wrong in opening one;
        `user_id`: who looks.
        """
        people = People((state.session.agentic_tool if state.session is not None else None) or "", user_id)
        if people != self._people:
            self._people, self._parts, self._messages = people, {}, {}
        tasks: dict[str, TaskRow] = {}
        parts: dict[str, Parts] = {}
        for task in state.tasks:
            if task.queued:
                continue
            task_id = task.task_id
            tasks[task_id] = self._row(task, state, task_id in shown, faults.get(task_id))
            if task_id in shown:
                parts[task_id] = self._task(task, state)
        loose = self._loose(state)
        if loose:
            parts[""] = loose
        self._forget(tasks, parts)
        if self._placed:
            self._placed = {pair for pair in self._placed if pair[1] in state.streaming_messages}
        queue = tuple((task.task_id, one_line(task.full_prompt, 300) or "(no prompt)") for task in state.queued_tasks)
        return Document(head_of(state, empty=not tasks), tasks, parts, queue)

    def _row(self, task: Task, state: SessionState, shown: bool, fault: str | None) -> TaskRow:
        loaded = state.is_task_loaded(task.task_id)
        known = self._tasks.get(task.task_id)
        if known is not None and known[0] is task and known[1:4] == (loaded, shown, fault):
            return known[4]
        row = task_row(task, loaded=loaded, shown=shown, fault=fault)
        self._tasks[task.task_id] = (task, loaded, shown, fault, row)
        return row

    def _task(self, task: Task, state: SessionState) -> Parts:
        task_id = task.task_id
        messages = state.messages_by_task.get(task_id)
        tools = state.get_task_tools(task_id)
        streams = state.get_streaming_messages(task_id)
        made_of = (task, messages, tools, *streams)
        known = self._parts.get(task_id)
        if known is not None and _same(known[0], made_of):
            return known[1]
        whole = whole_prompt(task)
        parts: dict[str, Part] = {"prompt": Part({"kind": "whole"}, whole)} if whole else {}
        by_id = {tool.tool_use_id: tool for tool in tools}
        left = list(streams)
        for message in messages or ():
            if message.permission is not None or message.type == "input_request":
                self._above(message.message_id, _waits(message), message.timestamp, left, parts)
            parts.update(self._message(message, by_id, task))
        asked = asked_by_row(task)
        if asked is not None and f"asks/{asked.request_id}" not in parts:
            self._above(asked.request_id, asked.status == "pending", "", left, parts)
            parts[f"asks/{asked.request_id}"] = self._request(asked, task)
        for tool in tools:
            parts.setdefault(f"tool/{tool.tool_use_id}", _tool(tool))
        for stream in left:
            parts.update(_stream(stream))
        if task.error_message and task.status != "completed" and not _is_said(task.error_message, parts):
            parts["error"] = Part({"kind": "note", "tone": "bad"}, plain(task.error_message))
        self._parts[task_id] = (made_of, parts)
        return parts

    def _message(self, message: Message, tools: Mapping[str, Tool], task: Task) -> dict[str, Part]:
        used = tuple(tools[tool_id] for tool_id in _tool_ids(message) if tool_id in tools)
        asked = message.permission
        made_of = used if asked is None else (task.status,)
        known = self._messages.get(message.message_id)
        if known is not None and known[0] is message and known[1] == made_of:
            return known[2]
        if asked is not None:
            sub_agent = message.parent_tool_use_id is not None
            parts = {f"asks/{asked.request_id}": self._request(asked, task, sub_agent=sub_agent)}
        else:
            parts = dict(_said(message, {tool.tool_use_id: tool for tool in used}, task.full_prompt))
        self._messages[message.message_id] = (message, made_of, parts)
        return parts

    def _above(self, request: str, waits: bool, when: str, left: list[Stream], parts: dict[str, Part]) -> None:
        """Put what began to be written before a request above it. Where times are not told: what is known while the
        request waits, since who waits writes nothing; it stays above, however the request ends.
        """
        asked_at = instant(when)
        for stream in tuple(left):
            began = instant(stream.timestamp)
            if began is not None and asked_at is not None:
                before = began < asked_at
            else:
                before = waits or (request, stream.message_id) in self._placed
            if before:
                self._placed.add((request, stream.message_id))
                left.remove(stream)
                parts.update(_stream(stream))

    def _request(self, asked: PermissionAsked, task: Task, *, sub_agent: bool = False) -> Part:
        return Part(request_fields(asked, task, self._people, sub_agent=sub_agent), data_text(asked.tool_input))

    def _loose(self, state: SessionState) -> Parts:
        parts: dict[str, Part] = {}
        for stream in state.get_streaming_messages():
            if stream.task_id is None or state.get_task(stream.task_id) is None:
                parts.update(_stream(stream))
        return parts

    def _forget(self, tasks: Mapping[str, TaskRow], parts: Mapping[str, Parts]) -> None:
        if len(self._tasks) > len(tasks):
            self._tasks = {key: kept for key, kept in self._tasks.items() if key in tasks}
        if len(self._parts) > len(parts):
            self._parts = {key: kept for key, kept in self._parts.items() if key in parts}
            shown = {m.message_id for made_of, _ in self._parts.values() for m in made_of[1] or ()}
            self._messages = {key: kept for key, kept in self._messages.items() if key in shown}


def _waits(request: Message) -> bool:
    content = request.content
    return isinstance(content, FrozenDict) and content.get("status") == "pending"


def _is_said(error: str, parts: Parts) -> bool:
    """Whether a stream that broke off says the same already."""
    return any(part.fields["kind"] == "note" and part.text == one_line(error) for part in parts.values())


def _same(old: tuple[Any, ...], new: tuple[Any, ...]) -> bool:
    return len(old) == len(new) and all(a is b for a, b in zip(old, new, strict=True))


def _tool_ids(message: Message) -> tuple[str, ...]:
    found = [block.get("id") for block in message.blocks if block.get("type") == "tool_use"]
    if isinstance(message.tool_uses, tuple):
        found += [use.get("id") for use in message.tool_uses if isinstance(use, FrozenDict)]
    return tuple(dict.fromkeys(tool_id for tool_id in found if isinstance(tool_id, str)))


def _tool(tool: Tool) -> Part:
    failed = (tool.failed or tool.denied) and tool.status != "executing"
    return Part(
        {
            "kind": "tool",
            "tool": tool.tool_use_id,
            "name": one_line(tool.tool_name or "tool", 60),
            "state": "failed" if failed else tool.status,
            "brief": tool_input(tool)[:300],
            "why": tool_failure(tool)[:200] if failed else "",
        }
    )


def _said(message: Message, tools: Mapping[str, Tool], prompt: str) -> Iterator[tuple[str, Part]]:
    """What a saved message shows. The user's own words are left out where they are the prompt that heads the task."""
    key = message.message_id
    if message.type in ("permission_request", "input_request"):
        yield f"{key}/note", Part({"kind": "note", "tone": "warn"}, _request(message))
        return
    if message.role == "user":
        said = message.text
        if said and said != prompt:
            yield f"{key}/said", Part({"kind": "said"}, plain(said))
        return
    if message.role == "system" or message.type not in ("assistant", ""):
        said = one_line(message.text or message.content_preview)
        if said:
            yield f"{key}/note", Part({"kind": "note", "tone": "warn"}, said)
        return
    left = dict.fromkeys(_tool_ids(message))
    counts: dict[str, int] = {}
    for block in message.blocks:
        kind = block.get("type", "text")
        text = block.get("thinking") if kind == "thinking" else block.get("text")
        if kind in ("text", "thinking"):
            if isinstance(text, str) and text.strip():
                number = counts[kind] = counts.get(kind, 0) + 1
                # The first of each has the key that it had while it was written: its place on the page is kept.
                name = f"{key}/{kind}{number if number > 1 else ''}"
                yield name, Part({"kind": "text" if kind == "text" else "thought", "live": False}, plain(text))
        elif kind == "tool_use":
            tool_id = block.get("id")
            if isinstance(tool_id, str) and left.pop(tool_id, False) is None and tool_id in tools:
                yield f"tool/{tool_id}", _tool(tools[tool_id])
        elif kind != "tool_result":
            yield f"{key}/other{len(counts)}", Part({"kind": "note", "tone": ""}, f"[{one_line(str(kind), 40)}]")
    for tool_id in left:
        if tool_id in tools:
            yield f"tool/{tool_id}", _tool(tools[tool_id])


def _request(message: Message) -> str:
    """A request that is only shown: questions, or what cannot be read as a request for permission."""
    content = message.content if isinstance(message.content, FrozenDict) else {}
    status = content.get("status")
    end = f" ({words_of(status)})" if isinstance(status, str) else ""
    asked = message.input_request
    if asked is not None and asked.questions:
        lines = [f"asks{end}:"]
        for question in asked.questions:
            lines.append(one_line(question.question or question.header, 400))
            lines += [f"  · {one_line(option.label, 200)}" for option in question.options]
            answer = (asked.answers or {}).get(question.question)
            if isinstance(answer, str) and answer:
                lines.append(f"  answered: {one_line(answer, 400)}")
        return "\n".join(lines)
    tool = content.get("tool_name") or content.get("toolName")
    words = one_line(tool, 60) if isinstance(tool, str) else one_line(message.content_preview or message.text, 200)
    kind = "asks for permission" if message.type == "permission_request" else "asks"
    return f"{kind}: {words or '?'}{end}"


def _stream(stream: Stream) -> Iterator[tuple[str, Part]]:
    """A message being written."""
    key = stream.message_id
    thinking, text = stream.thinking, stream.text
    if thinking.strip():
        live = stream.is_thinking and not stream.runs
        yield f"{key}/thinking", Part({"kind": "thought", "live": live}, plain(thinking))
    missing = _missing(stream)
    if missing:
        yield f"{key}/missing", Part({"kind": "note", "tone": "warn"}, missing)
    if text.strip():
        yield f"{key}/text", Part({"kind": "text", "live": stream.streaming}, plain(text))
    if stream.error is not None:
        yield f"{key}/error", Part({"kind": "note", "tone": "bad"}, one_line(stream.error))
    elif stream.settled:
        yield (
            f"{key}/error",
            Part({"kind": "note", "tone": ""}, "The task ended before this reply was saved."),
        )


def _missing(stream: Stream) -> str:
    if stream.complete:
        return ""
    runs = stream.runs
    if not stream.numbered or not runs or runs[0].start > 0:
        return "The beginning of this reply is missing; all of it comes once it is saved."
    # Chunks race: while more are on their way a hole is no news.
    return "" if stream.streaming else "A part of this reply is missing; all of it comes once it is saved."
