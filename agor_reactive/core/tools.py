"""Which tools a task has used, worked out from what is known, so that it can never disagree with it.

Two sources: live ``tool:start`` events, and saved messages (``tool_use`` and ``tool_result`` blocks, `tool_uses`,
``permission_request`` messages). A fresh reading has only the second, and says the same as a mirror that watched. Fact
of the wire: the stock executor sends ``tool:complete`` when the call has been written, before the tool runs. So that
event proves nothing, and is not folded: a tool executes until its result is in a message, or its task has ended.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from itertools import islice
from typing import Any, Literal, NamedTuple, TypeAlias

from agor_reactive.core.entries import MessageEntry
from agor_reactive.core.persistent import PMap
from agor_reactive.core.tables import MessageBucket, MessagesByTask, TaskTable
from agor_reactive.models.base import FrozenDict

__all__ = ["LiveTool", "LiveToolMap", "LiveTools", "Tool", "ToolsByTask", "tool_blocks", "tools_in"]

ToolStatus = Literal["executing", "complete"]


class Tool(NamedTuple):
    """One use of a tool.

    `status` is ``complete`` once its result is in a saved message or its task has ended, else ``executing``; `input`
    and `result` are frozen JSON once a saved message holds them, else None; `failed` is True when its result says so;
    `denied` is True when a saved ``permission_request`` for this use was answered with a denial.
    """

    tool_use_id: str
    tool_name: str | None
    task_id: str
    status: ToolStatus
    input: Any = None
    result: Any = None
    failed: bool = False
    message_id: str | None = None
    denied: bool = False


class LiveTool(NamedTuple):
    """What is known of a tool from events.

    `complete`: its result was in a message that is not kept. `saved`: a saved message contains it too, and is from then
    on the proof that it was used: where messages are kept and none contains it, the tool is gone.
    """

    name: str | None
    complete: bool = False
    saved: bool = False


class LiveToolMap(FrozenDict):
    """One task's tools as events report them: tool_use_id to `LiveTool`, in order of first mention."""

    __slots__ = ("derived", "task_id")

    derived: tuple[LiveToolMap, bool, tuple[Tool, ...]]
    task_id: str

    def __init__(self, task_id: str, tools: Mapping[str, LiveTool]) -> None:
        super().__init__(tools)
        self.task_id = task_id

    def __reduce__(self) -> tuple[Any, ...]:
        return (LiveToolMap, (self.task_id, dict(self)))

    def with_tool(self, tool_use_id: str, tool: LiveTool) -> LiveToolMap:
        """With this entry in place of the tool's earlier one."""
        return LiveToolMap(self.task_id, {**self, tool_use_id: tool})


LiveTools: TypeAlias = "PMap[str, LiveToolMap]"
"""Task id to its tools as events report them."""


def tools_in(message: MessageEntry) -> Iterator[tuple[str, LiveTool]]:
    """The tools that a saved message contains, for tasks whose messages are not kept."""
    held = message.fields
    for kind, tool_use_id, block in tool_blocks(held.get("content"), held.get("tool_uses")):
        name = block.get("name")
        yield tool_use_id, LiveTool(name if isinstance(name, str) else None, kind == "tool_result", True)


def tool_blocks(content: Any, tool_uses: Any) -> list[tuple[str, str, Mapping[str, Any]]]:
    """The ``tool_use`` and ``tool_result`` blocks of a message: kind, tool_use_id, block.

    Of a row that is not validated yet they are lists and dicts.
    """
    found: list[tuple[str, str, Mapping[str, Any]]] = []
    if isinstance(content, (list, tuple)):
        for block in content:
            if isinstance(block, dict):
                kind = block.get("type")
                if kind == "tool_use":
                    tool_use_id = block.get("id")
                elif kind == "tool_result":
                    tool_use_id = block.get("tool_use_id")
                else:
                    continue
                if type(tool_use_id) is str and tool_use_id:
                    found.append((kind, tool_use_id, block))
    if tool_uses and isinstance(tool_uses, (list, tuple)):
        for use in tool_uses:
            if isinstance(use, dict) and type(use.get("id")) is str and use["id"]:
                found.append(("tool_use", use["id"], use))
    return found


