"""Dialogs above the session: the reason of a refusal, a new session, help."""

from __future__ import annotations

from typing import ClassVar, NamedTuple

from rich.table import Table
from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Button, Input, Label, Select, Static

__all__ = ["HelpDialog", "NewSession", "NewSessionDialog", "ReasonDialog"]

_CSS = """
{name} {{ align: center middle; }}
{name} > .dialog {{
    width: 72; max-width: 96%; height: auto; max-height: 96%; padding: 0 2; border: round $primary;
    background: $surface;
}}
{name} .buttons {{ height: 1; margin: 1 0 0 0; }}
{name} Button {{ height: 1; min-width: 12; margin: 0 2 0 0; border: none; }}
"""


class ReasonDialog(ModalScreen[str | None]):
    """Asks for the reason of a refusal; empty is allowed. The result is None if the user goes back."""

    DEFAULT_CSS = _CSS.format(name="ReasonDialog")
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "back", "Back")]

    def __init__(self, title: str) -> None:
        super().__init__()
        self._title = title

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield Static(Text(self._title, style="bold"))
            yield Input(placeholder="Reason, which the agent reads (optional)", id="reason")
            with Horizontal(classes="buttons"):
                yield Button("Deny (Enter)", variant="error", id="deny", compact=True)
                yield Button("Back (Esc)", id="back", compact=True)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.dismiss(event.value.strip())

    def on_button_pressed(self, event: Button.Pressed) -> None:
        event.stop()
        self.dismiss(self.query_one("#reason", Input).value.strip() if event.button.id == "deny" else None)

    def action_back(self) -> None:
        """Go back without an answer."""
        self.dismiss(None)


class NewSession(NamedTuple):
    """What a new session is made of. `field` says whether its place is a branch or a worktree."""

    title: str
    agent: str
    field: str
    place: str


class NewSessionDialog(ModalScreen[NewSession | None]):
    """Asks for the title, the agent and the branch of a new session."""

    DEFAULT_CSS = _CSS.format(name="NewSessionDialog")
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "back", "Back")]

    def __init__(self, *, agents: tuple[str, ...], agent: str, field: str, places: list[tuple[str, str]]) -> None:
        super().__init__()
        self._agents = agents
        self._agent = agent
        self._field = field
        self._places = places

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield Static(Text("New session", style="bold"))
            yield Input(placeholder="Title", id="title")
            yield Label("Agent")
            agents = [(Text(name), name) for name in self._agents]
            yield Select(agents, value=self._agent, allow_blank=False, id="agent", compact=True)
            yield Label("Branch" if self._field == "branch_id" else "Worktree")
            places = [(Text(name), place) for place, name in self._places]
            yield Select(places, value=self._places[0][0], allow_blank=False, id="place", compact=True)
            with Horizontal(classes="buttons"):
                yield Button("Create (Enter)", variant="primary", id="create", compact=True)
                yield Button("Back (Esc)", id="back", compact=True)

    def _create(self) -> None:
        title = self.query_one("#title", Input)
        if not title.value.strip():
            title.focus()
            return
        agent, place = self.query_one("#agent", Select), self.query_one("#place", Select)
        self.dismiss(NewSession(title.value.strip(), str(agent.value), self._field, str(place.value)))

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self._create()

    def on_button_pressed(self, event: Button.Pressed) -> None:
        event.stop()
        if event.button.id == "create":
            self._create()
        else:
            self.dismiss(None)

    def action_back(self) -> None:
        """Go back without a session."""
        self.dismiss(None)


_HELP = (
    (
        "Everywhere",
        (
            ("Esc", "one step back: search, prompt, transcript, list"),
            ("Tab", "next part of the screen"),
            ("Ctrl+N", "new session"),
            ("Ctrl+B", "show or hide the list"),
            ("Ctrl+P", "commands, colours among them"),
            ("Ctrl+Q", "quit"),
        ),
    ),
    (
        "Sessions",
        (("↑ ↓ Enter", "choose and open"), ("/", "filter by title, status, branch or id"), ("Esc", "end the filter")),
    ),
    (
        "Prompt",
        (("Enter", "send; a busy session queues it"), ("Ctrl+J", "new line"), ("↑ ↓", "earlier prompts, at the edges")),
    ),
    (
        "Transcript (Esc from the prompt)",
        (
            ("↑ ↓ PgUp PgDn", "scroll; older tasks load at the top"),
            ("g G", "beginning and end"),
            ("j k Enter", "select a block, open or fold it"),
            ("t o", "open or fold all thinking, all tools"),
            ("/ n N", "search, next older match, next newer one"),
            ("y", "copy the selected block, else the last reply"),
            ("Mouse", "click opens a block, drag and Ctrl+C copies"),
            ("a d", "approve or deny a request (also F2 and F3)"),
            ("s", "stop the running task"),
            ("c, then x", "go to the queue, cancel a prompt"),
            ("r", "read the session again"),
            ("i", "write a prompt"),
        ),
    ),
)


class HelpDialog(ModalScreen[None]):
    """All keys."""

    DEFAULT_CSS = _CSS.format(name="HelpDialog")
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,question_mark,f1,q,enter", "back", "Close")]

    def compose(self) -> ComposeResult:
        with VerticalScroll(classes="dialog"):
            for title, keys in _HELP:
                yield Static(Text(title, style="bold"))
                grid = Table.grid(padding=(0, 2, 0, 0))
                grid.add_column(width=15)
                for key, what in keys:
                    grid.add_row(Text(key, style="cyan"), Text(what))
                yield Static(grid)

    def action_back(self) -> None:
        """Close the help."""
        self.dismiss(None)
