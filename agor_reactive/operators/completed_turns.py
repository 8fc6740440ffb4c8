"""`completed_turns`: each task of a session once it has ended."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import takewhile
from typing import Any

from reactivex import Observable, abc, create

from agor_reactive.core.entries import TaskEntry
from agor_reactive.core.snapshot import SessionState
from agor_reactive.core.tables import TaskTable
from agor_reactive.models.base import instant
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
        table = self._tasks = state.tasks
        entries = table.entries
        if self._seen is None:
            self._oldest = min((_made(entry) for entry in entries.values()), default=-math.inf)
            self._seen = {entry.task_id for entry in entries.values() if entry.ended and self._since is None}
        fresh = []
        # Entries, because rows would be validated, every one of a session, to look at its status.
        for entry in entries.values():
            task_id = entry.task_id
            if not entry.ended:
                self._open.add(task_id)
            elif task_id not in self._seen:
                if task_id in self._open or self._counts(entry):
                    fresh.append(entry)
                else:
                    self._seen.add(task_id)
        if len(fresh) > 1:
            wanted = {entry.task_id for entry in fresh}
            fresh = [entry for entry in table.in_order() if entry.task_id in wanted]
        loading = {fetch.task_id for fetch in state.fetches if fetch.kind in ("messages", "history")}
        everything = any(fetch.kind == "all_messages" for fetch in state.fetches)
        # In order: a turn with messages that are being read holds back those after it.
        ready = [] if everything else list(takewhile(lambda entry: entry.task_id not in loading, fresh))
        self._waiting = len(ready) < len(fresh)
        self._seen.update(entry.task_id for entry in ready)
        self._open.difference_update(self._seen)
        return [Turn(entry.row, tuple(state.get_task_messages(entry.task_id))) for entry in ready]

    def _counts(self, entry: TaskEntry) -> bool:
        if self._since is None:
            return _made(entry) >= self._oldest
        at = instant(entry.fields.get("completed_at"))
        return at is not None and at >= self._since


def _made(entry: TaskEntry) -> float:
    """When the task was created, epoch seconds; long ago if that cannot be read."""
    at = instant(entry.created_at)
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
