"""Operations beyond the rows of one service, each as the calls it makes.

An operation knows neither REST nor sockets, and is the same for sync and async callers: `drivers` run it. Where
versions of the daemon differ, it tries one way and falls back to the other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, TypeVar

from agor_reactive.calls import paging
from agor_reactive.calls.answers import answer_of, model_of, page_of, rows_in, typed_row
from agor_reactive.calls.backoff import Backoff
from agor_reactive.calls.effects import Call, Now, Operation, Sleep
from agor_reactive.calls.progress import progress_line
from agor_reactive.calls.queries import Query, query_of
from agor_reactive.calls.versions import is_missing_route
from agor_reactive.errors import (
    BadRequest,
    DaemonError,
    LinkError,
    MethodNotAllowed,
    NotFound,
    ProtocolError,
    TooManyRequests,
    Unavailable,
    UsageError,
)
from agor_reactive.models import Message, Page, SessionArchived, Task, WireModel
from agor_reactive.models.ids import is_full_id
from agor_reactive.models.outcome import Outcome, outcome_of, unanswered, waits_for_someone

M = TypeVar("M", bound=WireModel)

LONGEST_LOOK: Final = 5.0
"""The longest interval between two polls of a task, in seconds."""

LONGEST_ABSENCE: Final = 60.0
"""How long polling tolerates an unreachable daemon, in seconds."""

_POLLING: Final = Backoff(first=0.1, most=LONGEST_LOOK, factor=1.5, jitter=(1.0, 1.0))


def request(method: str, path: str, args: tuple[Any, ...], query: Query | None = None) -> Operation[Any]:
    """Call any method whose answer is rows of the path, or other JSON."""
    full = args if query is None else (*args, query_of(query))
    return answer_of(model_of(path, method), (yield Call(method, path, full)))


def create_many(path: str, rows: Iterable[Any]) -> Operation[Any]:
    """Create many rows in one call. An empty list makes no call."""
    wanted = list(rows)
    return (yield from request("create", path, (wanted,))) if wanted else ()


def custom(method: str, path: str, data: Any, query: Query | None) -> Operation[Any]:
    return (yield from request(method, path, () if data is None and query is None else (data,), query))


def first_route(method: str, paths: tuple[str, ...], args: tuple[Any, ...]) -> Operation[Any]:
    """Call the first of these routes that the daemon has. A refusal for another reason is raised at once."""
    first: DaemonError | None = None
    for path in paths:
        try:
            return (yield from request(method, path, args))
        except (NotFound, MethodNotAllowed) as error:
            first = first or error
    assert first is not None
    raise first


def route(service: str, *parts: str) -> str:
    """Build a nested route of ids, names and fixed words. Raises `UsageError` for a part that would change the
    route."""
    for part in parts:
        odd = not isinstance(part, str) or part.strip() in ("", ".", "..") or any(mark in part for mark in "/?#\\")
        if odd:
            raise UsageError(f"Invalid part of a route: {part!r}. Pass an id")
    return "/".join((service, *parts))


def given(**options: Any) -> dict[str, Any]:
    """The options that were given, without the unset ones."""
    return {name: value for name, value in options.items() if value is not None}


# ---- sessions ----


def full_session_id(session_id: str) -> Operation[str]:
    """Expand a session id to the full id, because nested routes silently miss short ids, or accept them in some states
    only."""
    if not isinstance(session_id, str):
        raise UsageError(f"a session id is text, not {type(session_id).__name__}")
    if is_full_id(session_id):
        return session_id
    return session_id_in((yield Call("get", "sessions", (session_id,)))) or session_id


def session_id_in(row: Any) -> str | None:
    """The full id in a session's raw row; None when it is no session row."""
    full = row.get("session_id") if isinstance(row, Mapping) else None
    return full if isinstance(full, str) and full else None


def prompt(session_id: str, text: str, options: Mapping[str, Any]) -> Operation[Task]:
    full = yield from full_session_id(session_id)
    answer = yield Call("create", route("sessions", full, "prompt"), ({"prompt": text, **options},))
    return (yield from admitted_task(answer))