class ToolsByTask(Mapping[str, tuple[Tool, ...]]):
    """Task id to its tools: those of saved messages in their order, then those known from events only."""

    __slots__ = ("_buckets", "_live", "_memo", "_tasks")

    def __init__(self, live: LiveTools, messages: MessagesByTask, tasks: TaskTable) -> None:
        self._live = live
        self._buckets = messages.buckets
        self._tasks = tasks
        self._memo: dict[str, tuple[Tool, ...]] = {}

    def __getitem__(self, task_id: str) -> tuple[Tool, ...]:
        tools = self._of(task_id)
        if not tools:
            raise KeyError(task_id)
        return tools

    def _of(self, task_id: str) -> tuple[Tool, ...]:
        known = self._memo.get(task_id)
        if known is not None:
            return known
        bucket = self._buckets.get(task_id)
        live = self._live.get(task_id)
        if bucket is None and live is None:
            return ()
        task = self._tasks.entries.get(task_id)
        ended = task is not None and task.ended
        # What was derived is kept with what it came from: an unchanged task has the same tuple in every snapshot.
        kept = bucket.tools if bucket is not None else getattr(live, "derived", None)
        if kept is not None and kept[0] is live and kept[1] == ended:
            tools: tuple[Tool, ...] = kept[2]
        else:
            tools = tuple(_derive(task_id, bucket, live or {}, ended))
            if bucket is not None:
                bucket.tools = (live, ended, tools)
            elif live is not None:
                live.derived = (live, ended, tools)
        self._memo[task_id] = tools
        return tools

    def __iter__(self) -> Iterator[str]:
        for task_id in self._buckets:
            if self._of(task_id):
                yield task_id
        for task_id in self._live:
            if task_id not in self._buckets and self._of(task_id):
                yield task_id

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __repr__(self) -> str:
        return f"ToolsByTask({len(self)} tasks)"


def _meant_by(
    requested: Mapping[str, Any],
    used: Mapping[str, tuple[Mapping[str, Any] | None, str | None]],
    results: Mapping[str, Mapping[str, Any]],
    denied: Collection[str],
) -> Iterator[str]:
    """The uses that a request for permission can be about, oldest first.

    Fact of the wire: the requests of Claude name no `tool_use_id`. A use of the same tool with the same input, which
    has no result or a failed one, is meant.
    """
    for tool_use_id, (block, _) in used.items():
        failed = tool_use_id not in results or bool(results[tool_use_id].get("is_error"))
        if block is None or tool_use_id in denied or not failed:
            continue
        if block.get("name") == requested.get("tool_name") and block.get("input") == requested.get("tool_input"):
            yield tool_use_id


def _derive(task_id: str, bucket: MessageBucket | None, live: Mapping[str, LiveTool], ended: bool) -> Iterator[Tool]:
    used: dict[str, tuple[Mapping[str, Any] | None, str | None]] = {}
    block: Mapping[str, Any] | None
    results: dict[str, Mapping[str, Any]] = {}
    denied: set[str] = set()
    unnamed: list[Mapping[str, Any]] = []
    for message in bucket if bucket is not None else ():
        if message.type == "permission_request":
            requested = message.content
            if isinstance(requested, dict) and requested.get("status") == "denied":
                if isinstance(requested.get("tool_use_id"), str):
                    denied.add(requested["tool_use_id"])
                else:
                    unnamed.append(requested)
            continue
        for kind, tool_use_id, block in tool_blocks(message.content, message.tool_uses):
            if kind == "tool_result":
                results[tool_use_id] = block
                used.setdefault(tool_use_id, (None, message.message_id))
            elif used.get(tool_use_id, (None, None))[0] is None:
                used[tool_use_id] = (block, message.message_id)
    for tool_use_id, tool in live.items():
        if bucket is None or not tool.saved:
            used.setdefault(tool_use_id, (None, None))
    for requested in unnamed:
        denied.update(islice(_meant_by(requested, used, results, denied), 1))
    for tool_use_id, (block, message_id) in used.items():
        known = live.get(tool_use_id)
        result = results.get(tool_use_id)
        named = block.get("name") if block is not None else None
        name = named if isinstance(named, str) else (known.name if known is not None else None)
        done = ended or result is not None or (bucket is None and known is not None and known.complete)
        yield Tool(
            tool_use_id,
            name,
            task_id,
            "complete" if done else "executing",
            block.get("input") if block is not None else None,
            result.get("content") if result is not None else None,
            bool(result.get("is_error")) if result is not None else False,
            message_id,
            tool_use_id in denied,
        )
