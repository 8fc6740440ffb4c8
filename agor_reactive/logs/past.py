"""What happened in a session before anybody recorded it, made up of its rows: the records of a log.

A row says when a task was created, started and completed, and when each message was written. That is enough to fold the
session as a mirror would have that had been there from the beginning. What rows do not say is not made up: text appears
as whole messages, not in chunks, and a task has the queue position and the session the title that they have now.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, NamedTuple

from agor_reactive.calls.answers import typed_row
from agor_reactive.calls.effects import Call, Operation
from agor_reactive.calls.mirror_reads import RowsRead, all_rows
from agor_reactive.calls.operations import full_session_id
from agor_reactive.core import events as e
from agor_reactive.core.fold import fold, initial_state
from agor_reactive.logs.records import encoded
from agor_reactive.models.base import instant, row_from_wire
from agor_reactive.models.message import Message
from agor_reactive.models.session import Session
from agor_reactive.models.task import QUEUED_STATUS, Task
from agor_reactive.models.wire import LinkStatus

__all__ = ["PastSession"]

Record = dict[str, Any]
OnProgress = Callable[[int, int | None], Any]

_AT_BIRTH: Final = ("task_id", "session_id", "created_by", "created_at", "full_prompt", "metadata")
"""Fields of a task that are known when it is created."""


class _Due(NamedTuple):
    """A record that waits for its turn: every record before `t` has to be known first."""

    t: float
    number: int
    topic: str
    row: Mapping[str, Any]
    running: int = 0


class PastSession:
    """The records of a past session, in order of time, in steps: `step` reads one task's messages.

    Only the rows of tasks are held in memory, and the messages of tasks that overlap. `tasks`, `messages`, `unreadable`
    count rows; `complete` is False if the daemon gave fewer tasks or messages than it has.
    """

    def __init__(self, session_id: str, on_progress: OnProgress = lambda done, total: None) -> None:
        self.session_id = session_id
        self.tasks = 0
        self.messages = 0
        self.unreadable = 0
        self.complete = True
        self.began = 0.0
        self._on_progress = on_progress
        self._total = 0
        self._waiting: list[Task] | None = None
        self._session: dict[str, Any] = {}
        self._due: list[_Due] = []
        self._number = 0
        self._running = 0
        self._busy_until = 0.0
        self._latest = 0.0
        self._over = False

    def step(self) -> Operation[tuple[Record, ...] | None]:
        """The next records, without their numbers; None after the last. Raises what the daemon answers."""
        if self._over:
            return None
        if self._waiting is None:
            return (yield from self._begin())
        if self._waiting:
            task = self._waiting.pop()
            found = yield from all_rows("messages", {"task_id": task.task_id, "$sort": {"index": 1}}, Message)
            self._count(found)
            self.tasks += 1
            self.messages += len(found.rows)
            created = self._live(task, found.rows)
            self._on_progress(self.tasks, self._total)
            return tuple(self._records(created))
        self._over = True
        return (*self._records(float("inf")), *self._end())

    def _count(self, found: RowsRead[Any]) -> None:
        self.unreadable += found.rejected
        self.complete = self.complete and found.complete

    # ----------------------------------------------------------------------------------------------------- beginning

    def _begin(self) -> Operation[tuple[Record, ...]]:
        """Everything before the first task: a mirror that finds the session empty."""
        self.session_id = yield from full_session_id(self.session_id)
        session = typed_row(Session, (yield Call("get", "sessions", (self.session_id,))))
        found = yield from all_rows("tasks", {"session_id": self.session_id}, Task)
        self._count(found)
        self._total = len(found.rows)
        self._waiting = sorted(found.rows, key=_created, reverse=True)
        self._session = session.to_wire()
        times = [at for at in (instant(session.created_at), *map(_created, self._waiting[-1:])) if at]
        self.began = self._latest = min(times, default=0.0)
        self._on_progress(0, self._total)
        return tuple(self._prelude())

    def _prelude(self) -> Iterable[Record]:
        t = self.began
        fields = {"session_id": self.session_id, "hydration": "eager", "revision": 0, "state": None}
        yield {"t": t, "kind": "mirror", "mirror": 1, **fields}
        state = initial_state(self.session_id, task_hydration="eager")
        first = row_from_wire(Session, {**self._session, "tasks": [], "status": "idle"})
        event: Any = e.LinkChanged(LinkStatus("live", epoch=1))
        while event is not None:
            yield {"t": t, "mirror": 1, **encoded(event)}
            state = fold(state, event)
            event = next((_answer(fetch, first, t) for fetch in state.fetches), None)

    # ----------------------------------------------------------------------------------------------------------- tasks

    def _live(self, task: Task, messages: Iterable[Message]) -> float:
        """Let a task and its messages wait for their turn. Returns when it was created."""
        row = task.to_wire()
        created = max(_created(task), self.began)
        started, completed = instant(task.started_at), instant(task.completed_at)
        queued = task.queued or (created < self._busy_until and (started or completed or 0.0) > created)
        birth: dict[str, Any] = {name: row[name] for name in _AT_BIRTH if name in row}
        self._wait(
            created,
            "tasks created",
            row if task.queued else {**birth, "status": QUEUED_STATUS if queued else "created"},
        )
        last = created
        if not task.queued:
            last = max(created, started if started is not None else created)
            begun = {**birth, "status": "running"} | ({"started_at": row["started_at"]} if started is not None else {})
            self._wait(last, "tasks patched", begun, running=1)
        for message in sorted(messages, key=lambda message: message.index):
            at = instant(message.timestamp)
            last = max(last, at) if at is not None else last
            self._wait(last, "messages created", message.to_wire())
        if not task.queued:
            last = max(last, completed) if completed is not None else last
            self._wait(last, "tasks patched", row, running=-1 if task.ended else 0)
            self._busy_until = max(self._busy_until, last if task.ended else float("inf"))
        return created

    def _wait(self, t: float, topic: str, row: Mapping[str, Any], *, running: int = 0) -> None:
        self._number += 1
        heapq.heappush(self._due, _Due(t, self._number, topic, row, running))

    def _records(self, until: float) -> Iterable[Record]:
        """What is due up to `until`: no task still to be read was created before."""
        while self._due and self._due[0].t <= until:
            due = heapq.heappop(self._due)
            self._latest = max(self._latest, due.t)
            row = due.row if due.row.get("session_id") else {**due.row, "session_id": self.session_id}
            yield _event(due.t, due.topic, row)
            was, self._running = self._running, self._running + due.running
            if bool(was) != bool(self._running):
                status = "running" if self._running else "idle"
                yield _event(due.t, "sessions patched", {**self._session, "tasks": [], "status": status})

    def _end(self) -> Iterable[Record]:
        t = max(self._latest, instant(self._session.get("last_updated")) or 0.0)
        yield _event(t, "sessions patched", self._session)
        yield {"t": t, "kind": "end"}


def _created(task: Task) -> float:
    return instant(task.created_at) or 0.0


def _event(t: float, topic: str, payload: Mapping[str, Any]) -> Record:
    return {"t": t, "kind": "event", "topic": topic, "payload": payload}


def _answer(fetch: Any, session: Session, t: float) -> Any:
    """What the daemon would have answered when the session had no task. The queue follows from the tasks' statuses."""
    if fetch.kind == "queue":
        return e.FetchFailed(fetch.fetch_id, e.Failure("absent", "rows do not hold the history of the queue"), t)
    return e.FetchAnswered(fetch.fetch_id, e.Rows(session=session if fetch.kind == "session" else None), t)
