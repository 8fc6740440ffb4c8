"""Publishes one session to pages and carries out what they request. Knows no widget: its owner supplies `send`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from agor_reactive.adapters.page.actions import Actions
from agor_reactive.adapters.page.document import Document, DocumentBuilder
from agor_reactive.adapters.page.patch import EMPTY, patch
from agor_reactive.adapters.page.publisher import Publisher, Send
from agor_reactive.adapters.page.throttle import Timers
from agor_reactive.adapters.presentation.failures import failure_of
from agor_reactive.adapters.presentation.status import is_settled
from agor_reactive.adapters.presentation.tools import tool_detail
from agor_reactive.core.snapshot import SessionState
from agor_reactive.errors import AgorError, HandleDisposed
from agor_reactive.session.handles import SessionHandle

__all__ = ["SessionPublisher"]


class SessionPublisher(Publisher[Document]):
    """Publishes the session of `handle`, without owning the handle.

    `on_settled` is called with each new snapshot in which nothing is being written, while a page is visible.
    """

    def __init__(
        self,
        handle: SessionHandle,
        send: Send,
        *,
        on_settled: Callable[[SessionState], None] | None = None,
        timers: Timers | None = None,
    ) -> None:
        super().__init__(send, EMPTY, handle.entry.loop, timers=timers)
        self._handle = handle
        self._on_settled = on_settled
        self._builder = DocumentBuilder()
        self._state = handle.state
        self._built: SessionState | None = None
        self._open_tasks: set[str] = set()
        self._followed: set[str] = set()
        self._faults: dict[str, str] = {}
        self._loaded_once: set[str] = set()
        self._actions = Actions(handle, self._answer)

    def _subscribe(self) -> Callable[[], None] | None:
        try:
            # A release hands over no snapshot: the end of the subscription is what tells of it.
            return self._handle.snapshots.subscribe(self._show, on_completed=self._on_released).dispose
        except HandleDisposed:
            self._show(self._handle.state)
            return None

    def _on_released(self) -> None:
        self._show(self._handle.state)

    def _show(self, state: SessionState) -> None:
        before, self._state = self._state, state
        if state.connected and not before.connected:
            for task_id in self._faults:
                self._actions.start(self._load(task_id))
            self._faults.clear()
        self._changed()

    def _on_request(self, op: str, message: Mapping[str, Any]) -> None:
        task_id = str(message.get("task", ""))
        if op == "open":
            self._open(task_id)
        elif op == "tool":
            tool = str(message.get("tool", ""))
            detail = tool_detail(self._state, task_id, tool)._asdict()
            self._answer(str(message.get("view", "")), {"op": "tool", "task": task_id, "tool": tool, **detail})
        else:
            self._actions.run(op, message)
            if self._handle.released:
                # Others may hold the session: then its release was not announced.
                self._rebuild()

    def _open(self, task_id: str) -> None:
        if self._state.get_task(task_id) is None:
            return
        self._open_tasks.add(task_id)
        self._faults.pop(task_id, None)
        if not self._state.is_task_loaded(task_id):
            self._actions.start(self._load(task_id))
        self._rebuild()

    def _load_once(self, task_id: str) -> None:
        """Load the running task's messages: lazy hydration leaves it out when queued prompts follow it."""
        state = self._state
        missing = not state.is_task_loaded(task_id) and task_id not in self._loaded_once
        if missing and state.connected and not state.loading:
            self._loaded_once.add(task_id)
            self._actions.start(self._load(task_id))

    async def _load(self, task_id: str) -> None:
        try:
            await self._handle.load_task_messages(task_id)
        except AgorError as error:
            reason = failure_of(error).text
            self._faults[task_id] = (
                f"Messages could not be loaded: {reason.rstrip('.')}. Close and open the task to retry."
            )
            self._rebuild()

    def _rebuild(self) -> None:
        """Build again, though the snapshot is the same."""
        self._built = None
        self._changed()

    def _build(self) -> Document | None:
        state = self._state
        if state is self._built:
            return None
        self._built = state
        if state.status.disposed:
            # The snapshot of a released handle is empty: keep the last document, change its heading.
            head = {**self._builder.build(state, set(), {}).head, "empty": self._sent is EMPTY}
            kept = {key: self._sent.head[key] for key in ("title", "details", "context") if key in self._sent.head}
            return replace(self._sent, head={**head, **kept}, queue=())
        active = state.active_task
        if active is not None:
            self._followed.add(active.task_id)
            self._load_once(active.task_id)
        newest = next((task for task in reversed(state.tasks) if not task.queued), None)
        if newest is not None and state.is_task_loaded(newest.task_id):
            self._followed.add(newest.task_id)
        self._open_tasks |= self._followed
        return self._builder.build(
            state,
            self._open_tasks,
            self._faults,
            unfolded=self._unfolded(),
            user_id=self._user_id(),
            released=self._handle.released,
        )

    def _unfolded(self) -> set[str]:
        """The tasks that every page opens unasked: here all that are open, so that pages look the same."""
        return self._open_tasks

    def _user_id(self) -> str | None:
        """Who is called *you* on a page."""
        return self._handle.entry.link.user_id

    def _difference(self, old: Document, new: Document) -> dict[str, Any]:
        return patch(old, new)

    def _on_published(self) -> None:
        state = self._state
        if self._on_settled is not None and is_settled(state):
            self._on_settled(state)

    def _on_close(self) -> None:
        self._actions.close()
        self._on_settled = None
