"""A list of lines with a cursor, of any length: only the lines in the window are drawn."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, NamedTuple

from rich.cells import cell_len
from rich.text import Text
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Region, Size
from textual.message import Message
from textual.strip import Strip

from agor_reactive.tui.still import StillScrollView

__all__ = ["LineList", "Row"]


class Row(NamedTuple):
    """A line: text at the left, which is cut, and at the right. A row without a key is a heading."""

    key: str
    left: Text
    right: Text = Text()


class LineList(StillScrollView):
    """Rows, one of which has the cursor. Posts `Chosen` on Enter and on a click."""

    DEFAULT_CSS = """
    LineList { overflow-x: hidden; overflow-y: auto; scrollbar-size-vertical: 1; background: $background; }
    LineList > .line-list--cursor { background: $panel; }
    LineList:focus > .line-list--cursor { background: $primary-muted; }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {"line-list--cursor"}
    can_focus = True
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", "Up", show=False),
        Binding("down,j", "move(1)", "Down", show=False),
        Binding("pageup", "page(-1)", "Page up", show=False),
        Binding("pagedown", "page(1)", "Page down", show=False),
        Binding("home,g", "end(-1)", "First", show=False),
        Binding("end,G", "end(1)", "Last", show=False),
        Binding("enter", "choose", "Open", show=False),
    ]

    class Chosen(Message):
        """A row was chosen."""

        def __init__(self, sender: LineList, key: str) -> None:
            super().__init__()
            self.sender = sender
            self.key = key

        @property
        def control(self) -> LineList:
            """The list."""
            return self.sender

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.rows: Sequence[Row] = ()
        self.cursor = ""

    def put(self, rows: Sequence[Row]) -> None:
        """Take newer rows. The cursor stays on its row, else at its place."""
        at = self._at()
        self.rows = rows
        if not any(row.key == self.cursor for row in rows if self.cursor):
            self.cursor = self._nearest(at)
        self.virtual_size = Size(self.scrollable_size.width, len(rows))
        self.refresh()

    def _at(self) -> int:
        return next((at for at, row in enumerate(self.rows) if row.key and row.key == self.cursor), 0)

    def _nearest(self, at: int) -> str:
        keys = [row.key for row in self.rows[at:] if row.key] or [row.key for row in self.rows if row.key][-1:]
        return keys[0] if keys else ""

    def move_to(self, key: str) -> None:
        """Put the cursor on a row and bring that into view."""
        self.cursor = key
        at = self._at()
        # The heading above the first row of a group comes into view with it.
        first = at - 1 if at and not self.rows[at - 1].key else at
        self.scroll_to_region(Region(0, first, 1, at - first + 1), animate=False)
        self.refresh()

    def action_move(self, step: int) -> None:
        """Move the cursor by rows, over headings."""
        keys = [row.key for row in self.rows if row.key]
        if keys:
            at = keys.index(self.cursor) if self.cursor in keys else 0
            self.move_to(keys[max(0, min(len(keys) - 1, at + step))])

    def action_page(self, step: int) -> None:
        """Move the cursor by a window."""
        self.action_move(step * max(1, self.scrollable_size.height - 1))

    def action_end(self, step: int) -> None:
        """Move the cursor to the first or the last row."""
        self.action_move(step * len(self.rows))

    def action_choose(self) -> None:
        """Choose the row of the cursor."""
        if self.cursor:
            self.post_message(self.Chosen(self, self.cursor))

    def on_click(self, event: events.Click) -> None:
        at = event.y + round(self.scroll_y)
        if 0 <= at < len(self.rows) and self.rows[at].key:
            self.move_to(self.rows[at].key)
            self.clicked(self.rows[at], event.x)

    def clicked(self, row: Row, x: int) -> None:
        """A row was clicked at a column."""
        self.post_message(self.Chosen(self, row.key))

    def render_line(self, y: int) -> Strip:
        width = self.scrollable_size.width
        at = y + round(self.scroll_y)
        style = self.rich_style
        if not 0 <= at < len(self.rows):
            return Strip.blank(width, style)
        row = self.rows[at]
        right = row.right.copy()
        if row.key and row.key == self.cursor:
            style = style + self.get_component_rich_style("line-list--cursor", partial=True)
            right.style = ""  # dim text on the colour of the cursor is hard to read
        right.truncate(max(0, width // 2), overflow="ellipsis")
        room = width - (cell_len(right.plain) + 1 if right.plain else 0)
        left = row.left.copy()
        left.truncate(max(1, room), overflow="ellipsis", pad=True)
        line = Text(no_wrap=True, end="").append_text(left)
        if right.plain:
            line.append(" ").append_text(right)
        strip = Strip(line.render(self.app.console)).apply_style(style)
        return strip.adjust_cell_length(width, style)
