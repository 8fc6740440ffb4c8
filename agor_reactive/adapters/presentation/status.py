"""Statuses for people: label, tone and mark of each, and whether a session is busy or settled."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal, TypeAlias

from agor_reactive.adapters.presentation.plain import one_line
from agor_reactive.core.snapshot import SessionState

__all__ = [
    "BUSY",
    "FAILED",
    "NEEDS_PERSON",
    "Mark",
    "Tone",
    "is_busy",
    "is_settled",
    "mark_of",
    "session_status",
    "status_label",
    "tone_of",
]

Tone: TypeAlias = Literal["ok", "busy", "waiting", "warn", "bad", ""]
"""How something is coloured; ``""`` is neutral, also for unknown statuses."""

Mark: TypeAlias = Literal["done", "failed", "stopped", "waiting", "busy"]
"""Which sign stands beside a status."""

NEEDS_PERSON: Final = frozenset({"awaiting_permission", "awaiting_input"})
"""Statuses of a task or session that continues only after a person answers."""

BUSY: Final = frozenset({"running", "stopping", *NEEDS_PERSON})
"""Statuses of a session with a task that has not ended."""

FAILED: Final = frozenset({"failed", "timed_out"})
"""Statuses of a task, or of a session, that ended badly."""

_TONES: Final[Mapping[str, Tone]] = {
    **dict.fromkeys(("idle", "completed", "complete", "live"), "ok"),
    **dict.fromkeys(("running", "executing", "dispatching", "stopping", "connecting"), "busy"),
    **dict.fromkeys(("created", "queued"), "waiting"),
    **dict.fromkeys((*NEEDS_PERSON, "reconnecting", "degraded", "stopped"), "warn"),
    **dict.fromkeys((*FAILED, "unauthenticated", "closed", "unavailable"), "bad"),
}

_MARKS: Final[Mapping[str, Mark]] = {
    **dict.fromkeys(("idle", "completed", "complete"), "done"),
    **dict.fromkeys(FAILED, "failed"),
    **dict.fromkeys(("created", "queued", ""), "waiting"),
    "stopped": "stopped",
}


def tone_of(status: str) -> Tone:
    """Return the tone of a status of a session, task, tool or link."""
    return _TONES.get(status, "")


def mark_of(status: str) -> Mark:
    """Return the mark of a status; ``busy`` for unknown ones."""
    return _MARKS.get(status, "busy")


def session_status(status: str, last_task: str) -> str:
    """Return the status of a session. Older daemons make it idle after a failed task: then it is that of `last_task`.

    >>> session_status("idle", "failed"), session_status("idle", "completed"), session_status("running", "failed")
    ('failed', 'idle', 'running')
    """
    return last_task if status == "idle" and last_task in FAILED else status


def status_label(status: str) -> str:
    """Return a status as words: ``awaiting_permission`` is *awaiting permission*."""
    return one_line(status.replace("_", " "), 40) or "unknown"


def is_busy(state: SessionState) -> bool:
    """Whether there is something to stop, so that a new prompt is queued."""
    if state.active_task is not None:
        return True
    session = state.session
    return session is not None and session.status in BUSY


def is_settled(state: SessionState) -> bool:
    """Whether nothing is being read or written: the session is idle or waits for a person."""
    if state.loading or state.streaming_messages:
        return False
    task = state.active_task
    return (task is not None and task.status in NEEDS_PERSON) or not is_busy(state)
