"""Data frames of a state: one row per task, message or tool call."""

from __future__ import annotations

from typing import Any

from agor_reactive.core.snapshot import SessionState
from agor_reactive.errors import MissingExtra, UsageError
from agor_reactive.models.base import instant, thaw
from agor_reactive.models.task import Task

__all__ = ["TIMES", "table", "to_frame"]

TIMES = ("created_at", "started_at", "completed_at", "timestamp", "called_at", "answered_at")


def to_frame(state: SessionState, of: str, library: str) -> Any:
    """A frame of `library` (``pandas`` or ``polars``) with a row for each of `of` (``tasks messages tools``)."""
    columns, rows = table(state, of)
    if library == "pandas":
        try:
            import pandas
        except ImportError:
            raise MissingExtra('a data frame needs pandas: pip install "agor-reactive[pandas]"') from None
        frame = pandas.DataFrame(rows, columns=columns)
        for name in TIMES:
            if name in columns:
                frame[name] = pandas.to_datetime(frame[name], unit="s", utc=True)
        return frame
    if library == "polars":
        try:
            import polars
        except ImportError:
            raise MissingExtra("a polars data frame needs polars: pip install polars") from None
        made = polars.DataFrame([dict(zip(columns, row, strict=True)) for row in rows], infer_schema_length=None)
        times = [name for name in TIMES if name in made.columns]
        return made.with_columns(
            [(polars.col(name).cast(polars.Float64) * 1_000_000).cast(polars.Datetime("us", "UTC")) for name in times]
        )
    raise UsageError(f"there is no library {library!r}; there are pandas, polars")


_Table = tuple[list[str], list[tuple[Any, ...]]]


def table(state: SessionState, of: str) -> _Table:
    """The names of the columns of such a frame, and its rows. Times are epoch seconds. Raises `UsageError`."""
    makers = {"tasks": _tasks, "messages": _messages, "tools": _tools}
    maker = makers.get(of)
    if maker is None:
        raise UsageError(f"there is no frame of {of!r}; there are {', '.join(makers)}")
    return maker(state)


def _tasks(state: SessionState) -> _Table:
    columns = ["session_id", "task_id", "status", "created_at", "started_at", "completed_at", "waited_s", "took_s"]
    columns += ["model", "input_tokens", "output_tokens", "cost_usd", "messages", "tools", "tools_failed", "error"]
    return columns, [_task(state, task) for task in state.tasks]


def _task(state: SessionState, task: Task) -> tuple[Any, ...]:
    created, started, completed = (instant(at) for at in (task.created_at, task.started_at, task.completed_at))
    usage = task.usage
    tokens = usage.token_usage if usage is not None else None
    tools = state.get_task_tools(task.task_id)
    return (
        task.session_id or state.session_id,
        task.task_id,
        task.status,
        created,
        started,
        completed,
        _seconds(created, started),
        _seconds(started, completed),
        task.model or (usage.primary_model if usage is not None else None),
        tokens.input_tokens if tokens is not None else None,
        tokens.output_tokens if tokens is not None else None,
        usage.cost_usd if usage is not None else None,
        len(state.get_task_messages(task.task_id)),
        len(tools),
        sum(tool.failed for tool in tools),
        task.error_message,
    )


def _seconds(begin: float | None, end: float | None) -> float | None:
    return end - begin if begin is not None and end is not None else None


def _messages(state: SessionState) -> _Table:
    columns = ["session_id", "task_id", "message_id", "index", "type", "role", "timestamp", "characters"]
    rows = [
        (
            message.session_id or state.session_id,
            task_id,
            message.message_id,
            message.index,
            message.type,
            message.role,
            instant(message.timestamp),
            _length(thaw(message.content)),
        )
        for task_id in state.messages_by_task
        for message in state.messages_by_task[task_id]
    ]
    return columns, rows


def _length(content: Any) -> int:
    if isinstance(content, str):
        return len(content)
    if isinstance(content, list):
        return sum(len(block.get("text") or "") for block in content if isinstance(block, dict))
    return 0


def _tools(state: SessionState) -> _Table:
    columns = ["session_id", "task_id", "tool_use_id", "tool_name", "status", "failed", "denied"]
    columns += ["called_at", "answered_at", "took_s"]
    rows: list[tuple[Any, ...]] = []
    for task_id in state.tools_by_task:
        called, answered = _times(state, task_id)
        for tool in state.get_task_tools(task_id):
            begin, end = called.get(tool.tool_use_id), answered.get(tool.tool_use_id)
            facts = (tool.tool_use_id, tool.tool_name, tool.status, tool.failed, tool.denied)
            rows.append((state.session_id, task_id, *facts, begin, end, _seconds(begin, end)))
    return columns, rows


def _times(state: SessionState, task_id: str) -> tuple[dict[str, float | None], dict[str, float | None]]:
    """When each tool was called and answered, by the messages that hold it."""
    called: dict[str, float | None] = {}
    answered: dict[str, float | None] = {}
    for message in state.get_task_messages(task_id):
        blocks = message.content if isinstance(message.content, (list, tuple)) else ()
        for block in blocks:
            if isinstance(block, dict):
                if block.get("type") == "tool_use" and isinstance(block.get("id"), str):
                    called.setdefault(block["id"], instant(message.timestamp))
                elif block.get("type") == "tool_result" and isinstance(block.get("tool_use_id"), str):
                    answered.setdefault(block["tool_use_id"], instant(message.timestamp))
    return called, answered
