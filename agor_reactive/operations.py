"""What can be asked of the daemon, each thing written once as an operation: the calls it takes, how answers are read.

An operation knows neither REST nor sockets nor whether anyone awaits it: `services` has the faces that run them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cmp_to_key
from typing import Any

from agor_reactive.errors import BadRequest, ProtocolError, UsageError
from agor_reactive.ids import is_full_id
from agor_reactive.models import (
    MODEL_OF_SERVICE,
    Branch,
    Message,
    Page,
    Repo,
    Session,
    Task,
    WireModel,
    Worktree,
    freeze,
    row_from_wire,
)
from agor_reactive.transport.query import is_empty_match
from agor_reactive.transport.steps import Call, Operation

Query = Mapping[str, Any]

_MOST_ROWS_A_PAGE = 10_000  # a daemon refuses more with a 400, or clamps


# ---- reading answers ----

# Routes that answer with rows of another service. `:id` stands for any id.
_ROWS_OF_ROUTE: Mapping[tuple[str, ...], type[WireModel]] = {
    ("sessions", ":id", "tasks", "queue"): Task,
    ("sessions", ":id", "prompt"): Task,
    ("sessions", ":id", "fork"): Session,
    ("sessions", ":id", "spawn"): Session,
    ("tasks", ":id", "run"): Task,
    ("tasks", ":id", "complete"): Task,
    ("tasks", ":id", "fail"): Task,
    ("tasks", "bulk"): Task,
    ("messages", "bulk"): Message,
    ("repos", ":id", "branches"): Branch,
    ("repos", ":id", "worktrees"): Worktree,
    ("repos", "local"): Repo,
}


def model_of(path: str) -> type[WireModel] | None:
    """The row model of a service or route, None where there is none."""
    model = MODEL_OF_SERVICE.get(path)
    if model is None and "/" in path:
        parts = path.split("/")
        for pattern, candidate in _ROWS_OF_ROUTE.items():
            if len(pattern) == len(parts) and all(p in (":id", q) for p, q in zip(pattern, parts, strict=True)):
                return candidate
    return model


def row_of(model: type[WireModel] | None, answer: Any) -> Any:
    """One row as its model, if it is one; else the answer as frozen JSON."""
    if model is None or not isinstance(answer, dict) or (model.id_field and model.id_field not in answer):
        return freeze(answer)
    return row_from_wire(model, answer)


def answer_of(model: type[WireModel] | None, answer: Any) -> Any:
    """Whatever came back: a page, a tuple of rows, one row, or other JSON, frozen."""
    if isinstance(answer, list):
        return tuple(row_of(model, item) for item in answer)
    if isinstance(answer, dict) and isinstance(answer.get("data"), list) and "total" in answer:
        return page_of(model, answer)
    return row_of(model, answer)


def page_of(model: type[WireModel] | None, answer: Any) -> Page[Any]:
    """A find's rows as a page, also when a bare list came. Raises `ProtocolError` when it is neither."""
    if isinstance(answer, list):
        return Page(tuple(row_of(model, item) for item in answer), len(answer))
    if not isinstance(answer, dict) or not isinstance(answer.get("data"), list):
        raise ProtocolError(f"the daemon answered a find with {type(answer).__name__} instead of rows")
    data = tuple(row_of(model, item) for item in answer["data"])
    total, limit, skip = (_whole(answer.get(key)) for key in ("total", "limit", "skip"))
    return Page(data, total if total is not None else len(data), limit, skip or 0)


