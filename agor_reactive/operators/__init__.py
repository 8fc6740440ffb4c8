"""Operators: what happens in sessions, from snapshots, events and logs."""

from agor_reactive.operators.completed_turns import completed_turns
from agor_reactive.operators.for_session import for_session
from agor_reactive.operators.for_tool import for_tool
from agor_reactive.operators.items import QueueChange, StatusChange, TextDelta, ToolCall, Turn
from agor_reactive.operators.permission_requests import permission_requests
from agor_reactive.operators.queue_changes import queue_changes
from agor_reactive.operators.sample_frames import sample_frames
from agor_reactive.operators.select import select
from agor_reactive.operators.status_changes import status_changes
from agor_reactive.operators.text_deltas import text_deltas
from agor_reactive.operators.tool_calls import tool_calls
from agor_reactive.session.iteration import back_pressure, buffered, iterate, newest

__all__ = [
    "QueueChange",
    "StatusChange",
    "TextDelta",
    "ToolCall",
    "Turn",
    "back_pressure",
    "buffered",
    "completed_turns",
    "for_session",
    "for_tool",
    "iterate",
    "newest",
    "permission_requests",
    "queue_changes",
    "sample_frames",
    "select",
    "status_changes",
    "text_deltas",
    "tool_calls",
]
