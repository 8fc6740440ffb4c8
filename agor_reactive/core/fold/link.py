"""The link to the daemon coming and going, and the end of the handle.

Order, each time the link comes up: join the session's room, then read. Going down, everything asked for is given up at
once; the rows stay as they were.
"""

from __future__ import annotations

from dataclasses import replace

from agor_reactive.core import events as e
from agor_reactive.core.fold import hydration, journal, rows, streams
from agor_reactive.core.fold.window import request
from agor_reactive.core.snapshot import Bookkeeping, Draft

__all__ = ["disposed", "link_changed", "not_resolved"]


def link_changed(draft: Draft, event: e.LinkChanged) -> None:
    """Take over where the link stands; begin anew on a new connection, or once logged in."""
    was, now = draft.status.link, event.status
    if was == now:
        return
    if draft.status.degraded and was.phase == now.phase == "live" and was.epoch == now.epoch:
        # The same connection, and still no member of the room: `rejoin` is on its way.
        shown = replace(now, phase="degraded", reason=draft.status.connection.reason)
        draft.status = draft.status.but(link=now, connection=shown)
        return
    draft.status = draft.status.but(link=now, connection=now, degraded=False)
    hydration.clear_error(draft, "join")
    draft.books = draft.books.but(join_attempt=0, fetches=tuple(a for a in draft.books.fetches if a.kind != "rejoin"))
    fresh = now.up and (not was.up or was.epoch != now.epoch)
    logged_in = now.phase == "live" and was.phase == "unauthenticated"
    if was.up and (not now.up or was.epoch != now.epoch):
        hydration.abandon(draft)
        streams.mark_gap(draft)
        draft.books = draft.books.but(stale_since=draft.revision, missed=True)
    if (fresh or logged_in) and not draft.status.terminal:
        hydration.abandon(draft)
        draft.status = draft.status.but(loading=True)
        request(draft, "join")
    if now.phase == "closed":
        hydration.set_error(draft, "link", "The client was closed; nothing more will come.")
        draft.status = draft.status.but(loading=False)


def not_resolved(draft: Draft, event: e.NotResolved) -> None:
    """There is no session of that short id, or several: final. Anything else may pass."""
    failure = event.failure
    terminal = failure.kind in ("not_found", "forbidden", "refused")
    hydration.set_error(draft, "sync", failure.text)
    draft.status = draft.status.but(loading=False, terminal=terminal)


def disposed(draft: Draft, event: e.Disposed) -> None:
    """The last handle was released: let go of everything."""
    rows.empty(draft)
    draft.books = Bookkeeping()
    draft.status = draft.status.but(loading=False, errors=(), disposed=True)
    draft.accepts_session_id = None
    journal.close_journal(draft)
