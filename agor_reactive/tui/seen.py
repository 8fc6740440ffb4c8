"""What was seen of the sessions of a daemon, so that "finished since last seen" outlives the app. No IO.

Of each session the status, the id of the last task, and whether a failure or an end was not seen yet: nothing of what
the session is about.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from agor_reactive.adapters.presentation.attention import Attention
from agor_reactive.adapters.presentation.status import BUSY
from agor_reactive.models.base import instant
from agor_reactive.models.session import Session
from agor_reactive.session.collection import SessionRows

__all__ = ["Seen", "SeenSessions"]

_WORKS: Final = "running"
_LONGEST: Final = 64
"""Characters of an id or a status that are kept."""


class Seen(NamedTuple):
    """A session as it was. `unseen`: ``failed`` or ``finished`` if that still needed attention, else empty."""

    status: str
    task: str = ""
    unseen: str = ""


@dataclass(slots=True)
class SeenSessions:
    """Sessions as they were, by id. `restore` tells an `Attention` of them, `take` brings them up to date.

    `until` is the newest change that was seen, in seconds of the daemon's clock; None if the daemon is new.
    `changed` has what `take` changed since the file was written.
    """

    sessions: dict[str, Seen] = field(default_factory=dict)
    until: float | None = None
    changed: dict[str, Seen] = field(default_factory=dict)

    def restore(self, attention: Attention, rows: Mapping[str, Session]) -> None:
        """Put `attention` where it was when the sessions were as they are here, as its first rows.

        A session that ran since then, and does not run now, is given as running: so it ends with the next rows.
        """
        shown = attention.shown
        attention.take({key: Session(session_id=key, status=self._status_before(row)) for key, row in rows.items()})
        for session_id in rows:
            known = self.sessions.get(session_id)
            if known is not None and known.unseen == "failed":
                attention.fail(session_id)
            elif known is not None:
                attention.see(session_id)
        attention.see(shown)

    def _status_before(self, row: Session) -> str:
        known = self.sessions.get(row.session_id)
        if known is None:
            ended = bool(row.tasks) and row.status not in BUSY
            return _WORKS if ended and self.until is not None and _changed_at(row) > self.until else row.status
        ran = bool(row.tasks) and _last_task(row) != known.task
        return _WORKS if known.status not in BUSY and (ran or known.unseen == "finished") else known.status

    def take(self, attention: Attention, rows: SessionRows) -> None:
        """Take the sessions as they are now."""
        until = self.until
        for row in reversed(rows.ordered):
            reason = attention.reason(row.session_id)
            unseen = reason if reason in ("failed", "finished") else ""
            now = Seen(row.status[:_LONGEST], _last_task(row), unseen)
            known, changed_at = self.sessions.get(row.session_id), _changed_at(row)
            # One that was dropped because it is old needs no entry again: it has not changed since `until`.
            old = known is None and until is not None and changed_at <= until
            quiet = row.status not in BUSY and not unseen
            if now != known and not (old and quiet) and len(row.session_id) <= _LONGEST:
                self.sessions[row.session_id] = self.changed[row.session_id] = now
            self.until = max(self.until or 0.0, changed_at)


def _last_task(row: Session) -> str:
    return row.tasks[-1][:_LONGEST] if row.tasks else ""


def _changed_at(row: Session) -> float:
    return instant(row.last_updated) or instant(row.created_at) or 0.0
