"""Failed reads: what `error` says of them, and when they are retried.

A sync round continues without a queue or messages that could not be read. `Bookkeeping.missing` remembers them until
they are read, and `error` says so until then. They are retried alone, with back-off; a read that was refused waits for
a resync.
"""

from __future__ import annotations

from agor_reactive.core import events as e
from agor_reactive.core.fetches import RETRY_DELAYS, Fetch, FetchKind, Missing
from agor_reactive.core.fold import window
from agor_reactive.core.fold.draft import Draft

__all__ = [
    "AGAIN",
    "PASSING",
    "clear_error",
    "errors_of_missing",
    "forget_unloaded",
    "missing_tasks",
    "note_missing",
    "note_read",
    "passes",
    "prune",
    "prune_unless_reading",
    "read_missing",
    "retry_later",
    "set_error",
]

AGAIN = ". Not retried automatically. Call resync()."
"""Ends the error of a final failure. A view without `resync` says instead what to do there."""

PASSING = ("timeout", "server", "refused", "absent")


def passes(draft: Draft, failure: e.Failure) -> bool:
    """Whether the same read may succeed a moment later."""
    # Refused as not logged in though the link is: the login is being renewed, or the daemon is about to cut the link.
    refused = failure.kind == "unauthenticated" and draft.status.link.phase == "live"
    return refused or failure.kind in PASSING


def set_error(draft: Draft, source: str, text: str) -> None:
    """Set the error of a source, in place of its earlier one."""
    errors = tuple(pair for pair in draft.status.errors if pair[0] != source)
    draft.status = draft.status.but(errors=(*errors, (source, text)))


def clear_error(draft: Draft, source: str) -> None:
    """Clear the error of a source, unless a read of it is still missing."""
    if source in _sources(draft):
        return
    if any(pair[0] == source for pair in draft.status.errors):
        errors = tuple(pair for pair in draft.status.errors if pair[0] != source)
        draft.status = draft.status.but(errors=errors)


def errors_of_missing(draft: Draft) -> tuple[tuple[str, str], ...]:
    """The errors that outlive a sync round: those of reads that failed."""
    sources = _sources(draft)
    return tuple(pair for pair in draft.status.errors if pair[0] in sources)


def missing_tasks(draft: Draft) -> frozenset[str]:
    """The tasks whose messages could not be read."""
    missing = draft.books.missing
    if ("all_messages", None) in missing:
        return frozenset(draft.tasks.entries)
    return frozenset(task_id for _, task_id in missing if task_id is not None)


def note_missing(draft: Draft, done: Fetch, failure: e.Failure) -> None:
    """A queue or messages could not be read."""
    again = passes(draft, failure)
    draft.books = draft.books.but(missing=draft.books.missing.insert((done.kind, done.task_id), again))
    what = "The queue" if done.kind == "queue" else "Messages"
    end = AGAIN if not again and failure.kind in ("forbidden", "not_found") else "."
    set_error(draft, _source(done.kind), f"{what} could not be read; what is shown may be old: {failure.text}{end}")


def note_read(draft: Draft, done: Fetch) -> None:
    """A queue or messages have been read: they are no longer missing."""
    if done.kind == "queue":
        _forget(draft, {(done.kind, None)})
    else:
        _forget(draft, {("messages", done.task_id), ("history", done.task_id), ("all_messages", done.task_id)})
    clear_error(draft, _source(done.kind))


def forget_unloaded(draft: Draft, task_id: str) -> None:
    """The user has unloaded a task: its messages are no longer missing."""
    if ("messages", task_id) in draft.books.missing:
        _forget(draft, {("messages", task_id)})
        clear_error(draft, "history")


def prune_unless_reading(draft: Draft) -> None:
    """`prune`, but not during a sync round: until it is committed, no table has its tasks. It ends with `prune`."""
    books = draft.books
    if books.missing.reach and books.round is None:
        prune(draft)


def prune(draft: Draft) -> None:
    """Messages of tasks that have left the window, or were removed, are no longer missing."""
    shown = draft.tasks.entries
    gone = {key for key in draft.books.missing if key[1] is not None and key[1] not in shown}
    if gone:
        _forget(draft, gone)
        clear_error(draft, "history")


def retry_later(draft: Draft) -> None:
    """If a failed read may succeed later, request a `retry` after the back-off."""
    books = draft.books
    if not books.missing:
        if books.retries:
            draft.books = books.but(retries=0)
    elif (
        not draft.status.terminal
        and any(books.missing.values())
        and not any(fetch.kind == "retry" for fetch in books.fetches)
    ):
        draft.books = books.but(retries=books.retries + 1)
        window.request(draft, "retry", delay=RETRY_DELAYS[min(books.retries, len(RETRY_DELAYS) - 1)])


def read_missing(draft: Draft) -> None:
    """The back-off is over: request what is missing, unless its fetch is in flight already."""
    on_the_way = {(fetch.kind, fetch.task_id) for fetch in draft.books.fetches}
    for (kind, task_id), again in draft.books.missing.items():
        if again and (kind, task_id) not in on_the_way:
            window.request(draft, kind, task_id=task_id)


def _source(kind: FetchKind) -> str:
    return "queue" if kind == "queue" else "history"


def _sources(draft: Draft) -> set[str]:
    return {_source(kind) for kind, _ in draft.books.missing}


def _forget(draft: Draft, keys: set[Missing]) -> None:
    books = draft.books
    missing = books.missing
    for key in keys:
        if key in missing:
            missing = missing.remove(key)
    if missing is not books.missing:
        fetches = books.fetches
        if not any(missing.values()):  # the pending retry has nothing left to read
            fetches = tuple(fetch for fetch in fetches if fetch.kind != "retry")
        draft.books = books.but(missing=missing, fetches=fetches, retries=books.retries if missing else 0)
