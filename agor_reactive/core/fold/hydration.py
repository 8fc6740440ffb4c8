"""Reading what the daemon has saved: what is requested, and what its answers and failures mean.

Everything is read in a `sync_round`, which commits at once; what the user requests, a load or a page of older tasks, is
a single fetch beside it.
"""

from __future__ import annotations

from dataclasses import replace

from agor_reactive.core import events as e
from agor_reactive.core.fetches import RETRY_DELAYS, Fetch
from agor_reactive.core.fold import commit, failures, journal, queue, rows, streams, sync_round, window
from agor_reactive.core.fold.draft import Draft
from agor_reactive.core.fold.window import request
from agor_reactive.core.tables import is_active

__all__ = [
    "event_unreadable",
    "fetch_answered",
    "fetch_failed",
    "load_requested",
    "malformed",
    "older_requested",
    "resync_requested",
    "task_removed",
    "unload_requested",
]


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
        sync_round.begin_round(draft)


def task_removed(draft: Draft, event: e.TaskRemoved) -> None:
    """A task was removed. If it was the newest, the one before it is loaded in its place; if it was the last of a
    window, the ones before the window are read."""
    task_id = event.task_id
    newest = sync_round.newest_task(draft.tasks.in_order()) if task_id in draft.tasks.entries else None
    rows.task_removed(draft, event)
    if window.is_emptied(draft):
        sync_round.begin_again(draft)
    elif newest is not None and newest.task_id == task_id and draft.status.hydration not in ("none", "eager"):
        newest = sync_round.newest_task(draft.tasks.in_order())
        if newest is not None and draft.status.last_synced_at is not None:
            window.load_whole(draft, newest.task_id)


def event_unreadable(draft: Draft, event: e.EventUnreadable) -> None:
    """An event is lost, and with it perhaps a row: count it, and read everything again."""
    _count_anomaly(draft, "unreadable events", 1)
    draft.books = draft.books.but(missed=True)
    sync_round.begin_again(draft)


def malformed(draft: Draft, event: e.Malformed) -> None:
    """An event whose payload could not be parsed: count it."""
    _count_anomaly(draft, event.kind, 1)


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


def older_requested(draft: Draft, event: e.OlderTasksRequested) -> None:
    """The user wants a page of older tasks: one at a time."""
    books = draft.books
    status = draft.status
    if status.hydration != "lean" or not status.has_older_tasks or not status.link.up or books.round is not None:
        return
    if any(a.kind == "older" for a in books.fetches):
        return
    window.widen(draft)


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
        sync_round.begin_again(draft)  # what was streamed meanwhile was not sent to this connection
    elif done.kind in ("join", "wait"):
        if done.kind == "join":
            _joined(draft)
        sync_round.begin_round(draft)
    elif done.kind == "retry":
        failures.read_missing(draft)
    elif done.of_round:
        sync_round.land(draft, done, event.rows)
        sync_round.advance(draft, event.at)
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
        newest = sync_round.newest_task(draft.tasks.in_order())
        for entry in draft.tasks.entries.values():
            # The page may have a task that was created just now, and its event, then no news, come later.
            if is_active(entry) or (entry is newest and entry.task_id not in before.entries):
                window.load_whole(draft, entry.task_id)
        sync_round.request_history(draft, draft.tasks, of_round=False)
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


# ----------------------------------------------------------------------------------------------------------- failures

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
        sync_round.begin_round(draft)
    elif done.kind == "wait":
        sync_round.begin_round(draft)
    elif done.kind == "retry":
        failures.read_missing(draft)
    elif done.kind == "queue":
        _queue_failed(draft, done, failure, event.at)
    elif done.kind in ("session", "tasks"):
        sync_round.fail(draft, failure)
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
            sync_round.begin_again(draft)  # of those only their rows can tell now, which may lie before the window
    else:
        failures.note_missing(draft, done, failure)
    if done.of_round:
        sync_round.go_on_without(draft, done, at)
        return
    if failure.kind == "absent":
        queue.take_from_tasks(draft)
    elif draft.books.queue_moved:
        queue.read_queue(draft)
    failures.retry_later(draft)


def _messages_failed(draft: Draft, done: Fetch, failure: e.Failure, at: float) -> None:
    """Messages could not be read: loaded rows stay as they were. A load by the user is not retried automatically."""
    books = draft.books
    if done.of_round:
        failures.note_missing(draft, done, failure)
        sync_round.go_on_without(draft, done, at)
    elif done.kind != "messages" or (done.kind, done.task_id) in books.missing:
        failures.note_missing(draft, done, failure)
        failures.retry_later(draft)
    elif done.task_id is None or sync_round.may_load(draft, done.task_id, done.begun):
        failures.set_error(draft, "history", f"The messages of a task could not be read: {failure.text}")
