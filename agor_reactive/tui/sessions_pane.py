"""The list of sessions: those that need attention first, then all others, with a filter."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import ClassVar, Final

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.widgets import Input, Static

from agor_reactive.adapters.presentation.attention import Attention, reason_label
from agor_reactive.adapters.presentation.heading import model_of, title_of
from agor_reactive.adapters.presentation.plain import one_line
from agor_reactive.adapters.presentation.quantities import age_text
from agor_reactive.adapters.presentation.status import mark_of, session_status, status_label, tone_of
from agor_reactive.adapters.terminal.signs import SIGNS, tone_style
from agor_reactive.client import Client, retain_sessions
from agor_reactive.errors import UsageError
from agor_reactive.models.base import instant
from agor_reactive.models.session import Session
from agor_reactive.models.wire import RawEvent
from agor_reactive.session.collection import SessionCollection, SessionRows
from agor_reactive.tui.coalesced import Coalesced
from agor_reactive.tui.line_list import LineList, Row
from agor_reactive.tui.seen import SeenSessions
from agor_reactive.tui.seen_file import SeenFile

__all__ = ["SessionsPane"]

KEEPING: Final = 2.0
"""Least seconds between two writes of what was seen."""

ATTEMPTS: Final = 20
"""Attempts to write at the end, while other apps write."""


class SessionsPane(Vertical):
    """All sessions that are not archived, live."""

    DEFAULT_CSS = """
    SessionsPane { width: 36; border-right: solid $panel; }
    SessionsPane #filter { display: none; height: 1; border: none; background: $panel; padding: 0 1; }
    SessionsPane #filter.-open { display: block; }
    SessionsPane #sessions { height: 1fr; padding: 0 1 0 0; }
    SessionsPane #sessions-note { height: auto; max-height: 3; padding: 0 1; display: none; }
    SessionsPane #sessions-note.-noted { display: block; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [Binding("slash", "filter", "Filter", key_display="/")]

    def __init__(
        self,
        client: Client,
        *,
        notify: Callable[[Session, str], None],
        seen_file: SeenFile | None = None,
        clock: Callable[[], float] = time.time,
        id: str | None = None,
    ) -> None:
        super().__init__(id=id)
        self._client = client
        self._tell = notify
        self.attention = Attention()
        self._clock = clock
        self._seen_file = seen_file
        self._seen = SeenSessions()
        self._restored = False
        self._complained = False
        self._keeping = Coalesced(self, self._keep, interval=KEEPING)
        self._collection: SessionCollection | None = None
        self._undo: list[Callable[[], object]] = []
        self._painting = Coalesced(self, self._paint, interval=0.2)
        self._first = True

    def compose(self) -> ComposeResult:
        yield Input(id="filter", placeholder="Filter; Esc ends it", compact=True)
        yield LineList(id="sessions")
        yield Static(id="sessions-note")

    def on_mount(self) -> None:
        if self._seen_file is not None:
            try:
                self._seen = self._seen_file.read()
            except UsageError as error:
                self._complain(error)
        collection = self._collection = retain_sessions(self._client, query={"archived": False})
        self._undo = [
            collection.listen(self._take),
            self._client.events.subscribe(self._event).dispose,
            collection.close,
        ]
        self.set_interval(30.0, self._painting.ask)

    def on_resize(self) -> None:
        self._painting.ask()  # wide rows say more

    async def on_unmount(self) -> None:
        for undo in self._undo:
            undo()
        for _ in range(ATTEMPTS):
            if self._keep():
                break
            await asyncio.sleep(0.01)

    @property
    def list(self) -> LineList:
        """The list of rows."""
        return self.query_one("#sessions", LineList)

    def _take(self, rows: SessionRows) -> None:
        known = dict(rows.rows.items())
        complete = not rows.loading and (bool(known) or not rows.error)
        if complete and not self._restored:
            self._restored = True
            self._seen.restore(self.attention, known)
        fresh = self.attention.take(known)
        if not self._first:
            for session_id in fresh:
                self._announce(session_id)
        self._first = self._first and not complete
        self._painting.ask()
        self._keeping.ask()

    def _event(self, event: RawEvent) -> None:
        """Failures of tasks, because the row of their session does not say it."""
        payload = event.payload
        if event.topic in ("tasks patched", "tasks updated") and isinstance(payload, dict):
            session_id = payload.get("session_id")
            failed = payload.get("status") in ("failed", "timed_out")
            if failed and isinstance(session_id, str) and self.attention.fail(session_id):
                self._announce(session_id)
                self._painting.ask()
                self._keeping.ask()

    def _announce(self, session_id: str) -> None:
        reason = self.attention.reason(session_id)
        row = self._collection.rows.rows.get(session_id) if self._collection is not None else None
        if row is not None and reason is not None and session_id != self.attention.shown:
            self._tell(row, reason_label(reason))

    def see(self, session_id: str | None) -> None:
        """Note which session is open."""
        self.attention.see(session_id)
        self._painting.ask()
        self._keeping.ask()

    def _keep(self) -> bool:
        """Write what was seen since the last time. False if another app writes just now."""
        if self._seen_file is None or self._collection is None or not self._restored:
            return True
        self._seen.take(self.attention, self._collection.rows)
        try:
            written = not self._seen.changed or self._seen_file.write(self._seen)
        except UsageError as error:
            self._complain(error)
            return True
        if not written and self.is_attached:
            self.set_timer(KEEPING, self._keeping.ask)
        return written

    def _complain(self, error: UsageError) -> None:
        """Say once why what was seen is not kept."""
        if not self._complained:
            self._complained = True
            self.app.notify(
                f"{error}. Start with --no-remember to keep nothing.",
                title="Finished sessions are not remembered",
                severity="warning",
                timeout=15,
                markup=False,
            )

    # ------------------------------------------------------------------------------------------------------ the rows

    def _paint(self) -> None:
        if self._collection is None or not self.is_attached:
            return
        rows = self._collection.rows
        query = self.query_one("#filter", Input).value.casefold().strip()
        fitting = [row for row in rows.ordered if not query or query in _searched(row, self._status(row))]
        waiting = [row for row in fitting if self.attention.reason(row.session_id) is not None]
        others = [row for row in fitting if self.attention.reason(row.session_id) is None]
        shown: list[Row] = []
        if waiting:
            shown.append(_group("Needs attention", len(waiting), style="bold yellow"))
            shown += [self._row(row) for row in waiting]
        shown.append(_group("Sessions", len(others)))
        shown += [self._row(row) for row in others]
        if not fitting and not rows.loading:
            shown.append(Row("", Text(" No session fits." if query else " No sessions yet. Ctrl+N makes one.", "dim")))
        self.list.put(shown)
        note = one_line(rows.error, 200) if rows.error else "Loading the sessions…" if rows.loading else ""
        box = self.query_one("#sessions-note", Static)
        box.set_class(bool(note), "-noted")
        box.update(Text(note, style="red" if rows.error else "dim"))

    def _status(self, row: Session) -> str:
        failed = self._collection.rows.failed if self._collection is not None else {}
        return session_status(row.status, failed.get(row.session_id, ""))

    def _row(self, row: Session) -> Row:
        reason = self.attention.reason(row.session_id)
        failed = reason == "failed"
        status = self._status(row)
        style = tone_style("bad" if failed else "warn" if reason in ("permission", "input") else tone_of(status))
        sign = SIGNS.failed if failed else SIGNS.asks if reason in ("permission", "input") else None
        is_open = row.session_id == self.attention.shown
        left = Text()
        left.append("▸" if is_open else " ", style="bold")
        left.append(f"{sign or SIGNS.mark(mark_of(status))} ", style=style)
        left.append(title_of(row, row.session_id), style="bold" if is_open or reason else "")
        if reason is not None and self.size.width >= 60:
            left.append(f"  {reason_label(reason)}", style=style)
        elif self.size.width >= 60:
            left.append(f"  {status_label(status)}", style=style)
            left.append(f"  {one_line(row.agentic_tool or '', 30)} {model_of(row)}", style="dim")
        when = instant(row.last_updated) or instant(row.created_at)
        age = age_text(max(0.0, self._clock() - when)) if when is not None else ""
        return Row(row.session_id, left, Text(age, style="dim"))

    # -------------------------------------------------------------------------------------------------------- filter

    def action_filter(self) -> None:
        """Open the filter."""
        box = self.query_one("#filter", Input)
        box.add_class("-open")
        box.focus()

    @on(Input.Changed, "#filter")
    def _changed(self, event: Input.Changed) -> None:
        event.stop()
        self._painting.ask()

    @on(Input.Submitted, "#filter")
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.list.focus()

    def leave(self) -> bool:
        """End the filter, as Esc does. False if there is none."""
        box = self.query_one("#filter", Input)
        if not box.has_class("-open"):
            return False
        box.value = ""
        box.remove_class("-open")
        self.list.focus()
        return True


def _group(name: str, count: int, *, style: str = "bold dim") -> Row:
    return Row("", Text(f" {name}", style=style), Text(f"{count:,}", style="dim"))


def _searched(row: Session, status: str) -> str:
    ref = row.git_state.ref if row.git_state is not None else ""
    texts = (row.title, row.session_id, status_label(status), row.agentic_tool, ref)
    return " ".join(text for text in texts if text).casefold()
