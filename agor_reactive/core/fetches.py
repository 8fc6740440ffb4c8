"""Fetches: the reads that the core requests, as data. The session layer runs them and answers each with an event.

`SessionState.fetches` lists all present requests. A fetch that is no longer listed is cancelled: an answer that still
comes is ignored.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from agor_reactive.core.entries import MessageEntry, SessionRowEntry, TaskEntry
from agor_reactive.core.events import Failure
from agor_reactive.models.task import Task

__all__ = ["RETRY_DELAYS", "Fetch", "FetchKind", "FetchResult", "Missing", "SyncEnd", "SyncRound"]

FetchKind = Literal[
    "join", "session", "tasks", "older", "queue", "messages", "history", "all_messages", "wait", "retry", "rejoin"
]

Missing = tuple[FetchKind, str | None]
"""A read that failed: ``queue``, ``messages`` or ``history`` of a task, ``all_messages``."""

RETRY_DELAYS = (0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 30.0)
"""Seconds before a sync round that failed for a temporary reason is retried; the last one repeats."""


class Fetch(NamedTuple):
    """One read, or one other thing to do.

    ``join`` the session's room, ``rejoin`` the same after `delay` seconds while everything else goes on, ``session``
    read its row, ``tasks`` its tasks, ``older`` more of them, ``queue`` its queue, ``messages`` those of `task_id`,
    ``history`` the same without the payload of tools, ``all_messages`` those of
    all tasks, ``wait`` for `delay` seconds before the next sync round, ``retry`` the same before what failed is read
    again. `begun` is the revision at which it was requested: an event after that is newer than the answer.
    `of_round`: part of a bootstrap or resync. `limit`: only that many of the newest tasks that are not queued, and
    (`since`, a timestamp) all that are not older than that.
    """

    fetch_id: int
    kind: FetchKind
    begun: int
    of_round: bool = False
    task_id: str | None = None
    delay: float = 0.0
    limit: int = 0
    since: str = ""


class FetchResult(NamedTuple):
    """Messages that a fetch brought, and the revision at which it was requested."""

    begun: int
    messages: tuple[MessageEntry, ...]
    complete: bool
    projected: bool = False


class SyncEnd(NamedTuple):
    """How a sync round ended, begun or only due: `failure` says why its fetches were given up, None: it committed."""

    failure: Failure | None


class SyncRound(NamedTuple):
    """A bootstrap or resync under way: everything is gathered, then committed at once."""

    begun: int
    waiting: frozenset[int]
    planned: bool = False
    session: SessionRowEntry | None = None
    session_begun: int = 0
    tasks: tuple[TaskEntry, ...] = ()
    tasks_complete: bool = True
    older: bool = False
    since: str = ""
    tasks_begun: int = 0
    queue: tuple[Task, ...] | None = None
    queue_begun: int = 0
    results: tuple[tuple[str | None, FetchResult], ...] = ()
