"""What a page may do to its session: prompt, stop, cancel what is queued, read older tasks. Each is answered."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine, Mapping
from typing import Any

from agor_reactive.adapters.terminal.plain import one_line, plain
from agor_reactive.core.snapshot import SessionState
from agor_reactive.core.tools import Tool
from agor_reactive.errors import AgorError
from agor_reactive.models.base import thaw
from agor_reactive.session.handles import SessionHandle

__all__ = ["Deeds", "detail_of"]

MOST_OF_A_DETAIL = 100_000
"""Characters of a tool's input or result that are sent to a page."""


class Deeds:
    """Does what a page asks for, in tasks of its own. `answer` takes ``{"op": "done", "deed": …, "error": …}``."""

    def __init__(self, handle: SessionHandle, answer: Callable[[dict[str, Any]], None]) -> None:
        self._handle = handle
        self._answer = answer
        self._running: set[asyncio.Task[None]] = set()

    def do(self, op: str, message: Mapping[str, Any]) -> None:
        """Begin it. What is not known changes nothing."""
        session_id, link = self._handle.session_id, self._handle.shared.link
        deed: Coroutine[Any, Any, Any]
        if op == "prompt":
            text = message.get("text")
            if not isinstance(text, str) or not text.strip():
                return
            deed = self._handle.prompt(text)
        elif op == "stop":
            deed = link.call("create", f"sessions/{session_id}/stop", {})
        elif op == "cancel":
            deed = link.call("remove", "tasks", str(message.get("task", "")))
        elif op == "older":
            deed = self._handle.load_older_tasks()
        else:
            return
        self.start(self._carry_out(deed, message.get("deed")))

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        """Run it until it ends or the page is closed."""
        task = self._handle.shared.loop.create_task(work)
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def _carry_out(self, deed: Coroutine[Any, Any, Any], name: Any) -> None:
        try:
            await deed
        except AgorError as error:
            self._answer({"op": "done", "deed": name, "error": one_line(str(error), 600)})
        else:
            self._answer({"op": "done", "deed": name, "error": None})

    def close(self) -> None:
        """Give up what is under way."""
        for task in tuple(self._running):
            task.cancel()


def detail_of(state: SessionState, task_id: str, tool_use_id: str) -> dict[str, str]:
    """Input and result of a tool, as text."""
    found = [tool for tool in state.get_task_tools(task_id) if tool.tool_use_id == tool_use_id]
    tool = found[0] if found else Tool(tool_use_id, None, task_id, "complete")
    return {"input": _text(tool.input), "result": _text(tool.result)}


def _text(value: Any) -> str:
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
    text = plain(value[: MOST_OF_A_DETAIL + 1])
    return text if len(text) <= MOST_OF_A_DETAIL else text[:MOST_OF_A_DETAIL] + "\n… (cut here)"


def _field(name: str, value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return f"{name}:\n{text}\n" if "\n" in text else f"{name}: {text}"
