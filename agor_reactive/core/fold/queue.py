"""Queued prompts.

The queue is what the daemon's route last answered, minus what has since been dispatched or removed. Events neither add
nor order anything, because positions that they carry may be old: every event that touches the queue requests one fresh
read, single flight, repeated if the queue moved meanwhile. Facts of the wire: a prompt on a busy session announces
``tasks queued`` (June), or ``tasks created`` and then ``tasks queued``; on an idle one it may be ``created`` as queued
at position 1 and dispatched at once. Older daemons never clear `queue_position`, so only the status says which
task is queued.
"""

from __future__ import annotations

from collections.abc import Iterable

from agor_reactive.core import events as e
from agor_reactive.core.entries import TaskEntry
from agor_reactive.core.fetches import Fetch
from agor_reactive.core.fold import journal
from agor_reactive.core.fold.draft import Draft
from agor_reactive.models.task import Task

__all__ = [
    "in_queue_order",
    "queue_moved",
    "read_queue",
    "take_from_tasks",
    "take_queue",
    "task_gone",
    "task_moved",
    "touch",
]

_LAST = float("inf")


def in_queue_order(tasks: Iterable[Task]) -> tuple[Task, ...]:
    """By queue position, those without one last; ties stay as they are."""
    return tuple(sorted(tasks, key=lambda task: _LAST if task.queue_position is None else task.queue_position))


def _set(draft: Draft, tasks: tuple[Task, ...]) -> None:
    old = draft.queued_tasks
    known = {task.task_id: task for task in old}
    tasks = tuple(known[t.task_id] if t.task_id in known and known[t.task_id] == t else t for t in tasks)
    if len(tasks) != len(old) or any(a is not b for a, b in zip(tasks, old, strict=True)):
        draft.queued_tasks = tasks


def task_moved(draft: Draft, old: TaskEntry | None, entry: TaskEntry) -> None:
    """A task changed. One that left the queue is removed at once; one that came in or moved is read from the daemon."""
    if draft.books.queue_absent:
        _moved_among_tasks(draft, entry)
        return
    held = next((task for task in draft.queued_tasks if task.task_id == entry.task_id), None)
    if entry.queued:
        if not _is_no_news(draft, held, entry):
            touch(draft)
    elif held is not None:
        _set(draft, tuple(task for task in draft.queued_tasks if task is not held))
        touch(draft)
    elif old is not None and old.queued:
        touch(draft)


def _is_no_news(draft: Draft, held: Task | None, entry: TaskEntry) -> bool:
    """Whether a queued row repeats what the queue shows, or an event after which the queue is read anyway.

    While a read is on its way it does not matter what is shown, nor what row of the task is here, which may be from
    before the link dropped: the task may have moved and come back, and the answer may have been read in between.
    """
    if _is_being_read(draft):
        return journal.is_noted(draft, entry.task_id, entry)
    return held is not None and held == entry.row


def _is_being_read(draft: Draft) -> bool:
    """Whether an answer with the queue is on its way, or here and not shown before the round commits."""
    books = draft.books
    return books.round is not None or any(fetch.kind == "queue" for fetch in books.fetches)


def _moved_among_tasks(draft: Draft, entry: TaskEntry) -> None:
    """The daemon has no route for the queue, so the rows of tasks are all that is known of it."""
    others = tuple(task for task in draft.queued_tasks if task.task_id != entry.task_id)
    if entry.queued:
        _set(draft, in_queue_order((*others, entry.row)))
    elif len(others) != len(draft.queued_tasks):
        _set(draft, others)


def task_gone(draft: Draft, task_id: str) -> None:
    """A task was removed, perhaps from the queue."""
    old = draft.tasks.entries.get(task_id)
    if any(task.task_id == task_id for task in draft.queued_tasks) or (old is not None and old.queued):
        _set(draft, tuple(task for task in draft.queued_tasks if task.task_id != task_id))
        touch(draft)


def queue_moved(draft: Draft, event: e.QueueMoved) -> None:
    """An old daemon says that the queue changed."""
    touch(draft)


def touch(draft: Draft) -> None:
    """The queue changed: request a fresh read of it."""
    books = draft.books
    if books.queue_absent or not draft.status.link.up:
        return
    if any(fetch.kind == "queue" for fetch in books.fetches):
        if not books.queue_moved:
            draft.books = books.but(queue_moved=True)
    elif books.round is None:
        if not draft.status.terminal:  # else only `resync()` reads
            read_queue(draft)
    elif not books.queue_moved:  # the round has its answer already: read again once it has committed
        draft.books = books.but(queue_moved=True)


def read_queue(draft: Draft) -> None:
    """Request the queue."""
    books = draft.books
    fetch = Fetch(books.next_fetch_id, "queue", draft.revision)
    draft.books = books.but(fetches=(*books.fetches, fetch), next_fetch_id=books.next_fetch_id + 1, queue_moved=False)


def take_queue(draft: Draft, rows: tuple[Task, ...], begun: int) -> None:
    """Take the answer of a read requested at `begun`, minus what was dispatched or removed since.

    What came into the queue since is not added: its event has requested another read.
    """
    books = draft.books
    queued: dict[str, Task] = {}
    for row in rows:
        noted = books.journal_tasks.get(row.task_id)
        left = noted is not None and noted[0] > begun and (noted[1] is None or not noted[1].queued)
        if row.queued and not left and books.gone_tasks.get(row.task_id, -1) <= begun:
            queued[row.task_id] = row
            if row.task_id in books.gone_tasks:  # the daemon still has it after its removal: it is back
                books = books.but(gone_tasks=books.gone_tasks.remove(row.task_id))
    draft.books = books
    _set(draft, in_queue_order(queued.values()))
    for task_id, row in queued.items():
        if draft.tasks.entries.get(task_id) is None and not journal.task_moved_after(draft, task_id, begun):
            draft.tasks = draft.tasks.put(TaskEntry.of(row))


def take_from_tasks(draft: Draft) -> None:
    """The daemon has no route for the queue: take it from the statuses of the tasks."""
    _set(draft, in_queue_order(task.row for task in draft.tasks.in_order() if task.queued))
