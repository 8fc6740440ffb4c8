"""What pages are told of one session, and what they ask for. Knows no widget: whoever owns it gives a way to send."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from agor_reactive.adapters.ipywidgets.changes import EMPTY, patch
from agor_reactive.adapters.ipywidgets.conversation import Conversation, Send
from agor_reactive.adapters.ipywidgets.deeds import Deeds
from agor_reactive.adapters.ipywidgets.document import Document, DocumentBuilder
from agor_reactive.adapters.ipywidgets.pace import Timers
from agor_reactive.adapters.presentation.status import is_settled
from agor_reactive.adapters.presentation.tools import tool_detail
from agor_reactive.core.snapshot import SessionState
from agor_reactive.errors import AgorError, HandleDisposed
from agor_reactive.session.handles import SessionHandle

__all__ = ["Feed"]


class Feed(Conversation[Document]):
    """Tells pages of the session of `handle`, which stays whose it is.

    `settled` is called with each new snapshot in which nothing is being written, while a page is in sight.
    """

    def __init__(
        self,
        handle: SessionHandle,
        send: Send,
        *,
        settled: Callable[[SessionState], None] | None = None,
        timers: Timers | None = None,
    ) -> None:
        super().__init__(send, EMPTY, handle.shared.loop, timers=timers)
        self._handle = handle
        self._settled = settled
        self._builder = DocumentBuilder()
        self._state = handle.state
        self._written: SessionState | None = None
        self._shown: set[str] = set()
        self._faults: dict[str, str] = {}
        self._read: set[str] = set()
        self._deeds = Deeds(handle, self._send)

    def _follow(self) -> Callable[[], None] | None:
        try:
            return self._handle.subscribe(self._show)
        except HandleDisposed:
            self._show(self._handle.state)
            return None

    def _show(self, state: SessionState) -> None:
        self._state = state
        self._changed()

    def _asked(self, op: str, message: Mapping[str, Any]) -> None:
        task_id = str(message.get("task", ""))
        if op == "open":
            self._open(task_id)
        elif op == "tool":
            tool = str(message.get("tool", ""))
            detail = tool_detail(self._state, task_id, tool)._asdict()
            self._send({"op": "tool", "task": task_id, "tool": tool, **detail})
        else:
            self._deeds.do(op, message)

    def _open(self, task_id: str) -> None:
        if self._state.get_task(task_id) is None:
            return
        self._shown.add(task_id)
        self._faults.pop(task_id, None)
        if not self._state.is_task_loaded(task_id):
            self._deeds.start(self._load(task_id))
        self._again()

    def _read_once(self, task_id: str) -> None:
        """What opens by itself is read by itself: with prompts behind it, the task at work is not the newest."""
        state = self._state
        if state.connected and not state.loading and not state.is_task_loaded(task_id) and task_id not in self._read:
            self._read.add(task_id)
            self._deeds.start(self._load(task_id))

    async def _load(self, task_id: str) -> None:
        try:
            await self._handle.load_task_messages(task_id)
        except AgorError as error:
            self._faults[task_id] = f"The messages could not be read: {error} Close and open again to retry."
            self._again()

    def _again(self) -> None:
        """The document differs, though the snapshot is the same."""
        self._written = None
        self._changed()

    def _write(self) -> Document | None:
        state = self._state
        if state is self._written:
            return None
        self._written = state
        if state.standing.disposed:
            # What a released handle still tells is empty; the last thing seen stays.
            head = {**self._builder.build(state, set(), {}).head, "empty": self._sent is EMPTY}
            kept = {key: self._sent.head[key] for key in ("title", "details", "context") if key in self._sent.head}
            return replace(self._sent, head={**head, **kept}, queue=())
        active = state.active_task
        if active is not None:
            self._shown.add(active.task_id)
            self._read_once(active.task_id)
        newest = next((task for task in reversed(state.tasks) if not task.queued), None)
        if newest is not None and state.is_task_loaded(newest.task_id):
            self._shown.add(newest.task_id)
        return self._builder.build(state, self._shown, self._faults, user_id=self._handle.shared.link.user_id)

    def _differs(self, old: Document, new: Document) -> dict[str, Any]:
        return patch(old, new)

    def _told(self) -> None:
        state = self._state
        if self._settled is not None and is_settled(state):
            self._settled(state)

    def _end(self) -> None:
        self._deeds.close()
        self._settled = None
