"""Rows in their order, kept so that a change costs the same whatever their number.

A table is an immutable Sequence over a persistent map. It holds entries
(`core.entries`) and gives rows. Order is computed on first access, and kept.

A batch of changes passes its `owner`, as to the persistent map: what it has made, it changes in place.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from typing import Any, TypeVar, overload

from agor_reactive.core.entries import MessageEntry, TaskEntry
from agor_reactive.core.persistent import PMap
from agor_reactive.models.base import instant
from agor_reactive.models.message import Message
from agor_reactive.models.task import ENDED_STATUSES, Task

__all__ = ["AT_REST", "LoadedTasks", "MessageBucket", "MessagesByTask", "TaskTable", "is_active"]

R = TypeVar("R", Task, Message)
_FAR = float("inf")
AT_REST = ENDED_STATUSES | {"queued", "created", ""}
"""Statuses of a task that is not running: not begun yet, ended, or missing."""
_new = object.__new__
_SHOWN = 10
"""How many rows a repr shows."""


class _Rows(Sequence[R]):
    """Rows of one kind, readable as a sequence in their order."""

    __slots__ = ("_ordered",)

    _ordered: tuple[R, ...] | None

    def _order(self) -> Iterable[R]:
        """The rows in order, worked out afresh."""
        raise NotImplementedError

    def get(self, row_id: str) -> R | None:
        """The row with that id, or None."""
        raise NotImplementedError

    @property
    def ordered(self) -> tuple[R, ...]:
        """The rows in order, as a tuple."""
        ordered = self._ordered
        if ordered is None:
            ordered = self._ordered = tuple(self._order())
        return ordered

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
        return isinstance(row_id, str) and self.get(row_id) is not None

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        if isinstance(other, Sequence) and not isinstance(other, str):
            return self.ordered == tuple(other)
        return NotImplemented

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        rows = self.ordered
        if len(rows) <= _SHOWN:
            return f"{type(self).__name__}({list(rows)!r})"
        some = ", ".join(map(repr, rows[: _SHOWN - 1]))
        return f"{type(self).__name__}([{some}, … {len(rows) - _SHOWN} more …, {rows[-1]!r}])"


def is_active(task: Task | TaskEntry) -> bool:
    """Whether a task is running: begun, not ended. An unknown status counts as running."""
    return task.status not in AT_REST


class TaskTable(_Rows[Task]):
    """Tasks by (created_at as an instant, task_id); in the order of `session.tasks` where that names all of them.

    `entries` holds them by id, `active` the ids of running tasks, oldest change first; there may be two for a moment.
    `hint` is `session.tasks`: on June daemons it lists only tasks that ran, so a list that lacks one orders none.
    Order is computed on first access: an event costs the same however many tasks there are.
    """

    __slots__ = ("_owner", "active", "entries", "hint")

    def __init__(self, entries: PMap[str, TaskEntry], hint: tuple[str, ...] = (), active: tuple[str, ...] = ()) -> None:
        self.entries = entries
        self.hint = hint
        self.active = active
        self._ordered = None
        self._owner: object = None

    @classmethod
    def of(cls, tasks: Iterable[TaskEntry], hint: tuple[str, ...] = ()) -> TaskTable:
        """A table of these entries."""
        kept = {task.task_id: task for task in tasks}
        table = cls(PMap(kept), hint)
        table.active = tuple(task.task_id for task in table.in_order() if is_active(task))
        return table

    def get(self, row_id: str) -> Task | None:
        """The task of that id, or None."""
        entry = self.entries.get(row_id)
        return entry.row if entry is not None else None

    def __len__(self) -> int:
        return len(self.entries)

    def _order(self) -> Iterable[Task]:
        return [entry.row for entry in self.in_order()]

    def in_order(self) -> list[TaskEntry]:
        """The entries in order, in a list of the caller's own."""
        rows = self.entries
        if len(self.hint) >= len(rows):  # a shorter list cannot name them all
            hinted = [row for row in (rows.get(task_id) for task_id in dict.fromkeys(self.hint)) if row is not None]
            if len(hinted) == len(rows):
                return hinted
        return sorted(rows.values(), key=_task_key)

    def arranged(self, few: Iterable[TaskEntry]) -> list[TaskEntry]:
        """A few of the entries, in their order here."""
        if len(self.hint) < len(self.entries):
            return sorted(few, key=_task_key)
        wanted = {entry.task_id for entry in few}
        return [entry for entry in self.in_order() if entry.task_id in wanted]

    def put(self, task: TaskEntry) -> TaskTable:
        """With this entry in place of the one of the same id. The same table if nothing differs."""
        old = self.entries.get(task.task_id)
        return self if old == task else self.with_entry(old, task)

    def with_entry(self, old: TaskEntry | None, task: TaskEntry, owner: object = None) -> TaskTable:
        """`put`, of an entry known to differ from `old`, the one that is here."""
        task_id = task.task_id
        new: TaskTable
        if owner is not None and self._owner is owner:
            new = self
        else:
            new = _new(TaskTable)
            new._owner = owner
            new.hint = self.hint
        active = self.active
        if task.status not in AT_REST:
            if task_id not in active:
                active = (*active, task_id)
        elif task_id in active:
            active = tuple([other for other in active if other != task_id])
        new.active = active
        entries = self.entries
        new.entries = entries.insert(task_id, task, owner) if old is None else entries.replace(task_id, task, owner)
        new._ordered = None
        return new

    def drop(self, task_id: str) -> TaskTable:
        """Without the row of that id."""
        if task_id not in self.entries:
            return self
        active = tuple(other for other in self.active if other != task_id)
        return TaskTable(self.entries.remove(task_id), self.hint, active)

    def hinted(self, hint: tuple[str, ...]) -> TaskTable:
        """In the order of another `session.tasks`."""
        if hint == self.hint:
            return self
        return TaskTable(self.entries, hint, self.active)

    @property
    def active_task_id(self) -> str | None:
        """The running task, the newest if there seem to be two."""
        active = self.active
        if len(active) < 2:
            return active[0] if active else None
        rows = [row for row in (self.entries.get(task_id) for task_id in active) if row is not None]
        return max(rows, key=_task_key).task_id if rows else None


