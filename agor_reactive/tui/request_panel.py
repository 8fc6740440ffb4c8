"""A permission request that waits: who asks for what, the whole input as it is, and the buttons to answer it."""

from __future__ import annotations

import asyncio
from typing import ClassVar, Final

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.message import Message
from textual.widgets import Button, Static, TextArea

from agor_reactive.adapters.presentation.requests import RequestBlock
from agor_reactive.adapters.terminal.signs import SIGNS

__all__ = ["RequestPanel"]

READING_TIME: Final = 0.5
"""Seconds after which a request can be answered: keys that were meant for the one before must not answer it."""


class RequestPanel(Vertical):
    """Shows one request; hidden without one. Posts `Answered`."""

    DEFAULT_CSS = """
    RequestPanel { height: auto; max-height: 14; border: round $warning; padding: 0 1; display: none; }
    RequestPanel.-asks { display: block; }
    RequestPanel Static { height: auto; }
    RequestPanel TextArea, RequestPanel TextArea:focus {
        height: auto; max-height: 8; min-height: 1; border: none; padding: 0; background: $background;
    }
    RequestPanel Horizontal { height: 1; }
    RequestPanel Button { height: 1; min-width: 12; margin: 0 2 0 0; border: none; line-pad: 1; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("a", "answer(True)", "Approve", show=False),
        Binding("d", "answer(False)", "Deny", show=False),
    ]

    class Answered(Message):
        """A person approves or denies a request."""

        def __init__(self, request: RequestBlock, *, allow: bool) -> None:
            super().__init__()
            self.request = request
            self.allow = allow

    def __init__(self, *, id: str | None = None, reading_time: float = READING_TIME) -> None:
        super().__init__(id=id)
        self.block: RequestBlock | None = None
        self.reading_time = reading_time
        self._since = 0.0

    def compose(self) -> ComposeResult:
        yield Static(id="asks")
        yield TextArea(id="input", read_only=True, soft_wrap=True, highlight_cursor_line=False, tab_behavior="focus")
        with Horizontal():
            yield Button("Approve (a)", variant="success", id="approve", compact=True)
            yield Button("Deny (d)", variant="error", id="deny", compact=True)

    def show(self, block: RequestBlock | None) -> None:
        """Show a request, or none."""
        if block == self.block:
            return
        is_new = block is not None and (self.block is None or self.block.request_id != block.request_id)
        self.block = block
        self.set_class(block is not None, "-asks")
        if block is None:
            return
        if is_new:
            self._since = asyncio.get_running_loop().time()
        line = Text(f"{SIGNS.asks} {block.asker} asks to use {block.tool}", style="bold")
        self.query_one("#asks", Static).update(line)
        box = self.query_one("#input", TextArea)
        box.text = block.input
        box.display = bool(block.input)

    @property
    def readable(self) -> bool:
        """Whether the request has been shown long enough to be answered."""
        return asyncio.get_running_loop().time() - self._since >= self.reading_time

    def action_answer(self, allow: bool) -> None:
        """Answer the request that is shown."""
        if self.block is None:
            return
        if not self.readable:
            self.app.bell()
            return
        self.post_message(self.Answered(self.block, allow=allow))

    def on_button_pressed(self, event: Button.Pressed) -> None:
        event.stop()
        self.action_answer(event.button.id == "approve")
