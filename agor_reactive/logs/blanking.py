"""Takes prompts, replies and all other prose out of an event or row, and keeps its shape."""

from __future__ import annotations

import re
from typing import Any, Final

from agor_reactive.models.wire import CutText

__all__ = ["blanked"]

# What the fold and the views need, and is not prose: ids, kinds, states, moments, names of tools and models.
_KEPT: Final = frozenset(
    [
        "id",
        "ids",
        "type",
        "status",
        "role",
        "kind",
        "phase",
        "mode",
        "at",
        "timestamp",
        "sequence",
        "hydration",
        "strategy",
        "decision",
        "outcome",
        "scope",
    ]
)
"""A name that is one of these, or ends in one after an underscore."""
_KEPT_WHOLE: Final = frozenset(
    [
        "tasks",
        "agentic_tool",
        "model",
        "tool_name",
        "name",
        "sessionId",
        "taskId",
        "messageId",
        "requestId",
        "toolUseId",
        "primaryModel",
    ]
)
_VISIBLE: Final = re.compile(r"[^\n]")


def blanked(value: Any, key: str = "") -> Any:
    """The same JSON with every text of the same length in ``x``, lines kept, but for fields that hold no prose."""
    if isinstance(value, str):
        if key in _KEPT_WHOLE or key.rpartition("_")[2] in _KEPT:
            return value
        return "x" * len(value.raw) if isinstance(value, CutText) else _VISIBLE.sub("x", value)
    if isinstance(value, dict):
        return {name: blanked(item, name) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [blanked(item, key) for item in value]
    return value
