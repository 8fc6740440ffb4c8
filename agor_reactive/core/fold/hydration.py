"""Reading what the daemon has saved: bootstrap, resync, loads on demand.

A bootstrap or resync is a round. First the session's row, all its tasks and its queue are asked for; when the three are
in, the messages of the tasks that are to be loaded; when those are in, everything is committed at once, live changes
replayed over it. A round that fails in passing is tried again after a while; one refused for good is terminal.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from agor_reactive.core import events as e
from agor_reactive.core.asks import RETRY_DELAYS, Ask, Landed, Round
from agor_reactive.core.entries import MessageEntry, SessionRowEntry, TaskEntry
from agor_reactive.core.fold import commit, journal, queue, rows, streams, window
from agor_reactive.core.fold.window import ask
from agor_reactive.core.snapshot import Draft
from agor_reactive.core.tables import TaskTable, is_active

__all__ = [
    "AGAIN",
    "abandon",
    "ask_answered",
    "ask_failed",
    "begin_round",
    "load_requested",
    "older_requested",
    "resync_requested",
    "set_error",
    "task_removed",
    "unload_requested",
]

AGAIN = ". It will not be tried again by itself; resync() does."
"""Ends the error of a final failure. A face without `resync` says instead what to do there."""


def begin_round(draft: Draft) -> None:
    """Read everything (again). What an earlier round was waiting for is given up; loads by the user go on."""
    sync = draft.sync
    kept = tuple(a for a in sync.asks if a.kind == "messages" and not a.of_round)
    draft.sync = sync.but(asks=kept, again=False, queue_moved=False)
    wanted = [ask(draft, "session", of_round=True), window.ask_for_tasks(draft)]
    if not draft.sync.queue_absent:
        wanted.append(ask(draft, "queue", of_round=True))
    draft.sync = draft.sync.but(round=Round(draft.revision, frozenset(a.ask_id for a in wanted)))
    draft.standing = draft.standing.but(loading=True)


def abandon(draft: Draft) -> None:
    """The link dropped: nothing asked for will be answered."""
    draft.sync = draft.sync.but(asks=(), round=None, again=False, queue_moved=False)
    draft.standing = draft.standing.but(loading=False)
    journal.close_journal(draft)


def resync_requested(draft: Draft, event: e.ResyncRequested) -> None:
    """The user wants a resync. One at a time: while one is under way, it is the one."""
    sync = draft.sync
    if sync.round is not None or any(a.kind == "join" for a in sync.asks) or not draft.standing.link.up:
        return
    begin_round(draft)


def task_removed(draft: Draft, event: e.TaskRemoved) -> None:
    """A task was removed. If it was the last of a window, the ones before it are read."""
    rows.task_removed(draft, event)
    if window.is_emptied(draft):
        _read_again(draft)


def event_unreadable(draft: Draft, event: e.EventUnreadable) -> None:
    """An event is lost, and with it perhaps a row: count it, and read everything again."""
    _count_anomaly(draft, "unreadable events", 1)
    _read_again(draft)


def _read_again(draft: Draft) -> None:
    """Begin a sync round, or another one after the present one, whose rows may be older than what was missed."""
    sync = draft.sync
    if sync.round is not None:
        draft.sync = sync.but(again=True)
    elif draft.standing.link.up and not any(a.kind in ("join", "wait") for a in sync.asks):
        begin_round(draft)


def load_requested(draft: Draft, event: e.LoadRequested) -> None:
    """The user wants a task's messages. Asked for once, however often wanted while on the way."""
    task_id = event.task_id
    sync = draft.sync
    if task_id in sync.gone_tasks or not draft.standing.link.up:
        return
    _wish(draft, task_id, loaded=True)
    if not any(a.kind == "messages" and a.task_id == task_id and not a.of_round for a in draft.sync.asks):
        ask(draft, "messages", task_id=task_id)