def _task_key(task: TaskEntry) -> tuple[float, str]:
    moment = instant(task.created_at)
    return (_FAR if moment is None else moment, task.task_id)


def _message_key(message: MessageEntry) -> tuple[float, str]:
    return (message.index, message.message_id)


class MessageBucket(_Rows[Message]):
    """The messages of one task, by (index, message_id). `tools` is a place for what is derived from them.

    They are in a list in the order they came, which successors share and append to; each knows its own length.
    """

    __slots__ = ("_claim", "_count", "_entries", "_owner", "tools")

    def __init__(self, entries: list[MessageEntry], owner: object = None) -> None:
        self._entries = entries
        self._count = len(entries)
        self._claim = [None]
        self._ordered = None
        self._owner = owner
        self.tools: Any = None

    def get(self, row_id: str) -> Message | None:
        """The message of that id, or None. Looks through them: `MessagesByTask.entries` knows them by id."""
        return next((entry.row for entry in self.entries if entry.message_id == row_id), None)

    def __len__(self) -> int:
        return self._count

    @property
    def entries(self) -> list[MessageEntry]:
        """The messages as they came, in a list of the caller's own."""
        return self._entries[: self._count]

    @property
    def task_id(self) -> str | None:
        """The id of the task; None if there are no messages."""
        return self._entries[0].task_id if self._count else None

    def added_since(self, older: MessageBucket) -> list[MessageEntry] | None:
        """The messages that were appended after `older`, as they came; None if others have changed since, too."""
        return self._entries[older._count : self._count] if self._entries is older._entries else None

    def in_order(self) -> list[MessageEntry]:
        """The entries in order, in a list of the caller's own."""
        return sorted(self.entries, key=_message_key)

    def _order(self) -> Iterable[Message]:
        return [entry.row for entry in self.in_order()]

    def with_new(self, message: MessageEntry, owner: object = None) -> MessageBucket:
        """With one message more."""
        count = self._count
        try:
            self._claim.pop()
        except IndexError:  # another successor has appended already: this one gets a list for itself
            return MessageBucket([*self._entries[:count], message], owner)
        entries = self._entries
        entries.append(message)
        new: MessageBucket
        if owner is not None and self._owner is owner:
            new = self
        else:
            new = _new(MessageBucket)
            new._entries = entries
            new._owner = owner
        new._count = count + 1
        new._claim = [None]
        new._ordered = None
        new.tools = None
        return new

    def replacing(self, old: MessageEntry, message: MessageEntry, owner: object = None) -> MessageBucket:
        """With `message` where `old` was."""
        entries = self.entries
        at = next(at for at in range(len(entries) - 1, -1, -1) if entries[at] is old)  # what changes is mostly new
        entries[at] = message
        return MessageBucket(entries, owner)

    def drop(self, message: MessageEntry) -> MessageBucket:
        """Without that one."""
        return MessageBucket([entry for entry in self.entries if entry is not message])


