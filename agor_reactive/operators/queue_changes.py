"""`queue_changes`: the queued prompts of a session whenever they change."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from reactivex import Observable

from agor_reactive.core.snapshot import Base, SessionState
from agor_reactive.models.base import row_from_wire
from agor_reactive.models.task import QUEUED_STATUS, Task
from agor_reactive.models.wire import RawEvent
from agor_reactive.operators.emitting import Source, finding
from agor_reactive.operators.items import QueueChange

__all__ = ["queue_changes"]


class _Queue:
    """The queue of one session at the last look."""

    def __init__(self) -> None:
        self._base: Base | None = None
        self._tasks: tuple[Task, ...] | None = None

    def of(self, state: SessionState) -> Iterable[QueueChange]:
        base = state.base
        if base is self._base:
            return ()
        self._base = base
        if base.status.last_synced_at is None or base.status.loading or base.queued_tasks is self._tasks:
            return ()
        before, self._tasks = self._tasks, base.queued_tasks
        return () if before is None else _change(state.session_id, before, self._tasks)


def _change(session_id: str, before: tuple[Task, ...], after: tuple[Task, ...]) -> Iterable[QueueChange]:
    were, are = [task.task_id for task in before], [task.task_id for task in after]
    if were == are:
        return ()
    added = tuple(task for task in after if task.task_id not in were)
    removed = tuple(task for task in before if task.task_id not in are)
    return (QueueChange(session_id, after, added, removed),)


class _QueuesOfEvents:
    """The queued tasks of all sessions, as far as events have named them."""

    def __init__(self) -> None:
        self._queues: dict[str, tuple[Task, ...]] = {}

    def of(self, event: RawEvent) -> Iterable[QueueChange]:
        payload: Any = event.payload
        if event.topic not in _TOPICS or type(payload) is not dict:
            return ()
        session_id, task_id = payload.get("session_id"), payload.get("task_id")
        if not isinstance(session_id, str) or not isinstance(task_id, str):
            return ()
        before = self._queues.get(session_id, ())
        is_queued = payload.get("status") == QUEUED_STATUS and event.topic != "tasks removed"
        if not is_queued and not before:
            return ()
        after = tuple(task for task in before if task.task_id != task_id)
        if is_queued:
            after = tuple(sorted((*after, row_from_wire(Task, payload)), key=_place))
        if after:
            self._queues[session_id] = after
        else:
            self._queues.pop(session_id, None)
        return _change(session_id, before, after)


def _place(task: Task) -> tuple[float, str]:
    position = task.queue_position
    return (float("inf") if position is None else position, task.task_id)


_TOPICS = {"tasks queued", "tasks created", "tasks/bulk created", "tasks patched", "tasks updated", "tasks removed"}


def queue_changes() -> Callable[[Source], Observable[QueueChange]]:
    """Emit a `QueueChange` whenever a prompt joins or leaves the queue of a session, or the order changes.

    Of snapshots: the queue at the first sync is not a change; what changes while the link is down is one change after
    the sync. Of events (`client.events`: of all sessions) only the tasks are known that were queued since the
    subscription.

    ::

        snapshots  --[]--[t1]--[t1 t2]--[t2]--(text)--[]--|
                   queue_changes()
                   ------+t1---+t2------t1-----------t2--|
    """
    return finding("queue_changes", lambda: (_Queue().of, _QueuesOfEvents().of))