def unload_requested(draft: Draft, event: e.UnloadRequested) -> None:
    """The user does not want a task's messages any more: a fetch under way will not bring them back."""
    task_id = event.task_id
    _wish(draft, task_id, loaded=False)
    bucket = draft.messages_by_task.get(task_id)
    if bucket is not None:
        for row in bucket.entries[-streams.SETTLED_LIMIT :]:
            streams.settle(draft, row.message_id, task_id, "saved")
    draft.loaded_task_ids = draft.loaded_task_ids.drop(task_id)
    draft.messages_by_task = draft.messages_by_task.without_bucket(task_id)


def _wish(draft: Draft, task_id: str, *, loaded: bool) -> None:
    if journal.in_flight(draft) or loaded:
        wishes = type(draft.sync.wishes)({**draft.sync.wishes, task_id: (draft.revision, loaded)})
        draft.sync = draft.sync.but(wishes=wishes)


# ------------------------------------------------------------------------------------------------------------ answers


def ask_answered(draft: Draft, event: e.AskAnswered) -> None:
    """Something asked for is here. The answer to what was given up means nothing."""
    done = _take(draft, event.ask_id)
    if done is None:
        return
    if event.rows.rejected:
        _count_rejected(draft, done.kind, event.rows.rejected)
    if done.kind in ("join", "wait"):
        if done.kind == "join":
            draft.sync = draft.sync.but(projects=True)
        begin_round(draft)
    elif done.of_round:
        _land(draft, done, event.rows)
        _advance(draft, event.at)
    elif done.kind == "queue":
        queue.take_queue(draft, event.rows.tasks, done.begun)
        _clear_error(draft, "queue")
        if draft.sync.queue_moved:
            queue.read_queue(draft)
    elif done.kind == "older":
        commit.commit_older(draft, done, event.rows)
        _ask_for_history(draft, draft.tasks, of_round=False)
        _clear_error(draft, "history")
    else:
        commit.commit_load(draft, done, event.rows)
        _clear_error(draft, "history")
    journal.close_journal(draft)


def _take(draft: Draft, ask_id: int) -> Ask | None:
    sync = draft.sync
    for wanted in sync.asks:
        if wanted.ask_id == ask_id:
            draft.sync = sync.but(asks=tuple(a for a in sync.asks if a.ask_id != ask_id))
            return wanted
    return None


def _count_rejected(draft: Draft, kind: str, rejected: int) -> None:
    _count_anomaly(draft, f"{kind} rows", rejected)


def _count_anomaly(draft: Draft, name: str, more: int) -> None:
    anomalies = draft.standing.anomalies
    counted = type(anomalies)({**anomalies, name: anomalies.get(name, 0) + more})
    draft.standing = draft.standing.but(anomalies=counted)


def _land(draft: Draft, done: Ask, rows: e.Rows) -> None:
    """Put what came for the round aside until the round commits."""
    current = draft.sync.round
    if current is None:
        return
    current = current._replace(waiting=current.waiting - {done.ask_id})
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
        landed = Landed(done.begun, tuple(map(MessageEntry.of, rows.messages)), rows.complete, done.kind == "history")
        current = current._replace(landed=(*current.landed, (done.task_id, landed)))
    draft.sync = draft.sync.but(round=current)


def _advance(draft: Draft, at: float) -> None:
    """When all asked for is in: ask for the messages, or commit."""
    current = draft.sync.round
    if current is None or current.waiting:
        return
    if not current.planned:
        _plan(draft, current)
        current = draft.sync.round
        if current is None or current.waiting:
            return
    again = draft.sync.again
    commit.commit_round(draft, current, at)
    draft.sync = draft.sync.but(round=None, attempt=0, again=False)
    if again:
        begin_round(draft)
    elif draft.sync.queue_moved:
        queue.read_queue(draft)


