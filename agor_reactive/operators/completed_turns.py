"""`completed_turns`: each task of a session once it has ended."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import takewhile

from reactivex import Observable

from agor_reactive.core.entries import TaskEntry
from agor_reactive.core.snapshot import SessionState
from agor_reactive.models.base import row_from_wire
from agor_reactive.models.message import Message
from agor_reactive.models.realtime import payload_of
from agor_reactive.models.task import Task
from agor_reactive.models.wire import RawEvent
from agor_reactive.operators.emitting import Source, finding
from agor_reactive.operators.items import Turn
from agor_reactive.operators.watching import TaskWatch, reading

__all__ = ["completed_turns"]


class _Turns:
    """What one subscription has emitted (`_done`), and the ended tasks that it will emit (`_due`)."""

    def __init__(self, since: float | None) -> None:
        self._watch = TaskWatch(since)
        self._open: set[str] = set()
        self._due: set[str] = set()
        self._done: set[str] = set()

    def of(self, state: SessionState) -> Iterable[Turn]:
        """The turns that this snapshot completes."""
        changed = self._watch.look(state)
        if changed is None:
            return ()
        # Entries, because rows would be validated, every one of a session, to look at its status.
        for entry in changed:
            self._take(entry)
        return self._ready(state) if self._due else ()

    def _take(self, entry: TaskEntry) -> None:
        task_id = entry.task_id
        if not entry.ended:
            self._open.add(task_id)
            self._due.discard(task_id)
        elif task_id not in self._done:
            if task_id in self._open or self._watch.counts(entry):
                self._due.add(task_id)
            elif task_id not in self._due:
                self._done.add(task_id)
            self._open.discard(task_id)

    def _ready(self, state: SessionState) -> list[Turn]:
        """The due turns in order; one with messages that are being read holds back those after it."""
        table = state.tasks
        due = [entry for entry in map(table.entries.get, self._due) if entry is not None]
        self._due = {entry.task_id for entry in due}  # a removed task is not due
        if len(due) > 1:
            due = table.arranged(due)
        if state.fetches:
            everything, tasks = reading(state.fetches)
            due = [] if everything else list(takewhile(lambda entry: entry.task_id not in tasks, due))
        ready = {entry.task_id for entry in due}
        self._due -= ready
        self._done |= ready
        # The messages as the snapshot has them: they are validated when they are read.
        return [Turn(entry.row, state.get_task_messages(entry.task_id)) for entry in due]


class _TurnsOfEvents:
    """The turns of all sessions, from events alone: with the messages that were received."""

    def __init__(self) -> None:
        self._messages: dict[str, dict[str, Message]] = {}
        self._done: set[str] = set()

    def of(self, event: RawEvent) -> Iterable[Turn]:
        topic, payload = event.topic, event.payload
        if type(payload) is not dict or topic not in _TOPICS:
            return ()
        task_id = payload.get("task_id")
        if not isinstance(task_id, str) or task_id in self._done:
            return ()
        if topic == "tasks removed":
            self._messages.pop(task_id, None)
        elif topic == "messages removed":
            self._messages.get(task_id, {}).pop(payload.get("message_id", ""), None)
        elif topic.startswith("messages"):
            message = payload_of(event)
            if isinstance(message, Message):
                self._messages.setdefault(task_id, {})[message.message_id] = message
        else:
            task = row_from_wire(Task, payload)
            if task.ended:
                self._done.add(task_id)
                found = self._messages.pop(task_id, {}).values()
                return (Turn(task, tuple(sorted(found, key=lambda row: (row.index, row.message_id)))),)
        return ()


_TOPICS = {
    f"{service} {verb}" for service in ("tasks", "messages") for verb in ("created", "patched", "updated", "removed")
}
_TOPICS |= {"messages/bulk created"}


def completed_turns(since: float | None = None) -> Callable[[Source], Observable[Turn]]:
    """Emit a `Turn` for each task that ends, once, with its messages; over reconnects, too.

    Of snapshots (`handle.snapshots`, a log): tasks that had ended before the first sync are history, emitted only if
    they ended at `since` (epoch seconds) or later. Of events (`handle.events`, `client.events`) there is no history and
    no sync: a turn has the messages that were received, and one that ended while the link was down is missed.

    ::

        snapshots  --t1 runs--t1 completed--t2 runs--(link down, t2 fails, link up)--t2 failed--|
                   completed_turns()
                   -----------t1---------------------------------------------------t2---------|
    """
    return finding("completed_turns", lambda: (_Turns(since).of, _TurnsOfEvents().of))
