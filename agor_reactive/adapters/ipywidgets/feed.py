"""What one page is told of a session, and what it asks for: the kernel's end of the conversation.

A page says ``sync`` when it begins or has missed something, ``wake`` and ``rest`` as it comes into and goes out of
sight, ``seen`` as it keeps up, ``bye`` at its end. It is answered with a snapshot, then told numbered patches, at most
ten a second, the last one always. While no page is in sight nothing is subscribed to and nothing sent. Several pages
may show the same feed. Knows no widget: whoever owns it gives a way to send.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from agor_reactive.adapters.ipywidgets.changes import EMPTY, patch
from agor_reactive.adapters.ipywidgets.deeds import Deeds, detail_of
from agor_reactive.adapters.ipywidgets.document import Document, Scribe
from agor_reactive.adapters.ipywidgets.facts import is_at_work
from agor_reactive.adapters.ipywidgets.pace import INTERVAL, Pace, Timers
from agor_reactive.core.snapshot import SessionState
from agor_reactive.errors import AgorError, HandleDisposed
from agor_reactive.session.handles import SessionHandle

__all__ = ["Feed"]

UNSEEN_SLOW, UNSEEN_MOST, SLOW = 20, 100, 2.0
"""A page that does not say it keeps up is told every two seconds after 20 patches, and nothing more after 100: it may
be gone without a word (a closed browser), or kept waiting behind a cell that runs. Its next word mends that."""


class Feed:
    """Tells pages of one session. `send` takes a JSON message for all of them; `settled` is called with a snapshot in
    which nothing is being written, whenever there is a new one.

    All methods but `hear` and `close` belong to the loop of the handle; those two may be called from any thread.
    """

    def __init__(
        self,
        handle: SessionHandle,
        send: Callable[[dict[str, Any]], None],
        *,
        settled: Callable[[SessionState], None] | None = None,
        timers: Timers | None = None,
        clock: Callable[[], float] = time.time,
        interval: float = INTERVAL,
    ) -> None:
        self._handle = handle
        self._loop = handle.shared.loop
        self._send = send
        self._settled = settled
        self._clock = clock
        self._interval = interval
        self._pace = Pace(self._flush, timers or self._loop, interval=interval)
        self._scribe = Scribe()
        self._state = handle.state
        self._sent = EMPTY
        self._told: SessionState | None = None
        self._seq = 0
        self._unseen = 0
        self._pages: dict[str, bool] = {}
        self._shown: set[str] = set()
        self._faults: dict[str, str] = {}
        self._deeds = Deeds(handle, self._answer)
        self._undo: Callable[[], None] | None = None
        self._closed = False

    @property
    def displayed(self) -> bool:
        """Whether a page is in sight."""
        return any(self._pages.values())

    # ------------------------------------------------------------------------------------------------- what is heard

    def hear(self, message: Any) -> None:
        """A page said something."""
        if isinstance(message, Mapping) and not self._closed:
            self._on_loop(lambda: self._heard(message))

    def _on_loop(self, deed: Callable[[], None]) -> None:
        try:
            here = asyncio.get_running_loop() is self._loop
        except RuntimeError:
            here = False
        if here:
            deed()
        elif not self._loop.is_closed():
            self._loop.call_soon_threadsafe(deed)

    def _heard(self, message: Mapping[str, Any]) -> None:
        if self._closed:
            return
        op, page, task_id = message.get("op"), str(message.get("view", "")), str(message.get("task", ""))
        self._unseen = 0
        self._pace.interval = self._interval
        if op == "sync":
            self._begin(page)
        elif op == "wake":
            self._pages[page] = True
            self._watch()
            self._pace.ask()
        elif op in ("rest", "bye"):
            if op == "rest":
                self._pages[page] = False
            else:
                self._pages.pop(page, None)
            if not self.displayed:
                self._look_away()
        elif op == "seen":
            self._pace.ask()
        elif op == "open":
            self._open(task_id)
        elif op == "tool":
            tool = str(message.get("tool", ""))
            self._send({"op": "tool", "task": task_id, "tool": tool, **detail_of(self._state, task_id, tool)})
        else:
            self._deeds.do(str(op), message)

    def _begin(self, page: str) -> None:
        """A page has nothing yet: all of it, after those that have something were told what is new."""
        alone = not self.displayed
        self._watch()
        self._pages[page] = True
        if alone:
            # Whoever is out of sight cannot follow what is not sent, and asks for a snapshot in its turn.
            self._told, self._sent = self._state, self._write(self._state)
            self._seq += 1
            self._pace.stop()
        else:
            self._flush()
        now = round(self._clock() * 1000)
        self._send({"op": "snapshot", "seq": self._seq, "now": now, **patch(EMPTY, self._sent)})

    def _open(self, task_id: str) -> None:
        task = self._state.get_task(task_id)
        if task is None:
            return
        self._shown.add(task_id)
        self._faults.pop(task_id, None)
        if not self._state.is_task_loaded(task_id):
            self._deeds.start(self._load(task_id))
        self._told = None
        self._pace.ask()

    async def _load(self, task_id: str) -> None:
        try:
            await self._handle.load_task_messages(task_id)
        except AgorError as error:
            self._faults[task_id] = f"The messages could not be read: {error} Close and open again to retry."
            self._told = None
            self._pace.ask()

    def _answer(self, message: dict[str, Any]) -> None:
        if not self._closed:
            self._send(message)

    # -------------------------------------------------------------------------------------------------- what is told

    def _watch(self) -> None:
        if self._undo is None:
            try:
                self._undo = self._handle.subscribe(self._show)
            except HandleDisposed:
                self._show(self._handle.state)

    def _look_away(self) -> None:
        self._pace.stop()
        undo, self._undo = self._undo, None
        if undo is not None:
            undo()

    def _show(self, state: SessionState) -> None:
        self._state = state
        self._pace.ask()

    def _flush(self) -> None:
        state = self._state
        if state is self._told or self._unseen >= UNSEEN_MOST or not self.displayed:
            return
        self._told = state
        document = self._write(state)
        changed = patch(self._sent, document)
        self._sent = document
        if changed:
            self._seq += 1
            self._unseen += 1
            if self._unseen >= UNSEEN_SLOW:
                self._pace.interval = max(SLOW, self._interval)
            self._send({"op": "patch", "seq": self._seq, "now": round(self._clock() * 1000), **changed})
        if self._settled is not None and not is_at_work(state) and not state.loading and not state.streaming_messages:
            self._settled(state)

    def _write(self, state: SessionState) -> Document:
        if state.standing.disposed:
            # What a released handle still tells is empty; the last thing seen stays.
            head = {**self._scribe.write(state, set(), {}).head, "empty": self._sent is EMPTY}
            kept = {key: self._sent.head[key] for key in ("title", "facts", "context") if key in self._sent.head}
            return replace(self._sent, head={**head, **kept}, queue=())
        active = state.active_task
        if active is not None:
            self._shown.add(active.task_id)
        newest = next((task for task in reversed(state.tasks) if not task.queued), None)
        if newest is not None and state.is_task_loaded(newest.task_id):
            self._shown.add(newest.task_id)
        return self._scribe.write(state, self._shown, self._faults)

    def close(self) -> None:
        """Tell nobody any more, and let go of the session's snapshots. The handle stays whose it is."""
        if not self._closed:
            self._closed = True
            self._pages.clear()
            self._on_loop(self._end)

    def _end(self) -> None:
        self._look_away()
        self._deeds.close()
        self._settled = None
