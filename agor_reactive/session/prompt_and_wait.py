"""Prompt and wait: the outcome of one task, taken from the mirror of its session.

Facts of the wire: a session turns idle before its task is seen completed, and the next one may be running by then. So
only the task's own status counts. Where the mirror does not hold the task (its window has moved on), the task is read
every two seconds.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, Final

from agor_reactive.calls.answers import typed_row
from agor_reactive.calls.mirror_reads import all_rows
from agor_reactive.calls.progress import progress_line
from agor_reactive.core.streams import Stream
from agor_reactive.errors import (
    AgorError,
    HandleDisposed,
    LinkError,
    NotFound,
    ServerError,
    TooManyRequests,
)
from agor_reactive.models.base import instant
from agor_reactive.models.message import Message
from agor_reactive.models.outcome import Outcome, TimedOut, last_reply, outcome_of, unanswered, waits_for_someone
from agor_reactive.models.task import Task
from agor_reactive.session.entry import SessionEntry
from agor_reactive.session.hydration import run
from agor_reactive.transport.seam import Link

__all__ = ["ask", "wait"]

Report = Callable[[str], Any]

LOOK: Final = 2.0
"""Seconds between two reads of a task that the mirror does not hold."""


async def ask(
    entry: SessionEntry,
    link: Link,
    admit: Callable[[], Awaitable[Task]],
    *,
    timeout: float | None,
    at_permission: bool,
    report: Report | None = None,
) -> Outcome:
    """Have a task admitted, then `wait` for it. `timeout` covers both; a prompt not admitted in time raises."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    task = await admit()
    left = None if timeout is None else max(timeout - (loop.time() - began), 0.0)
    return await wait(
        entry, link, task.task_id, timeout=left, at_permission=at_permission, admitted=task, report=report
    )


async def wait(
    entry: SessionEntry,
    link: Link,
    task_id: str,
    *,
    timeout: float | None,
    at_permission: bool,
    admitted: Task | None = None,
    report: Report | None = None,
) -> Outcome:
    """The outcome of a task of this session; see `SessionHandle.wait`."""
    watch = _Watch(entry, link, task_id, admitted, report)
    try:
        async with asyncio.timeout(timeout):
            task, messages = await watch.until_over(at_permission)
    except TimeoutError:
        if watch.task is None:
            raise NotFound(f"task {task_id} did not appear within {timeout:g} s") from None
        here = watch.messages_here()
        return TimedOut(watch.task, here, watch.was_queued, watch.partial(here))
    finally:
        watch.close()
    return outcome_of(task, messages, was_queued=watch.was_queued, partial=watch.partial(messages))


class _Watch:
    """Follows one task in a mirror. `task` is the newest that is known of it."""

    def __init__(
        self, entry: SessionEntry, link: Link, task_id: str, admitted: Task | None, report: Report | None
    ) -> None:
        self.task = admitted
        self._report = report
        self.was_queued = admitted is not None and admitted.queued
        self._entry = entry
        self._link = link
        self._task_id = task_id
        self._written: tuple[Stream, ...] = ()
        self._changed = asyncio.Event()
        self._subscription = entry.snapshots.add(lambda state: self._changed.set(), self._changed.set)

    def close(self) -> None:
        self._subscription.dispose()

    async def until_over(self, at_permission: bool) -> tuple[Task, tuple[Message, ...]]:
        while True:
            self._changed.clear()
            held = self._look()
            task = self.task if held else await self._read()
            if task is not None:
                self.task = task
                self._tell_progress(task)
                self.was_queued = self.was_queued or task.queued
                if task.ended or (at_permission and waits_for_someone(task)):
                    self._written = self._streams()  # a preview may move on while the messages are read
                    messages = await self._messages()
                    if task.ended or unanswered(messages):
                        return task, messages
            await self._change(None if held else LOOK)

    def _tell_progress(self, task: Task) -> None:
        if self._report is not None:
            tools = self._entry.state.get_task_tools(self._task_id)
            written = sum(len(stream.text) for stream in self._streams())
            self._report(progress_line(task, tools=len(tools), characters=written))

    def _look(self) -> bool:
        """Take the task from the mirror; False when it is not there. Raises when the mirror has ended."""
        entry = self._entry
        while entry.successor is not None:  # a short id was resolved to a session that was mirrored already
            entry = self._entry = entry.successor
        if entry.disposed:
            raise HandleDisposed("The handle was released while a task was waited for; the task continues.")
        state = entry.state
        if state.terminal:
            raise NotFound(f"task {self._task_id}: its session is not available any more ({state.error})")
        held = state.get_task(self._task_id)
        if held is not None:
            self.task = held
        return held is not None

    async def _read(self) -> Task | None:
        """The task as the daemon has it now; None after an error that may pass."""
        try:
            return typed_row(Task, await self._link.call("get", "tasks", self._task_id))
        except (LinkError, ServerError, TooManyRequests):
            return None

    async def _change(self, longest: float | None) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(longest):
                await self._changed.wait()

    async def _messages(self) -> tuple[Message, ...]:
        """All messages of the task, read after its end; while the link is down, as soon as it is up again."""
        while True:
            self._changed.clear()
            try:
                read = await run(self._link, all_rows("messages", {"task_id": self._task_id}, Message))
            except LinkError:
                self._look()
                await self._change(LOOK)
            except AgorError:
                if here := self.messages_here():
                    return here
                raise
            else:
                return tuple(sorted(read.rows, key=lambda row: (row.index, row.message_id)))

    def _streams(self) -> tuple[Stream, ...]:
        return self._entry.state.get_streaming_messages(self._task_id)

    def partial(self, messages: tuple[Message, ...]) -> str:
        """The streamed text of a reply that was not saved, unless a saved one is later."""
        saved = {message.message_id for message in messages}
        written = [
            stream
            for stream in self._streams() or self._written
            if stream.message_id not in saved and stream.role in (None, "assistant") and stream.text
        ]
        if not written:
            return ""
        newest = max(written, key=lambda stream: stream.moved_at)
        last = last_reply(messages)
        if last is not None:
            began, before = instant(newest.timestamp), instant(last.timestamp)
            if began is None or before is None or began < before:
                return ""
        return newest.text

    def messages_here(self) -> tuple[Message, ...]:
        """The messages of the task that the mirror holds."""
        return tuple(self._entry.state.get_task_messages(self._task_id))
