"""The tool calls of a turn, and the calls that they were made in."""

from __future__ import annotations

import math

from agor_reactive.models.base import iter_blocks
from agor_reactive.operators import ToolCall, Turn
from agor_reactive.operators.pairing import Pairing

__all__ = ["parents_of", "tool_calls_of"]


def tool_calls_of(turn: Turn) -> list[ToolCall]:
    """The calls in order of their start."""
    pairing = Pairing(turn.session_id, turn.id)
    fields = [
        {"content": m.content, "tool_uses": m.tool_uses, "timestamp": m.timestamp, "type": m.type}
        for m in turn.messages
    ]
    found = pairing.take(fields, _no_name)
    at = turn.task.completed_at
    found += [pairing.without_result(key, turn.status, at, _no_name) for key in pairing.left(())]
    return sorted(found, key=lambda call: math.inf if call.started_at is None else call.started_at)


def _no_name(tool_use_id: str) -> None:
    return None


def parents_of(turn: Turn) -> dict[str, str]:
    """Tool call to the call that started the subagent which made it, by their ids."""
    found: dict[str, str] = {}
    for message in turn.messages:
        parent = message.parent_tool_use_id
        if parent:
            uses = [block.get("id") for block in iter_blocks(message.content) if block.get("type") == "tool_use"]
            found |= {use: parent for use in [*uses, *(tool.id for tool in message.tools)] if isinstance(use, str)}
    return found
