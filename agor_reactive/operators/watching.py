"""What has changed in a session from one synced snapshot to the next, and what of it is history.

Operators look at every snapshot; most differ from the one before in streamed text only, so an unchanged part costs one
comparison of identities. Nothing is looked at while a sync round is under way: its answers may bring the rest.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence, Set
from typing import NamedTuple

from agor_reactive.core.entries import MessageEntry, TaskEntry
from agor_reactive.core.fetches import Fetch
from agor_reactive.core.persistent import PMap
from agor_reactive.core.snapshot import Base, SessionState
from agor_reactive.core.tables import MessageBucket, TaskTable
from agor_reactive.core.tools import LiveToolMap, LiveTools
from agor_reactive.models.base import instant

__all__ = ["MessageWatch", "News", "TaskWatch", "reading"]


class TaskWatch:
    """The tasks that have changed since the last look. `since` is in epoch seconds.

    `is_first`: the current look is the first one. `began`: when the first sync ended, by the clock of this machine.
    """

    def __init__(self, since: float | None) -> None:
        self.since = since
        self.is_first = False
        self.began = math.inf
        self._base: Base | None = None
        self._tasks: TaskTable | None = None
        self._oldest = math.inf

    def look(self, state: SessionState) -> Iterable[TaskEntry] | None:
        """The changed tasks of this snapshot; None if it is the last one but for its text, or must not be looked at."""
        base = state.base
        if base is self._base:
            return None
        self._base = base
        status = base.status
        if status.last_synced_at is None or status.loading:
            return None
        table, before = base.tasks, self._tasks
        self.is_first = before is None
        if table is before:
            return ()
        self._tasks = table
        if before is not None:
            return table.entries.changed_since(before.entries)
        found = list(table.entries.values())
        self.began = status.last_synced_at
        self._oldest = min((_made(entry) for entry in found), default=-math.inf)
        return found

    def counts(self, entry: TaskEntry) -> bool:
        """Whether a task that is first seen as ended is not history.

        It ended while the link was down, or it is loaded later. It counts if it ended since `since`, and without
        `since` if it is not older than all tasks of the first sync.
        """
        if self.since is None:
            return not self.is_first and _made(entry) >= self._oldest
        at = instant(entry.fields.get("completed_at"))
        return at is not None and at >= self.since


def _made(entry: TaskEntry) -> float:
    """When the task was created, epoch seconds; long ago if that cannot be read."""
    at = instant(entry.created_at)
    return -math.inf if at is None else at


def reading(fetches: Iterable[Fetch]) -> tuple[bool, Set[str | None]]:
    """Whether the messages of all tasks are being read, and the ids of the tasks whose messages are."""
    everything = False
    tasks: set[str | None] = set()
    for fetch in fetches:
        if fetch.kind == "all_messages":
            everything = True
        elif fetch.kind in ("messages", "history"):
            tasks.add(fetch.task_id)
    return everything, tasks


class News(NamedTuple):
    """What is new of one task.

    `messages` are new ones; with `anew` they are all that are known, because earlier ones have changed. What happened
    before `from_time` (epoch seconds; -inf: nothing) is history. `is_loaded`: its messages are; `live`: its tools as
    events report them; `counts`: its end is not history. `entry` is None for a task that is not known yet.
    """

    task_id: str
    entry: TaskEntry | None
    messages: list[MessageEntry]
    anew: bool
    from_time: float
    is_loaded: bool
    live: LiveToolMap | None
    counts: bool


class _Known:
    """What was seen of a task: its messages at the last look, and whether it was there at the first one.

    `from_time` is for the first look at its messages, `counts` for its end (see `News`).
    """

    __slots__ = ("bucket", "counts", "from_begin", "from_time", "is_scanned")

    def __init__(self, from_begin: bool, from_time: float) -> None:
        self.bucket: MessageBucket | None = None
        self.from_begin = from_begin
        self.from_time = from_time
        self.counts = from_time == -math.inf
        self.is_scanned = False


class MessageWatch:
    """The tasks with new messages or tools, or that have changed otherwise, except those that are history."""

    def __init__(self, since: float | None) -> None:
        self._tasks = TaskWatch(since)
        self._buckets: PMap[str, MessageBucket] | None = None
        self._live: LiveTools | None = None
        self._known: dict[str, _Known] = {}
        self._history: set[str] = set()
        self._held: dict[str, None] = {}

    def look(self, state: SessionState) -> Sequence[News]:
        """What is new in this snapshot."""
        changed = self._tasks.look(state)
        if changed is None:
            return ()
        base = state.base
        touched, self._held = self._held, {}
        for entry in changed:
            touched[entry.task_id] = None
        buckets, before = base.messages_by_task.buckets, self._buckets
        if buckets is not before:
            self._buckets = buckets
            if before is not None and len(buckets) < len(before):
                self._forget_unloaded(buckets)
            for bucket in buckets.values() if before is None else buckets.changed_since(before):
                if (task_id := bucket.task_id) is not None:
                    touched[task_id] = None
        live, was = base.live_tools, self._live
        if live is not was:
            self._live = live
            for tools in live.values() if was is None else live.changed_since(was):
                # Also of a task that is not running: that it runs may have been missed with the connection.
                if tools.task_id not in buckets and tools.task_id in base.tasks.entries:
                    touched[tools.task_id] = None
        if not touched:
            return ()
        fetches = base.books.fetches
        everything, tasks = reading(fetches) if fetches else (False, _NO_TASKS)
        found = []
        for task_id in touched:
            if task_id in self._history:
                continue
            task = base.tasks.entries.get(task_id)
            known = self._known.get(task_id) or self._first_look_at(task_id, task)
            if known is None:
                continue
            if everything or task_id in tasks:
                self._held[task_id] = None  # what is being read may hold more of the same
                continue
            bucket_now = buckets.get(task_id)
            if bucket_now is None or bucket_now is not known.bucket or (task is not None and task.ended):
                found.append(self._news(task_id, task, known, bucket_now))
        return found

    def _forget_unloaded(self, buckets: PMap[str, MessageBucket]) -> None:
        """Hold no messages that the session has unloaded."""
        for task_id, known in self._known.items():
            if task_id not in buckets:
                known.bucket = None

    def _first_look_at(self, task_id: str, entry: TaskEntry | None) -> _Known | None:
        watch = self._tasks
        from_time = -math.inf
        if entry is not None and entry.ended:
            if watch.since is not None:
                from_time = watch.since
            elif not watch.counts(entry):
                self._history.add(task_id)
                return None
        known = self._known[task_id] = _Known(watch.is_first, from_time)
        return known

    def _news(self, task_id: str, entry: TaskEntry | None, known: _Known, bucket: MessageBucket | None) -> News:
        watch = self._tasks
        from_time = known.from_time
        if known.from_begin and not known.is_scanned:
            # It was running at the first sync, of which its messages may be a part, or are loaded later.
            begin = math.inf if watch.is_first else watch.began
            from_time = begin if watch.since is None else watch.since
        messages: list[MessageEntry] = []
        anew = False
        if bucket is not None and bucket is not known.bucket:
            added = None if known.bucket is None else bucket.added_since(known.bucket)
            anew = added is None
            messages = bucket.in_order() if added is None else added
            known.bucket = bucket
            known.from_time = -math.inf
            known.is_scanned = True
        live = self._live.get(task_id) if self._live is not None else None
        counts = not watch.is_first and known.counts
        return News(task_id, entry, messages, anew, from_time, bucket is not None, live, counts)


_NO_TASKS: frozenset[str | None] = frozenset()
