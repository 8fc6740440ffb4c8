"""What pages are told of many sessions: a row each, and in words what is wrong. Knows no widget."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from agor_reactive.adapters.ipywidgets.conversation import Conversation, Send
from agor_reactive.adapters.ipywidgets.facts import tone_of
from agor_reactive.adapters.ipywidgets.pace import Timers
from agor_reactive.adapters.terminal.plain import one_line
from agor_reactive.adapters.terminal.words import words_of
from agor_reactive.models.base import instant
from agor_reactive.models.ids import format_short_id
from agor_reactive.models.session import Session
from agor_reactive.session.collection import SessionCollection, SessionRows

__all__ = ["RowsFeed", "table_text"]


class Listing(NamedTuple):
    """Rows by session id, and a note."""

    rows: Mapping[str, Mapping[str, Any]]
    note: str = ""


NOTHING = Listing({})


class RowsFeed(Conversation[Listing]):
    """Tells pages of the sessions of a collection. `asked` is called with the id of a session that is to be opened."""

    def __init__(
        self,
        sessions: SessionCollection,
        send: Send,
        asked: Callable[[str], Any],
        *,
        settled: Callable[[SessionRows], None],
        timers: Timers | None = None,
    ) -> None:
        super().__init__(send, NOTHING, asyncio.get_running_loop(), timers=timers)
        self._sessions = sessions
        self._open = asked
        self._settled = settled
        self._written: SessionRows | None = None
        self._kept: dict[str, tuple[Session, Mapping[str, Any]]] = {}

    def _follow(self) -> Callable[[], None]:
        return self._sessions.listen(lambda rows: self._changed())

    def _write(self) -> Listing | None:
        rows = self._sessions.rows
        if rows is self._written:
            return None
        self._written = rows
        known, self._kept = self._kept, {}
        for row in rows.rows.values():
            kept = known.get(row.session_id)
            self._kept[row.session_id] = kept if kept is not None and kept[0] is row else (row, _row(row))
        note = one_line(rows.error, 400) if rows.error else "Reading the sessions." if rows.loading else ""
        return Listing({session_id: shown for session_id, (_, shown) in self._kept.items()}, note)

    def _differs(self, old: Listing, new: Listing) -> dict[str, Any]:
        found: dict[str, Any] = {}
        gone = [session_id for session_id in old.rows if session_id not in new.rows]
        put = [(session_id, row) for session_id, row in new.rows.items() if old.rows.get(session_id) != row]
        if gone:
            found["gone"] = gone
        if put:
            found["put"] = put
        if old.note != new.note or old is NOTHING:
            found["note"] = new.note
        return found

    def _asked(self, op: str, message: Mapping[str, Any]) -> None:
        session_id = message.get("session")
        if op == "pick" and isinstance(session_id, str) and session_id in self._sessions.rows:
            self._open(session_id)

    def _told(self) -> None:
        self._settled(self._sessions.rows)


def _row(row: Session) -> Mapping[str, Any]:
    model = row.model_settings.model if row.model_settings is not None else None
    ref = row.git_state.ref if row.git_state is not None else ""
    when = instant(row.last_updated) or instant(row.created_at)
    return {
        "title": _title(row),
        "status": words_of(row.status),
        "tone": tone_of(row.status),
        "agent": " · ".join(text for text in (one_line(row.agentic_tool or "", 30), one_line(model or "", 40)) if text),
        "ref": one_line(ref, 60),
        "tasks": len(row.tasks),
        "when": None if when is None else round(when * 1000),
        "archived": bool(row.archived),
    }


def _title(row: Session) -> str:
    return one_line(row.title or "", 200) or f"Session {format_short_id(row.session_id)}"


def table_text(rows: SessionRows, *, most: int = 50) -> str:
    """The newest sessions as plain text, for where nothing runs. Ids to 13 characters: 8 are soon ambiguous."""
    lines = [
        f"{one_line(row.session_id, 80)[:13]}  {words_of(row.status):<20} {_title(row)}" for row in rows.ordered[:most]
    ]
    left = len(rows) - len(lines)
    head = f"{len(rows)} session{'' if len(rows) == 1 else 's'}"
    return "\n".join([head, *lines, *([f"… and {left} more"] if left > 0 else [])])
