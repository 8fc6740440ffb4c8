"""Payloads of real-time events other than rows: streamed text and thinking, tools, permissions, the greeting.

The fold reads these from the raw payload without building a model for every chunk; the models are for users who take
events one by one (`payload_of`), and the reference of what each event carries.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field

from agor_reactive.models.base import Json, WireModel, freeze, row_from_wire
from agor_reactive.models.message import Message
from agor_reactive.models.session import Session
from agor_reactive.models.task import Task
from agor_reactive.models.wire import RawEvent

__all__ = [
    "PAYLOAD_OF_TOPIC",
    "PermissionRequest",
    "PermissionResolved",
    "ServerInfo",
    "StreamChunk",
    "StreamEnd",
    "StreamError",
    "StreamStart",
    "TaskFailed",
    "ThinkingChunk",
    "ThinkingEnd",
    "ThinkingStart",
    "ToolComplete",
    "ToolStart",
    "payload_of",
]


class _OfMessage(WireModel):
    message_id: str = ""
    session_id: str = ""
    task_id: str | None = None


class StreamStart(_OfMessage):
    """``messages streaming:start``: a reply begins; its saved message will have the same `message_id`."""

    role: str | None = None
    timestamp: str | None = None


class StreamChunk(_OfMessage):
    """``messages streaming:chunk``: `sequence` counts from 0 per message; other senders may leave it out."""

    chunk: str = ""
    sequence: int | None = None


class StreamEnd(_OfMessage):
    """``messages streaming:end``: `sequence` is the number of chunks there were."""

    sequence: int | None = None


class StreamError(_OfMessage):
    """``messages streaming:error``."""

    error: Annotated[Any, Json] = None


class ThinkingStart(_OfMessage):
    """``messages thinking:start``."""

    timestamp: str | None = None


class ThinkingChunk(_OfMessage):
    """``messages thinking:chunk``: never numbered; the order of arrival counts."""

    chunk: str = ""


class ThinkingEnd(_OfMessage):
    """``messages thinking:end``."""


class _OfTask(WireModel):
    task_id: str = ""
    session_id: str = ""


class ToolStart(_OfTask):
    """``tasks tool:start``."""

    tool_use_id: str = ""
    tool_name: str | None = None


class ToolComplete(_OfTask):
    """``tasks tool:complete``: the call is complete; the tool may start to run only now."""

    tool_use_id: str = ""


class TaskFailed(_OfTask):
    """``tasks failed``: the agent could not be started."""

    error_message: str | None = None


class PermissionRequest(WireModel):
    """``sessions permission:request``; newer daemons save a ``permission_request`` message instead."""

    request_id: str = Field(default="", alias="requestId")
    session_id: str = Field(default="", alias="sessionId")
    task_id: str | None = Field(default=None, alias="taskId")
    tool_name: str | None = Field(default=None, alias="toolName")
    tool_input: Annotated[Any, Json] = Field(default=None, alias="toolInput")


class PermissionResolved(WireModel):
    """``messages permission_resolved`` (daemons before August 2026; later ones patch the request's message)."""

    request_id: str = Field(default="", alias="requestId")
    session_id: str = Field(default="", alias="sessionId")
    task_id: str | None = Field(default=None, alias="taskId")
    allow: bool | None = None
    remember: bool | None = None
    scope: str | None = None
    decided_by: str | None = Field(default=None, alias="decidedBy")
    reason: str | None = None


class ServerInfo(WireModel):
    """``server-info``: pushed on every connection. `instance_id` and `boot_id` come from newer daemons."""

    build_sha: str | None = Field(default=None, alias="buildSha")
    built_at: str | None = Field(default=None, alias="builtAt")
    instance_id: str | None = Field(default=None, alias="instanceId")
    boot_id: str | None = Field(default=None, alias="bootId")


_ROWS: dict[str, type[WireModel]] = {"sessions": Session, "tasks": Task, "messages": Message}

PAYLOAD_OF_TOPIC: Mapping[str, type[WireModel]] = {
    "server-info": ServerInfo,
    "messages streaming:start": StreamStart,
    "messages streaming:chunk": StreamChunk,
    "messages streaming:end": StreamEnd,
    "messages streaming:error": StreamError,
    "messages thinking:start": ThinkingStart,
    "messages thinking:chunk": ThinkingChunk,
    "messages thinking:end": ThinkingEnd,
    "messages permission_resolved": PermissionResolved,
    "sessions permission:request": PermissionRequest,
    "sessions permission:timeout": PermissionRequest,
    "tasks tool:start": ToolStart,
    "tasks tool:complete": ToolComplete,
    "tasks thinking:chunk": ThinkingChunk,
    "tasks failed": TaskFailed,
    "tasks queued": Task,
    "messages queued": Message,
    "tasks/bulk created": Task,
    "messages/bulk created": Message,
    **{
        f"{service} {verb}": row
        for service, row in _ROWS.items()
        for verb in ("created", "patched", "updated", "removed")
    },
}
"""Which model reads the payload of which event. Any other event's payload is frozen JSON."""


def payload_of(event: RawEvent) -> Any:
    """Read an event's payload as its model, or as frozen JSON without a model or JSON object."""
    model = PAYLOAD_OF_TOPIC.get(event.topic)
    if model is None or not isinstance(event.payload, dict):
        return freeze(event.payload)
    return row_from_wire(model, event.payload)
