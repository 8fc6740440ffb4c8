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
from agor_reactive.models.unread import differ, held_by

__all__ = ["AT_REST", "LoadedTasks", "MessageBucket", "MessagesByTask", "TaskTable", "is_active"]

R = TypeVar("R", Task, Message)
_FAR = float("inf")
AT_REST = ENDED_STATUSES | {"queued", "created", ""}
"""Statuses of a task that is not at work: not begun yet, ended, or unsaid."""
_new = object.__new__


class _Rows(Sequence[R]):
    """Rows of one kind, readable as a sequence in their order."""

    __slots__ = ("_ordered",)

    _ordered: tuple[R, ...] | None

    def _order(self) -> tuple[R, ...]:
        raise NotImplementedError

    def get(self, row_id: str) -> R | None:
        """The row with that id, or None."""
        raise NotImplementedError

    @property
    def ordered(self) -> tuple[R, ...]:
        """The rows in order, as a tuple."""
        ordered = self._ordered
        if ordered is None:
            ordered = self._ordered = self._order()
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
        return f"{type(self).__name__}({len(self)} rows)"


def is_active(task: Task) -> bool:
    """Whether a task is at work: begun, not ended. An unknown status counts as at work."""
    return task.status not in AT_REST


class TaskTable(_Rows[Task]):
    """Tasks by (created_at as an instant, task_id); in the order of `session.tasks` where that names all of them.

    `rows` holds them by id, `active` the ids of tasks at work, oldest change first; there may be two for a moment.
    `hint` is `session.tasks`: on June daemons it lists only tasks that ran, so a list that lacks one orders none.
    Order is worked out when somebody reads it: an event costs the same however many tasks there are.
    """

    __slots__ = ("active", "hint", "rows")

    def __init__(self, rows: PMap[str, Task], hint: tuple[str, ...] = (), active: tuple[str, ...] = ()) -> None:
        self.rows = rows
        self.hint = hint
        self.active = active
        self._ordered = None

    @classmethod
    def of(cls, tasks: Iterable[Task], hint: tuple[str, ...] = ()) -> TaskTable:
        """A table of these rows."""
        kept = {task.task_id: task for task in tasks}
        table = cls(PMap(kept), hint)
        table.active = tuple(task.task_id for task in table.ordered if is_active(task))
        return table

    def get(self, row_id: str) -> Task | None:
        """The task of that id, or None."""
        return self.rows.get(row_id)

    def __len__(self) -> int:
        return len(self.rows)

    def _order(self) -> tuple[Task, ...]:
        rows = self.rows
        if len(self.hint) >= len(rows):  # a shorter list cannot name them all
            hinted = [row for row in (rows.get(task_id) for task_id in dict.fromkeys(self.hint)) if row is not None]
            if len(hinted) == len(rows):
                return tuple(hinted)
        return tuple(sorted(rows.values(), key=_task_key))

    def put(self, task: Task) -> TaskTable:
        """With this row in place of the one of the same id. The same table if nothing differs."""
        old = self.rows.get(task.task_id)
        return self if old is not None and not differ(old, task) else self.with_row(old, task)

    def with_row(self, old: Task | None, task: Task) -> TaskTable:
        """`put`, of a row known to differ from `old`, the one that is here."""
        held = held_by(task)
        task_id = held["task_id"]
        new: TaskTable = _new(TaskTable)
        active = self.active
        if held["status"] not in AT_REST:
            if task_id not in active:
                active = (*active, task_id)
        elif task_id in active:
            active = tuple([other for other in active if other != task_id])
        new.active = active
        new.hint = self.hint
        new.rows = self.rows.insert(task_id, task) if old is None else self.rows.replace(task_id, task)
        new._ordered = None
        return new

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
    """The messages of one task, by (index, message_id). `tools` is a place for what is derived from them.

    They lie in a list in the order they came, which successors share and append to, each with a length of its own.
    """

    __slots__ = ("_claim", "_count", "_rows", "tools")

    def __init__(self, rows: list[Message]) -> None:
        self._rows = rows
        self._count = len(rows)
        self._claim = [None]
        self._ordered = None
        self.tools: Any = None

    def get(self, row_id: str) -> Message | None:
        """The message of that id, or None. Looks through them: `MessagesByTask.rows` knows them by id."""
        return next((row for row in self.rows if row.message_id == row_id), None)

    def __len__(self) -> int:
        return self._count

    @property
    def rows(self) -> list[Message]:
        """The messages as they came, in a list of the caller's own."""
        return self._rows[: self._count]

    def _order(self) -> tuple[Message, ...]:
        return tuple(sorted(self.rows, key=_message_key))

    def with_new(self, message: Message) -> MessageBucket:
        """With one message more."""
        count = self._count
        try:
            self._claim.pop()
        except IndexError:  # somebody has appended already: a second successor has a list of its own
            return MessageBucket([*self._rows[:count], message])
        rows = self._rows
        rows.append(message)
        new: MessageBucket = _new(MessageBucket)
        new._rows = rows
        new._count = count + 1
        new._claim = [None]
        new._ordered = None
        new.tools = None
        return new

    def replacing(self, old: Message, message: Message) -> MessageBucket:
        """With `message` where `old` was."""
        rows = self.rows
        at = next(at for at in range(len(rows) - 1, -1, -1) if rows[at] is old)  # what changes is mostly new
        rows[at] = message
        return MessageBucket(rows)

    def drop(self, message: Message) -> MessageBucket:
        """Without that one."""
        return MessageBucket([row for row in self.rows if row is not message])


