"""Reading what the daemon has saved: bootstrap, resync, loads on demand.

A bootstrap or resync is a sync round. It first requests the session's row, its tasks and its queue; after these three,
the messages of the tasks that it loads; then it commits everything at once, with live changes replayed over the rows. A
round that fails for a temporary reason is retried with back-off; one that is refused ends the session as terminal.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from agor_reactive.core import events as e
from agor_reactive.core.entries import MessageEntry, SessionRowEntry, TaskEntry
from agor_reactive.core.fetches import RETRY_DELAYS, Fetch, FetchResult, SyncEnd, SyncRound
from agor_reactive.core.fold import commit, failures, journal, queue, rows, streams, window
from agor_reactive.core.fold.draft import Draft
from agor_reactive.core.fold.window import request
from agor_reactive.core.persistent import PMap
from agor_reactive.core.tables import TaskTable, is_active

__all__ = [
    "abandon",
    "begin_round",
    "fetch_answered",
    "fetch_failed",
    "load_requested",
    "malformed",
    "older_requested",
    "resync_requested",
    "task_removed",
    "unload_requested",
]


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


def abandon(draft: Draft, why: str) -> None:
    """The connection or its login ended: no fetch will be answered any more."""
    end = SyncEnd(e.Failure("link", why))
    draft.books = draft.books.but(fetches=(), round=None, again=False, queue_moved=False, missing=PMap(), sync_end=end)
    draft.status = draft.status.but(loading=False)
    journal.close_journal(draft)


def resync_requested(draft: Draft, event: e.ResyncRequested) -> None:
    """The user wants a resync. One at a time: while one is under way, it is the one.

    A room that could not be joined is tried again at once, before anything is read.
    """
    books = draft.books
    if any(a.kind == "join" for a in books.fetches) or not draft.status.link.up:
        return
    if draft.status.degraded:
        # A back-off ends with the resync: the round that it would begin gives up the join.
        kept = tuple(a for a in books.fetches if a.kind not in ("rejoin", "wait"))
        draft.books = books.but(fetches=kept, join_attempt=0)
        request(draft, "rejoin" if books.round is not None else "join")
        draft.status = draft.status.but(loading=True)
    elif books.round is None:
        begin_round(draft)


def task_removed(draft: Draft, event: e.TaskRemoved) -> None:
    """A task was removed. If it was the newest, the one before it is loaded in its place; if it was the last of a
    window, the ones before the window are read."""
    task_id = event.task_id
    newest = newest_task(draft.tasks.in_order()) if task_id in draft.tasks.entries else None
    rows.task_removed(draft, event)
    if window.is_emptied(draft):
        _read_again(draft)
    elif newest is not None and newest.task_id == task_id and draft.status.hydration not in ("none", "eager"):
        newest = newest_task(draft.tasks.in_order())
        if newest is not None and draft.status.last_synced_at is not None:
            window.load_whole(draft, newest.task_id)


def event_unreadable(draft: Draft, event: e.EventUnreadable) -> None:
    """An event is lost, and with it perhaps a row: count it, and read everything again."""
    _count_anomaly(draft, "unreadable events", 1)
    draft.books = draft.books.but(missed=True)
    _read_again(draft)


def malformed(draft: Draft, event: e.Malformed) -> None:
    """An event whose payload could not be parsed: count it."""
    _count_anomaly(draft, event.kind, 1)


def _read_again(draft: Draft) -> None:
    """Begin a sync round, or another one after the present one, whose rows may be older than what was missed."""
    books = draft.books
    if books.round is not None:
        draft.books = books.but(again=True)
    elif draft.status.terminal:
        return  # only `resync()` reads a session again that is over
    elif draft.status.link.up and not any(a.kind in ("join", "wait") for a in books.fetches):
        begin_round(draft)


def load_requested(draft: Draft, event: e.LoadRequested) -> None:
    """The user wants a task's messages. One fetch is in flight at a time, however often they are requested."""
    task_id = event.task_id
    books = draft.books
    if task_id in books.gone_tasks or not draft.status.link.up:
        return
    _note_user_load(draft, task_id, loaded=True)
    if not any(a.kind == "messages" and a.task_id == task_id and not a.of_round for a in draft.books.fetches):
        request(draft, "messages", task_id=task_id)