def admitted_task(answer: Any) -> Operation[Task]:
    """The task of an accepted prompt: the daemon answers with the task itself, or (older) with a receipt that names
    it."""
    if isinstance(answer, dict):
        if "status" in answer and "task_id" in answer and "success" not in answer:
            return typed_row(Task, answer)
        if isinstance(answer.get("task"), dict):
            return typed_row(Task, answer["task"])
        if answer.get("success") is False:
            reason = answer.get("reason") or answer.get("error") or answer.get("message")
            raise BadRequest(reason if isinstance(reason, str) else "the daemon did not accept the prompt", data=answer)
        message = answer.get("message")
        for holder in (answer, message if isinstance(message, dict) else {}):
            task_id = holder.get("taskId") or holder.get("task_id")
            if isinstance(task_id, str) and task_id:
                try:
                    row = yield Call("get", "tasks", (task_id,))
                except LinkError:
                    # The prompt was accepted. A plain failure would make the caller send it twice.
                    row = {"task_id": task_id, "status": answer.get("status") or ""}
                return typed_row(Task, row)
    raise ProtocolError(
        "the daemon accepted the prompt but named no task. Check the session's tasks before you repeat it"
    )


def run_task(task_id: str, options: Mapping[str, Any]) -> Operation[Task]:
    answer = yield Call("create", route("tasks", task_id, "run"), (dict(options),))
    return (yield from admitted_task(answer))


def task_action(task_id: str, action: str, data: Mapping[str, Any]) -> Operation[Task]:
    return typed_row(Task, (yield Call("create", route("tasks", task_id, action), (dict(data),))))


def queue(session_id: str) -> Operation[tuple[Task, ...]]:
    full = yield from full_session_id(session_id)
    return rows_in(Task, page_of(Task, (yield Call("find", route("sessions", full, "tasks", "queue")))))


def session_action(kind: type[M], session_id: str, action: str, data: Mapping[str, Any]) -> Operation[M]:
    """Call a route of a session; `kind` is the model of its answer."""
    full = yield from full_session_id(session_id)
    return typed_row(kind, (yield Call("create", route("sessions", full, action), (dict(data),))))


def set_archived(session_id: str, archived: bool, include_children: bool | None) -> Operation[SessionArchived]:
    """Archive or unarchive a session. On daemons without the route this patches the session's `archived` field."""
    full = yield from full_session_id(session_id)
    path = route("sessions", full, "archive" if archived else "unarchive")
    try:
        return typed_row(SessionArchived, (yield Call("create", path, (given(includeChildren=include_children),))))
    except DaemonError as error:
        if include_children or not is_missing_route(error):
            raise
    row = yield Call("patch", "sessions", (full, {"archived": archived}))
    return typed_row(SessionArchived, {"session": row, "affectedSessions": [row], "count": 1})


def find_of_session(session_id: str, *what: str) -> Operation[Any]:
    """Call find on a route of a session and return the raw answer."""
    full = yield from full_session_id(session_id)
    return (yield Call("find", route("sessions", full, *what)))


def links_of_session(kind: type[M], session_id: str, *what: str) -> Operation[tuple[M, ...]]:
    """Read the links under a route of a session; the daemon answers with a page, a list or a single link."""
    found = answer_of(kind, (yield from find_of_session(session_id, *what)))
    return rows_in(kind, found if isinstance(found, tuple | Page) else (found,))


# ---- waiting by polling ----


def outcome(
    task_id: str,
    *,
    timeout: float | None,
    at_permission: bool,
    admitted: Task | None = None,
    report: Callable[[str], Any] | None = None,
) -> Operation[Outcome]:
    """Poll a task until it has ended or needs a decision, at growing intervals.

    An unreachable daemon is retried for at most `LONGEST_ABSENCE` seconds. `admitted` is the task, if known.
    """
    began = seen = yield Now()
    task, was_queued = admitted, admitted is not None and admitted.queued
    pauses = _POLLING.delays()
    while True:
        late = timeout is not None and (yield Now()) - began >= timeout
        messages: tuple[Message, ...] = ()
        try:
            task = typed_row(Task, (yield Call("get", "tasks", (task_id,))))
            was_queued = was_queued or task.queued
            if report is not None:
                report(progress_line(task))
            waits = at_permission and waits_for_someone(task)
            if task.ended or waits or late:
                messages = yield from messages_of({"task_id": task.task_id})
            seen = yield Now()
            if task.ended or (waits and unanswered(messages)):
                return outcome_of(task, messages, was_queued=was_queued)
        except (LinkError, Unavailable, TooManyRequests):
            if (task is None and late) or (yield Now()) - seen > LONGEST_ABSENCE:
                raise
        if late and task is not None:
            return outcome_of(task, messages, was_queued=was_queued)
        left = None if timeout is None else max(timeout - ((yield Now()) - began), 0.0)
        pause = next(pauses)
        yield Sleep(pause if left is None else min(pause, left))


def messages_of(owner: Query) -> Operation[tuple[Message, ...]]:
    """Read all messages of a task or session, by index, and none of another, however the daemon pages and filters."""
    rows = yield from paging.find_all("messages", owner, 1_000, None)
    return tuple(sorted(rows_in(Message, rows), key=lambda message: (message.index, message.message_id)))
