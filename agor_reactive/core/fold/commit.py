"""Putting what was fetched in place of what was known, with everything that happened since replayed over it."""

from __future__ import annotations

from agor_reactive.core import events as e
from agor_reactive.core.entries import MessageEntry, TaskEntry
from agor_reactive.core.fetches import Fetch, FetchResult, SyncRound
from agor_reactive.core.fold import failures, limits, queue, rows, streams, window
from agor_reactive.core.fold.draft import Draft
from agor_reactive.core.persistent import PMap
from agor_reactive.core.tables import TaskTable
from agor_reactive.models.base import instant

__all__ = ["commit_load", "commit_older", "commit_round", "merged_tasks", "moment"]


def moment(task: TaskEntry) -> float:
    """When the task was made, epoch seconds; 0 if it cannot be read."""
    found = instant(task.created_at)
    return found if found is not None else 0.0


def _gone(gone_at: int | None, begun: int) -> bool:
    """Whether a removal is newer than an answer that was requested at `begun`."""
    return gone_at is not None and gone_at > begun


def merged_tasks(draft: Draft, current: SyncRound) -> TaskTable:
    """The tasks as of the commit: the round's answer, what changed since its request, and what it has not read."""
    known = draft.tasks.entries
    first = _first_moment(current) if current.older else None
    merged = {**_answered(draft, current), **_changed_since(draft, current, first)}
    if first is not None or not current.tasks_complete:
        for task_id, row in known.items():
            # Only a task that the answer would contain if the daemon still had it is removed by being missing.
            if not current.tasks_complete or (first is not None and moment(row) < first):
                merged.setdefault(task_id, row)
    session = draft.session if draft.books.session_moved > current.session_begun else current.session
    hint = session.tasks if session is not None else draft.tasks.hint
    if len(merged) == len(known) and all(known.get(task_id) is row for task_id, row in merged.items()):
        return draft.tasks.hinted(hint)
    return TaskTable.of(merged.values(), hint)


def _answered(draft: Draft, current: SyncRound) -> dict[str, TaskEntry]:
    """The rows of the answer that are newer than every event; equal ones stay the same objects (L3)."""
    books, begun = draft.books, current.tasks_begun
    newer: dict[str, TaskEntry] = {}
    for row in current.tasks:
        if row.session_id not in ("", draft.status.session_id):  # a daemon may leave the field out
            continue
        moved = books.journal_tasks.get(row.task_id)
        if (moved is None or moved[0] <= begun) and not _gone(books.gone_tasks.get(row.task_id), begun):
            known = draft.tasks.entries.get(row.task_id)
            newer[row.task_id] = known if known is not None and known == row else row
    return newer


def _changed_since(draft: Draft, current: SyncRound, first: float | None) -> dict[str, TaskEntry]:
    """The tasks that events created or changed after the round requested its tasks: newer than its answer.

    `first` is the beginning of the window, if there is one: a task before it would leave a hole between the two.
    """
    books = draft.books
    answered = {row.task_id for row in current.tasks}
    changed: dict[str, TaskEntry] = {}
    for task_id, (moved_at, row) in books.journal_tasks.items():
        gone_at = books.gone_tasks.get(task_id)
        # A removed task is back if the answer, requested after its removal, contains it.
        back = gone_at is not None and task_id in answered and not _gone(gone_at, current.tasks_begun)
        if moved_at > current.tasks_begun and row is not None and (gone_at is None or back):
            live = draft.tasks.entries.get(task_id)
            if live is not None:
                changed[task_id] = live
            elif first is None or task_id in answered or moment(row) >= first:
                changed[task_id] = row
    return changed


def _first_moment(current: SyncRound) -> float:
    """The moment from which on the round has read all tasks. A queued task may be older."""
    first = min((moment(task) for task in current.tasks if not task.queued), default=0.0)
    requested = instant(current.since)
    return first if requested is None else min(first, requested)


