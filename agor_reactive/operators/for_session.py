"""`for_session`: what belongs to one session."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from reactivex import Observable
from reactivex import operators as ops

from agor_reactive.errors import UsageError
from agor_reactive.models.wire import RawEvent

__all__ = ["for_session"]

T = TypeVar("T")


def for_session(session_id: str) -> Callable[[Observable[T]], Observable[T]]:
    """Pass on the items of one session: events, snapshots, turns, tool calls, permission requests, rows.

    `session_id` may be shortened, as elsewhere; then everything of a session whose id begins so is passed on. Raises
    `UsageError` for an empty one.

    ::

        client.events  --a--b--a--c--|
                       for_session("a")
                       --a-----a-----|
    """
    wanted = session_id.strip().lower()
    if not wanted:
        raise UsageError("for_session needs the id of a session.")

    def belongs(item: Any) -> bool:
        found = _session_of(item)
        return isinstance(found, str) and found.lower().startswith(wanted)

    return ops.filter(belongs)


def _session_of(item: Any) -> Any:
    if isinstance(item, RawEvent):
        item = item.payload
    if isinstance(item, dict):
        found = item.get("session_id")
        return item.get("sessionId") if found is None else found
    return getattr(item, "session_id", None)
