"""The queued prompts of a session; each can be cancelled. Daemons offer no way to change their order."""

from __future__ import annotations

from typing import ClassVar

from rich.text import Text
from textual.binding import Binding, BindingType
from textual.message import Message

from agor_reactive.adapters.presentation.tasks import QueuedPrompt
from agor_reactive.adapters.terminal.signs import SIGNS
from agor_reactive.tui.line_list import LineList, Row

__all__ = ["QueueList"]

_CANCEL = " ✕"


class QueueList(LineList):
    """Queued prompts in their order; hidden without any. Posts `Cancelled`."""

    DEFAULT_CSS = """
    QueueList { height: auto; max-height: 4; display: none; padding: 0 1; }
    QueueList > .line-list--cursor { background: $background; }
    QueueList.-queued { display: block; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [Binding("x,delete,enter", "cancel", "Cancel prompt")]

    class Cancelled(Message):
        """A person cancels a queued prompt."""

        def __init__(self, task_id: str) -> None:
            super().__init__()
            self.task_id = task_id

    def show(self, queued: tuple[QueuedPrompt, ...]) -> None:
        """Show the queue."""
        self.set_class(bool(queued), "-queued")
        rows = []
        for number, entry in enumerate(queued, 1):
            left = Text()
            left.append(f"{SIGNS.waiting} queued {number} ", style="blue").append(entry.prompt)
            rows.append(Row(entry.task_id, left, Text(f"cancel{_CANCEL}", style="dim")))
        self.put(rows)

    def action_cancel(self) -> None:
        """Cancel the prompt of the cursor."""
        if self.cursor:
            self.post_message(self.Cancelled(self.cursor))

    def clicked(self, row: Row, x: int) -> None:
        if x >= self.scrollable_size.width - len(row.right.plain):
            self.action_cancel()