class MessagesByTask(Mapping[str, MessageBucket]):
    """Messages of the loaded tasks: task id to a sequence of messages in order. Immutable.

    `rows` has all of them by id. Each lies in the bucket of its own `task_id`.
    """

    __slots__ = ("buckets", "rows")

    def __init__(self, buckets: PMap[str, MessageBucket], rows: PMap[str, Message]) -> None:
        self.buckets = buckets
        self.rows = rows

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

    def put(self, message: Message, bucket: MessageBucket) -> MessagesByTask:
        """With this message in its task, of which `bucket` is what is here, and in no other."""
        held = held_by(message)
        message_id: str = held["message_id"]
        task_id: str = held.get("task_id")  # the bucket is that task's, so there is one
        old = self.rows.get(message_id)
        if old is None:
            rows = self.rows.insert(message_id, message)
            bucket = bucket.with_new(message)
        elif not differ(old, message):
            return self
        elif held_by(old).get("task_id") == task_id:
            rows = self.rows.replace(message_id, message)
            bucket = bucket.replacing(old, message)
        else:
            return self.drop(message_id).put(message, bucket)
        return MessagesByTask(self.buckets.replace(task_id, bucket), rows)

    def drop(self, message_id: str) -> MessagesByTask:
        """Without that message."""
        old = self.rows.get(message_id)
        if old is None:
            return self
        task_id: str = old.task_id  # type: ignore[assignment]
        return MessagesByTask(
            self.buckets.insert(task_id, self.buckets[task_id].drop(old)), self.rows.remove(message_id)
        )

    def with_bucket(self, task_id: str, messages: Mapping[str, Message]) -> MessagesByTask:
        """With just these messages in the task, whose they are; rows that are equal stay the same objects."""
        old = self.buckets.get(task_id)
        rows = self.rows
        if old is None and not messages:
            return MessagesByTask(self.buckets.insert(task_id, MessageBucket([])), rows)
        kept: dict[str, Message] = {}
        fresh: dict[str, Message] = {}
        here = self
        for message_id, message in messages.items():
            known = rows.get(message_id)
            if known is not None and known == message:
                kept[message_id] = known
                continue
            if known is not None and known.task_id != task_id:  # it was another task's until now
                here = here.drop(message_id)
            kept[message_id] = fresh[message_id] = message
        gone = [row.message_id for row in old.rows if row.message_id not in kept] if old is not None else ()
        if old is not None and not fresh and not gone:
            return self
        rows = here.rows
        for message_id in gone:
            rows = rows.remove(message_id)
        return MessagesByTask(here.buckets.insert(task_id, MessageBucket(list(kept.values()))), rows.update(fresh))

    def without_bucket(self, task_id: str) -> MessagesByTask:
        """Without the task and its messages."""
        old = self.buckets.get(task_id)
        if old is None:
            return self
        rows = self.rows
        for row in old.rows:
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

    def add(self, task_id: str, rev: int) -> LoadedTasks:
        """With that task, whole from revision `rev` on."""
        return LoadedTasks(self.since.insert(task_id, rev))

    def drop(self, task_id: str) -> LoadedTasks:
        """Without that task."""
        return LoadedTasks(self.since.remove(task_id)) if task_id in self.since else self
