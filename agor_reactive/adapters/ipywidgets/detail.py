"""What tools take and give, as text for a page, cut where it is too long for one. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from agor_reactive.adapters.terminal.plain import plain
from agor_reactive.core.snapshot import SessionState
from agor_reactive.core.tools import Tool
from agor_reactive.models.base import thaw

__all__ = ["data_text", "detail_of"]

MOST = 100_000
"""Characters of an input or a result that are sent to a page."""


def detail_of(state: SessionState, task_id: str, tool_use_id: str) -> dict[str, str]:
    """Input and result of a tool, as text."""
    found = [tool for tool in state.get_task_tools(task_id) if tool.tool_use_id == tool_use_id]
    tool = found[0] if found else Tool(tool_use_id, None, task_id, "complete")
    return {"input": data_text(tool.input), "result": data_text(tool.result)}


def data_text(value: Any) -> str:
    """What a tool takes or gives, as text: lines of ``name: value`` where it is flat, JSON where it is not."""
    if value is None or value == {} or value == ():
        return ""
    if isinstance(value, tuple):
        texts = [block.get("text") for block in value if isinstance(block, Mapping)]
        if len(texts) == len(value) and all(isinstance(text, str) for text in texts):
            value = "\n\n".join(str(text) for text in texts)
    if isinstance(value, Mapping) and all(isinstance(field, str | int | float | None) for field in value.values()):
        value = "\n".join(_field(name, field) for name, field in value.items())
    if not isinstance(value, str):
        value = json.dumps(thaw(value), indent=2, ensure_ascii=False)
    text = plain(value[: MOST + 1])
    return text if len(text) <= MOST else text[:MOST] + "\n… (cut here)"


def _field(name: str, value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return f"{name}:\n{text}\n" if "\n" in text else f"{name}: {text}"