def unload_requested(draft: Draft, event: e.UnloadRequested) -> None:
    """The user unloads a task's messages: a fetch in flight does not bring them back."""
    task_id = event.task_id
    _note_user_load(draft, task_id, loaded=False)
    bucket = draft.messages_by_task.get(task_id)
    if bucket is not None:
        for row in bucket.entries[-streams.SETTLED_LIMIT :]:
            streams.settle(draft, row.message_id, task_id, "saved")
    draft.loaded_task_ids = draft.loaded_task_ids.drop(task_id)
    draft.messages_by_task = draft.messages_by_task.without_bucket(task_id)
    failures.forget_unloaded(draft, task_id)


def _note_user_load(draft: Draft, task_id: str, *, loaded: bool) -> None:
    if journal.in_flight(draft) or loaded:
        user_loads = type(draft.books.user_loads)({**draft.books.user_loads, task_id: (draft.revision, loaded)})
        draft.books = draft.books.but(user_loads=user_loads)


# ------------------------------------------------------------------------------------------------------------ answers


def fetch_answered(draft: Draft, event: e.FetchAnswered) -> None:
    """A fetch was answered. The answer to one that was given up is ignored."""
    done = _take(draft, event.fetch_id)
    if done is None:
        return
    if event.rows.rejected:
        _count_anomaly(draft, f"{done.kind} rows", event.rows.rejected)
    if done.kind == "rejoin":
        _joined(draft)
        _read_again(draft)  # what was streamed meanwhile was not sent to this connection
    elif done.kind in ("join", "wait"):
        if done.kind == "join":
            _joined(draft)
        begin_round(draft)
    elif done.kind == "retry":
        failures.read_missing(draft)
    elif done.of_round:
        _land(draft, done, event.rows)
        _advance(draft, event.at)
    elif done.kind == "queue":
        queue.take_queue(draft, event.rows.tasks, done.begun)
        if draft.status.has_older_tasks:
            window.follow_queue(draft, frozenset(), done.begun)
        failures.note_read(draft, done)
        if draft.books.queue_moved:
            queue.read_queue(draft)
    elif done.kind == "older":
        before = draft.tasks
        commit.commit_older(draft, done, event.rows)
        newest = newest_task(draft.tasks.in_order())
        for entry in draft.tasks.entries.values():
            # The page may have a task that was created just now, and its event, then no news, come later.
            if is_active(entry) or (entry is newest and entry.task_id not in before.entries):
                window.load_whole(draft, entry.task_id)
        _request_history(draft, draft.tasks, of_round=False)
        failures.clear_error(draft, "history")
    else:
        commit.commit_load(draft, done, event.rows)
        failures.note_read(draft, done)
    journal.close_journal(draft)


def _take(draft: Draft, fetch_id: int) -> Fetch | None:
    books = draft.books
    for fetch in books.fetches:
        if fetch.fetch_id == fetch_id:
            draft.books = books.but(fetches=tuple(a for a in books.fetches if a.fetch_id != fetch_id))
            return fetch
    return None


def _count_anomaly(draft: Draft, name: str, more: int) -> None:
    anomalies = draft.status.anomalies
    counted = type(anomalies)({**anomalies, name: anomalies.get(name, 0) + more})
    draft.status = draft.status.but(anomalies=counted)


def _land(draft: Draft, done: Fetch, rows: e.Rows) -> None:
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


def _advance(draft: Draft, at: float) -> None:
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
    wanted = {task_id for task_id in wanted if _may_load(draft, task_id, current.begun)}
    if wanted_all:
        fetches = [request(draft, "all_messages", of_round=True)]
    else:
        in_order = [task.task_id for task in tasks.in_order() if task.task_id in wanted]
        fetches = [request(draft, "messages", task_id=task_id, of_round=True) for task_id in reversed(in_order)]
        fetches += _request_history(draft, tasks, of_round=True)
    draft.books = draft.books.but(round=current._replace(planned=True, waiting=frozenset(a.fetch_id for a in fetches)))


def _request_history(draft: Draft, tasks: TaskTable, *, of_round: bool) -> list[Fetch]:
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
        and _may_load(draft, task.task_id, draft.revision)
    ]
    return [request(draft, "history", task_id=task_id, of_round=of_round) for task_id in wanted]


def older_requested(draft: Draft, event: e.OlderTasksRequested) -> None:
    """The user wants a page of older tasks: one at a time."""
    books = draft.books
    status = draft.status
    if status.hydration != "lean" or not status.has_older_tasks or not status.link.up or books.round is not None:
        return
    if any(a.kind == "older" for a in books.fetches):
        return
    window.widen(draft)


def _may_load(draft: Draft, task_id: str, begun: int) -> bool:
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


# ----------------------------------------------------------------------------------------------------------- failures

