"""`Presenter`: the blocks of each task of a session, kept from snapshot to snapshot while nothing of them changes."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from agor_reactive.adapters.presentation.blocks import Block, NoteBlock, message_blocks, stream_blocks, tool_block
from agor_reactive.adapters.presentation.plain import one_line, plain
from agor_reactive.adapters.presentation.requests import Viewer, request_block
from agor_reactive.adapters.presentation.tasks import TaskHeading, task_heading
from agor_reactive.adapters.presentation.tools import ToolTime, tool_ids, tool_times
from agor_reactive.core.snapshot import SessionState
from agor_reactive.core.streams import Stream
from agor_reactive.core.tables import MessageBucket
from agor_reactive.core.tools import Tool
from agor_reactive.models.base import FrozenDict, instant
from agor_reactive.models.message import Message
from agor_reactive.models.outcome import asked_by_row
from agor_reactive.models.task import Task

__all__ = ["Presenter"]


@dataclass(slots=True)
class _TaskMemo:
    """What was made for a task, and of what."""

    sources: tuple[Any, ...] = ()
    blocks: tuple[Block, ...] = ()
    bucket: MessageBucket | None = None
    times: Mapping[str, ToolTime] = field(default_factory=dict)

    def times_of(self, bucket: MessageBucket | None) -> Mapping[str, ToolTime]:
        """The times of the calls in these messages."""
        if bucket is not self.bucket:
            self.bucket, self.times = bucket, tool_times(bucket or ())
        return self.times


class Presenter:
    """Presents snapshots of one session, given one after another.

    The blocks of a task are the same tuple until its row, messages, tools or streams change, and unchanged blocks of
    messages are the same objects, so that views can skip what they have painted.
    """

    def __init__(self) -> None:
        self._viewer = Viewer()
        self._tasks: dict[str, _TaskMemo] = {}
        self._messages: dict[str, tuple[Message, tuple[Any, ...], tuple[Block, ...]]] = {}
        self._placed: set[tuple[str, str]] = set()
        self._started: dict[str, str] = {}

    def task_heading(self, task: Task) -> TaskHeading:
        """Return the heading of a task. Its start is remembered: daemons of June 2026 send `started_at` only once."""
        if task.started_at:
            self._started.setdefault(task.task_id, task.started_at)
        return task_heading(task, self._started.get(task.task_id))

    def task_blocks(self, state: SessionState, task: Task, *, user_id: str | None = None) -> tuple[Block, ...]:
        """Return the blocks of a task in order; `user_id` is who looks.

        Saved messages come first, then streams, then calls that no message holds yet, then why the task failed.
        """
        self._look_as(state, user_id)
        task_id = task.task_id
        messages = state.messages_by_task.get(task_id)
        tools = state.get_task_tools(task_id)
        streams = state.get_streaming_messages(task_id)
        sources = (task, messages, tools, *streams)
        memo = self._tasks.setdefault(task_id, _TaskMemo())
        if not _same(memo.sources, sources):
            if self._placed:
                self._placed = {pair for pair in self._placed if pair[1] in state.streaming_messages}
            times = memo.times_of(messages)
            memo.blocks = self._task_blocks(task, messages or (), tools, list(streams), times)
            memo.sources = sources
        return memo.blocks

    def unassigned_blocks(self, state: SessionState) -> tuple[Block, ...]:
        """Return the blocks of streams that belong to no known task."""
        found: list[Block] = []
        for stream in state.get_streaming_messages():
            if stream.task_id is None or state.get_task(stream.task_id) is None:
                found += stream_blocks(stream)
        return tuple(found)

    def message_blocks(self, state: SessionState, task: Task, message: Message) -> tuple[Block, ...]:
        """Return the blocks of one saved message of a task."""
        self._look_as(state, None)
        tools = {tool.tool_use_id: tool for tool in state.get_task_tools(task.task_id)}
        times = self._tasks.setdefault(task.task_id, _TaskMemo()).times_of(state.messages_by_task.get(task.task_id))
        return self._message_blocks(message, tools, times, task)

    def keep(self, task_ids: Collection[str]) -> None:
        """Forget all tasks but these."""
        if any(task_id not in task_ids for task_id in self._tasks):
            self._tasks = {task_id: memo for task_id, memo in self._tasks.items() if task_id in task_ids}
            shown = {message.message_id for memo in self._tasks.values() for message in memo.bucket or ()}
            self._messages = {key: kept for key, kept in self._messages.items() if key in shown}

    def _look_as(self, state: SessionState, user_id: str | None) -> None:
        viewer = Viewer((state.session.agentic_tool if state.session is not None else None) or "", user_id)
        if viewer != self._viewer:
            self._viewer, self._tasks, self._messages = viewer, {}, {}

    def _task_blocks(
        self,
        task: Task,
        messages: Collection[Message],
        tools: tuple[Tool, ...],
        streams: list[Stream],
        times: Mapping[str, ToolTime],
    ) -> tuple[Block, ...]:
        blocks: dict[str, Block] = {}
        by_id = {tool.tool_use_id: tool for tool in tools}
        for message in messages:
            if message.permission is not None or message.type == "input_request":
                self._add_earlier(message.message_id, _is_pending(message), message.timestamp, streams, blocks)
            blocks.update((block.key, block) for block in self._message_blocks(message, by_id, times, task))
        asked = asked_by_row(task)
        if asked is not None and f"request/{asked.request_id}" not in blocks:
            self._add_earlier(asked.request_id, asked.status == "pending", "", streams, blocks)
            request = request_block(asked, task, self._viewer)
            blocks[request.key] = request
        for stream in streams:
            blocks.update((block.key, block) for block in stream_blocks(stream))
        for tool in tools:
            if f"tool/{tool.tool_use_id}" not in blocks:
                call = tool_block(tool, times.get(tool.tool_use_id))
                blocks[call.key] = call
        if task.error_message and task.status != "completed" and not _is_shown(task.error_message, blocks):
            blocks["error"] = NoteBlock("error", plain(task.error_message), "bad")
        return tuple(blocks.values())

    def _message_blocks(
        self, message: Message, tools: Mapping[str, Tool], times: Mapping[str, ToolTime], task: Task
    ) -> tuple[Block, ...]:
        asked = message.permission
        used = [tools[tool_id] for tool_id in tool_ids(message) if tool_id in tools]
        sources = (task.status,) if asked else tuple((tool, times.get(tool.tool_use_id)) for tool in used)
        known = self._messages.get(message.message_id)
        if known is not None and known[0] is message and known[1] == sources:
            return known[2]
        blocks: tuple[Block, ...]
        if asked is not None:
            sub_agent = message.parent_tool_use_id is not None
            blocks = (request_block(asked, task, self._viewer, sub_agent=sub_agent),)
        else:
            calls = {tool.tool_use_id: tool_block(tool, times.get(tool.tool_use_id)) for tool in used}
            blocks = tuple(message_blocks(message, calls, prompt=task.full_prompt))
        self._messages[message.message_id] = (message, sources, blocks)
        return blocks

    def _add_earlier(
        self, request: str, pending: bool, when: str, streams: list[Stream], blocks: dict[str, Block]
    ) -> None:
        """Move streams that began before a request from `streams` to `blocks`, so that they stand above it.

        Where a time is unknown: streams that exist while the request is pending, because an agent that waits writes
        nothing. They stay above, however the request ends.
        """
        asked_at = instant(when)
        for stream in tuple(streams):
            began = instant(stream.timestamp)
            if began is not None and asked_at is not None:
                earlier = began < asked_at
            else:
                earlier = pending or (request, stream.message_id) in self._placed
            if earlier:
                self._placed.add((request, stream.message_id))
                streams.remove(stream)
                blocks.update((block.key, block) for block in stream_blocks(stream))


def _is_pending(request: Message) -> bool:
    content = request.content
    return isinstance(content, FrozenDict) and content.get("status") == "pending"


def _is_shown(error: str, blocks: Mapping[str, Block]) -> bool:
    """Whether a failed stream gives the same reason already."""
    return any(isinstance(block, NoteBlock) and block.text == one_line(error) for block in blocks.values())


def _same(old: tuple[Any, ...], new: tuple[Any, ...]) -> bool:
    return len(old) == len(new) and all(a is b for a, b in zip(old, new, strict=True))
