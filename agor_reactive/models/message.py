"""Messages: what was said in a task. `content` is text, a list of blocks or one object, as it came, frozen."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from agor_reactive.models.base import FrozenDict, Json, WireModel, iter_blocks

__all__ = ["Message"]


class Message(WireModel):
    """One saved message.

    `type` is one of ``user assistant system file-history-snapshot permission_request input_request daemon_restart
    daemon_crash widget_request``, `role` one of ``user assistant system``, or whatever a newer daemon says. `content`
    is a str (prompts), a tuple of `FrozenDict` blocks (``text thinking tool_use tool_result image`` …) or a
    `FrozenDict` (permission requests). Messages are ordered by (`index`, `message_id`).
    """

    id_field: ClassVar[str] = "message_id"

    message_id: str
    session_id: str = ""
    task_id: str | None = None
    type: str = ""
    role: str = ""
    index: int | float = 0
    timestamp: str = ""
    content_preview: str = ""
    content: Annotated[Any, Json] = ""
    tool_uses: Annotated[Any, Json] = None
    parent_tool_use_id: str | None = None
    metadata: Annotated[Any, Json] = None

    @property
    def blocks(self) -> tuple[FrozenDict, ...]:
        """The content as blocks, whatever its shape; a str is one ``text`` block."""
        return tuple(iter_blocks(self.content))

    @property
    def text(self) -> str:
        """What a person reads of it: the ``text`` blocks, joined by blank lines."""
        if isinstance(self.content, str):
            return self.content
        parts = [block.get("text") for block in iter_blocks(self.content) if block.get("type", "text") == "text"]
        return "\n\n".join(part for part in parts if isinstance(part, str) and part)

    @property
    def thinking(self) -> str:
        """The ``thinking`` blocks, joined by blank lines."""
        parts = [block.get("thinking") for block in iter_blocks(self.content) if block.get("type") == "thinking"]
        return "\n\n".join(part for part in parts if isinstance(part, str) and part)