class MessagesByTask(Mapping[str, MessageBucket]):
    """Messages of the loaded tasks: task id to a sequence of messages in order. Immutable.

    `entries` has all of them by id. Each is in the bucket of its `task_id`.
    """

    __slots__ = ("_owner", "buckets", "entries")

    def __init__(
        self, buckets: PMap[str, MessageBucket], entries: PMap[str, MessageEntry], owner: object = None
    ) -> None:
        self.buckets = buckets
        self.entries = entries
        self._owner = owner

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

    def put(self, message: MessageEntry, bucket: MessageBucket, owner: object) -> MessagesByTask:
        """With this message in its task, of which `bucket` is what is here, and in no other."""
        message_id = message.message_id
        task_id: str = message.task_id  # type: ignore[assignment]  # the bucket is that task's, so there is one
        old = self.entries.get(message_id)
        if old is None:
            rows = self.entries.insert(message_id, message, owner)
            changed = bucket.with_new(message, owner)
        elif old == message:
            return self
        elif old.task_id == task_id:
            rows = self.entries.replace(message_id, message, owner)
            changed = bucket.replacing(old, message, owner)
        else:
            return self.drop(message_id).put(message, bucket, owner)
        buckets = self.buckets
        if changed is not bucket:
            buckets = buckets.replace(task_id, changed, owner)
        if self._owner is not owner:
            return MessagesByTask(buckets, rows, owner)
        self.buckets = buckets
        self.entries = rows
        return self

    def drop(self, message_id: str) -> MessagesByTask:
        """Without that message."""
        old = self.entries.get(message_id)
        if old is None:
            return self
        task_id: str = old.task_id  # type: ignore[assignment]
        return MessagesByTask(
            self.buckets.insert(task_id, self.buckets[task_id].drop(old)), self.entries.remove(message_id)
        )

    def with_bucket(self, task_id: str, messages: Mapping[str, MessageEntry], owner: object = None) -> MessagesByTask:
        """With just these messages in the task, whose they are; rows that are equal stay the same objects."""
        old = self.buckets.get(task_id)
        rows = self.entries
        if old is None and not messages:
            return MessagesByTask(self.buckets.insert(task_id, MessageBucket([], owner), owner), rows, owner)
        kept: dict[str, MessageEntry] = {}
        fresh: dict[str, MessageEntry] = {}
        here = self
        for message_id, message in messages.items():
            known = rows.get(message_id)
            if known is not None and known == message:
                kept[message_id] = known
                continue
            if known is not None and known.task_id != task_id:  # it was another task's until now
                here = here.drop(message_id)
            kept[message_id] = fresh[message_id] = message
        gone = [row.message_id for row in old.entries if row.message_id not in kept] if old is not None else ()
        if old is not None and not fresh and not gone:
            return self
        rows = here.entries
        for message_id in gone:
            rows = rows.remove(message_id)
        return MessagesByTask(here.buckets.insert(task_id, MessageBucket(list(kept.values()))), rows.update(fresh))

    def without_bucket(self, task_id: str) -> MessagesByTask:
        """Without the task and its messages."""
        old = self.buckets.get(task_id)
        if old is None:
            return self
        rows = self.entries
        for row in old.entries:
            rows = rows.remove(row.message_id)
        return MessagesByTask(self.buckets.remove(task_id), rows)


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

    def add(self, task_id: str, rev: int, owner: object = None) -> LoadedTasks:
        """With that task, whole from revision `rev` on."""
        return LoadedTasks(self.since.insert(task_id, rev, owner))

    def drop(self, task_id: str) -> LoadedTasks:
        """Without that task."""
        return LoadedTasks(self.since.remove(task_id)) if task_id in self.since else self
