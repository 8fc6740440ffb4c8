"""`for_tool`: what is about certain tools."""

from __future__ import annotations

from collections.abc import Callable
from fnmatch import fnmatchcase
from typing import Any, TypeVar

from reactivex import Observable
from reactivex import operators as ops

from agor_reactive.errors import UsageError
from agor_reactive.models.wire import RawEvent

__all__ = ["for_tool"]

T = TypeVar("T")


def for_tool(*names: str) -> Callable[[Observable[T]], Observable[T]]:
    """Pass on tool calls, permission requests and events that name one of these tools.

    A name may have ``*``, as ``"mcp__*"``; upper and lower case differ. Raises `UsageError` without a name.

    ::

        tool calls  --Read--Bash--Read--Grep--|
                    for_tool("Read", "Gr*")
                    --Read--------Read--Grep--|
    """
    if not names:
        raise UsageError("for_tool needs the name of a tool.")

    def is_wanted(item: Any) -> bool:
        found = _tool_of(item)
        return isinstance(found, str) and any(fnmatchcase(found, name) for name in names)

    return ops.filter(is_wanted)


def _tool_of(item: Any) -> Any:
    if isinstance(item, RawEvent):
        payload = item.payload if isinstance(item.payload, dict) else {}
        content = payload.get("content")
        asked = content if isinstance(content, dict) else payload  # the content of a permission request
        return asked.get("tool_name") or asked.get("toolName")
    found = getattr(item, "tool_name", None)
    return getattr(item, "name", None) if found is None else found