def commit_round(draft: Draft, current: SyncRound, at: float) -> None:
    """The round is complete: show it, all at once."""
    books = draft.books
    before = draft.tasks
    after = merged_tasks(draft, current)
    read = current.session
    if read is not None and books.session_moved <= current.session_begun:
        rows.keep_session(draft, read)
    elif read is not None and draft.session is not None and draft.session.mcp_token is None and read.mcp_token:
        # The row of an event meanwhile is newer, but only a `get` returns the token.
        draft.session = draft.session.with_token(read.mcp_token)
    for task_id in tuple(before.entries):
        if after.entries.get(task_id) is None:
            rows.forget_task(draft, task_id)
    _show(draft, current, after)
    draft.status = draft.status.but(has_older_tasks=current.older)
    if current.queue is not None:
        queue.take_queue(draft, current.queue, current.queue_begun)
        if current.older:
            answered = {task.task_id for task in current.tasks}
            window.follow_queue(draft, answered, current.queue_begun, first=_first_moment(current))
    elif draft.books.queue_absent:
        queue.take_from_tasks(draft)
    for of_task, results in current.results:
        _commit_messages(draft, current, of_task, results)
    for task in draft.tasks.entries.values():
        if task.task_id not in draft.loaded_task_ids and (task.queued or not draft.books.projects):
            # What was read of its history is from before it waited, or cannot be read again.
            draft.messages_by_task = draft.messages_by_task.without_bucket(task.task_id)
        if task.ended:
            old = before.entries.get(task.task_id)
            if old is None or not old.ended:
                streams.settle_task(draft, task.task_id)
    streams.stamp(draft)
    streams.drop_strays(draft, current.tasks_begun)
    rows.drop_unsaved_tools(draft, current.begun, failures.missing_tasks(draft))
    rows.drop_strays(draft)
    window.slide(draft)
    failures.prune(draft)
    of_room = tuple(pair for pair in draft.status.errors if pair[0] == "join")
    kept = (*failures.errors_of_missing(draft), *of_room)
    status = draft.status
    draft.status = status.but(loading=False, terminal=False, last_synced_at=at, errors=kept)
    draft.accepts_session_id = status.session_id
    if not draft.books.again:  # else an event was lost after this round had read its rows
        draft.books = draft.books.but(missed=False)


def _show(draft: Draft, current: SyncRound, after: TaskTable) -> None:
    """Show these tasks. One that was removed is back if the answer contains it: events change it again from now on."""
    gone = draft.books.gone_tasks
    for task in current.tasks:
        if task.task_id in gone and after.entries.get(task.task_id) is not None:
            gone = gone.remove(task.task_id)
    if gone is not draft.books.gone_tasks:
        draft.books = draft.books.but(gone_tasks=gone)
    draft.tasks = after


def _commit_messages(draft: Draft, current: SyncRound, task_id: str | None, results: FetchResult) -> None:
    if task_id is not None:
        if results.projected:
            _commit_history(draft, task_id, results.messages, begun=results.begun, since=current.begun)
        else:
            _commit_task(draft, task_id, results.messages, begun=results.begun, since=current.begun)
    else:
        _commit_all(draft, results.messages, begun=results.begun, since=current.begun)


def _commit_all(draft: Draft, messages: tuple[MessageEntry, ...], *, begun: int, since: int) -> None:
    loaded = draft.loaded_task_ids
    by_task: dict[str, list[MessageEntry]] = {
        task.task_id: [] for task in draft.tasks.in_order() if not task.queued or task.task_id in loaded
    }
    for message in messages:
        if message.task_id is not None:
            by_task.setdefault(message.task_id, []).append(message)
    for each, of_task in by_task.items():
        if draft.tasks.entries.get(each) is not None:
            _commit_task(draft, each, tuple(of_task), begun=begun, since=since)


def commit_load(draft: Draft, done: Fetch, found: e.Rows) -> None:
    """A load by the user was answered, or a read that failed before. Messages of an unknown task are not kept: no
    round would read them again."""
    messages = tuple(map(MessageEntry.of, found.messages))
    if done.task_id is None:
        _commit_all(draft, messages, begun=done.begun, since=done.begun)
        return
    if rows.is_of_no_task(draft, done.task_id):
        return
    if done.kind == "history":
        _commit_history(draft, done.task_id, messages, begun=done.begun, since=done.begun)
    else:
        _commit_task(draft, done.task_id, messages, begun=done.begun, since=done.begun)


