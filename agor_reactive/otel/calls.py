"""The tool calls of a turn, from its saved messages."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from agor_reactive.models.base import instant
from agor_reactive.operators import ToolCall, Turn

__all__ = ["tool_calls_of"]


def tool_calls_of(turn: Turn) -> tuple[ToolCall, ...]:
    """The calls in order of first mention. Their times are those of the messages with the use and with the result."""
    uses: dict[str, tuple[Mapping[str, Any], float | None]] = {}
    results: dict[str, tuple[Mapping[str, Any], float | None]] = {}
    for message in turn.messages:
        at = instant(message.timestamp)
        for block in _blocks(message.content):
            if block.get("type") == "tool_use" and isinstance(block.get("id"), str):
                uses.setdefault(block["id"], (block, at))
            elif block.get("type") == "tool_result" and isinstance(block.get("tool_use_id"), str):
                results.setdefault(block["tool_use_id"], (block, at))
    return tuple(_call(turn, key, use, results.get(key)) for key, use in uses.items())


def _blocks(content: Any) -> Iterator[Mapping[str, Any]]:
    if isinstance(content, tuple | list):
        yield from (block for block in content if isinstance(block, Mapping))


def _call(
    turn: Turn,
    key: str,
    use: tuple[Mapping[str, Any], float | None],
    found: tuple[Mapping[str, Any], float | None] | None,
) -> ToolCall:
    block, began = use
    result, ended = found if found is not None else ({}, instant(turn.task.completed_at))
    failed = bool(result.get("is_error"))
    return ToolCall(
        session_id=turn.session_id,
        task_id=turn.id,
        id=key,
        name=str(block.get("name") or "unknown"),
        input=block.get("input"),
        status="unfinished" if found is None else "failed" if failed else "complete",
        result=result.get("content"),
        error=str(result.get("content")) if failed else None,
        started_at=began,
        ended_at=ended,
    )
