"""A textbook immutable fold, written from the laws: the obvious first implementation, and the base of ours.

Frozen dataclasses changed by `dataclasses.replace`, dicts copied for every change, rows sorted on every insert, text as
one concatenated string. It takes the same events and ends in the same dump. It covers a connected, loaded session: no
fetches, no reconnects.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

from agor_reactive.core import SessionState
from agor_reactive.core import events as e
from agor_reactive.models.base import instant
from agor_reactive.models.message import Message
from agor_reactive.models.session import Session
from agor_reactive.models.task import Task

__all__ = ["State", "fold", "from_state"]


@dataclass(frozen=True)
class Stream:
    """A streaming message."""

    message_id: str
    task_id: str | None
    role: str | None = None
    timestamp: str | None = None
    text: str = ""
    thinking: str = ""
    streaming: bool = False
    is_thinking: bool = False
    next_sequence: int = 0
    ahead: Mapping[int, str] = field(default_factory=dict)
    expected: int | None = None
    settled: bool = False
    error: str | None = None

    @property
    def complete(self) -> bool:
        """Whether every chunk has arrived."""
        return not self.ahead and self.expected in (None, self.next_sequence)


@dataclass(frozen=True)
class Tool:
    """One tool call."""

    tool_use_id: str
    tool_name: str | None
    task_id: str
    status: str = "executing"
    input: Any = None
    result: Any = None
    failed: bool = False
    message_id: str | None = None
    denied: bool = False


@dataclass(frozen=True)
class State:
    """A snapshot."""

    session_id: str
    session: Session | None = None
    tasks: tuple[Task, ...] = ()
    messages_by_task: Mapping[str, tuple[Message, ...]] = field(default_factory=dict)
    streaming_messages: Mapping[str, Stream] = field(default_factory=dict)
    tools_by_task: Mapping[str, Mapping[str, Tool]] = field(default_factory=dict)
    loaded_task_ids: frozenset[str] = frozenset()
    last_synced_at: float | None = None

    def dump(self) -> dict[str, Any]:
        """As `SessionState.dump`, without its revision."""
        streams = self.streaming_messages
        return {
            "session_id": self.session_id,
            "session": self.session.to_wire() if self.session is not None else None,
            "tasks": [task.to_wire() for task in self.tasks],
            "messages_by_task": {
                key: [row.to_wire() for row in self.messages_by_task[key]] for key in sorted(self.messages_by_task)
            },
            "queued_tasks": [],
            "streaming_messages": {key: _dump_stream(stream) for key, stream in streams.items()},
            "tools_by_task": {
                key: [dict(tool.__dict__) for tool in self.tools_by_task[key].values()]
                for key in sorted(self.tools_by_task)
                if self.tools_by_task[key]
            },
            "loaded_task_ids": sorted(self.loaded_task_ids),
            "connected": True,
            "connection": "live",
            "loading": False,
            "error": None,
            "terminal": False,
            "degraded": False,
            "has_older_tasks": False,
            "last_synced_at": self.last_synced_at,
            "anomalies": {},
        }


def _dump_stream(stream: Stream) -> dict[str, Any]:
    shown = ("message_id", "task_id", "role", "timestamp", "text", "thinking", "streaming", "is_thinking")
    return {name: getattr(stream, name) for name in (*shown, "complete", "settled", "error")}


def from_state(state: SessionState) -> State:
    """Convert one of our states. Streams are omitted."""
    tools = state.tools_by_task.items()
    return State(
        state.session_id,
        state.session,
        tuple(state.tasks),
        {task_id: tuple(rows) for task_id, rows in state.messages_by_task.items()},
        {},
        {task_id: {tool.tool_use_id: Tool(**tool._asdict()) for tool in used} for task_id, used in tools},
        frozenset(state.loaded_task_ids),
        state.last_synced_at,
    )


_moment = lru_cache(maxsize=100_000)(instant)


def _in_order(tasks: Iterable[Task], session: Session | None) -> tuple[Task, ...]:
    """Sort tasks by time and id, or as the session lists them if it lists all."""
    tasks = tuple(tasks)
    place = {task_id: number for number, task_id in enumerate(session.tasks if session is not None else ())}
    if all(task.task_id in place for task in tasks):
        return tuple(sorted(tasks, key=lambda task: place[task.task_id]))
    return tuple(sorted(tasks, key=lambda task: (_moment(task.created_at), task.task_id)))


def _session_saved(state: State, event: e.SessionSaved) -> State:
    row, old = event.entry.row, state.session
    if old is not None and old.tasks == row.tasks:
        return replace(state, session=row)
    return replace(state, session=row, tasks=_in_order(state.tasks, row))


def _task_saved(state: State, event: e.TaskSaved) -> State:
    row = event.entry.row
    known = {task.task_id: task for task in state.tasks}
    if event.born and row.task_id not in known:
        state = replace(
            state,
            loaded_task_ids=state.loaded_task_ids | {row.task_id},
            messages_by_task={**state.messages_by_task, row.task_id: ()},
        )
    known[row.task_id] = row
    state = replace(state, tasks=_in_order(known.values(), state.session))
    return _settled(state, row.task_id) if row.ended else state


def _settled(state: State, task_id: str) -> State:
    streams = {
        key: replace(stream, settled=True, streaming=False, is_thinking=False) if stream.task_id == task_id else stream
        for key, stream in state.streaming_messages.items()
        if stream.task_id != task_id or stream.text or stream.error
    }
    tools = {key: replace(tool, status="complete") for key, tool in state.tools_by_task.get(task_id, {}).items()}
    return replace(state, streaming_messages=streams, tools_by_task={**state.tools_by_task, task_id: tools})


def _message_saved(state: State, event: e.MessageSaved) -> State:
    row = event.entry.row
    streams = {key: stream for key, stream in state.streaming_messages.items() if key != row.message_id}
    state = replace(state, streaming_messages=streams)
    if row.task_id is None or row.task_id not in state.loaded_task_ids:
        return state
    bucket = {message.message_id: message for message in state.messages_by_task.get(row.task_id, ())}
    bucket[row.message_id] = row
    ordered = tuple(sorted(bucket.values(), key=lambda message: (message.index, message.message_id)))
    return _tools_in(replace(state, messages_by_task={**state.messages_by_task, row.task_id: ordered}), row)


def _tools_in(state: State, row: Message) -> State:
    task_id = str(row.task_id)
    for block in row.blocks:
        if block.get("type") == "tool_use":
            tool = state.tools_by_task.get(task_id, {}).get(block["id"]) or Tool(block["id"], None, task_id)
            named: dict[str, Any] = {"tool_name": block["name"], "input": block["input"], "message_id": row.message_id}
            state = _with_tool(state, replace(tool, **named))
        elif block.get("type") == "tool_result":
            use_id = block["tool_use_id"]
            tool = state.tools_by_task.get(task_id, {}).get(use_id) or Tool(use_id, None, task_id)
            fields: dict[str, Any] = {
                "status": "complete",
                "result": block.get("content"),
                "failed": bool(block.get("is_error")),
            }
            state = _with_tool(state, replace(tool, **fields))
    return state


def _with_tool(state: State, tool: Tool) -> State:
    tools = {**state.tools_by_task.get(tool.task_id, {}), tool.tool_use_id: tool}
    return replace(state, tools_by_task={**state.tools_by_task, tool.task_id: tools})


def _tool_started(state: State, event: e.ToolStarted) -> State:
    if event.tool_use_id in state.tools_by_task.get(event.task_id, {}):
        return state
    return _with_tool(state, Tool(event.tool_use_id, event.tool_name, event.task_id))


def _stream_of(state: State, event: Any) -> Stream:
    known = state.streaming_messages.get(event.message_id)
    return known if known is not None else Stream(event.message_id, event.task_id)


def _with_stream(state: State, stream: Stream) -> State:
    return replace(state, streaming_messages={**state.streaming_messages, stream.message_id: stream})


def _is_over(state: State, event: Any) -> bool:
    if any(row.message_id == event.message_id for row in state.messages_by_task.get(event.task_id, ())):
        return True
    known = state.streaming_messages.get(event.message_id)
    return known is not None and known.settled


def _stream_started(state: State, event: e.StreamStarted) -> State:
    if _is_over(state, event):
        return state
    stream = _stream_of(state, event)
    timestamp = stream.timestamp or event.timestamp
    return _with_stream(state, replace(stream, streaming=True, role=event.role, timestamp=timestamp))


def _text_chunk(state: State, event: e.TextChunk) -> State:
    if _is_over(state, event):
        return state
    stream = _stream_of(state, event)
    sequence = stream.next_sequence if event.sequence is None else event.sequence
    if sequence < stream.next_sequence:
        return state
    ahead = {**stream.ahead, sequence: event.chunk}
    text, following = stream.text, stream.next_sequence
    while following in ahead:
        text += ahead.pop(following)
        following += 1
    return _with_stream(state, replace(stream, streaming=True, text=text, next_sequence=following, ahead=ahead))


def _stream_ended(state: State, event: e.StreamEnded) -> State:
    if event.message_id not in state.streaming_messages:
        return state
    return _with_stream(state, replace(_stream_of(state, event), streaming=False, expected=event.chunk_count))


def _stream_failed(state: State, event: e.StreamFailed) -> State:
    stream = _stream_of(state, event)
    return _with_stream(state, replace(stream, error=event.error, streaming=False, is_thinking=False))


def _thinking_started(state: State, event: e.ThinkingStarted) -> State:
    stream = _stream_of(state, event)
    return _with_stream(state, replace(stream, is_thinking=True, timestamp=stream.timestamp or event.timestamp))


def _thinking_chunk(state: State, event: e.ThinkingChunk) -> State:
    stream = _stream_of(state, event)
    return _with_stream(state, replace(stream, is_thinking=True, thinking=stream.thinking + event.chunk))


def _thinking_ended(state: State, event: e.ThinkingEnded) -> State:
    return _with_stream(state, replace(_stream_of(state, event), is_thinking=False))


_HANDLERS: Mapping[type, Callable[[State, Any], State]] = {
    e.SessionSaved: _session_saved,
    e.TaskSaved: _task_saved,
    e.MessageSaved: _message_saved,
    e.ToolStarted: _tool_started,
    e.StreamStarted: _stream_started,
    e.TextChunk: _text_chunk,
    e.StreamEnded: _stream_ended,
    e.StreamFailed: _stream_failed,
    e.ThinkingStarted: _thinking_started,
    e.ThinkingChunk: _thinking_chunk,
    e.ThinkingEnded: _thinking_ended,
}


def fold(state: State, event: Any) -> State:
    """The state after `event`."""
    handler = _HANDLERS.get(type(event))
    return state if handler is None else handler(state, event)