def _commit_task(draft: Draft, task_id: str, messages: tuple[MessageEntry, ...], *, begun: int, since: int) -> None:
    """Take over a task's messages as fetched, unless an action of the user or a newer fetch overrides it.

    `begun` is when this fetch was requested; what the journal has from `since` on wins over its rows. A whole round
    shares one `since`, its beginning: a daemon may answer with rows from before its own latest events.
    """
    books = draft.books
    if _gone(books.gone_tasks.get(task_id), since):
        return
    user_load = books.user_loads.get(task_id)
    if user_load is not None and not user_load[1] and user_load[0] >= begun:
        return
    loaded_at = draft.loaded_task_ids.since.get(task_id)
    if loaded_at is not None and loaded_at > begun:
        return
    _take_messages(draft, task_id, messages, begun=begun, since=since)
    if loaded_at != begun:
        draft.loaded_task_ids = draft.loaded_task_ids.add(task_id, begun)


def _commit_history(draft: Draft, task_id: str, messages: tuple[MessageEntry, ...], *, begun: int, since: int) -> None:
    """Take over a task's messages without the payload of tools: never over whole ones, and it counts as not loaded."""
    user_load = draft.books.user_loads.get(task_id)
    unloaded = user_load is not None and not user_load[1]
    if task_id not in draft.loaded_task_ids and draft.tasks.entries.get(task_id) is not None and not unloaded:
        _take_messages(draft, task_id, messages, begun=begun, since=since, projected=True)


def _take_messages(
    draft: Draft,
    task_id: str,
    messages: tuple[MessageEntry, ...],
    *,
    begun: int,
    since: int,
    projected: bool = False,
) -> None:
    books = draft.books
    kept: dict[str, MessageEntry] = {}
    for message in messages:
        message_id = message.message_id
        if message.task_id != task_id or message.session_id not in ("", draft.status.session_id):
            continue
        if _gone(books.gone_messages.get(message_id), since):
            continue
        moved = books.journal_messages.get(message_id)
        if moved is not None and moved[0] > since:
            if moved[1] is None or moved[1].task_id != task_id:
                continue
            message = moved[1]
        kept[message_id] = message
        stream = draft.streams.get(message_id)
        if stream is not None and stream.moved_at <= begun and stream.task_id in (None, task_id):
            draft.drop_stream(message_id)
    for message_id, (moved_at, row) in books.journal_messages.items():
        if moved_at > since and row is not None and row.task_id == task_id and message_id not in books.gone_messages:
            kept[message_id] = row
    # An absent message may have become another task's, which a read that is under way finds: it is absent since before
    # that was requested.
    under_way = [fetch.begun for fetch in books.fetches if fetch.kind in ("messages", "history")]
    if books.round is not None:
        under_way.append(books.round.begun)
    _mark_absent(draft, task_id, kept, min([since, *under_way]), projected=projected)
    draft.messages_by_task = draft.messages_by_task.with_bucket(task_id, kept)
    for message in kept.values():
        rows.tools_are_saved(draft, task_id, message)


def commit_older(draft: Draft, done: Fetch, found: e.Rows) -> None:
    """A page of older tasks is here: nothing else was read, nothing else changes."""
    page = SyncRound(
        done.begun,
        frozenset(),
        tasks=tuple(map(TaskEntry.of, found.tasks)),
        tasks_begun=done.begun,
        tasks_complete=False,
        older=found.older,
    )
    page = page._replace(session=draft.session, session_begun=draft.revision)
    _show(draft, page, merged_tasks(draft, page))
    draft.status = draft.status.but(has_older_tasks=found.older)
    if draft.books.queue_absent:
        queue.take_from_tasks(draft)


def _mark_absent(draft: Draft, task_id: str, kept: dict[str, MessageEntry], since: int, *, projected: bool) -> None:
    """A message that is not in the answer was removed before `since`, without an event; one that is in it is back.

    What history leaves out (`projected`) is not removed.
    """
    gone = draft.books.gone_messages
    bucket = draft.messages_by_task.get(task_id)
    for row in bucket.entries if bucket is not None else ():
        if row.message_id not in kept and not projected:
            gone = gone.insert(row.message_id, since)
    for message_id in kept:
        if message_id in gone:
            gone = gone.remove(message_id)
    if len(gone) > limits.MOST_REMOVED:
        gone = PMap()
        limits.say(draft, "removals", limits.MOST_REMOVED)
    if gone is not draft.books.gone_messages:
        draft.books = draft.books.but(gone_messages=gone, removals=True)
