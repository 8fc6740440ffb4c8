"""Publishes one session of a log to pages, at the moment that they ask for. Knows no widget.

Everything runs on a separate loop, in slices of a few milliseconds, so that a long log blocks no kernel. Of several
moments that are asked for meanwhile the newest is shown.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import Any, Final, TypeVar

from agor_reactive.adapters.page.document import Document, DocumentBuilder
from agor_reactive.adapters.page.patch import EMPTY, patch
from agor_reactive.adapters.page.publisher import Publisher, Send
from agor_reactive.adapters.page.replayed import build_replayed, tasks_in_view
from agor_reactive.adapters.page.throttle import Timers
from agor_reactive.adapters.page.timeline import TimelineBuilder, epoch_ms
from agor_reactive.adapters.presentation.plain import one_line
from agor_reactive.adapters.presentation.tools import tool_detail
from agor_reactive.core.snapshot import SessionState
from agor_reactive.errors import AgorError
from agor_reactive.logs import Log

__all__ = ["ReplayPublisher"]

T = TypeVar("T")

_SLICE: Final = 0.01
"""Seconds of work before the loop may do something else."""

_NEAR: Final = 2_000
"""States that are stepped through to reach a later moment; what is farther away is a jump."""


class ReplayPublisher(Publisher[Document]):
    """Publishes a session of `log`, at first its last state. `on_read` gets that state, once.

    `position` is the moment that is shown, epoch seconds; `state` the state then, None until the log has been read.
    `failed` says why the log cannot be shown.
    """

    def __init__(
        self,
        log: Log,
        session_id: str | None,
        send: Send,
        loop: asyncio.AbstractEventLoop,
        *,
        on_read: Callable[[SessionState], None] | None = None,
        timers: Timers | None = None,
    ) -> None:
        super().__init__(send, EMPTY, loop, timers=timers, clock=lambda: self.position)
        self._log = log
        self._session_id = session_id
        self._on_read = on_read
        self._builder = DocumentBuilder()
        self.position = 0.0
        self.state: SessionState | None = None
        self.failed = ""
        self._timeline: dict[str, Any] | None = None
        self._missed = False
        self._ends = (0.0, 0.0)
        self._open_tasks: set[str] = set()
        self._built: tuple[SessionState | None, float, int] | None = None
        self._shown_at = 0.0
        self._steps: Iterator[tuple[float, SessionState]] | None = None
        self._next: tuple[float, SessionState] | None = None
        self._target: float | None = None
        self._reading = asyncio.Lock()  # a log is read by one at a time
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def source(self) -> str:
        """What is shown, for a repr."""
        return repr(self._log) if self._session_id is None else f"{self._session_id} in {self._log!r}"

    @property
    def reading(self) -> bool:
        """Whether the log is still being read for its marks."""
        return not self.failed and (self._timeline is None or bool(self._timeline["reading"]))

    # ------------------------------------------------------------------------------------------------ reading the log

    def start(self) -> None:
        """Begin to read the log. Called once, on the loop."""
        self._spawn(self._read())

    def _spawn(self, work: Any) -> None:
        task = self._loop.create_task(self._guarded(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _guarded(self, work: Any) -> None:
        try:
            await work
        except (AgorError, OSError) as error:
            self.failed = f"The log cannot be shown: {one_line(str(error), 300)}"
            self._rebuild()
            self._send_timeline()

    async def _in_thread(self, call: Callable[[], T]) -> T:
        async with self._reading:
            return await self._loop.run_in_executor(None, call)

    async def _read(self) -> None:
        log, session_id = self._log, self._session_id
        state = await self._in_thread(partial(log.fold, session_id))
        self._session_id = state.session_id
        mirror = await self._in_thread(partial(log.mirror, state.session_id))
        self._ends = (mirror.began, mirror.ended)
        self.state, self.position = state, mirror.ended
        ends = {"begin": epoch_ms(mirror.began), "end": epoch_ms(mirror.ended)}
        self._timeline = {**ends, "spans": [], "marks": [], "left": 0, "reading": True}
        self._rebuild()
        self._send_timeline()
        if self._on_read is not None:
            self._on_read(state)
        timeline = TimelineBuilder()
        async for t, each in self._sliced(log.states(state.session_id)):
            timeline.add(t, each)
        async for record in self._sliced(log.records()):
            if record["kind"] == "dropped" and mirror.began <= record["t"] <= mirror.ended:
                timeline.dropped(record["t"], int(record.get("count", 0)))
        self._timeline = {**timeline.as_json(), "end": epoch_ms(max(mirror.ended, timeline.times[1])), "reading": False}
        self._send_timeline()

    async def _sliced(self, items: Iterable[T]) -> AsyncIterator[T]:
        iterator = iter(items)
        while True:
            async with self._reading:
                until = time.monotonic() + _SLICE
                for item in iterator:
                    yield item
                    if time.monotonic() > until:
                        break
                else:
                    return
            await asyncio.sleep(0)

    # ------------------------------------------------------------------------------------------------------- moments

    def seek(self, t: float) -> None:
        """Show the state at `t`, epoch seconds; soon. Called on the loop."""
        begin, end = self._ends
        if self.state is None or self._closed:
            return
        idle = self._target is None
        self._target = min(max(t, begin), end)
        if idle:
            self._spawn(self._go())

    async def _go(self) -> None:
        try:
            while (t := self._target) is not None:
                if await self._step_to(t):
                    state: SessionState | None = self.state
                elif self._target != t:
                    continue  # a newer moment was asked for on the way
                else:
                    self._steps = self._next = None
                    state = await self._in_thread(partial(self._log.at, t, self._session_id))
                self.state, self.position = state, t
                if self._target == t:
                    self._target = None
                self._changed()
        finally:
            self._target = None

    async def _step_to(self, t: float) -> bool:
        """Go on from the state that is shown, if `t` is later and near. False if it is not, or if it is outdated."""
        if t < self.position:
            return False
        steps = self._steps
        if steps is None:
            steps = self._steps = self._log.states(self._session_id, since=self.position)
            self._next = await self._in_thread(lambda: next(steps, None))
        taken, until = 0, time.monotonic() + _SLICE
        while self._next is not None and self._next[0] <= t:
            self.state = self._next[1]
            self.position = max(self.position, self._next[0])
            self._next = next(steps, None)
            taken += 1
            if taken > _NEAR:
                return False
            if time.monotonic() > until:
                await asyncio.sleep(0)
                if self._target != t:
                    return False
                until = time.monotonic() + _SLICE
        return True

    # ------------------------------------------------------------------------------------------------------ publishing

    def _subscribe(self) -> Callable[[], None] | None:
        return None

    def _start(self) -> None:
        """Nothing to subscribe to: a log does not change. A page that was hidden gets the timeline that it missed."""
        if self._missed:
            self._send_timeline()

    def _on_request(self, op: str, message: Mapping[str, Any]) -> None:
        task_id = str(message.get("task", ""))
        if op == "seek":
            t = message.get("t")
            if isinstance(t, (int, float)) and not isinstance(t, bool) and t == t:
                self.seek(t / 1000)
        elif op == "open":
            self._open_tasks.add(task_id)
            self._rebuild()
        elif op == "tool" and self.state is not None:
            tool = str(message.get("tool", ""))
            detail = tool_detail(self.state, task_id, tool)._asdict()
            self._send({"op": "tool", "task": task_id, "tool": tool, **detail})

    def _rebuild(self) -> None:
        self._built = None
        self._changed()

    def _build(self) -> Document | None:
        key = (self.state, self.position, len(self._open_tasks))
        if self._built is not None and self._built[0] is key[0] and self._built[1:] == key[1:]:
            return None
        self._built = key
        if self.failed:
            head = {**self._sent.head, "notes": [("bad", self.failed)], "open": False}
            return Document({**_UNREAD, **head}, self._sent.tasks, self._sent.parts, self._sent.queue)
        if self.state is None:
            return Document(_UNREAD)
        self._open_tasks |= tasks_in_view(self.state)
        return build_replayed(self._builder, self.state, self._open_tasks)

    def _difference(self, old: Document, new: Document) -> dict[str, Any]:
        found = patch(old, new)
        if self.position != self._shown_at or old is self._empty:
            self._shown_at = self.position
            found["at"] = epoch_ms(self.position)
        return found

    def _stamp(self) -> dict[str, Any]:
        return {**super()._stamp(), "still": True}

    def _send_snapshot(self, page: str) -> None:
        super()._send_snapshot(page)
        self._send_timeline()

    def _send_timeline(self) -> None:
        self._missed = not self.displayed
        if self.displayed and (self._timeline is not None or self.failed):
            self._send({"op": "timeline", **(self._timeline or {}), "failed": bool(self.failed)})

    def _on_close(self) -> None:
        for task in tuple(self._tasks):
            task.cancel()
        self._steps = self._next = self._on_read = None


_UNREAD: Final[Mapping[str, Any]] = {
    "title": "Recorded session",
    "session": "",
    "status": "",
    "tone": "",
    "link": "recorded",
    "linkTone": "",
    "details": "",
    "context": None,
    "notes": [("busy", "Reading the log…")],
    "older": False,
    "empty": False,
    "busy": False,
    "open": False,
}
