"""The transcript of a session: a sheet of lines in a scrolled window that follows the newest ones."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import ClassVar, Final

from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.message import Message
from textual.selection import Selection
from textual.strip import Strip
from textual.widget import Widget

from agor_reactive.core.snapshot import SessionState
from agor_reactive.tui.search import line_of_match
from agor_reactive.tui.sheet import Place, Sheet
from agor_reactive.tui.spans import restyled, spans_of, text_of
from agor_reactive.tui.still import StillScrollView
from agor_reactive.tui.units import base_key, plain_text

__all__ = ["Transcript"]

ROUNDS: Final = 60
"""Each round of laying out shows other lines, until the heights of all that are shown are known."""

OVERLAP: Final = 2
"""Lines of a page that the next one shows again."""

NEAR_TOP: Final = 3
"""Lines from the top at which older tasks are asked for."""


class Transcript(StillScrollView):
    """Shows the snapshots it is given. Selects units with ``j`` and ``k``, opens and folds them with Enter."""

    DEFAULT_CSS = """
    Transcript { overflow-x: hidden; overflow-y: scroll; scrollbar-size-vertical: 1; background: $background; }
    Transcript > .transcript--selected { background: $panel; }
    Transcript > .transcript--found { background: $warning; color: $background; }
    Transcript > .transcript--marker { color: $primary; }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {"transcript--selected", "transcript--found", "transcript--marker"}
    can_focus = True
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j", "choose(1)", "Next block", show=False),
        Binding("k", "choose(-1)", "Previous block", show=False),
        Binding("enter", "flip", "Open", show=False),
        Binding("t", "flip_all('thinking')", "Thinking", show=False),
        Binding("o", "flip_all('tools')", "Tools", show=False),
        Binding("g", "scroll_home", "Top", show=False),
        Binding("G", "scroll_end", "End", show=False),
        Binding("space", "page_down", "Page down", show=False),
    ]

    class NearTop(Message):
        """The beginning of what is loaded is shown."""

    class Unloaded(Message):
        """Tasks are shown whose messages were not loaded."""

        def __init__(self, task_ids: list[str]) -> None:
            super().__init__()
            self.task_ids = task_ids

    def __init__(self, *, id: str | None = None, clock: Callable[[], float] = time.time) -> None:
        super().__init__(id=id)
        self.clock = clock
        self.sheet = Sheet()
        self.selected: Place | None = None
        self.query_text = ""
        self._anchor: Place | None = None
        self._anchor_row = 0
        self._following = True
        self._arranging = False

    # ------------------------------------------------------------------------------------------------------- content

    def clear(self) -> None:
        """Forget the session shown."""
        self.sheet = Sheet()
        self.selected = self._anchor = None
        self.query_text = ""
        self._following = True
        self.virtual_size = Size(0, 0)
        self.refresh()

    def show(self, state: SessionState, user_id: str | None) -> None:
        """Show a newer snapshot. The window keeps what it shows, or follows the end if it is there."""
        self.sheet.show(state, user_id)
        self.arrange()

    @property
    def following(self) -> bool:
        """Whether the window shows the end and stays there."""
        return self._following

    def arrange(self) -> None:
        """Lay out what the window shows, and move the window to keep it in place."""
        rows, width = self.scrollable_size.height, self.scrollable_size.width
        if self._arranging or rows <= 0 or width <= 0:
            return
        self._arranging = True
        try:
            self.sheet.resize(width)
            for _ in range(ROUNDS):
                top = self._wanted_top(rows)
                if not self.sheet.prepare(top, rows, now=self.clock()):
                    break
            top = self._wanted_top(rows)
            size = Size(width, self.sheet.height)
            if size != self.virtual_size:
                # Setting it would lay out the whole screen anew, though this widget stays as large as it is.
                self.set_reactive(Widget.virtual_size, size)
                self.vertical_scrollbar.window_virtual_size = size.height
            if round(self.scroll_y) != top:
                self.scroll_to(y=top, animate=False, force=True)
        finally:
            self._arranging = False
        self.refresh()
        # A screen further on both sides: what is read while it is looked at moves what is below.
        unloaded = self.sheet.unloaded(top - rows, 3 * rows)
        if unloaded:
            self.post_message(self.Unloaded(unloaded))
        if top <= NEAR_TOP and self.sheet.state is not None and self.sheet.state.has_older_tasks:
            self.post_message(self.NearTop())

    def _wanted_top(self, rows: int) -> int:
        most = max(0, self.sheet.height - rows)
        if self._following or self._anchor is None:
            return most if self._following else 0
        y = self.sheet.top(self._anchor)
        return most if y is None else min(most, max(0, y - self._anchor_row))

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        super().watch_scroll_y(old_value, new_value)
        if not self._arranging and round(old_value) != round(new_value):
            self._moved(round(new_value), up=new_value < old_value)
            self.arrange()

    def _moved(self, top: int, *, up: bool) -> None:
        """Choose the line that stays where it is when heights become known: one whose surroundings are known."""
        rows = self.scrollable_size.height
        self._following = top + rows >= self.sheet.height
        if self._following:
            self._anchor = None
            return
        rest = range(top, min(top + rows + OVERLAP, self.sheet.height))
        known = (y for y in rest if (place := self.sheet.unit_at(y)) is not None and self.sheet.is_laid(place))
        y = next(known, rest[-1] if up and top > 0 and rest else top)
        self._anchor, self._anchor_row = self.sheet.unit_at(y), y - top

    def on_resize(self, event: events.Resize) -> None:
        self.arrange()

    def action_page_up(self) -> None:
        """Scroll up by a page."""
        self.scroll_to(y=self.scroll_y - self.scrollable_size.height + OVERLAP)

    def action_page_down(self) -> None:
        """Scroll down by a page."""
        self.scroll_to(y=self.scroll_y + self.scrollable_size.height - OVERLAP)

    # ----------------------------------------------------------------------------------------------------- selection

    def action_choose(self, step: int) -> None:
        """Select the next or the previous unit and bring it into view; without one, the last that is in view."""
        rows, top = self.scrollable_size.height, round(self.scroll_y)
        place = self.selected
        if place is not None and self.sheet.unit(place) is None:
            place = None
        if place is None:
            shown = self.sheet.unit_at(min(top + rows, self.sheet.height) - 1)
            self.selected = Place(shown.task_id, shown.key) if shown is not None and shown.key else None
        else:
            self.selected = self.sheet.neighbour(place, step, now=self.clock()) or place
        if self.selected is not None:
            self.reveal(self.selected)

    def reveal(self, place: Place, *, row: int | None = None) -> None:
        """Move the window so that it shows a place: at `row`, else as little as possible."""
        rows = self.scrollable_size.height
        y = self.sheet.top(place)
        if y is None:
            return
        top = round(self.scroll_y)
        if row is None:
            height = self.sheet.height_of(place)
            if y >= top and y + height <= top + rows:
                self.refresh()
                return
            row = 0 if y < top or height >= rows else rows - height
        self._following = False
        self._anchor, self._anchor_row = place, row
        self.arrange()
        self._following = round(self.scroll_y) + rows >= self.sheet.height

    def go_to_match(self, place: Place, query: str) -> None:
        """Select a unit that was found and show the line of the match; what hides it is opened."""
        now, row = self.clock(), self.size.height // 3
        run = self.sheet.run_that_hides(place, now=now)
        if run is not None:
            self.flip(run)
        self.selected = place
        self.reveal(place, row=row)
        offset = line_of_match(self.sheet, place, query)
        unit = self.sheet.unit(place)
        if offset is None and unit is not None and not unit.opened:
            self.flip(place)
            offset = line_of_match(self.sheet, place, query)
        self.reveal(Place(place.task_id, place.key, offset or 0), row=row)

    def action_flip(self) -> None:
        """Open or fold the selected unit."""
        if self.selected is not None:
            self.flip(self.selected)

    def flip(self, place: Place) -> None:
        """Open or fold a unit; its first line stays where it is."""
        unit = self.sheet.unit(place)
        if unit is None or not unit.folds:
            return
        y = self.sheet.top(Place(place.task_id, place.key))
        if y is not None:
            self._following = False
            self._anchor, self._anchor_row = Place(place.task_id, place.key), y - round(self.scroll_y)
        self.sheet.folds.flip(place.task_id, place.key)
        self.arrange()
        self._following = round(self.scroll_y) + self.scrollable_size.height >= self.sheet.height

    def action_flip_all(self, kind: str) -> None:
        """Open or fold all thinking, or all calls of tools."""
        self.sheet.folds.flip_all("thinking" if kind == "thinking" else "tools")
        self.arrange()

    def on_click(self, event: events.Click) -> None:
        if self.text_selection is not None:
            return
        place = self.sheet.unit_at(event.y + round(self.scroll_y))
        if place is not None and place.key:
            self.selected = Place(place.task_id, place.key)
            self.flip(self.selected)
            self.refresh()

    def copied_text(self) -> str:
        """Return the text of the selected block, else the newest reply."""
        wanted = self.selected
        texts: list[str] = []
        for section, unit in self.sheet.walk(now=self.clock()):
            if wanted is None and unit.kind == "text" and section.task_id:
                wanted = Place(section.task_id, unit.key)
            if wanted is not None and section.task_id == wanted.task_id and base_key(unit.key) == base_key(wanted.key):
                texts.append(plain_text(unit))
            elif texts:
                break
        return "\n\n".join(reversed(texts))

    # ----------------------------------------------------------------------------------------------------- rendering

    def render_line(self, y: int) -> Strip:
        top = round(self.scroll_y)
        width = self.scrollable_size.width
        base = self.rich_style
        segments, place = self.sheet.line(top + y)
        if place is None:
            return Strip.blank(width, base)
        line = list(segments)
        if self.query_text:
            spans = spans_of(text_of(line), self.query_text)
            if spans:
                line = restyled(line, spans, self.get_component_rich_style("transcript--found"))
        selection = self.text_selection
        span = selection.get_span(top + y) if selection is not None else None
        if span is not None:
            start, end = span
            text = text_of(line)
            style = self.screen.get_component_rich_style("screen--selection")
            line = restyled(line, [(start, len(text) if end == -1 else end)], style)
        if self.selected is not None and self.has_focus and self._is_selected(place):
            chosen = self.get_component_rich_style("transcript--selected", partial=True)
            base = base + Style(bgcolor=chosen.bgcolor)
        strip = Strip(line).apply_style(base)
        return strip.adjust_cell_length(width, base).apply_offsets(0, top + y)

    def _is_selected(self, place: Place) -> bool:
        selected = self.selected
        if selected is None or (place.task_id, place.key) != (selected.task_id, selected.key):
            return False
        unit = self.sheet.unit(selected)
        return unit is not None and place.offset >= unit.gap

    def get_selection(self, selection: Selection) -> tuple[str, str] | None:
        first = selection.start.y if selection.start is not None else 0
        last = selection.end.y if selection.end is not None else self.sheet.height - 1
        lines = []
        for y in range(max(0, first), min(last + 1, self.sheet.height)):
            span = selection.get_span(y)
            if span is not None:
                text = text_of(self.sheet.line(y)[0])
                lines.append(text[span[0] : len(text) if span[1] == -1 else span[1]].rstrip())
        return "\n".join(lines), "\n"

    def selection_updated(self, selection: Selection | None) -> None:
        self.refresh()

    def shown_lines(self) -> list[str]:
        """Return the text of the lines in the window."""
        top = round(self.scroll_y)
        return [text_of(self.sheet.line(top + row)[0]) for row in range(self.scrollable_size.height)]
