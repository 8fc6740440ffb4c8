"""Publishes a collection of sessions to pages: a row for each, and a note on what is wrong. Knows no widget."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from agor_reactive.adapters.page.publisher import Publisher, Send
from agor_reactive.adapters.page.throttle import Timers
from agor_reactive.adapters.presentation.attention import Need, Needs
from agor_reactive.adapters.presentation.heading import model_of, title_of
from agor_reactive.adapters.presentation.plain import one_line
from agor_reactive.adapters.presentation.status import session_status, status_label, tone_of
from agor_reactive.models.base import instant
from agor_reactive.models.session import Session
from agor_reactive.session.collection import SessionCollection, SessionRows

__all__ = ["Listing", "SessionsPublisher", "session_row", "table_text"]


class Listing(NamedTuple):
    """Rows by session id, and a note."""

    rows: Mapping[str, Mapping[str, Any]]
    note: str = ""


EMPTY = Listing({})


class SessionsPublisher(Publisher[Listing]):
    """Publishes the sessions of a collection. `on_pick` gets the id of a session that a page wants to open.

    What happens while every page is hidden needs attention, too: so the rows are followed from the start to the end.
    """

    def __init__(
        self,
        sessions: SessionCollection,
        send: Send,
        on_pick: Callable[[str], Any],
        *,
        on_published: Callable[[SessionRows], None],
        timers: Timers | None = None,
    ) -> None:
        super().__init__(send, EMPTY, asyncio.get_running_loop(), timers=timers)
        self._sessions = sessions
        self._on_pick = on_pick
        self._report = on_published
        self._built: SessionRows | None = None
        self._kept: dict[str, tuple[Session, str, tuple[Need, ...], Mapping[str, Any]]] = {}
        self._needs = Needs()
        self._unfollow = sessions.listen(self._follow)

    def _follow(self, rows: SessionRows) -> None:
        self._needs.take(dict(rows.rows.items()), rows.failed)

    def _subscribe(self) -> Callable[[], None]:
        return self._sessions.listen(lambda rows: self._changed())

    def _build(self) -> Listing | None:
        rows = self._sessions.rows
        if rows is self._built:
            return None
        self._built = rows
        self._follow(rows)  # these may be newer than what was listened to
        known, self._kept = self._kept, {}
        for row in rows.rows.values():
            kept, status, needs = known.get(row.session_id), _status(rows, row), self._needs.of(row.session_id)
            if kept is None or kept[0] is not row or kept[1:3] != (status, needs):
                kept = (row, status, needs, session_row(row, status, needs))
            self._kept[row.session_id] = kept
        note = one_line(rows.error, 400) if rows.error else "Loading the sessions…" if rows.loading else ""
        return Listing({session_id: fields for session_id, (*_, fields) in self._kept.items()}, note)

    def _difference(self, old: Listing, new: Listing) -> dict[str, Any]:
        found: dict[str, Any] = {}
        gone = [session_id for session_id in old.rows if session_id not in new.rows]
        put = [(session_id, row) for session_id, row in new.rows.items() if old.rows.get(session_id) != row]
        if gone:
            found["gone"] = gone
        if put:
            found["put"] = put
        if old.note != new.note or old is EMPTY:
            found["note"] = new.note
        return found

    def _on_request(self, op: str, message: Mapping[str, Any]) -> None:
        session_id = message.get("session")
        if op == "pick" and isinstance(session_id, str) and session_id in self._sessions.rows:
            self._on_pick(session_id)

    def _on_published(self) -> None:
        self._report(self._sessions.rows)

    def _on_close(self) -> None:
        self._unfollow()


def _status(rows: SessionRows, row: Session) -> str:
    return session_status(row.status, rows.failed.get(row.session_id, ""))


def session_row(row: Session, status: str, needs: tuple[Need, ...] = ()) -> Mapping[str, Any]:
    """Return what pages show of a session. They compare its `needs` with when it was last opened there."""
    ref = row.git_state.ref if row.git_state is not None else ""
    when = instant(row.last_updated) or instant(row.created_at)
    return {
        "title": title_of(row, row.session_id),
        "status": status_label(status),
        "tone": tone_of(status),
        "agent": " · ".join(text for text in (one_line(row.agentic_tool or "", 30), model_of(row)) if text),
        "ref": one_line(ref, 60),
        "tasks": len(row.tasks),
        "when": None if when is None else round(when * 1000),
        "archived": bool(row.archived),
        "needs": needs,
    }


def table_text(rows: SessionRows, *, most: int = 50) -> str:
    """Return the newest sessions as plain text. Ids have 13 characters, because 8 are soon ambiguous."""
    lines = []
    for row in rows.ordered[:most]:
        title = title_of(row, row.session_id)
        lines.append(f"{one_line(row.session_id, 80)[:13]}  {status_label(_status(rows, row)):<20} {title}")
    left = len(rows) - len(lines)
    head = f"{len(rows)} session{'' if len(rows) == 1 else 's'}"
    return "\n".join([head, *lines, *([f"… and {left} more"] if left > 0 else [])])
