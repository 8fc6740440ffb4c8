"""What a page may do to its session: prompt, stop, cancel what is queued, answer a request for permission, read older
tasks. Each is answered.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from typing import Any

from agor_reactive.adapters.presentation.plain import one_line
from agor_reactive.errors import AgorError, Conflict
from agor_reactive.session.handles import SessionHandle

__all__ = ["Deeds"]


class Deeds:
    """Does what a page asks for, in tasks of its own. `answer` takes ``{"op": "done", "deed": …, "error": …}``."""

    def __init__(self, handle: SessionHandle, answer: Callable[[dict[str, Any]], None]) -> None:
        self._handle = handle
        self._answer = answer
        self._running: set[asyncio.Task[None]] = set()

    def do(self, op: str, message: Mapping[str, Any]) -> None:
        """Begin it. What is not known changes nothing."""
        deed: Coroutine[Any, Any, Any]
        if op == "prompt":
            text = message.get("text")
            if not isinstance(text, str) or not text.strip():
                return
            deed = self._handle.prompt(text)
        elif op == "stop":
            deed = self._handle.stop(wait=False)
        elif op == "cancel":
            deed = self._handle.cancel(str(message.get("task", "")))
        elif op == "older":
            deed = self._handle.load_older_tasks()
        elif op in ("approve", "deny"):
            deed = self._decide(str(message.get("request", "")), allow=op == "approve")
        else:
            return
        self.start(self._carry_out(deed, message.get("deed")))

    async def _decide(self, request_id: str, *, allow: bool) -> None:
        decide = self._handle.approve if allow else self._handle.deny
        answer = await decide(request_id)
        if answer.success is False:
            raise Conflict(answer.message or "This request was already answered.")

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
