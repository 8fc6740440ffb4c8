"""Not all tasks but the newest: the window of the ``lean`` and ``preview`` hydrations.

The window grows by pages on demand, and by tasks created since the first read; a preview's slides instead. Facts of
the wire: `find tasks` by session comes in order of creation whatever `$sort` says, and honours `$skip` and `$limit`.
"""

from __future__ import annotations

from collections.abc import Iterable, Set

from agor_reactive.core.entries import TaskEntry
from agor_reactive.core.fetches import Fetch, FetchKind
from agor_reactive.core.fold import journal
from agor_reactive.core.fold.draft import Draft
from agor_reactive.core.snapshot import WINDOWS
from agor_reactive.core.tables import is_active
from agor_reactive.models.base import instant

__all__ = [
    "follow_queue",
    "give_up_page",
    "is_before",
    "is_emptied",
    "load_whole",
    "read_again",
    "request",
    "request_tasks",
    "slide",
    "widen",
]


def request(
    draft: Draft,
    kind: FetchKind,
    *,
    task_id: str | None = None,
    of_round: bool = False,
    delay: float = 0.0,
    limit: int = 0,
    since: str = "",
) -> Fetch:
    """Request a fetch."""
    books = draft.books
    fetch = Fetch(books.next_fetch_id, kind, draft.revision, of_round, task_id, delay, limit, since)
    draft.books = books.but(fetches=(*books.fetches, fetch), next_fetch_id=books.next_fetch_id + 1)
    return fetch


def read_again(draft: Draft) -> None:
    """Want a sync round soon, or another one after the present one. Only `resync()` reads a terminal session again."""
    books = draft.books
    if books.round is not None:
        draft.books = books.but(again=True)
    elif (
        not draft.status.terminal
        and draft.status.link.up
        and not any(fetch.kind in ("join", "wait") for fetch in books.fetches)
    ):
        request(draft, "wait")


def request_tasks(draft: Draft) -> Fetch:
    """Request the session's tasks: all, or those of the window, back to the oldest known one.

    A preview goes back to the running tasks only: they may have ended meanwhile, so they are read, too.
    """
    size = draft.books.window
    rows = draft.tasks.entries.values()
    since = ""
    waiting = draft.books.queue_absent  # then only their rows tell what became of those that wait
    if draft.status.hydration == "lean":
        since = _oldest(rows, waiting=waiting)
    elif size:
        since = _oldest((task for task in rows if is_active(task) or task.queued), waiting=waiting)
    return request(draft, "tasks", of_round=True, limit=size, since=since)


def _oldest(tasks: Iterable[TaskEntry], *, waiting: bool = False) -> str:
    """When the oldest task was created. Queued tasks come with the queue, however old they are: they count only if
    `waiting`."""
    stamps = [
        task.created_at for task in tasks if (waiting or not task.queued) and instant(task.created_at) is not None
    ]
    return min(stamps, key=lambda stamp: instant(stamp) or 0.0, default="")


def widen(draft: Draft) -> None:
    """Request one page more."""
    page = WINDOWS[draft.status.hydration]
    known = sum(1 for task in draft.tasks.entries.values() if not task.queued)
    draft.books = draft.books.but(window=known + page)
    request(draft, "older", limit=known + page)


def give_up_page(draft: Draft, page: Fetch) -> None:
    """A page of older tasks could not be read: the window is what it was."""
    size = WINDOWS[draft.status.hydration]
    draft.books = draft.books.but(window=max(size, page.limit - size))


def is_before(draft: Draft, task: TaskEntry) -> bool:
    """Whether a task lies, or may lie, before the window: to show it would leave a hole.

    Until the window is known, because nothing has been read yet or nothing of it is left, a task that was not made just
    now may be from long before.
    """
    if draft.status.last_synced_at is not None and not draft.status.has_older_tasks:
        return False
    made = instant(task.created_at)
    shown = (instant(entry.created_at) for entry in draft.tasks.entries.values() if not entry.queued)
    moments = [moment for moment in shown if moment is not None]
    if not moments:
        return True
    # A preview shows no unbroken range of tasks: what is older than its newest is not shown.
    return made is not None and made < (max if draft.status.hydration == "preview" else min)(moments)


def is_emptied(draft: Draft) -> bool:
    """Whether no task is in the window although there are older ones."""
    return draft.status.has_older_tasks and all(task.queued for task in draft.tasks.entries.values())


def load_whole(draft: Draft, task_id: str, *, again: bool = False) -> None:
    """Read the messages of a task that has to be loaded now: it works again, or a removal made it the newest.

    With `again` also if it is loaded: what is here of it is old.
    """
    books = draft.books
    user_load = books.user_loads.get(task_id)
    if (task_id in draft.loaded_task_ids and not again) or (user_load is not None and not user_load[1]):
        return
    if books.round is not None and not books.round.planned:
        return  # the round has still to decide what it reads
    # Missing until it is read, also by a load of the user on its way, which is else not retried if it fails.
    draft.books = books.but(missing=books.missing.insert(("messages", task_id), True))
    if not any(fetch.kind == "messages" and fetch.task_id == task_id for fetch in books.fetches):
        request(draft, "messages", task_id=task_id)


def slide(draft: Draft) -> None:
    """A preview keeps the newest task that is not queued, running tasks and queued ones; the others leave."""
    if draft.status.hydration != "preview":
        return
    done = [task for task in draft.tasks.entries.values() if not task.queued]
    if len(done) < 2 or sum(not is_active(task) for task in done) == 0:
        return
    newest = max(done, key=lambda task: (instant(task.created_at) or 0.0, task.task_id))
    for task in done:
        if task is not newest and not is_active(task):
            _let_go(draft, task.task_id)


def follow_queue(draft: Draft, answered: Set[str], begun: int, *, first: float | None = None) -> None:
    """The queue was asked for at `begun`, and tells of tasks from before `first` that are not among those `answered`.

    Known to wait and not in it any more, they are shown no longer, as they would not be in a mirror that begins now.
    """
    if first is None:
        first = instant(_oldest(draft.tasks.entries.values())) or 0.0
    waiting = {task.task_id: task for task in draft.queued_tasks}
    for task in tuple(draft.tasks.entries.values()):
        task_id = task.task_id
        listed = task.queued and task_id not in answered and not journal.task_moved_after(draft, task_id, begun)
        if listed and task_id in waiting:
            draft.tasks = draft.tasks.put(TaskEntry.of(waiting[task_id]))
        elif listed and (instant(task.created_at) or 0.0) < first:
            _let_go(draft, task_id)


def _let_go(draft: Draft, task_id: str) -> None:
    """Show a task no longer, quietly: it is not gone."""
    draft.tasks = draft.tasks.drop(task_id)
    draft.messages_by_task = draft.messages_by_task.without_bucket(task_id)
    draft.loaded_task_ids = draft.loaded_task_ids.drop(task_id)
    draft.live_tools = draft.live_tools.discard(task_id)
    for stream in tuple(draft.streams.values()):
        if stream.task_id == task_id:
            draft.drop_stream(stream.message_id)
    draft.status = draft.status.but(has_older_tasks=True)
