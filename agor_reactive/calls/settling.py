"""Writes that a daemon accepts before they are done: a stop, a permission decision. Each is done when a row says so.

Facts of the wire (0.26 and later): a stop may answer ``pending`` while the executor is still ending; only the task's
terminal status says that it ended. A permission decision is delivered to the executor: ``success`` means delivered, and
only the request's own row says that it was decided. A delivery may be lost; the request stays pending then, and the
decision has to be sent again, which is safe, since the first decision counts. On older daemons both are done when they
answer, so the first read of the row ends the wait.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import inf
from typing import Any, Final

from agor_reactive.calls import operations as op
from agor_reactive.calls import paging
from agor_reactive.calls.answers import rows_in, typed_row
from agor_reactive.calls.arguments import check_wait
from agor_reactive.calls.backoff import Backoff
from agor_reactive.calls.effects import Call, Now, Operation, Sleep
from agor_reactive.errors import (
    BadRequest,
    DecisionPending,
    LinkError,
    NotFound,
    OutcomeUnknown,
    TooManyRequests,
    Unavailable,
    UsageError,
)
from agor_reactive.models import DecisionTaken, Message, StopAnswer, Task, row_from_wire
from agor_reactive.models.ids import is_full_id
from agor_reactive.models.outcome import asked_by_row
from agor_reactive.models.task import ENDED_STATUSES

__all__ = ["DELIVERIES", "STOP_WAIT", "Decision", "decide", "stop"]

STOP_WAIT: Final = 30.0
"""How long a stop waits for its task to end by default, in seconds."""

DELIVERIES: Final = (1.0, 2.0, 4.0, 8.0)
"""How many times a permission decision is sent, and how long each delivery is given to settle the request, in
seconds."""

_POLLING: Final = Backoff(first=0.1, most=2.0, factor=1.5, jitter=(1.0, 1.0))
_AWAY: Final = (LinkError, Unavailable, TooManyRequests)
"""Errors of a daemon that is temporarily unreachable."""


# ---- stop ----


def stop(
    session_id: str,
    *,
    reason: str | None,
    expected_task_id: str | None,
    wait: bool | float | None,
    on_pending: Callable[[StopAnswer], Any] | None,
) -> Operation[StopAnswer]:
    """Stop the running task of a session, and wait for its end if the daemon answers ``pending``."""
    bound = STOP_WAIT if wait is True else 0.0 if wait is False else wait
    check_wait(bound, "wait")
    full = yield from op.full_session_id(session_id)
    if expected_task_id is not None:
        expected = yield from _expected(full, expected_task_id)
        if expected.ended or expected.queued or expected.status == "created":
            # Older daemons ignore the condition and would stop any running task.
            said = f"the expected task is {expected.status}; nothing was stopped"
            return StopAnswer(success=False, outcome="condition_changed", reason=said)
        expected_task_id = expected.task_id
    body = op.given(reason=reason, expected_task_id=expected_task_id)
    answer = typed_row(StopAnswer, (yield Call("create", op.route("sessions", full, "stop"), (body,))))
    if not answer.pending:
        return answer
    if on_pending is not None:
        on_pending(answer)
    ended = yield from _end_of(full, answer.stopped_task_id or expected_task_id, bound)
    if ended is None:
        return answer
    left = {"status", "reason", "pendingCode"}  # of the time before it ended
    wire = {name: value for name, value in answer.to_wire().items() if name not in left}
    return row_from_wire(StopAnswer, {**wire, "success": True, "outcome": ended})


def _expected(session_id: str, task_id: str) -> Operation[Task]:
    """Read the task that is expected to run, by its full id. Raises `UsageError` for another session's task."""
    task = typed_row(Task, (yield Call("get", "tasks", (task_id,))))
    if task.session_id not in ("", session_id):
        raise UsageError(f"task {task.task_id} belongs to another session, {task.session_id}")
    if not is_full_id(task.task_id) and task.task_id != task_id:
        raise UsageError(f"{task_id!r} is not the full id of a task")
    return task


def _end_of(session_id: str, task_id: str | None, bound: float | None) -> Operation[str | None]:
    """Wait for the end of a task: its row, or None after `bound` seconds. Without a task, the session's status
    decides."""
    bound = inf if bound is None else bound
    began = yield Now()
    pauses = _POLLING.delays()
    while (left := bound - ((yield Now()) - began)) > 0:
        yield Sleep(min(next(pauses), left))
        try:
            if task_id is None:
                row = yield Call("get", "sessions", (session_id,))
            else:
                row = yield Call("get", "tasks", (task_id,))
        except NotFound:
            return "removed"
        except _AWAY:
            continue
        status = row.get("status") if isinstance(row, dict) else None
        if status in ENDED_STATUSES or (task_id is None and status not in (None, "stopping")):
            return str(status)
    return None


# ---- permission decision ----