def _plan(draft: Draft, current: Round) -> None:
    """Which tasks' messages the round still needs."""
    hydration = draft.standing.hydration
    loaded = draft.loaded_task_ids
    tasks = commit.merged_tasks(draft, current)
    wanted: set[str] = set()
    wanted_all = hydration == "eager" and bool(len(tasks))
    if hydration == "lazy":
        # What is loaded is read again, but for what has been whole since after this round began.
        wanted = {t for t in loaded if t in tasks.entries and loaded.since[t] < current.begun}
        newest = newest_task(tasks.in_order())
        if newest is not None and newest.task_id not in loaded:
            wanted.add(newest.task_id)
    elif hydration == "none":
        # Loaded by the user; read again only if something may have been missed since.
        wanted = {t for t in loaded if t in tasks.entries and loaded.since[t] < draft.sync.stale_since}
    elif draft.sync.window:
        # Whole: what is at work or was expanded, and what has used tools before our eyes. The rest: its history.
        for task in tasks.entries.values():
            since = loaded.since.get(task.task_id)
            stale = since is None or since < current.begun
            whole = since is not None or is_active(task) or task.task_id in draft.live_tools
            if whole and stale and not task.queued:
                wanted.add(task.task_id)
        newest = newest_task(tasks.in_order())
        if newest is not None and newest.task_id not in loaded:
            wanted.add(newest.task_id)
    wanted = {task_id for task_id in wanted if _may_load(draft, task_id, current.begun)}
    if wanted_all:
        asked = [ask(draft, "all_messages", of_round=True)]
    else:
        in_order = [task.task_id for task in tasks.in_order() if task.task_id in wanted]
        asked = [ask(draft, "messages", task_id=task_id, of_round=True) for task_id in reversed(in_order)]
        asked += _ask_for_history(draft, tasks, of_round=True)
    draft.sync = draft.sync.but(round=current._replace(planned=True, waiting=frozenset(a.ask_id for a in asked)))


def _ask_for_history(draft: Draft, tasks: TaskTable, *, of_round: bool) -> list[Ask]:
    """Where the daemon can leave out the payload of tools: the messages of tasks not read whole, without it."""
    if not draft.sync.window or not draft.sync.projects or draft.standing.hydration == "preview":
        return []
    on_the_way = {a.task_id for a in draft.sync.asks if a.kind in ("messages", "history")}
    wanted = [
        task.task_id
        for task in reversed(tasks.in_order())
        if not task.queued
        and task.task_id not in draft.loaded_task_ids
        and task.task_id not in on_the_way
        and (of_round or task.task_id not in draft.messages_by_task)
        and _may_load(draft, task.task_id, draft.revision)
    ]
    return [ask(draft, "history", task_id=task_id, of_round=of_round) for task_id in wanted]


def older_requested(draft: Draft, event: e.OlderTasksRequested) -> None:
    """The user wants a page of older tasks: one at a time."""
    sync = draft.sync
    standing = draft.standing
    if standing.hydration != "lean" or not standing.has_older_tasks or not standing.link.up or sync.round is not None:
        return
    if any(a.kind == "older" for a in sync.asks):
        return
    window.widen(draft)


def _may_load(draft: Draft, task_id: str, begun: int) -> bool:
    wish = draft.sync.wishes.get(task_id)
    return wish is None or bool(wish[1]) or wish[0] < begun


def newest_task(tasks: Iterable[TaskEntry]) -> TaskEntry | None:
    """The task made last, among those that do not wait."""
    newest: tuple[tuple[float, int], TaskEntry] | None = None
    for position, task in enumerate(tasks):
        if not task.queued:
            key = (commit.moment(task), position)
            if newest is None or key >= newest[0]:
                newest = (key, task)
    return newest[1] if newest is not None else None


# ----------------------------------------------------------------------------------------------------------- failures

_FINAL = ("forbidden", "not_found")
_PASSING = ("timeout", "server", "refused", "absent")


