"""The sync round: reading all of a session, and committing it at once.

A round first requests the session's row, its tasks and its queue; after these three, the messages of the tasks that it
loads; then it commits everything at once, with live changes replayed over the rows. A round that fails for a temporary
reason is retried with back-off; one that is refused ends the session as terminal.
"""

from __future__ import annotations

from collections.abc import Iterable

from agor_reactive.core import events as e
from agor_reactive.core.entries import MessageEntry, SessionRowEntry, TaskEntry
from agor_reactive.core.fetches import RETRY_DELAYS, Fetch, FetchResult, SyncEnd, SyncRound
from agor_reactive.core.fold import commit, failures, journal, queue, window
from agor_reactive.core.fold.draft import Draft
from agor_reactive.core.fold.window import request
from agor_reactive.core.persistent import PMap
from agor_reactive.core.tables import TaskTable, is_active

__all__ = [
    "abandon",
    "advance",
    "begin_again",
    "begin_round",
    "fail",
    "go_on_without",
    "land",
    "may_load",
    "newest_task",
    "request_history",
]

_FINAL = ("forbidden", "not_found")


def begin_round(draft: Draft) -> None:
    """Read everything (again). The fetches of an earlier round are given up; loads by the user go on."""
    books = draft.books
    kept = tuple(a for a in books.fetches if a.kind == "rejoin" or (a.kind == "messages" and not a.of_round))
    draft.books = books.but(fetches=kept, again=False, queue_moved=False, missing=PMap())
    fetches = [request(draft, "session", of_round=True), window.request_tasks(draft)]
    if not draft.books.queue_absent:
        fetches.append(request(draft, "queue", of_round=True))
    draft.books = draft.books.but(round=SyncRound(draft.revision, frozenset(a.fetch_id for a in fetches)))
    draft.status = draft.status.but(loading=True)


def begin_again(draft: Draft) -> None:
    """Begin a sync round, or another one after the present one, whose rows may be older than what was missed."""
    books = draft.books
    if books.round is not None:
        draft.books = books.but(again=True)
    elif draft.status.terminal:
        return  # only `resync()` reads a session again that is over
    elif draft.status.link.up and not any(a.kind in ("join", "wait") for a in books.fetches):
        begin_round(draft)


def land(draft: Draft, done: Fetch, rows: e.Rows) -> None:
    """Keep what came for the round until the round commits."""
    current = draft.books.round
    if current is None:
        return
    current = current._replace(waiting=current.waiting - {done.fetch_id})
    if done.kind == "session":
        read = SessionRowEntry.of(rows.session) if rows.session is not None else None
        current = current._replace(session=read, session_begun=done.begun)
    elif done.kind == "tasks":
        current = current._replace(
            tasks=tuple(map(TaskEntry.of, rows.tasks)),
            tasks_complete=rows.complete,
            older=rows.older,
            since=done.since,
            tasks_begun=done.begun,
        )
    elif done.kind == "queue":
        current = current._replace(queue=rows.tasks, queue_begun=done.begun)
    else:
        results = FetchResult(
            done.begun, tuple(map(MessageEntry.of, rows.messages)), rows.complete, done.kind == "history"
        )
        current = current._replace(results=(*current.results, (done.task_id, results)))
    draft.books = draft.books.but(round=current)


def advance(draft: Draft, at: float) -> None:
    """When all answers of the round are in: request the messages, or commit."""
    current = draft.books.round
    if current is None or current.waiting:
        return
    if not current.planned:
        _plan(draft, current)
        current = draft.books.round
        if current is None or current.waiting:
            return
    again = draft.books.again
    commit.commit_round(draft, current, at)
    # Every task that the answer brought may have been removed since. If it brought none, there is none to read again.
    again = again or (window.is_emptied(draft) and not all(task.queued for task in current.tasks))
    draft.books = draft.books.but(round=None, attempt=0, again=False, sync_end=SyncEnd(None))
    if again:
        begin_round(draft)
        return
    if draft.books.queue_moved:
        queue.read_queue(draft)
    failures.retry_later(draft)
    _load_what_moved_meanwhile(draft, current)


def _plan(draft: Draft, current: SyncRound) -> None:
    """Which tasks' messages the round still needs."""
    hydration = draft.status.hydration
    loaded = draft.loaded_task_ids
    tasks = commit.merged_tasks(draft, current)
    wanted: set[str] = set()
    wanted_all = hydration == "eager" and bool(len(tasks))
    if hydration in ("none", "lazy"):
        # What is loaded is read again, but for what has been whole since after this round began.
        wanted = {t for t in loaded if t in tasks.entries and loaded.since[t] < current.begun}
        newest = newest_task(tasks.in_order()) if hydration == "lazy" else None
        if newest is not None and newest.task_id not in loaded:
            wanted.add(newest.task_id)
    elif draft.books.window:
        # Whole: what is running or was loaded by the user, and what has live tools. Of the rest: its history.
        for task in tasks.entries.values():
            since = loaded.since.get(task.task_id)
            stale = since is None or since < current.begun
            at_work = (is_active(task) or task.task_id in draft.live_tools) and not task.queued
            if stale and (since is not None or at_work):
                wanted.add(task.task_id)
        newest = newest_task(tasks.in_order())
        if newest is not None and newest.task_id not in loaded:
            wanted.add(newest.task_id)
    wanted = {task_id for task_id in wanted if may_load(draft, task_id, current.begun)}
    if wanted_all:
        fetches = [request(draft, "all_messages", of_round=True)]
    else:
        in_order = [task.task_id for task in tasks.in_order() if task.task_id in wanted]
        fetches = [request(draft, "messages", task_id=task_id, of_round=True) for task_id in reversed(in_order)]
        fetches += request_history(draft, tasks, of_round=True)
    draft.books = draft.books.but(round=current._replace(planned=True, waiting=frozenset(a.fetch_id for a in fetches)))


