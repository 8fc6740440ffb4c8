"""Which sessions of a list need attention: a permission or a question is pending, it failed, or it has finished.

The one rule of all views. `Needs` says of each session why it may need attention and since when, for any viewer;
`reason_of` compares that with what one viewer has seen; `Attention` is both, for a view of one viewer. Pages get the
needs with the rows and keep only the memory of what was seen. Knows rows of sessions only.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Final, Literal, TypeAlias

from agor_reactive.adapters.presentation.status import FAILED, NEEDS_PERSON
from agor_reactive.models.base import instant
from agor_reactive.models.session import Session

__all__ = ["Attention", "Need", "Needs", "Reason", "reason_label", "reason_of"]

Reason: TypeAlias = Literal["permission", "input", "failed", "finished"]

Need: TypeAlias = tuple[Reason, int | None]
"""A reason, and when the session came to it: ms of the daemon's clock, later in each new case. One that was seen
since then needs no attention. None: seeing it is not enough, it has to be answered."""

_LABELS: Final[Mapping[Reason, str]] = {
    "permission": "asks for permission",
    "input": "asks a question",
    "failed": "failed",
    "finished": "finished",
}
_BUSY: Final = frozenset({"running", "stopping", *NEEDS_PERSON})
_NONE: Final[Mapping[str, str]] = MappingProxyType({})


def reason_label(reason: Reason) -> str:
    """Return a reason in words: ``asks for permission``."""
    return _LABELS[reason]


def reason_of(needs: Iterable[Need], seen: int = 0) -> Reason | None:
    """Return the most urgent reason of a session that was last seen at `seen`, None if it needs no attention.

    >>> reason_of([("failed", 5), ("finished", 9)], 7), reason_of([("permission", None)], 7)
    ('finished', 'permission')
    """
    return next((reason for reason, at in needs if at is None or at > seen), None)


class Needs:
    """Follows the rows of a list, and says why each session may need attention, the most urgent reason first.

    `take` is called with the rows whenever they change, `fail` when a task of a session failed (daemons set the session
    to idle then, so its row does not say it; the `failed` of `take` says the same).
    """

    def __init__(self) -> None:
        self._rows: Mapping[str, Session] = {}
        self._failed: Mapping[str, str] = _NONE
        self._needs: dict[str, tuple[Need, ...]] = {}
        self._newest: dict[str, int] = {}

    def __contains__(self, session_id: str) -> bool:
        return session_id in self._rows

    def of(self, session_id: str) -> tuple[Need, ...]:
        """Return why a session may need attention, the most urgent reason first; empty if nothing happened."""
        return self._needs.get(session_id, ())

    def take(self, rows: Mapping[str, Session], failed: Mapping[str, str] = _NONE) -> tuple[str, ...]:
        """Take newer rows, and the sessions whose last task failed. Returns the ids of which the needs changed."""
        (before, self._rows), (failures, self._failed) = (self._rows, rows), (self._failed, failed)
        changed = []
        for session_id, row in rows.items():
            old = before.get(session_id)
            if old is not row and (old is None or old.status != row.status):
                known = self.of(session_id)
                self._needs[session_id] = self._after(session_id, old.status if old is not None else "", row.status)
                if self._needs[session_id] != known:
                    changed.append(session_id)
        for session_id in [known for known in self._needs if known not in rows]:
            del self._needs[session_id]
            self._newest.pop(session_id, None)
            changed.append(session_id)
        changed += [session_id for session_id in failed if session_id not in failures and self.fail(session_id)]
        return tuple(dict.fromkeys(changed))

    def fail(self, session_id: str) -> bool:
        """Note that a task of a session failed. Returns whether the row did not say it already."""
        row = self._rows.get(session_id)
        if row is None or row.status in FAILED:
            return False
        others = tuple(need for need in self.of(session_id) if need[0] != "failed")
        failure: Need = ("failed", self._stamp(session_id))
        asks = others[:1] if others and others[0][1] is None else ()
        self._needs[session_id] = (*asks, failure, *others[len(asks) :])
        return True

    def _after(self, session_id: str, old: str, new: str) -> tuple[Need, ...]:
        """The needs after a change of the status. A failure stays while the next prompts of the queue run and end."""
        known = dict(self.of(session_id))
        failed: tuple[Need, ...] = (("failed", known["failed"]),) if "failed" in known else ()
        if new in NEEDS_PERSON:
            return (("permission" if new == "awaiting_permission" else "input", None), *failed)
        if new in FAILED:
            return (("failed", self._stamp(session_id)),)
        if new in _BUSY:
            return failed
        if old in _BUSY:
            return (*failed, ("finished", self._stamp(session_id)))
        return (*failed, ("finished", known["finished"])) if "finished" in known else failed

    def _stamp(self, session_id: str) -> int:
        """The time of the row's last change; more than the stamp before, because a change may leave it alone."""
        row = self._rows[session_id]
        changed = instant(row.last_updated) or instant(row.created_at) or 0.0
        stamp = self._newest[session_id] = max(round(changed * 1000), self._newest.get(session_id, 0) + 1)
        return stamp


class Attention:
    """Which sessions of a list need the attention of one viewer, and why.

    `take` and `fail` are those of `Needs`; `see` is called when a session is shown. `shown` is the session that is
    open: what happens in it is seen. `seen` has, by session, when that was: stamps of `Need`.
    """

    def __init__(self, seen: Mapping[str, int] = MappingProxyType({})) -> None:
        self._needs = Needs()
        self._known: dict[str, tuple[Need, ...]] = {}
        self._reasons: dict[str, Reason] = {}
        self.seen = dict(seen)
        self.shown: str | None = None

    def take(self, rows: Mapping[str, Session], failed: Mapping[str, str] = _NONE) -> tuple[str, ...]:
        """Take newer rows. Returns the ids of sessions that need attention since this call."""
        return tuple([session_id for session_id in self._needs.take(rows, failed) if self._decide(session_id)])

    def fail(self, session_id: str) -> bool:
        """Note that a task of a session failed. Returns whether the session needs attention since this call."""
        return self._needs.fail(session_id) and self._decide(session_id)

    def see(self, session_id: str | None) -> None:
        """Note which session is open now; None for none. One that waits for an answer still needs attention."""
        self.shown = session_id
        if session_id is not None:
            self._decide(session_id)

    def _decide(self, session_id: str) -> bool:
        """Compare the needs of a session with what was seen. Returns whether it came to what it needs now."""
        needs = self._needs.of(session_id)
        if session_id == self.shown and (stamps := [at for _, at in needs if at is not None]):
            self.seen[session_id] = max(stamps)
        before, self._known[session_id] = self._known.get(session_id, ()), needs
        old, reason = self._reasons.pop(session_id, None), reason_of(needs, self.seen.get(session_id, 0))
        if not needs:
            del self._known[session_id]
        if reason is None:
            return False
        self._reasons[session_id] = reason
        return reason != old and next(need for need in needs if need[0] == reason) not in before

    def reason(self, session_id: str) -> Reason | None:
        """Return why a session needs attention, None if it does not."""
        return self._reasons.get(session_id)

    def __len__(self) -> int:
        return len(self._reasons)