def ask_failed(draft: Draft, event: e.AskFailed) -> None:
    """Something asked for could not be had."""
    done = _take(draft, event.ask_id)
    if done is None:
        return
    failure = event.failure
    if done.kind == "join":
        # An older daemon has no rooms and sends everything to everyone; a silent one may not. Read on either way.
        # Who is not logged in is told that, not that stream events may be missing.
        if failure.kind != "absent" and draft.standing.link.phase == "live":
            reason = f"the room could not be joined: {failure.text}"
            shown = replace(draft.standing.link, phase="degraded", reason=reason)
            draft.standing = draft.standing.but(degraded=True, connection=shown)
        draft.sync = draft.sync.but(projects=False)
        begin_round(draft)
    elif done.kind == "wait":
        begin_round(draft)
    elif done.kind == "queue":
        _queue_failed(draft, done, failure, event.at)
    elif done.kind in ("session", "tasks"):
        _round_failed(draft, failure)
        if done.kind == "session" and failure.kind == "not_found":
            # Removed while we were away, and all that belongs to it with it.
            rows.empty(draft)
            draft.sync = draft.sync.but(asks=())
    elif done.kind == "older":
        set_error(draft, "history", f"Older tasks could not be read: {failure.text}")
    elif done.of_round:
        _messages_failed(draft, done, failure)
        _advance(draft, event.at)
    else:
        set_error(draft, "history", f"The messages of a task could not be read: {failure.text}")
    journal.close_journal(draft)


def _queue_failed(draft: Draft, done: Ask, failure: e.Failure, at: float) -> None:
    """The rows of the queue stay as they are, and `error` says that they may be old."""
    if failure.kind == "absent":
        draft.sync = draft.sync.but(queue_absent=True)
    else:
        set_error(draft, "queue", f"The queue could not be read; what is shown may be old: {failure.text}")
    if done.of_round:
        current = draft.sync.round
        if current is not None:
            _give_up(draft, current, done, None if failure.kind == "absent" else "queue")
            _advance(draft, at)
    elif failure.kind == "absent":
        queue.take_from_tasks(draft)
    elif draft.sync.queue_moved:
        queue.read_queue(draft)


def _give_up(draft: Draft, current: Round, done: Ask, source: str | None) -> None:
    """The round does without that answer; an error of `source` outlives it."""
    failed = current.failed | {source} if source is not None else current.failed
    draft.sync = draft.sync.but(round=current._replace(waiting=current.waiting - {done.ask_id}, failed=failed))


def _messages_failed(draft: Draft, done: Ask, failure: e.Failure) -> None:
    """A task's messages could not be read: it is as loaded as it was; the round goes on without."""
    current = draft.sync.round
    if current is None:
        return
    shown = done.kind == "all_messages" or done.task_id in draft.loaded_task_ids
    unread = draft.tasks.entries if done.task_id is None else (done.task_id,)
    _give_up(draft, current._replace(unread=current.unread.union(unread)), done, "history" if shown else None)
    if shown:
        set_error(draft, "history", f"Messages could not be read again; what is shown may be old: {failure.text}")


def _round_failed(draft: Draft, failure: e.Failure) -> None:
    """The session or its tasks could not be read: the round is over. What happens next depends on why."""
    sync = draft.sync
    kept = tuple(a for a in sync.asks if not a.of_round)
    draft.sync = sync.but(asks=kept, round=None, again=False)
    terminal = failure.kind in _FINAL
    draft.standing = draft.standing.but(loading=False, terminal=terminal or draft.standing.terminal)
    if terminal:
        set_error(draft, "sync", f"{failure.text}{AGAIN}")
    elif failure.kind in _PASSING:
        delay = RETRY_DELAYS[min(sync.attempt, len(RETRY_DELAYS) - 1)]
        draft.sync = draft.sync.but(attempt=sync.attempt + 1)
        ask(draft, "wait", delay=delay)
        set_error(draft, "sync", f"The session could not be read: {failure.text}. Next try in {delay:g} s.")
    elif failure.kind == "unauthenticated":
        set_error(
            draft, "sync", f"Not logged in: {failure.text}. Log in with client.authenticate(); it goes on by itself."
        )
    else:
        set_error(draft, "sync", f"The session could not be read: {failure.text}. It is read again once connected.")


def set_error(draft: Draft, source: str, text: str) -> None:
    """Say what failed; an earlier word of the same source is replaced."""
    errors = tuple(pair for pair in draft.standing.errors if pair[0] != source)
    draft.standing = draft.standing.but(errors=(*errors, (source, text)))


def _clear_error(draft: Draft, source: str) -> None:
    if any(pair[0] == source for pair in draft.standing.errors):
        errors = tuple(pair for pair in draft.standing.errors if pair[0] != source)
        draft.standing = draft.standing.but(errors=errors)
