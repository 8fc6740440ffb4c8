"""Pairs the tool calls of one task with their results, message by message.

Facts of the wire: rows have no times of tool calls. A call begins with the message that makes it and ends with the one
that holds its result. A permission request of Claude names no `tool_use_id`; the tool and the input show what it is of.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from agor_reactive.core.tools import tool_blocks
from agor_reactive.models.base import freeze, instant
from agor_reactive.operators.items import ToolCall

__all__ = ["Pairing"]

Names = Callable[[str], str | None]
"""The name of a tool by its tool_use_id, as events gave it."""


class Pairing:
    """The tool calls of one task. Each is returned once, when it has finished."""

    __slots__ = ("_denied", "_done", "_made", "session_id", "task_id")

    def __init__(self, session_id: str, task_id: str) -> None:
        self.session_id = session_id
        self.task_id = task_id
        self._made: dict[str, tuple[Mapping[str, Any], float | None]] = {}  # block, time
        self._done: set[str] = set()
        self._denied: dict[str, Mapping[str, Any]] = {}  # by request id

    def forget_messages(self) -> None:
        """All messages of the task will be taken anew. What has been returned is remembered."""
        self._made.clear()
        self._denied.clear()

    def take(self, messages: Iterable[Mapping[str, Any]], name_of: Names) -> list[ToolCall]:
        """The calls that finish with these messages (fields of their rows)."""
        results: list[tuple[str, Mapping[str, Any], Any]] = []
        made, done = self._made, self._done
        for fields in messages:
            content = fields.get("content")
            uses = fields.get("tool_uses")
            if type(content) is str and not uses:
                continue
            for kind, tool_use_id, block in tool_blocks(content, uses):
                if kind == "tool_result":
                    if tool_use_id not in done:
                        results.append((tool_use_id, block, fields.get("timestamp")))
                elif tool_use_id not in made:
                    made[tool_use_id] = (block, instant(fields.get("timestamp")))
            if (
                isinstance(content, dict)
                and content.get("status") == "denied"
                and fields.get("type") == "permission_request"
            ):
                self._denied[str(content.get("request_id"))] = content
        found = []
        for tool_use_id, block, timestamp in results:
            if tool_use_id not in done:
                failed = bool(block.get("is_error"))
                found.append(self._call(tool_use_id, name_of, block.get("content"), failed, instant(timestamp)))
        return found

    def left(self, others: Iterable[str]) -> list[str]:
        """The calls that have not been returned: those that messages make, and `others` that are known from events."""
        return [tool_use_id for tool_use_id in {**self._made, **dict.fromkeys(others)} if tool_use_id not in self._done]

    def without_result(self, tool_use_id: str, status: str | None, at: Any, name_of: Names) -> ToolCall:
        """A call that has no known result: its task ended with that status, at that time.

        Without a status the messages of the task are not loaded, and there may be a result.
        """
        if status is None:
            return self._call(tool_use_id, name_of, None, None, instant(at), status="unknown")
        error = f"the task ended ({status}) before there was a result"
        return self._call(tool_use_id, name_of, None, None, instant(at), error)

    def _call(
        self,
        tool_use_id: str,
        name_of: Names,
        result: Any,
        failed: bool | None,
        ended_at: float | None,
        error: str | None = None,
        status: str | None = None,
    ) -> ToolCall:
        self._done.add(tool_use_id)
        block, began = self._made.get(tool_use_id, ({}, None))
        given, named = freeze(block.get("input")), block.get("name")
        name = named if isinstance(named, str) else name_of(tool_use_id) or ""
        if status is None:
            status = "interrupted" if failed is None else "failed" if failed else "completed"
        if type(result) is not str:
            result = freeze(result)
        if failed:
            error = _text(result) or "the tool failed"
        if status in ("failed", "interrupted") and self._denied and self._is_denied(tool_use_id, name, given):
            status, error = "denied", _text(result) or "permission denied"
        # Positional: names cost a microsecond.
        return ToolCall(self.session_id, self.task_id, tool_use_id, name, given, status, result, error, began, ended_at)

    def _is_denied(self, tool_use_id: str, name: str, given: Any) -> bool:
        """Whether one of the denied requests is about this call. A request that names no call is about one only."""
        for request_id, asked in self._denied.items():
            named = asked.get("tool_use_id")
            if named == tool_use_id:
                return True
            if (
                not isinstance(named, str)
                and asked.get("tool_name") == name
                and freeze(asked.get("tool_input")) == given
            ):
                del self._denied[request_id]
                return True
        return False


def _text(result: Any) -> str:
    """The readable text of a result."""
    if isinstance(result, tuple):
        texts = (block.get("text") for block in result if isinstance(block, dict))
        return "\n\n".join(text for text in texts if isinstance(text, str))
    return result if isinstance(result, str) else ""