_FINAL = ("forbidden", "not_found")
_JOINED_LATER = ("timeout", "server", "link", "unauthenticated")  # the last: the login of a live link is being renewed


def fetch_failed(draft: Draft, event: e.FetchFailed) -> None:
    """A fetch failed."""
    done = _take(draft, event.fetch_id)
    if done is None:
        return
    failure = event.failure
    if done.kind == "rejoin":
        _join_failed(draft, failure)
    elif done.kind == "join":
        # Read on: an older daemon has no rooms and sends everything to everyone.
        _join_failed(draft, failure)
        draft.books = draft.books.but(projects=draft.books.projects and failure.kind != "absent")
        begin_round(draft)
    elif done.kind == "wait":
        begin_round(draft)
    elif done.kind == "retry":
        failures.read_missing(draft)
    elif done.kind == "queue":
        _queue_failed(draft, done, failure, event.at)
    elif done.kind in ("session", "tasks"):
        _round_failed(draft, failure)
        if done.kind == "session" and failure.kind == "not_found":
            # Removed while the link was down, with all that belongs to it.
            rows.empty(draft)
            draft.books = draft.books.but(fetches=())
    elif done.kind == "older":
        window.give_up_page(draft, done)
        failures.set_error(draft, "history", f"Older tasks could not be read: {failure.text}")
    else:
        _messages_failed(draft, done, failure, event.at)
    journal.close_journal(draft)


def _joined(draft: Draft) -> None:
    """The connection is a member of the session's room."""
    status = draft.status
    if status.degraded:
        draft.status = status.but(degraded=False, connection=status.link)
    draft.books = draft.books.but(projects=True, join_attempt=0)
    failures.clear_error(draft, "join")


def _join_failed(draft: Draft, failure: e.Failure) -> None:
    """Streamed text may be missing from now on. Tried again after a while where the failure may pass.

    A daemon without rooms (``absent``) sends everything to everyone. Without a login or a connection the room is joined
    once there is one; that is what is shown then.
    """
    if failure.kind == "absent":
        _joined(draft)
        return
    link, books = draft.status.link, draft.books
    if link.phase != "live":
        return
    shown = replace(link, phase="degraded", reason=f"the room could not be joined: {failure.text}")
    draft.status = draft.status.but(degraded=True, connection=shown)
    text = f"Streamed text may be missing: the room of the session could not be joined: {failure.text}"
    if failure.kind in _JOINED_LATER:
        delay = RETRY_DELAYS[min(books.join_attempt, len(RETRY_DELAYS) - 1)]
        draft.books = books.but(join_attempt=books.join_attempt + 1)
        request(draft, "rejoin", delay=delay)
        failures.set_error(draft, "join", f"{text}. Next try in {delay:g} s.")
    else:
        failures.set_error(draft, "join", f"{text}{failures.AGAIN}")


def _queue_failed(draft: Draft, done: Fetch, failure: e.Failure, at: float) -> None:
    """The rows of the queue stay as they are, and `error` says that they may be old."""
    if failure.kind == "absent":
        draft.books = draft.books.but(queue_absent=True)
        failures.note_read(draft, done)
        if draft.books.window and any(task.queued for task in draft.tasks.entries.values()):
            _read_again(draft)  # of those only their rows can tell now, which may lie before the window
    else:
        failures.note_missing(draft, done, failure)
    if done.of_round:
        _go_on_without(draft, done, at)
        return
    if failure.kind == "absent":
        queue.take_from_tasks(draft)
    elif draft.books.queue_moved:
        queue.read_queue(draft)
    failures.retry_later(draft)


def _go_on_without(draft: Draft, done: Fetch, at: float) -> None:
    """The round does without that answer."""
    current = draft.books.round
    if current is not None:
        draft.books = draft.books.but(round=current._replace(waiting=current.waiting - {done.fetch_id}))
        _advance(draft, at)


def _messages_failed(draft: Draft, done: Fetch, failure: e.Failure, at: float) -> None:
    """Messages could not be read: loaded rows stay as they were. A load by the user is not retried automatically."""
    books = draft.books
    if done.of_round:
        failures.note_missing(draft, done, failure)
        _go_on_without(draft, done, at)
    elif done.kind != "messages" or (done.kind, done.task_id) in books.missing:
        failures.note_missing(draft, done, failure)
        failures.retry_later(draft)
    elif done.task_id is None or _may_load(draft, done.task_id, done.begun):
        failures.set_error(draft, "history", f"The messages of a task could not be read: {failure.text}")


def _round_failed(draft: Draft, failure: e.Failure) -> None:
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
