"""Which sessions of a list need attention: a permission or a question is pending, it failed, or it has finished.

Knows rows of sessions only. Failed and finished ones need attention until they are seen.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal, TypeAlias

from agor_reactive.adapters.presentation.status import FAILED, NEEDS_PERSON
from agor_reactive.models.session import Session

__all__ = ["Attention", "Reason", "reason_label"]

Reason: TypeAlias = Literal["permission", "input", "failed", "finished"]

_LABELS: Final[Mapping[Reason, str]] = {
    "permission": "asks for permission",
    "input": "asks a question",
    "failed": "failed",
    "finished": "finished",
}
_BUSY: Final = frozenset({"running", "stopping", *NEEDS_PERSON})


def reason_label(reason: Reason) -> str:
    """Return a reason in words: ``asks for permission``."""
    return _LABELS[reason]


class Attention:
    """Follows the rows of a list, and tells which sessions need attention and why.

    `take` is called with the rows whenever they change, `fail` when a task of a session failed (daemons set the session
    to idle then, so its row does not say it), `see` when a session is shown. `shown` is the session that is open: what
    happens in it is seen.
    """

    def __init__(self) -> None:
        self._rows: Mapping[str, Session] = {}
        self._reasons: dict[str, Reason] = {}
        self.shown: str | None = None

    def take(self, rows: Mapping[str, Session]) -> tuple[str, ...]:
        """Take newer rows. Returns the ids of sessions that need attention since this call."""
        before, self._rows = self._rows, rows
        fresh = []
        for session_id, row in rows.items():
            old = before.get(session_id)
            if old is row or (old is not None and old.status == row.status):
                continue
            reason = self._reason_for(old.status if old is not None else "", row.status, shown=session_id == self.shown)
            known = self._reasons.get(session_id)
            if reason is None:
                # A failure stays until it is seen, also while the next prompt of the queue runs.
                if known != "failed":
                    self._reasons.pop(session_id, None)
            elif known != reason and (known, reason) != ("failed", "finished"):
                # A failed task also ends as idle: "failed" says more.
                self._reasons[session_id] = reason
                fresh.append(session_id)
        for session_id in [known for known in self._reasons if known not in rows]:
            del self._reasons[session_id]
        return tuple(fresh)

    @staticmethod
    def _reason_for(old: str, new: str, *, shown: bool) -> Reason | None:
        if new in NEEDS_PERSON:
            return "permission" if new == "awaiting_permission" else "input"
        if shown:
            return None
        if new in FAILED:
            return "failed"
        return "finished" if old in _BUSY and new not in _BUSY else None

    def fail(self, session_id: str) -> bool:
        """Note that a task of a session failed. Returns whether the session needs attention since this call."""
        if session_id not in self._rows or session_id == self.shown or self._reasons.get(session_id) == "failed":
            return False
        self._reasons[session_id] = "failed"
        return True

    def see(self, session_id: str | None) -> None:
        """Note which session is open now; None for none. One that waits for an answer still needs attention."""
        self.shown = session_id
        if session_id is not None and self._reasons.get(session_id) in ("failed", "finished"):
            del self._reasons[session_id]

    def reason(self, session_id: str) -> Reason | None:
        """Return why a session needs attention, None if it does not."""
        return self._reasons.get(session_id)

    def __len__(self) -> int:
        return len(self._reasons)
