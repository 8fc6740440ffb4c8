"""The app: the list of sessions beside the open one, or one of them where the terminal is narrow."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import Any, ClassVar, Final, get_args

from rich.text import Text
from textual import events, on, work
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.widgets import Footer, Static

from agor_reactive.adapters.presentation.failures import failure_of
from agor_reactive.adapters.presentation.heading import title_of
from agor_reactive.adapters.presentation.plain import one_line
from agor_reactive.adapters.presentation.quantities import seconds_text
from agor_reactive.adapters.presentation.status import tone_of
from agor_reactive.adapters.terminal.signs import SIGNS, tone_style
from agor_reactive.client import Client
from agor_reactive.errors import AgorError, MethodNotAllowed, NotFound
from agor_reactive.models.session import Session
from agor_reactive.models.wire import LinkStatus
from agor_reactive.models.words import AgenticTool
from agor_reactive.tui.colors import DARK, LIGHT, LIGHT_THEME
from agor_reactive.tui.dialogs import HelpDialog, NewSession, NewSessionDialog
from agor_reactive.tui.line_list import LineList
from agor_reactive.tui.request_panel import READING_TIME
from agor_reactive.tui.seen_file import SeenFile
from agor_reactive.tui.session_pane import SessionPane
from agor_reactive.tui.sessions_pane import SessionsPane

__all__ = ["AgorApp"]

_CONTROL: Final = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_PLACES: Final = (("branches", "branch_id"), ("worktrees", "worktree_id"))


class AgorApp(App[None]):
    """Sessions of one client, which stays open after the app. `session_id`: the session that is shown first.

    `seen_file` keeps which sessions were seen, for the next start; without it, that ends with the app.
    `clock` gives the present in epoch seconds, for ages and durations.
    """

    TITLE = "agor"
    CSS = """
    #top { height: 1; background: $panel; padding: 0 1; }
    #main { height: 1fr; }
    .-narrow SessionsPane { width: 1fr; border-right: none; }
    .-narrow.-session SessionsPane { display: none; }
    .-narrow SessionPane { display: none; }
    .-narrow.-session SessionPane { display: block; }
    .-wide.-unlisted SessionsPane { display: none; }
    #nothing { width: 1fr; height: 1fr; content-align: center middle; color: $text-muted; }
    .-session #nothing { display: none; }
    .-narrow #nothing { display: none; }
    SessionPane { display: none; }
    .-session SessionPane { display: block; }
    Toast { max-width: 60; }
    FooterKey .footer-key--key { color: $foreground; text-style: bold; }
    FooterKey .footer-key--description { color: $text-muted; }
    Input > .input--placeholder { color: $text-muted; }
    SelectCurrent .arrow { color: $foreground; }
    Button, Button:focus, Button:hover { background: $primary-muted; color: $text-primary; }
    Button.-success, Button.-success:focus, Button.-success:hover { background: $success-muted; color: $text-success; }
    Button.-error, Button.-error:focus, Button.-error:hover { background: $error-muted; color: $text-error; }
    """
    HORIZONTAL_BREAKPOINTS: ClassVar[list[tuple[int, str]] | None] = [(0, "-narrow"), (100, "-wide")]
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "Back"),
        Binding("ctrl+n", "new", "New", priority=True),
        Binding("ctrl+b", "list", "List", show=False, priority=True),
        Binding("f1", "help", "Help", key_display="F1", priority=True),
        Binding("question_mark", "help", "Help", show=False),
        Binding("ctrl+q", "quit", "Quit", priority=True),
        Binding("q", "quit", "Quit", show=False),
    ]

    def __init__(
        self,
        client: Client,
        *,
        session_id: str | None = None,
        dark: bool = True,
        reading_time: float = READING_TIME,
        seen_file: SeenFile | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        super().__init__()
        self.client = client
        self._first_session = session_id
        self._reading_time = reading_time
        self._seen_file = seen_file
        self._clock = clock
        self.ansi_theme_dark, self.ansi_theme_light = DARK, LIGHT
        self.register_theme(LIGHT_THEME)
        self.theme = self.theme_for(dark=dark)
        # An animated scroll would write positions while the transcript moves to keep its place.
        self.animation_level = "none"
        self._undo: Any = None
        self._top = Static(id="top")

    @staticmethod
    def theme_for(*, dark: bool) -> str:
        """Return the name of the theme for a dark or a light background."""
        return "textual-dark" if dark else LIGHT_THEME.name

    def compose(self) -> ComposeResult:
        yield self._top
        with Horizontal(id="main"):
            yield SessionsPane(
                self.client, notify=self._announce, seen_file=self._seen_file, clock=self._clock, id="list"
            )
            yield Static(Text("Choose a session, or press Ctrl+N for a new one."), id="nothing")
            yield SessionPane(self.client, id="session", reading_time=self._reading_time, clock=self._clock)
        yield Footer(show_command_palette=False, compact=True)

    def on_mount(self) -> None:
        self._undo = self.client.on_status(lambda status: self.call_later(self._show_link, status))
        self._show_link(self.client.status)
        self.query_one(SessionsPane).list.focus()
        if self._first_session is not None:
            self.open_session(self._first_session)

    def on_unmount(self) -> None:
        if self._undo is not None:
            self._undo()

    @property
    def pane(self) -> SessionPane:
        """The open session."""
        return self.screen_stack[0].query_one(SessionPane)

    @property
    def sessions(self) -> SessionsPane:
        """The list of sessions."""
        return self.screen_stack[0].query_one(SessionsPane)

    def _show_link(self, status: LinkStatus) -> None:
        if not self._top.is_attached:  # the screen is removed before the app takes its last messages
            return
        line = Text(no_wrap=True, overflow="ellipsis")
        line.append("agor ", style="bold")
        line.append(one_line(self.client.url, 80), style="dim")
        line.append(f"  {SIGNS.busy} {status.phase}", style=tone_style(tone_of(status.phase)))
        if status.phase == "reconnecting":
            line.append(f", attempt {max(1, status.attempt)}", style="dim")
            if status.next_try_in:
                line.append(f", next try in {seconds_text(status.next_try_in)}", style="dim")
        if status.reason and not status.up:
            line.append(f"  {one_line(status.reason, 200)}", style="dim")
        self._top.update(line)

    def _announce(self, session: Session, what: str) -> None:
        self.notify(
            what[:1].upper() + what[1:], title=one_line(title_of(session, session.session_id), 60), markup=False
        )

    # ------------------------------------------------------------------------------------------------------- actions

    def open_session(self, session_id: str) -> None:
        """Show a session and go to its prompt box."""
        screen = self.screen_stack[0]
        screen.add_class("-session")
        self.pane.open(session_id)
        self.sessions.see(session_id)
        self.pane.box.focus()

    @on(LineList.Chosen)
    def _chosen(self, event: LineList.Chosen) -> None:
        if event.sender.id == "sessions":
            self.open_session(event.key)

    def action_leave(self) -> None:
        """Go one step back."""
        screen = self.screen_stack[0]
        sessions = self.sessions
        if sessions.has_focus_within:
            if not sessions.leave() and self.pane.handle is not None and screen.has_class("-wide"):
                self.pane.transcript.focus()
            return
        if screen.has_class("-session") and self.pane.leave():
            return
        if screen.has_class("-narrow"):
            self.pane.close()
            sessions.see(None)
            screen.remove_class("-session")
        screen.remove_class("-unlisted")
        sessions.list.focus()

    def action_list(self) -> None:
        """Show or hide the list beside the session; in a narrow terminal, go to the list."""
        screen = self.screen_stack[0]
        if screen.has_class("-narrow"):
            screen.remove_class("-session")
            self.pane.close()
            self.sessions.see(None)
            self.sessions.list.focus()
        elif self.pane.handle is not None:
            screen.toggle_class("-unlisted")
            if screen.has_class("-unlisted"):
                self.pane.box.focus()

    def action_help(self) -> None:
        """Show all keys."""
        if not isinstance(self.screen, HelpDialog):
            self.push_screen(HelpDialog())

    @work(exclusive=True, group="new")
    async def action_new(self) -> None:
        """Ask for a new session, create it and open it."""
        if len(self.screen_stack) > 1:
            return
        try:
            field, places = await self._places()
            if not places:
                self.notify("The daemon has no branch. Create one there first.", severity="error", markup=False)
                return
            state = self.pane.state
            known = state.session.agentic_tool if state is not None and state.session is not None else None
            agents = tuple(dict.fromkeys([*([one_line(known, 30)] if known else []), *get_args(AgenticTool)]))
            wanted = await self.push_screen_wait(
                NewSessionDialog(agents=agents, agent=agents[0], field=field, places=places)
            )
            if wanted is not None:
                self.open_session(await self._create(wanted))
        except AgorError as error:
            self.notify(failure_of(error).text, severity="error", markup=False)

    async def _places(self) -> tuple[str, list[tuple[str, str]]]:
        """The field of a session's place, and the places: newer daemons say branches, older ones worktrees."""
        for service, field in _PLACES:
            try:
                page: Any = await self.client.service(service).find({"$limit": 200})
            except (NotFound, MethodNotAllowed):
                continue
            ids = [(str(getattr(row, field)), row) for row in page]
            return field, [(place, one_line(str(getattr(row, "name", "") or place), 60)) for place, row in ids]
        return _PLACES[0][1], []

    async def _create(self, wanted: NewSession) -> str:
        row = {wanted.field: wanted.place, "agentic_tool": wanted.agent, "title": wanted.title}
        return str((await self.client.service("sessions").create(row)).session_id)

    async def on_event(self, event: events.Event) -> None:
        """Remove control characters from pasted text before any box shows it; they would reach the terminal."""
        if isinstance(event, events.Paste):
            event.text = _CONTROL.sub("", event.text.replace("\r\n", "\n").replace("\r", "\n"))
        await super().on_event(event)
