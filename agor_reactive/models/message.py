"""Messages of a task. `content` is text, a list of blocks or one object, as it came, frozen."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from agor_reactive.models.base import CamelModel, FrozenDict, FrozenMap, Json, WireModel, iter_blocks

__all__ = [
    "AnswerNotes",
    "InputOption",
    "InputQuestion",
    "InputRequest",
    "Message",
    "MessageMetadata",
    "MessageTokens",
    "PermissionAsked",
    "ToolUse",
    "Widget",
]


class PermissionAsked(WireModel):
    """The content of a message of type ``permission_request``.

    `status` is ``pending approved denied timed_out``; `scope` is the scope of the answer (``once project user local``).
    `task_id` is the waiting task (newer daemons; else it is the message's own `task_id`).
    """

    request_id: str
    status: str = ""
    tool_name: str = ""
    tool_input: Annotated[Any, Json] = None
    tool_use_id: str | None = None
    task_id: str | None = None
    scope: str | None = None
    approved_at: str | None = None
    approved_by: str | None = None


class InputOption(WireModel):
    """One of the offered answers."""

    label: str = ""
    description: str = ""
    markdown: str | None = None


class InputQuestion(CamelModel):
    """One question of an agent to the user; `multi_select`: several answers are allowed."""

    question: str = ""
    header: str = ""
    multi_select: bool = False
    options: tuple[InputOption, ...] = ()


class AnswerNotes(WireModel):
    """The user's notes on an answer."""

    markdown: str | None = None
    notes: str | None = None


class InputRequest(WireModel):
    """The content of a message of type ``input_request``; `status` is ``pending answered timed_out``."""

    request_id: str
    status: str = ""
    questions: tuple[InputQuestion, ...] = ()
    answers: FrozenMap[str] | None = None
    annotations: FrozenMap[AnswerNotes] | None = None
    answered_at: str | None = None
    answered_by: str | None = None
    task_id: str | None = None


class ToolUse(WireModel):
    """A tool call of the agent: its `name` and input."""

    id: str
    name: str = ""
    input: Annotated[Any, Json] = None


class Widget(WireModel):
    """A form or choice that the agent put into the conversation (``widget_request``).

    `status` is ``pending submitted dismissed already_present``; `params` are its parameters, `result_meta` describes
    the result.
    """

    widget_id: str
    widget_type: str = ""
    status: str = ""
    schema_version: int | float | None = None
    params: Annotated[Any, Json] = None
    result_meta: Annotated[Any, Json] = None
    auto_resume: bool | None = None
    requested_at: str | None = None
    resolved_at: str | None = None
    submitted_by: str | None = None


class MessageTokens(WireModel):
    """The input and output tokens of one message."""

    input: int | float = 0
    output: int | float = 0


class MessageMetadata(WireModel):
    """The origin of a message, and the request it answers."""

    model: str | None = None
    source: str | None = None
    tokens: MessageTokens | None = None
    is_meta: bool | None = None
    system_authored: bool | None = None
    original_id: str | None = None
    parent_id: str | None = None
    widget: Widget | None = None
    widget_id: str | None = None


class Message(WireModel):
    """One saved message.

    `type` is one of ``user assistant system file-history-snapshot permission_request input_request daemon_restart
    daemon_crash widget_request``, `role` one of ``user assistant system``, or another value of a newer daemon.
    `content` is a str (prompts), a tuple of `FrozenDict` blocks (`words.BlockType`) or a `FrozenDict` (permission
    requests). Messages are ordered by (`index`, `message_id`). In a lean read `has_deferred_reasoning` says that
    thinking was omitted. Large tool results are cut to their head and tail, with byte counts (0.26 and later).
    """

    message_id: str
    session_id: str = ""
    task_id: str | None = None
    type: str = ""
    role: str = ""
    index: int | float = 0
    timestamp: str = ""
    content_preview: str = Field(default="", repr=False)
    content: Annotated[Any, Json] = Field(default="", repr=False)
    tool_uses: Annotated[Any, Json] = None
    parent_tool_use_id: str | None = None
    metadata: Annotated[Any, Json] = None
    has_deferred_reasoning: bool | None = None

    @property
    def blocks(self) -> tuple[FrozenDict, ...]:
        """The content as blocks; a str is one ``text`` block."""
        return tuple(iter_blocks(self.content))

    @property
    def text(self) -> str:
        """The readable text: the ``text`` blocks, joined by blank lines."""
        if isinstance(self.content, str):
            return self.content
        parts = [block.get("text") for block in iter_blocks(self.content) if block.get("type", "text") == "text"]
        return "\n\n".join(part for part in parts if isinstance(part, str) and part)

    @property
    def thinking(self) -> str:
        """The ``thinking`` blocks, joined by blank lines."""
        parts = [block.get("thinking") for block in iter_blocks(self.content) if block.get("type") == "thinking"]
        return "\n\n".join(part for part in parts if isinstance(part, str) and part)

    @property
    def tools(self) -> tuple[ToolUse, ...]:
        """The parsed `tool_uses`."""
        listed = self.tool_uses if isinstance(self.tool_uses, tuple) else ()
        return tuple(tool for use in listed if (tool := ToolUse.part_of(use)) is not None)

    @property
    def details(self) -> MessageMetadata:
        """The parsed `metadata`; empty when there is none."""
        return MessageMetadata.part_of(self.metadata) or MessageMetadata()

    @property
    def permission(self) -> PermissionAsked | None:
        """The requested permission of a ``permission_request``, else None."""
        return PermissionAsked.part_of(self.content) if self.type == "permission_request" else None

    @property
    def input_request(self) -> InputRequest | None:
        """The questions to the user of an ``input_request``, else None."""
        return InputRequest.part_of(self.content) if self.type == "input_request" else None
