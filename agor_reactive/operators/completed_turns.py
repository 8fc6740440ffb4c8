"""`completed_turns`: each task of a session once it has ended."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import takewhile
from typing import Any

from reactivex import Observable, abc, create

from agor_reactive.core.snapshot import SessionState
from agor_reactive.core.tables import TaskTable
from agor_reactive.models.base import instant
from agor_reactive.models.task import Task
from agor_reactive.operators.items import Turn

__all__ = ["completed_turns"]


class _Turns:
    """What one subscription has emitted. `since` is in epoch seconds.

    A task that was seen before it ended counts. One that is first seen as ended did so while the link was down, or is
    history that was loaded later: it counts if it ended since `since`, and without `since` if it is not older than all
    tasks of the first sync.
    """

    def __init__(self, since: float | None) -> None:
        self._since = since
        self._seen: set[str] | None = None
        self._open: set[str] = set()
        self._oldest = math.inf
        self._tasks: TaskTable | None = None
        self._waiting = False

    def of(self, state: SessionState) -> list[Turn]:
        """The turns that this snapshot completes."""
        # Nothing is emitted while a sync round is under way: its answers may bring messages of what has ended.
        if state.last_synced_at is None or state.loading or (state.tasks is self._tasks and not self._waiting):
            return []
        self._tasks = state.tasks
        ended = [task for task in state.tasks if task.ended]
        if self._seen is None:
            self._oldest = min((_made(task) for task in state.tasks), default=-math.inf)
            self._seen = {task.task_id for task in ended if self._since is None}
        self._seen.update(t.task_id for t in ended if t.task_id not in self._open and not self._counts(t))
        self._open.update(task.task_id for task in state.tasks if not task.ended)
        loading = {fetch.task_id for fetch in state.fetches if fetch.kind in ("messages", "history")}
        everything = any(fetch.kind == "all_messages" for fetch in state.fetches)
        fresh = [task for task in ended if task.task_id not in self._seen]
        # In order: a turn with messages that are being read holds back those after it.
        ready = [] if everything else list(takewhile(lambda task: task.task_id not in loading, fresh))
        self._waiting = len(ready) < len(fresh)
        self._seen.update(task.task_id for task in ready)
        self._open.difference_update(self._seen)
        return [Turn(task, tuple(state.get_task_messages(task.task_id))) for task in ready]

    def _counts(self, task: Task) -> bool:
        if self._since is None:
            return _made(task) >= self._oldest
        at = instant(task.completed_at)
        return at is not None and at >= self._since


def _made(task: Task) -> float:
    """When the task was created, epoch seconds; long ago if that cannot be read."""
    at = instant(task.created_at)
    return -math.inf if at is None else at


def completed_turns(since: float | None = None) -> Callable[[Observable[SessionState]], Observable[Turn]]:
    """Emit a `Turn` for each task that ends, once, with its messages; over reconnects, too.

    Tasks that had ended before the first sync are history: emitted only if they ended at `since` (epoch seconds) or
    later.
    """

    def operator(source: Observable[SessionState]) -> Observable[Turn]:
        def subscribe(observer: abc.ObserverBase[Turn], scheduler: Any = None) -> abc.DisposableBase:
            turns = _Turns(since)

            def take(state: SessionState) -> None:
                for turn in turns.of(state):
                    observer.on_next(turn)

            return source.subscribe(take, observer.on_error, observer.on_completed, scheduler=scheduler)

        return create(subscribe)

    return operator
