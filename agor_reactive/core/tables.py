"""Rows in their order, kept so that a change costs the same whatever their number.

A table is an immutable Sequence over a persistent map. Order is worked out when somebody reads it, and kept.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from typing import Any, TypeVar, overload

from agor_reactive.core.persistent import PMap
from agor_reactive.models.base import instant
from agor_reactive.models.message import Message
from agor_reactive.models.task import ENDED_STATUSES, Task

__all__ = ["LoadedTasks", "MessageBucket", "MessagesByTask", "TaskTable", "is_active"]

R = TypeVar("R", Task, Message)
_FAR = float("inf")
_AT_REST = ENDED_STATUSES | {"queued", "created", ""}


class _Rows(Sequence[R]):
    """Rows by id, readable as a sequence in their order."""

    __slots__ = ("_ordered", "rows")

    rows: PMap[str, R]
    _ordered: tuple[R, ...] | None

    def _order(self) -> tuple[R, ...]:
        raise NotImplementedError

    @property
    def ordered(self) -> tuple[R, ...]:
        """The rows in order, as a tuple."""
        ordered = self._ordered
        if ordered is None:
            ordered = self._ordered = self._order()
        return ordered

    def get(self, row_id: str) -> R | None:
        """The row with that id, or None."""
        return self.rows.get(row_id)

    def __len__(self) -> int:
        return len(self.rows)

    @overload
    def __getitem__(self, position: int) -> R: ...
    @overload
    def __getitem__(self, position: slice) -> tuple[R, ...]: ...
    def __getitem__(self, position: int | slice) -> R | tuple[R, ...]:
        return self.ordered[position]

    def __iter__(self) -> Iterator[R]:
        return iter(self.ordered)

    def __contains__(self, row: object) -> bool:
        row_id = row if isinstance(row, str) else getattr(row, "row_id", None)
        return row_id in self.rows

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        if isinstance(other, Sequence) and not isinstance(other, str):
            return self.ordered == tuple(other)
        return NotImplemented

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"{type(self).__name__}({len(self)} rows)"


def is_active(task: Task) -> bool:
    """Whether a task is at work: begun, not ended. An unknown status counts as at work."""
    return task.status not in _AT_REST


class TaskTable(_Rows[Task]):
    """Tasks in order: as `session.tasks` lists them, the rest after by (created_at as an instant, task_id).

    `active` holds the ids of tasks at work, oldest change first; there may be two for a moment.
    """

    __slots__ = ("active", "hint")

    def __init__(
        self,
        rows: PMap[str, Task],
        hint: tuple[str, ...] = (),
        active: tuple[str, ...] = (),
        ordered: tuple[Task, ...] | None = None,
    ) -> None:
        self.rows = rows
        self.hint = hint
        self.active = active
        self._ordered = ordered

    @classmethod
    def of(cls, tasks: Iterable[Task], hint: tuple[str, ...] = ()) -> TaskTable:
        """A table of these rows."""
        kept = {task.task_id: task for task in tasks}
        table = cls(PMap(kept), hint)
        table.active = tuple(task.task_id for task in table.ordered if is_active(task))
        return table

    def _order(self) -> tuple[Task, ...]:
        rows = self.rows
        hinted = [row for row in (rows.get(task_id) for task_id in dict.fromkeys(self.hint)) if row is not None]
        if len(hinted) == len(rows):
            return tuple(hinted)
        listed = {row.task_id for row in hinted}
        rest = [row for row in rows.values() if row.task_id not in listed]
        rest.sort(key=_task_key)
        return (*hinted, *rest)

    def put(self, task: Task) -> TaskTable:
        """With this row in place of the one of the same id. The same table if nothing differs."""
        task_id = task.task_id
        old = self.rows.get(task_id)
        if old is not None and old == task:
            return self
        active = self.active
        if is_active(task):
            if task_id not in active:
                active = (*active, task_id)
        elif task_id in active:
            active = tuple([other for other in active if other != task_id])
        return TaskTable(self.rows.insert(task_id, task), self.hint, active)

    def drop(self, task_id: str) -> TaskTable:
        """Without the row of that id."""
        if task_id not in self.rows:
            return self
        active = tuple(other for other in self.active if other != task_id)
        return TaskTable(self.rows.remove(task_id), self.hint, active)

    def hinted(self, hint: tuple[str, ...]) -> TaskTable:
        """In the order of another `session.tasks`."""
        if hint == self.hint:
            return self
        return TaskTable(self.rows, hint, self.active)

    @property
    def active_task_id(self) -> str | None:
        """The task at work, the newest if there seem to be two."""
        active = self.active
        if len(active) < 2:
            return active[0] if active else None
        rows = [row for row in (self.rows.get(task_id) for task_id in active) if row is not None]
        return max(rows, key=_task_key).task_id if rows else None


def _task_key(task: Task) -> tuple[float, str]:
    moment = instant(task.created_at)
    return (_FAR if moment is None else moment, task.task_id)


def _message_key(message: Message) -> tuple[float, str]:
    return (message.index, message.message_id)


class MessageBucket(_Rows[Message]):
    """The messages of one task, by (index, message_id). `tools` is a place for what is derived from them."""

    __slots__ = ("tools",)

    def __init__(self, rows: PMap[str, Message]) -> None:
        self.rows = rows
        self._ordered = None
        self.tools: Any = None

    @classmethod
    def of(cls, messages: Iterable[Message]) -> MessageBucket:
        """A bucket of these rows."""
        return cls(PMap({message.message_id: message for message in messages}))

    def _order(self) -> tuple[Message, ...]:
        return tuple(sorted(self.rows.values(), key=_message_key))

    def put(self, message: Message) -> MessageBucket:
        """With this row; the same bucket if nothing differs."""
        old = self.rows.get(message.message_id)
        if old is not None and old == message:
            return self
        return MessageBucket(self.rows.insert(message.message_id, message))

    def drop(self, message_id: str) -> MessageBucket:
        """Without the row of that id."""
        return MessageBucket(self.rows.remove(message_id)) if message_id in self.rows else self


class MessagesByTask(Mapping[str, MessageBucket]):
    """Messages of the loaded tasks: task id to a sequence of messages in order. Immutable."""

    __slots__ = ("buckets", "task_of")

    def __init__(self, buckets: PMap[str, MessageBucket], task_of: PMap[str, str]) -> None:
        self.buckets = buckets
        self.task_of = task_of

    def __getitem__(self, task_id: str) -> MessageBucket:
        return self.buckets[task_id]

    def __iter__(self) -> Iterator[str]:
        return iter(self.buckets)

    def __len__(self) -> int:
        return len(self.buckets)

    def __contains__(self, task_id: object) -> bool:
        return task_id in self.buckets

    def __repr__(self) -> str:
        return f"MessagesByTask({len(self)} tasks)"

    def put(self, task_id: str, message: Message) -> MessagesByTask:
        """With this message in this task, and in no other."""
        message_id = message.message_id
        was_in = self.task_of.get(message_id)
        here = self if was_in is None or was_in == task_id else self.drop(message_id)
        bucket = here.buckets.get(task_id)
        grown = (bucket if bucket is not None else NO_MESSAGES).put(message)
        if grown is bucket:
            return here
        task_of = here.task_of if was_in == task_id else here.task_of.insert(message_id, task_id)
        return MessagesByTask(here.buckets.insert(task_id, grown), task_of)

    def drop(self, message_id: str) -> MessagesByTask:
        """Without that message."""
        task_id = self.task_of.get(message_id)
        if task_id is None:
            return self
        return MessagesByTask(
            self.buckets.insert(task_id, self.buckets[task_id].drop(message_id)), self.task_of.remove(message_id)
        )

    def with_bucket(self, task_id: str, messages: Mapping[str, Message]) -> MessagesByTask:
        """With just these messages in the task; rows that are equal stay the same objects."""
        old = self.buckets.get(task_id)
        if old is None and not messages:
            return MessagesByTask(self.buckets.insert(task_id, MessageBucket(NO_MESSAGES.rows)), self.task_of)
        kept: dict[str, Message] = {}
        same = old is not None and len(old) == len(messages)
        for message_id, message in messages.items():
            known = old.get(message_id) if old is not None else None
            if known is not None and known == message:
                kept[message_id] = known
            else:
                kept[message_id] = message
                same = False
        if same:
            return self
        task_of = self.task_of
        if old is not None:
            for message_id in old.rows:
                if message_id not in kept:
                    task_of = task_of.remove(message_id)
        here = MessagesByTask(self.buckets.insert(task_id, MessageBucket.of(kept.values())), task_of)
        moved = {message_id: task_id for message_id in kept if task_of.get(message_id) != task_id}
        for message_id in moved:
            if message_id in task_of:  # it was another task's until now
                other = task_of[message_id]
                here.buckets = here.buckets.insert(other, here.buckets[other].drop(message_id))
        here.task_of = task_of.update(moved)
        return here

    def without_bucket(self, task_id: str) -> MessagesByTask:
        """Without the task and its messages."""
        old = self.buckets.get(task_id)
        if old is None:
            return self
        task_of = self.task_of
        for message_id in old.rows:
            task_of = task_of.discard(message_id)
        return MessagesByTask(self.buckets.remove(task_id), task_of)


class LoadedTasks(Set[str]):
    """Ids of the tasks whose messages are here, whole; each with the revision from which they have been whole."""

    __slots__ = ("since",)

    def __init__(self, since: PMap[str, int]) -> None:
        self.since = since

    @classmethod
    def _from_iterable(cls, it: Iterable[str]) -> frozenset[str]:  # type: ignore[override]
        return frozenset(it)

    def __contains__(self, task_id: object) -> bool:
        return task_id in self.since

    def __iter__(self) -> Iterator[str]:
        return iter(self.since)

    def __len__(self) -> int:
        return len(self.since)

    def __repr__(self) -> str:
        return f"LoadedTasks({sorted(self)})"

    def add(self, task_id: str, rev: int) -> LoadedTasks:
        """With that task, whole from revision `rev` on."""
        return LoadedTasks(self.since.insert(task_id, rev))

    def drop(self, task_id: str) -> LoadedTasks:
        """Without that task."""
        return LoadedTasks(self.since.remove(task_id)) if task_id in self.since else self


NO_MESSAGES = MessageBucket(PMap())
