"""The link to the daemon coming and going, and the end of the handle.

Order, each time the link comes up: join the session's room, then read. When it goes down, every fetch is given up at
once; the rows stay as they were.
"""

from __future__ import annotations

from dataclasses import replace

from agor_reactive.core import events as e
from agor_reactive.core.fetches import SyncEnd
from agor_reactive.core.fold import failures, journal, rows, streams, sync_round
from agor_reactive.core.fold.draft import Draft
from agor_reactive.core.fold.window import request
from agor_reactive.core.snapshot import Bookkeeping
from agor_reactive.models.wire import LinkStatus

__all__ = ["disposed", "link_changed", "not_resolved"]


_REAUTHENTICATED = "The session was re-authenticated while loading. Try again."


def link_changed(draft: Draft, event: e.LinkChanged) -> None:
    """Take the new status; begin a sync round on a new connection, or after a login."""
    was, now = draft.status.link, event.status
    if was == now:
        return
    if draft.status.degraded and was.phase == now.phase == "live" and was.epoch == now.epoch:
        # The same connection, and still no member of the room: `rejoin` is on its way.
        shown = replace(now, phase="degraded", reason=draft.status.connection.reason)
        draft.status = draft.status.but(link=now, connection=shown)
        return
    draft.status = draft.status.but(link=now, connection=now, degraded=False)
    failures.clear_error(draft, "join")
    draft.books = draft.books.but(join_attempt=0, fetches=tuple(a for a in draft.books.fetches if a.kind != "rejoin"))
    fresh = now.up and (not was.up or was.epoch != now.epoch)
    logged_in = now.phase == "live" and was.phase == "unauthenticated"
    dropped = was.up and (not now.up or was.epoch != now.epoch)
    if dropped:
        sync_round.abandon(draft, _why_given_up(now))
    if dropped or "unauthenticated" in (was.phase, now.phase):  # events are not sent to a connection without a login
        streams.mark_gap(draft)
        draft.books = draft.books.but(missed=True)
    if fresh or logged_in:
        # A terminal session is not read for a login, but a resync that the login interrupts begins anew: what came
        # before the login is older than what is read after it. A drop has ended such a resync above.
        reads = draft.status.loading or not draft.status.terminal
        sync_round.abandon(draft, _why_given_up(now) if fresh else _REAUTHENTICATED)
        if reads:
            draft.status = draft.status.but(loading=True)
            request(draft, "join")
    if now.phase == "closed":
        failures.set_error(draft, "link", "The client was closed; nothing more will come.")
        draft.status = draft.status.but(loading=False)
        draft.books = draft.books.but(sync_end=SyncEnd(e.Failure("link", _why_given_up(now))))


def _why_given_up(link: LinkStatus) -> str:
    if link.phase == "closed":
        return "The client was closed before the rows came; make a new one."
    why = f" ({link.reason})" if link.reason else ""
    return f"The link dropped before the rows came{why}. Try again once it is up."


def not_resolved(draft: Draft, event: e.NotResolved) -> None:
    """There is no session with that short id, or several: terminal. Any other failure may be temporary."""
    failure = event.failure
    terminal = failure.kind in ("not_found", "forbidden", "refused")
    failures.set_error(draft, "sync", failure.text)
    draft.status = draft.status.but(loading=False, terminal=terminal)


def disposed(draft: Draft, event: e.Disposed) -> None:
    """The last handle was released: drop everything."""
    rows.empty(draft)
    draft.books = Bookkeeping()
    draft.status = draft.status.but(loading=False, errors=(), disposed=True)
    draft.accepts_session_id = None
    journal.close_journal(draft)
