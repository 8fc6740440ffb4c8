"""The records of a log as JSON, and back: what the fold takes, and nothing else.

Format 1, a JSON object per line. Every record has `n` (rising by one through all parts of a log), `t` (epoch seconds)
and `kind`. An ``event`` is an event of the wire; it belongs to the session that its payload names. Everything else
belongs to one mirror: a session's state as one client kept it, with one hydration, numbered within the log. A
``release`` or ``end`` ends mirrors; their last state stays. Pure: no file, no clock.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, get_args

from agor_reactive.core import events as e
from agor_reactive.models.base import row_from_wire
from agor_reactive.models.message import Message
from agor_reactive.models.session import Session
from agor_reactive.models.task import Task
from agor_reactive.models.wire import LinkStatus

__all__ = ["FORMAT", "KINDS", "FormatError", "decoded", "encoded"]

FORMAT: Final = 1
"""The version of the format that is written, and the newest that is read."""

KINDS: Final = frozenset({"event", "mirror", "link", "answer", "failure", "action", "release", "dropped", "end"})

_ACTIONS: Final[Mapping[str, Callable[[Mapping[str, Any]], Any]]] = {
    "load": lambda record: e.LoadRequested(_text(record, "task_id")),
    "unload": lambda record: e.UnloadRequested(_text(record, "task_id")),
    "older": lambda record: e.OlderTasksRequested(),
    "resync": lambda record: e.ResyncRequested(),
}
_NAMES: Final[Mapping[type, str]] = {
    e.LoadRequested: "load",
    e.UnloadRequested: "unload",
    e.OlderTasksRequested: "older",
    e.ResyncRequested: "resync",
}


_FAILURES: Final[Mapping[str, e.FailureKind]] = {kind: kind for kind in get_args(e.FailureKind)}


class FormatError(ValueError):
    """A record that is JSON but no record of this format."""


def encoded(event: Any, clean: Callable[[Any], Any] = lambda row: row) -> dict[str, Any]:
    """A core event that is not of the wire, as the fields of its record: `kind` and what the kind has.

    Takes `LinkChanged`, `FetchAnswered`, `FetchFailed`, `NotResolved` and local actions. Raises TypeError for others.
    `clean` is called with each row and returns what is written in its place.
    """
    if isinstance(event, e.LinkChanged):
        status = event.status
        return {
            "kind": "link",
            "phase": status.phase,
            "attempt": status.attempt,
            "next_try_in": status.next_try_in,
            "reason": status.reason,
            "epoch": status.epoch,
        }
    if isinstance(event, e.FetchAnswered):
        rows = event.rows
        return {
            "kind": "answer",
            "fetch": event.fetch_id,
            "at": event.at,
            "session": clean(rows.session.to_wire()) if rows.session is not None else None,
            "tasks": [clean(task.to_wire()) for task in rows.tasks],
            "messages": [clean(message.to_wire()) for message in rows.messages],
            "complete": rows.complete,
            "rejected": rows.rejected,
            "older": rows.older,
        }
    if isinstance(event, e.FetchFailed):
        return {"kind": "failure", "fetch": event.fetch_id, "at": event.at, **_failure(event.failure)}
    if isinstance(event, e.NotResolved):
        return {"kind": "failure", "fetch": None, **_failure(event.failure)}
    name = _NAMES.get(type(event))
    if name is None:
        raise TypeError(f"{type(event).__name__} is not recorded as itself")
    fields = {"task_id": event.task_id} if name in ("load", "unload") else {}
    return {"kind": "action", "action": name, **fields}


def decoded(record: Mapping[str, Any]) -> Any:
    """The core event of a ``link``, ``answer``, ``failure`` or ``action`` record. Raises `FormatError`."""
    kind = record["kind"]
    try:
        if kind == "link":
            return e.LinkChanged(
                LinkStatus(record["phase"], record["attempt"], record["next_try_in"], record["reason"], record["epoch"])
            )
        if kind == "answer":
            session = record["session"]
            rows = e.Rows(
                session=row_from_wire(Session, session) if session is not None else None,
                tasks=tuple([row_from_wire(Task, row) for row in record["tasks"]]),
                messages=tuple([row_from_wire(Message, row) for row in record["messages"]]),
                complete=record["complete"] is True,
                rejected=int(record["rejected"]),
                older=record["older"] is True,
            )
            return e.FetchAnswered(int(record["fetch"]), rows, float(record["at"]))
        if kind == "failure":
            failure = e.Failure(_FAILURES[record["failure"]], _text(record, "text"))
            if record["fetch"] is None:
                return e.NotResolved(failure)
            return e.FetchFailed(int(record["fetch"]), failure, float(record["at"]))
        return _ACTIONS[record["action"]](record)
    except (KeyError, TypeError, ValueError) as error:
        raise FormatError(f"a record of kind {kind!r} lacks or misstates a field ({error})") from None


def _failure(failure: e.Failure) -> dict[str, Any]:
    return {"failure": failure.kind, "text": failure.text}


def _text(record: Mapping[str, Any], name: str) -> str:
    value = record[name]
    if not isinstance(value, str):
        raise TypeError(name)
    return value
