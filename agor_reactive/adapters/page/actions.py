"""Actions of a page: prompt, stop, cancel a queued prompt, answer a permission request, load older tasks."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, Final

from agor_reactive.adapters.presentation.failures import failure_of
from agor_reactive.errors import AgorError, Conflict
from agor_reactive.session.handles import SessionHandle

__all__ = ["CHANGING", "Actions"]

CHANGING: Final = frozenset({"prompt", "stop", "cancel", "approve", "deny"})
"""The actions that change something on the daemon."""


class Actions:
    """Runs actions as tasks. `answer` gets the page and ``{"op": "done", "action": …, "error": …}`` after each.

    ``"passing": True`` is there too if the error is outdated as soon as the connection is back.
    """

    def __init__(self, handle: SessionHandle, answer: Callable[[str, dict[str, Any]], None]) -> None:
        self._handle = handle
        self._answer = answer
        self._running: set[asyncio.Task[None]] = set()

    def run(self, op: str, message: Mapping[str, Any]) -> None:
        """Start an action. Unknown and malformed ones are ignored."""
        handle = self._handle
        action: Coroutine[Any, Any, Any]
        if op == "prompt":
            text = message.get("text")
            if not isinstance(text, str) or not text.strip():
                return
            action = handle.prompt(text)
        elif op == "stop":
            # The snapshot shows the end of the task; the page only needs to know that the daemon took the request.
            action = handle.stop(wait=False)
        elif op == "cancel":
            action = handle.cancel(str(message.get("task", "")))
        elif op == "older":
            action = handle.load_older_tasks()
        elif op in ("approve", "deny"):
            action = self._decide(str(message.get("request", "")), allow=op == "approve")
        else:
            return
        self.start(self._answered(action, str(message.get("view", "")), message.get("action")))

    async def _decide(self, request_id: str, *, allow: bool) -> None:
        decide = self._handle.approve if allow else self._handle.deny
        answer = await decide(request_id)
        if answer.success is False:
            raise Conflict(answer.message or "This request was already answered.")

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        """Run a coroutine until it ends or `close` is called."""
        task = self._handle.entry.loop.create_task(work)
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def _answered(self, action: Coroutine[Any, Any, Any], page: str, name: Any) -> None:
        try:
            await action
        except AgorError as error:
            text, passing = failure_of(error)
            self._answer(page, {"op": "done", "action": name, "error": text, **({"passing": True} if passing else {})})
        else:
            self._answer(page, {"op": "done", "action": name, "error": None})

    def close(self) -> None:
        """Cancel what is running."""
        for task in tuple(self._running):
            task.cancel()
