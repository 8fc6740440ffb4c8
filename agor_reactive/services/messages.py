"""Messages: read those of a session or task, save many, answer the widgets in them."""

from __future__ import annotations

from typing import Any

from agor_reactive.calls import operations as op
from agor_reactive.calls.effects import Operation
from agor_reactive.calls.surface import Kind, operation
from agor_reactive.models import Message
from agor_reactive.models.inputs import MessageCreate, MessagePatch
from agor_reactive.services.base import JsonData, passthrough
from agor_reactive.services.executor_rows import ExecutorRows

__all__ = ["MessageService"]


class MessageService(ExecutorRows[Kind, Message, MessageCreate, MessagePatch]):
    """Messages. The client creates their ids (`new_id`)."""

    @operation
    def find_by_session(
        self, session_id: str, *, timeout: float | None = None, max_retries: int | None = None
    ) -> Operation[tuple[Message, ...]]:
        """Get all messages of a session, by index."""
        return (yield from op.messages_of({"session_id": session_id}))

    @operation
    def find_by_task(
        self, task_id: str, *, timeout: float | None = None, max_retries: int | None = None
    ) -> Operation[tuple[Message, ...]]:
        """Get all messages of a task, by index."""
        return (yield from op.messages_of({"task_id": task_id}))

    @operation
    def find_by_range(
        self,
        session_id: str,
        start_index: int,
        end_index: int,
        *,
        timeout: float | None = None,
        max_retries: int | None = None,
    ) -> Operation[tuple[Message, ...]]:
        """Get the messages of a session whose index is in this inclusive range. All messages are read and filtered
        here."""
        rows = yield from op.messages_of({"session_id": session_id})
        return tuple(row for row in rows if start_index <= row.index <= end_index)

    @passthrough("create", "widgets/:id/submit")
    def submit_widget(
        self,
        widget_id: str,
        data: JsonData | None = None,
        *,
        timeout: float | None = None,
        max_retries: int | None = None,
    ) -> Any:
        """Answer a ``widget_request``."""

    @passthrough("create", "widgets/:id/dismiss")
    def dismiss_widget(
        self,
        widget_id: str,
        data: JsonData | None = None,
        *,
        timeout: float | None = None,
        max_retries: int | None = None,
    ) -> Any:
        """Dismiss a ``widget_request``."""

    @passthrough("create", "widgets/:id/oauth-resolve")
    def resolve_widget_oauth(
        self,
        widget_id: str,
        data: JsonData | None = None,
        *,
        timeout: float | None = None,
        max_retries: int | None = None,
    ) -> Any:
        """Complete the login that a ``widget_request`` asks for (0.26 and later)."""
