"""Reads the daemon's answers: rows of a service or route as models, pages, and anything else as frozen JSON.

An answer nested deeper than `DEEPEST` levels is refused, because recursive readers would fail on it. Rows are checked
against their query (`belonging`), because some daemons drop filters silently.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from enum import Enum
from typing import Any, Final, TypeVar

from agor_reactive.calls.service_table import facts_of
from agor_reactive.errors import ProtocolError
from agor_reactive.models import (
    BoardComment,
    Branch,
    DecisionTaken,
    Message,
    NewApiKey,
    Page,
    Repo,
    Session,
    SessionArchived,
    SessionEnvSelection,
    SessionFamily,
    SessionInitialized,
    SessionMcpServer,
    StopAnswer,
    Task,
    WireModel,
    Worktree,
    freeze,
    row_from_wire,
)

__all__ = [
    "DEEPEST",
    "answer_of",
    "belonging",
    "checked",
    "checked_fields",
    "model_of",
    "page_of",
    "row_of",
    "rows_in",
    "typed_row",
    "whole_number",
    "wire_number",
]

M = TypeVar("M", bound=WireModel)

DEEPEST: Final = 100
"""Levels of lists and objects inside each other that an answer may have."""

# Routes that answer with rows of another service. `:id` stands for any id.
_ROWS_OF_ROUTE: Final[Mapping[tuple[str, ...], type[WireModel]]] = {
    ("sessions", ":id", "tasks", "queue"): Task,
    ("sessions", ":id", "prompt"): Task,
    ("sessions", ":id", "fork"): Session,
    ("sessions", ":id", "spawn"): Session,
    ("sessions", ":id", "env-selections"): SessionEnvSelection,
    ("sessions", ":id", "mcp-servers"): SessionMcpServer,
    ("sessions", ":id", "genealogy"): SessionFamily,
    ("sessions", ":id", "stop"): StopAnswer,
    ("sessions", ":id", "initialize"): SessionInitialized,
    ("sessions", ":id", "archive"): SessionArchived,
    ("sessions", ":id", "unarchive"): SessionArchived,
    ("sessions", ":id", "permission-decision"): DecisionTaken,
    ("tasks", ":id", "run"): Task,
    ("tasks", ":id", "complete"): Task,
    ("tasks", ":id", "fail"): Task,
    ("tasks", "bulk"): Task,
    ("messages", "bulk"): Message,
    ("board-comments", ":id", "reply"): BoardComment,
    ("board-comments", ":id", "toggle-reaction"): BoardComment,
    ("board-comments", ":id", "reposition"): BoardComment,
    ("repos", ":id", "branches"): Branch,
    ("repos", ":id", "branches", ":id"): Branch,
    ("repos", ":id", "worktrees"): Worktree,
    ("repos", ":id", "worktrees", ":id"): Worktree,
    ("repos", "local"): Repo,
    ("repos", "clone"): Repo,
    **{
        (service, ":id", action): model
        for service, model in (("branches", Branch), ("worktrees", Worktree))
        for action in ("start", "stop", "restart", "nuke", "render-environment", "archive-or-delete", "unarchive")
    },
}


def model_of(path: str, method: str = "find") -> type[WireModel] | None:
    """The row model of a service or route, or None."""
    if method == "create" and path == "api/v1/user/api-keys":
        return NewApiKey
    model = facts_of(path).model
    if model is None and "/" in path:
        parts = path.split("/")
        for pattern, candidate in _ROWS_OF_ROUTE.items():
            if len(pattern) == len(parts) and all(p in (":id", q) for p, q in zip(pattern, parts, strict=True)):
                return candidate
    return model


def checked(answer: Any) -> Any:
    """Return `answer`. Raises `ProtocolError` when it is nested deeper than `DEEPEST`."""
    level = [answer] if isinstance(answer, dict | list) else []
    depth = 0
    while level:
        depth += 1
        if depth > DEEPEST:
            raise ProtocolError(f"the answer is nested deeper than {DEEPEST} levels; it was not read")
        level = [
            item
            for holder in level
            for item in (holder.values() if type(holder) is dict else holder)
            if type(item) is dict or type(item) is list
        ]
    return answer


def row_of(model: type[WireModel] | None, answer: Any) -> Any:
    """Read one row as its model. An answer that is no row stays frozen JSON."""
    if model is None or not isinstance(answer, dict) or (model.id_field and model.id_field not in answer):
        return freeze(answer)
    return row_from_wire(model, answer)


def typed_row(model: type[M], answer: Any) -> M:
    """Read one row. Raises `ProtocolError` when the answer is no object."""
    if not isinstance(answer, dict):
        raise ProtocolError(f"the daemon answered with {type(answer).__name__} instead of a {model.__name__}")
    return row_from_wire(model, checked(answer))


def answer_of(model: type[WireModel] | None, answer: Any) -> Any:
    """Read any answer: a page, a tuple of rows, one row, or other JSON, frozen."""
    checked(answer)
    if isinstance(answer, list):
        return tuple(row_of(model, item) for item in answer)
    if isinstance(answer, dict) and isinstance(answer.get("data"), list) and "total" in answer:
        return _page(model, answer)
    return row_of(model, answer)


def page_of(model: type[WireModel] | None, answer: Any) -> Page[Any]:
    """Read the answer to a find, a page or a bare list, as a page. Raises `ProtocolError` when it is neither."""
    checked(answer)
    if isinstance(answer, list):
        return Page(tuple(row_of(model, item) for item in answer), len(answer))
    if not isinstance(answer, dict) or not isinstance(answer.get("data"), list):
        raise ProtocolError(f"the daemon answered a find with {type(answer).__name__} instead of rows")
    return _page(model, answer)


def rows_in(model: type[M], rows: Iterable[Any]) -> tuple[M, ...]:
    """Read the rows of a list. Elements that are no rows are skipped."""
    return tuple(row for row in rows if isinstance(row, model))


def _page(model: type[WireModel] | None, answer: dict[str, Any]) -> Page[Any]:
    data = tuple(row_of(model, item) for item in answer["data"])
    total, limit, skip = (wire_number(answer.get(key)) for key in ("total", "limit", "skip"))
    return Page(data, total if total is not None else len(data), limit, skip or 0)


def whole_number(value: Any) -> int | None:
    """`value` if it is an int, else None."""
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def wire_number(value: Any) -> int | None:
    """A whole number, also as text: some daemons echo the digits of a query string. None for anything else."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 18:
        return int(value)
    return whole_number(value)