def request_history(draft: Draft, tasks: TaskTable, *, of_round: bool) -> list[Fetch]:
    """Where the daemon can leave out the payload of tools: the messages of tasks not read whole, without it."""
    if not draft.books.window or not draft.books.projects or draft.status.hydration == "preview":
        return []
    # A load by the user may still fail or be given up: a round does not count on it.
    fetches = [fetch for fetch in draft.books.fetches if fetch.of_round or not of_round]
    on_the_way = {fetch.task_id for fetch in fetches if fetch.kind in ("messages", "history")}
    wanted = [
        task.task_id
        for task in reversed(tasks.in_order())
        if not task.queued
        and task.task_id not in draft.loaded_task_ids
        and task.task_id not in on_the_way
        and (of_round or task.task_id not in draft.messages_by_task)
        and may_load(draft, task.task_id, draft.revision)
    ]
    return [request(draft, "history", task_id=task_id, of_round=of_round) for task_id in wanted]


def _load_what_moved_meanwhile(draft: Draft, current: SyncRound) -> None:
    """Read what the round did not plan to read: a task that has begun to work since, in a window; one that is the
    newest only now, because it has left the queue or the one after it was removed; one with messages that was not there
    when the round read the tasks and has been made again since."""
    hydration, missing = draft.status.hydration, draft.books.missing
    wanted = [entry for entry in draft.tasks.entries.values() if is_active(entry)] if draft.books.window else []
    newest = newest_task(draft.tasks.in_order()) if hydration not in ("none", "eager") else None
    if newest is not None:
        wanted.append(newest)
    for entry in wanted:
        if ("messages", entry.task_id) not in missing:
            window.load_whole(draft, entry.task_id)
    read = {task_id for task_id, _ in current.results}
    loaded = draft.loaded_task_ids
    for task_id in tuple(loaded):
        old = loaded.since[task_id] < current.begun and task_id not in read and None not in read
        if old and ("messages", task_id) not in missing:
            window.load_whole(draft, task_id, again=True)
    if hydration == "lean" and draft.books.projects:
        known = loaded | read | failures.missing_tasks(draft) | {fetch.task_id for fetch in draft.books.fetches}
        for task_id in draft.messages_by_task:
            if task_id not in known:
                request(draft, "history", task_id=task_id)


def go_on_without(draft: Draft, done: Fetch, at: float) -> None:
    """The round does without that answer."""
    current = draft.books.round
    if current is not None:
        draft.books = draft.books.but(round=current._replace(waiting=current.waiting - {done.fetch_id}))
        advance(draft, at)


def fail(draft: Draft, failure: e.Failure) -> None:
    """The session or its tasks could not be read: the round is over. What happens next depends on why.

    A terminal session was read because `resync()` was called, which is rejected now: it stays terminal, nothing is
    retried, and `error` promises nothing.
    """
    books = draft.books
    final = failure.kind in _FINAL
    terminal = final or draft.status.terminal
    kept = tuple(a for a in books.fetches if not a.of_round and not (terminal and a.kind == "rejoin"))
    draft.books = books.but(fetches=kept, round=None, again=False, sync_end=SyncEnd(failure))
    draft.status = draft.status.but(loading=False, terminal=terminal)
    said = failure.text if final else f"The session could not be read: {failure.text}"
    if terminal:
        if draft.status.degraded:
            text = f"Streamed text may be missing: {draft.status.connection.reason}{failures.AGAIN}"
            failures.set_error(draft, "join", text)
        failures.set_error(draft, "sync", f"{said}{failures.AGAIN}")
        return
    said = f"{said}."
    if failures.passes(draft, failure):
        delay = RETRY_DELAYS[min(books.attempt, len(RETRY_DELAYS) - 1)]
        draft.books = draft.books.but(attempt=books.attempt + 1)
        request(draft, "wait", delay=delay)
        said = f"{said} Next try in {delay:g} s."
    else:
        said = f"{said} It is read again once connected."
    if failure.kind == "unauthenticated":
        said = f"Not logged in: {failure.text}. Log in with client.authenticate(); reading then continues."
    failures.set_error(draft, "sync", said)


def abandon(draft: Draft, why: str) -> None:
    """The connection or its login ended: no fetch will be answered any more."""
    end = SyncEnd(e.Failure("link", why))
    draft.books = draft.books.but(fetches=(), round=None, again=False, queue_moved=False, missing=PMap(), sync_end=end)
    draft.status = draft.status.but(loading=False)
    journal.close_journal(draft)


def may_load(draft: Draft, task_id: str, begun: int) -> bool:
    user_load = draft.books.user_loads.get(task_id)
    return user_load is None or bool(user_load[1]) or user_load[0] < begun


def newest_task(tasks: Iterable[TaskEntry]) -> TaskEntry | None:
    """The newest task that is not queued."""
    newest: tuple[tuple[float, int], TaskEntry] | None = None
    for position, task in enumerate(tasks):
        if not task.queued:
            key = (commit.moment(task), position)
            if newest is None or key >= newest[0]:
                newest = (key, task)
    return newest[1] if newest is not None else None