@dataclass(frozen=True, slots=True)
class Decision:
    """A permission decision. `task_id` and `message_id` are looked up when they are not given."""

    request_id: str
    allow: bool
    task_id: str | None = None
    message_id: str | None = None
    remember: bool = False
    scope: str | None = None
    decided_by: str | None = None
    reason: str | None = None

    def __post_init__(self) -> None:
        if self.remember and self.scope in (None, "once"):
            raise UsageError('remember=True needs a scope: "project", "user" or "local"')
        if not self.remember and self.scope not in (None, "once"):
            raise UsageError(f"scope={self.scope!r} needs remember=True; without it a decision applies once")

    def body(self, task_id: str | None) -> dict[str, Any]:
        """The body that is sent. Newer daemons need `taskId` and ignore `decidedBy`; they accept `scope` with
        `remember` only."""
        return op.given(
            requestId=self.request_id,
            taskId=task_id,
            allow=bool(self.allow),
            remember=bool(self.remember),
            scope=self.scope if self.remember else None,
            decidedBy=self.decided_by,
            reason=self.reason,
        )

    @property
    def verdict(self) -> str:
        """The status of the request once this decision is applied."""
        return "approved" if self.allow else "denied"


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a request is stored: in a message, or (older daemons) in its task's row."""

    task_id: str | None
    message_id: str | None = None
    by_row: bool = False


def decide(session_id: str, decision: Decision, *, wait: bool = True) -> Operation[DecisionTaken]:
    """Deliver a permission decision until the request is settled.

    Raises `NotFound` for an unknown request, `DecisionPending` when it is still pending after the last delivery.
    """
    full = yield from op.full_session_id(session_id)
    place = _Place(decision.task_id, decision.message_id)
    if not place.task_id or (wait and not place.message_id):
        place = yield from _place_of(full, decision)
    path, body = op.route("sessions", full, "permission-decision"), decision.body(place.task_id)
    for number, seconds in enumerate(DELIVERIES):
        taken: DecisionTaken | None = None
        try:
            taken = typed_row(DecisionTaken, (yield Call("create", path, (body,))))
        except OutcomeUnknown:
            # The decision may have arrived. The row shows it, and a second delivery changes nothing.
            if not wait or not (place.message_id or place.by_row):
                raise
        except BadRequest as error:
            if place.task_id is None and "taskId" in error.message:
                unknown = f"Permission request {decision.request_id} not found in session {full}"
                raise NotFound(unknown, name="NotFound", code=404) from error
            raise
        except NotFound:
            # After a first delivery the executor may have settled the request and exited.
            status = (yield from _status(decision, place)) if number else None
            if status is None:
                raise
            return _settled(decision, status, taken)
        if taken is not None and (taken.already_resolved or taken.success is False):
            ours = number and taken.already_resolved and taken.status == decision.verdict
            return _settled(decision, decision.verdict, taken) if ours else taken
        if taken is not None and not (wait and (place.message_id or place.by_row)):
            return taken
        status = yield from _settled_within(decision, place, seconds)
        if status is not None:
            return _settled(decision, status, taken)
    raise DecisionPending(
        f"permission request {decision.request_id}: the decision was sent {len(DELIVERIES)} times and the request is "
        "still pending. Its executor may be gone: look at the task, or stop it"
    )


def _place_of(session_id: str, decision: Decision) -> Operation[_Place]:
    """Find a request in its session: in the messages, or in the row of a task that awaits permission."""
    query = {"session_id": session_id, "type": "permission_request"}
    messages = rows_in(Message, (yield from paging.find_all("messages", query, 1_000, None)))
    for message in reversed(messages):
        asked = message.permission
        if asked is not None and asked.request_id == decision.request_id:
            task_id = message.task_id or asked.task_id or decision.task_id
            return _Place(task_id, message.message_id)
    tasks = rows_in(Task, (yield from paging.find_all("tasks", {"session_id": session_id}, 1_000, None)))
    for task in reversed(tasks):
        by_row = asked_by_row(task)
        if by_row is not None and by_row.request_id == decision.request_id:
            return _Place(task.task_id, by_row=True)
    return _Place(decision.task_id)


def _settled_within(decision: Decision, place: _Place, seconds: float) -> Operation[str | None]:
    """Poll a request until it is settled: its status, or None when it is still pending after `seconds`."""
    waited, pauses = 0.0, _POLLING.delays()
    while True:
        status = yield from _status(decision, place)
        if status is not None or waited >= seconds:
            return status
        pause = min(next(pauses), seconds - waited)
        yield Sleep(pause)
        waited += pause


def _status(decision: Decision, place: _Place) -> Operation[str | None]:
    """The current status in the request's row; None while it is pending, or cannot be read."""
    try:
        if place.message_id is not None:
            asked = typed_row(Message, (yield Call("get", "messages", (place.message_id,)))).permission
            return None if asked is None or asked.status == "pending" else asked.status
        by_row = asked_by_row(typed_row(Task, (yield Call("get", "tasks", (place.task_id,)))))
        return None if by_row is not None and by_row.request_id == decision.request_id else decision.verdict
    except _AWAY:
        return None


def _settled(decision: Decision, status: str, taken: DecisionTaken | None) -> DecisionTaken:
    """The answer for a status: this decision was applied, or another decision (or a timeout) came first."""
    if status == decision.verdict:
        wire = (
            {}
            if taken is None
            else {k: v for k, v in taken.to_wire().items() if k not in ("alreadyResolved", "message")}
        )
        return row_from_wire(DecisionTaken, {**wire, "success": True, "status": status})
    said = f"Permission request was already {status.replace('_', ' ')}"
    return row_from_wire(DecisionTaken, {"success": False, "alreadyResolved": True, "status": status, "message": said})