# ---- does a row belong to the answer? ----

_FULL_ID: Final = 36
_UNCHECKED: Final = frozenset({"created_at", "updated_at", "last_updated", "timestamp"})
"""Fields that hold the same moment in more than one spelling."""


def checked_fields(path: str, query: Mapping[str, Any]) -> dict[str, Any]:
    """The conditions of a query that its rows are checked against: equality with text or booleans, for services with a
    row model, and ids in an ``$in`` list."""
    if model_of(path) is None:
        return {}
    return {name: value for name, value in query.items() if name not in _UNCHECKED and _checkable(name, value)}


def _checkable(name: str, value: Any) -> bool:
    if isinstance(value, Mapping):
        listed = value.get("$in") if name.endswith("_id") and len(value) == 1 else None
        return isinstance(listed, list | tuple) and all(isinstance(i, str) and len(i) == _FULL_ID for i in listed)
    return isinstance(value, str | bool)


def belonging(path: str, query: Mapping[str, Any]) -> Callable[[Any], bool]:
    """Whether a row (JSON) matches the `checked_fields` of the query. A field that is missing in the row, or that holds
    a list, an object or a number, is not checked.

    Facts of the wire: in August 2026 some daemons drop every filter over REST when the caller uses an API key; tasks of
    one session ignore `status` in June 2026, messages of one session `role`; sessions ignore fields they do not know. A
    prefix of an id matches the id. Other text is compared case-insensitively.
    """
    tests = [(name, _test(name, value)) for name, value in checked_fields(path, query).items()]
    if not tests:
        return lambda row: True

    def belongs(row: Any) -> bool:
        return not isinstance(row, Mapping) or all(fits(row[name]) for name, fits in tests if name in row)

    return belongs


def _test(name: str, value: Any) -> Callable[[Any], bool]:
    if isinstance(value, Mapping):
        ids = frozenset(value["$in"])
        return lambda have: isinstance(have, str) and have in ids
    text = str(value.value) if isinstance(value, Enum) else str(value)
    if name.endswith("_id"):
        beginning = text.replace("-", "")
        exact = len(text) >= _FULL_ID
        return lambda have: (
            isinstance(have, str) and (have == text if exact else have.replace("-", "").startswith(beginning))
        )
    folded = text.casefold()
    truth = {"true": True, "false": False}.get(folded)

    def fits(have: Any) -> bool:
        if truth is not None and not isinstance(have, str):
            return bool(have) is truth
        return have.casefold() == folded if isinstance(have, str) else have is not None

    return fits
