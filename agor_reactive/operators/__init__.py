"""Operators: what happened in a session, from its snapshots."""

from agor_reactive.operators.completed_turns import completed_turns
from agor_reactive.operators.items import ToolCall, Turn

__all__ = ["ToolCall", "Turn", "completed_turns"]