def _whole(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


# ---- operations ----


def find(path: str, query: Query | None) -> Operation[Any]:
    if is_empty_match(query):
        return Page((), 0, _whole((query or {}).get("$limit")), 0)
    answer = yield Call("find", path, _with_query((), query))
    model = model_of(path)
    return page_of(model, answer) if isinstance(answer, list) else answer_of(model, answer)


def find_all(path: str, query: Query | None, page_size: int) -> Operation[tuple[Any, ...]]:
    """Every row that fits, each once. Ends on any daemon: also on one that ignores `$skip` or `$limit`."""
    asked = dict(query or {})
    size = min(_whole(asked.pop("$limit", None)) or page_size, _MOST_ROWS_A_PAGE)
    skip = _whole(asked.pop("$skip", None)) or 0
    if size < 1:
        raise UsageError("a page has at least one row")
    if is_empty_match(query):
        return ()
    model = model_of(path)
    found: dict[Any, Any] = {}
    first: Any = None
    while True:
        paging = {"$limit": size, "$skip": skip} if skip else {"$limit": size}
        page = page_of(model, (yield Call("find", path, ({**asked, **paging},))))
        keys = [_identity(row, skip + position) for position, row in enumerate(page.data)]
        known = len(found)
        found.update(zip(keys, page.data, strict=True))
        if not keys or len(found) >= page.total:
            break
        if known == 0:
            first = keys[0]
        elif keys[0] == first and "$skip" in paging:  # `$skip` is ignored here: all at one go, then
            skip, size = 0, min(page.total, _MOST_ROWS_A_PAGE)
            continue
        skip += len(keys)
        if len(found) == known or skip >= page.total:
            break
        # The rest at one go: a daemon that has to be asked without `$skip` would send the rows so far each time.
        size = min(max(size, page.total - skip), _MOST_ROWS_A_PAGE)
    rows = tuple(found.values())
    order = asked.get("$sort")
    return _sorted(rows, order) if isinstance(order, Mapping) else rows


def _identity(row: Any, position: int) -> Any:
    if isinstance(row, WireModel) and row.row_id:
        return row.row_id
    if isinstance(row, Mapping):
        for name in ("id", "_id"):
            if isinstance(row.get(name), str):
                return row[name]
        ids = [value for name, value in row.items() if name.endswith("_id") and isinstance(value, str)]
        if ids:
            return tuple(ids)
    return position


def _sorted(rows: Sequence[Any], order: Mapping[str, Any]) -> tuple[Any, ...]:
    """By a `$sort`, which some finds ignore. Rows without the field come first, as in the daemon's own sort."""

    def compare(one: Any, other: Any) -> int:
        for field, direction in order.items():
            left, right = one.get(field), other.get(field)
            if left == right:
                continue
            if left is None or right is None:
                sign = -1 if left is None else 1
            else:
                try:
                    sign = -1 if left < right else 1
                except TypeError:
                    continue
            return -sign if str(direction) == "-1" else sign
        return 0

    if not all(hasattr(row, "get") for row in rows):
        return tuple(rows)
    return tuple(sorted(rows, key=cmp_to_key(compare)))


def ask(method: str, path: str, args: tuple[Any, ...], query: Query | None) -> Operation[Any]:
    """Any method whose answer is rows of the path, or other JSON."""
    return answer_of(model_of(path), (yield Call(method, path, _with_query(args, query))))


def custom(method: str, path: str, data: Any, query: Query | None) -> Operation[Any]:
    return (yield from ask(method, path, () if data is None and query is None else (data,), query))


def _with_query(args: tuple[Any, ...], query: Query | None) -> tuple[Any, ...]:
    return args if query is None else (*args, dict(query))


def route(service: str, row_id: str, *rest: str) -> str:
    """A nested route. Raises `UsageError` for an id that would lead elsewhere."""
    if not row_id or any(mark in row_id for mark in "/?#\\") or row_id in (".", ".."):
        raise UsageError(f"{row_id!r} is not an id")
    return "/".join((service, row_id, *rest))


def full_session_id(session_id: str) -> Operation[str]:
    """Nested routes silently miss short ids, or take them in some states only: expand first."""
    if is_full_id(session_id):
        return session_id
    row = yield Call("get", "sessions", (session_id,))
    full = row.get("session_id") if isinstance(row, Mapping) else None
    return full if isinstance(full, str) and full else session_id


def prompt(session_id: str, text: str, options: Mapping[str, Any]) -> Operation[Task]:
    full = yield from full_session_id(session_id)
    answer = yield Call("create", route("sessions", full, "prompt"), ({"prompt": text, **options},))
    return (yield from admitted_task(answer))


def run_task(task_id: str, options: Mapping[str, Any]) -> Operation[Task]:
    answer = yield Call("create", route("tasks", task_id, "run"), (dict(options),))
    return (yield from admitted_task(answer))


def admitted_task(answer: Any) -> Operation[Task]:
    """The task that a daemon admitted: it answers with the task itself, or (older) with a receipt that names it."""
    if isinstance(answer, dict):
        if "status" in answer and "task_id" in answer and "success" not in answer:
            return row_from_wire(Task, answer)
        if isinstance(answer.get("task"), dict):
            return row_from_wire(Task, answer["task"])
        if answer.get("success") is False:
            reason = answer.get("reason") or answer.get("error") or answer.get("message")
            raise BadRequest(reason if isinstance(reason, str) else "the daemon did not take the prompt", data=answer)
        message = answer.get("message")
        for holder in (answer, message if isinstance(message, dict) else {}):
            task_id = holder.get("taskId") or holder.get("task_id")
            if isinstance(task_id, str) and task_id:
                return row_from_wire(Task, _object((yield Call("get", "tasks", (task_id,)))))
    raise ProtocolError("the daemon took the prompt and named no task; look at the session's tasks before repeating it")


def task_deed(task_id: str, deed: str, data: Mapping[str, Any]) -> Operation[Task]:
    return row_from_wire(Task, _object((yield Call("create", route("tasks", task_id, deed), (dict(data),)))))


def queue(session_id: str) -> Operation[tuple[Task, ...]]:
    full = yield from full_session_id(session_id)
    return page_of(Task, (yield Call("find", route("sessions", full, "tasks", "queue")))).data


def session_deed(session_id: str, deed: str, data: Mapping[str, Any]) -> Operation[Any]:
    full = yield from full_session_id(session_id)
    return freeze((yield Call("create", route("sessions", full, deed), (dict(data),))))


def session_born(session_id: str, deed: str, data: Mapping[str, Any]) -> Operation[Session]:
    full = yield from full_session_id(session_id)
    return row_from_wire(Session, _object((yield Call("create", route("sessions", full, deed), (dict(data),)))))


def genealogy(session_id: str) -> Operation[Any]:
    full = yield from full_session_id(session_id)
    return freeze((yield Call("find", route("sessions", full, "genealogy"))))


def _object(answer: Any) -> dict[str, Any]:
    if not isinstance(answer, dict):
        raise ProtocolError(f"the daemon answered with {type(answer).__name__} instead of a row")
    return answer


def decision(request_id: str, allow: bool, **details: Any) -> dict[str, Any]:
    """The body of an answer to a permission request."""
    names = {"decided_by": "decidedBy"}
    rest = {names.get(name, name): value for name, value in details.items() if value is not None}
    return {"requestId": request_id, "allow": allow, **rest}


def sent(**options: Any) -> dict[str, Any]:
    """Only the options that were given."""
    return {name: value for name, value in options.items() if value is not None}
