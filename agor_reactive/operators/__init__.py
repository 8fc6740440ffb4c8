"""Operators: what happened in a session, from its snapshots."""

from agor_reactive.operators.completed_turns import completed_turns
from agor_reactive.operators.items import ToolCall, Turn
from agor_reactive.operators.sample_frames import sample_frames
from agor_reactive.operators.select import select

__all__ = ["ToolCall", "Turn", "completed_turns", "sample_frames", "select"]
