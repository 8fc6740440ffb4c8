"""The transcript as one long sheet of lines of which only what is looked at is laid out.

A section for each task, in it units. Heights of what was not laid out yet are estimates; `prepare` lays out what a
window of lines shows, after which heights may have changed, and with them where the window has to be.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from itertools import accumulate
from typing import Any, Final, NamedTuple

from agor_reactive.adapters.presentation.blocks import Block, NoteBlock
from agor_reactive.adapters.presentation.presenter import Presenter
from agor_reactive.adapters.presentation.requests import RequestBlock
from agor_reactive.adapters.terminal.layout import Line
from agor_reactive.core.snapshot import SessionState
from agor_reactive.models.task import Task
from agor_reactive.tui.typeset import Typesetter
from agor_reactive.tui.units import Folds, Run, Unfolded, Unit, heading_unit, plain_text, units_of

__all__ = ["Place", "Section", "Sheet"]

UNSEEN: Final = 4
"""Estimated lines of a task that was not looked at yet."""

KEPT: Final = 60
"""Sections that keep their lines; those far away from the window are laid out again when they are looked at."""


class Place(NamedTuple):
    """A unit, and a line of it counted from its first gap line."""

    task_id: str
    key: str
    offset: int = 0


class Section:
    """The units of one task, their heights with gaps, and the lines of those laid out. `task_id` is empty for text that
    belongs to no known task."""

    __slots__ = ("heights", "laid", "source", "task_id", "unfolded", "units")

    def __init__(self, task_id: str) -> None:
        self.task_id = task_id
        self.units: tuple[Unit, ...] = ()
        self.heights: list[int] = []
        self.laid: list[list[Line] | None] = []
        self.source: tuple[Any, ...] = ()
        self.unfolded: tuple[Any, tuple[Unit, ...]] = (None, ())

    @property
    def height(self) -> int:
        """Lines of the section, as far as known."""
        return sum(self.heights) if self.units else UNSEEN

    def put(self, units: tuple[Unit, ...], width: int) -> bool:
        """Take newer units; lines of those that are equal stay. Returns whether something changed."""
        if units == self.units:
            return False
        known = {unit.key: at for at, unit in enumerate(self.units)}
        heights, laid = self.heights, self.laid
        self.heights, self.laid = [], []
        for unit in units:
            at = known.get(unit.key)
            same = at is not None and self.units[at] == unit
            self.laid.append(laid[at] if same and at is not None else None)
            self.heights.append(heights[at] if at is not None else unit.gap + _estimate(unit, width))
        self.units = units
        return True

    def forget_lines(self) -> None:
        """Drop the lines and keep the heights as estimates."""
        self.laid = [None] * len(self.units)


def _estimate(unit: Unit, width: int) -> int:
    text = plain_text(unit) if unit.kind == "text" else ""
    return max(1, text.count("\n") + 1 + len(text) // max(width, 20))


class Sheet:
    """The sections of a session, newest task last. `show` gives it a newer snapshot."""

    def __init__(self) -> None:
        self.folds = Folds()
        self.presenter = Presenter()
        self.sections: list[Section] = []
        self.state: SessionState | None = None
        self.user_id: str | None = None
        self._by_id: dict[str, Section] = {}
        self._tasks: Any = None
        self._tops: list[int] = [0]
        self._setter = Typesetter(80)
        self._recent: dict[str, Section] = {}

    @property
    def width(self) -> int:
        """The width that lines are laid out for."""
        return self._setter.width

    @property
    def height(self) -> int:
        """Lines of the whole sheet, as far as known."""
        return self._tops[-1]

    def resize(self, width: int) -> None:
        """Lay everything out for another width, as it is looked at."""
        if width != self._setter.width:
            self._setter = Typesetter(width)
            for section in self.sections:
                section.forget_lines()

    def show(self, state: SessionState, user_id: str | None) -> None:
        """Take a newer snapshot. What is looked at is brought up to date by `prepare`."""
        self.state, self.user_id = state, user_id
        if state.tasks is not self._tasks:
            self._tasks = state.tasks
            ids = [task.task_id for task in state.tasks if not task.queued]
            if ids != [section.task_id for section in self.sections if section.task_id]:
                self._by_id = {task_id: self._by_id.get(task_id) or Section(task_id) for task_id in ids}
                self.sections = list(self._by_id.values())
        loose = bool(state.streaming_messages) and bool(self.presenter.unassigned_blocks(state))
        if loose != (bool(self.sections) and not self.sections[-1].task_id):
            if loose:
                self.sections.append(Section(""))
            else:
                self.sections.pop()
        self._add_up()

    def _add_up(self) -> None:
        self._tops = list(accumulate((section.height for section in self.sections), initial=0))

    # ------------------------------------------------------------------------------------------------- what is shown

    def prepare(self, top: int, rows: int, *, now: float) -> bool:
        """Bring up to date and lay out what lines `top` to `top + rows` show. Returns whether heights have changed.

        Call it again if they have: then other lines are shown.
        """
        changed = False
        end = top + rows
        for section in self._sections_from(top, end):
            y = self._top_of(section)
            changed |= self._refresh(section, now)
            self._recent.pop(section.task_id, None)
            self._recent[section.task_id] = section
            for at, unit in enumerate(section.units):
                if y >= end:
                    break
                height = section.heights[at]
                if y + height > top and section.laid[at] is None:
                    lines = section.laid[at] = self._setter.lay(unit)
                    section.heights[at] = height = unit.gap + len(lines)
                    changed = True
                y += height
        while len(self._recent) > KEPT:
            self._recent.pop(next(iter(self._recent))).forget_lines()
        if changed:
            self._add_up()
        return changed

    def _sections_from(self, top: int, end: int) -> list[Section]:
        first = max(0, bisect_right(self._tops, top) - 1)
        last = first
        while last < len(self.sections) and self._tops[last] < end:
            last += 1
        return self.sections[first:last]

    def _top_of(self, section: Section) -> int:
        return self._tops[self.sections.index(section)]

    def _refresh(self, section: Section, now: float) -> bool:
        """Make the units of a section anew if what they are made of has changed."""
        content = self._content(section, self.folds, now)
        if content is None:
            return False
        blocks, heading = content
        source = (blocks, heading, self.folds.revision)
        if section.source and section.source[0] is blocks and section.source[1:] == source[1:]:
            return False
        section.source = source
        return section.put(self._units(section, blocks, heading, self.folds), self.width)

    def _content(self, section: Section, folds: Folds, now: float) -> tuple[tuple[Block, ...], Unit | None] | None:
        """The blocks and the heading of a section; None if its task is gone."""
        state = self.state
        if state is None:
            return None
        if not section.task_id:
            return self.presenter.unassigned_blocks(state), None
        task = state.get_task(section.task_id)
        if task is None:
            return None
        first = section is self.sections[0]
        heading = heading_unit(task.task_id, self.presenter.task_heading(task), folds, first=first, now=now)
        return self._blocks(state, task), heading

    def _units(
        self, section: Section, blocks: tuple[Block, ...], heading: Unit | None, folds: Folds
    ) -> tuple[Unit, ...]:
        calls = self.state.get_task_tools(section.task_id) if self.state is not None and section.task_id else ()
        units = units_of(section.task_id, blocks, {tool.tool_use_id: tool for tool in calls}, folds)
        return units if heading is None else (heading, *units)

    def _blocks(self, state: SessionState, task: Task) -> tuple[Block, ...]:
        blocks = self.presenter.task_blocks(state, task, user_id=self.user_id)
        if not blocks and task.ended and not state.is_task_loaded(task.task_id):
            return _UNLOADED
        return blocks

    def pending_request(self) -> RequestBlock | None:
        """Return the oldest permission request that waits for an answer."""
        state = self.state
        for task in state.tasks[-20:] if state is not None else ():
            if state is not None and not task.ended and not task.queued:
                for block in self._blocks(state, task):
                    if isinstance(block, RequestBlock) and block.state == "pending":
                        return block
        return None

    def unloaded(self, top: int = 0, rows: int | None = None) -> list[str]:
        """Return the ids of tasks in these lines whose messages are not all loaded: at first only their texts are."""
        state = self.state
        if state is None:
            return []
        sections = self.sections if rows is None else self._sections_from(top, top + rows)
        tasks = (state.get_task(section.task_id) for section in sections if section.task_id)
        return [
            task.task_id for task in tasks if task is not None and task.ended and not state.is_task_loaded(task.task_id)
        ]

    # -------------------------------------------------------------------------------------------------------- places

    def unit_at(self, y: int) -> Place | None:
        """Return which unit line `y` belongs to."""
        if not 0 <= y < self.height:
            return None
        number = bisect_right(self._tops, y) - 1
        section = self.sections[number]
        rest = y - self._tops[number]
        for unit, height in zip(section.units, section.heights, strict=True):
            if rest < height:
                return Place(section.task_id, unit.key, rest)
            rest -= height
        return Place(section.task_id, "", rest)

    def top(self, place: Place) -> int | None:
        """Return the line of a place; of its section if the unit is gone; None if that is gone, too."""
        for number, section in enumerate(self.sections):
            if section.task_id == place.task_id:
                y = self._tops[number]
                for unit, height in zip(section.units, section.heights, strict=True):
                    if unit.key == place.key:
                        return y + place.offset
                    y += height
                return self._tops[number] + (place.offset if not place.key else 0)
        return None

    def unit(self, place: Place) -> Unit | None:
        """Return the unit of a place."""
        section = self._by_id.get(place.task_id)
        if section is None and self.sections and self.sections[-1].task_id == place.task_id:
            section = self.sections[-1]
        return next((unit for unit in section.units if unit.key == place.key), None) if section is not None else None

    def height_of(self, place: Place) -> int:
        """Return the lines of a unit, its gap included."""
        section = self._by_id.get(place.task_id)
        if section is not None:
            for unit, height in zip(section.units, section.heights, strict=True):
                if unit.key == place.key:
                    return height
        return 1

    def is_laid(self, place: Place) -> bool:
        """Whether the height of a unit is known."""
        section = self._by_id.get(place.task_id)
        if section is None:
            return True
        return any(unit.key == place.key and section.laid[at] is not None for at, unit in enumerate(section.units))

    def line(self, y: int) -> tuple[Line, Place | None]:
        """Return the segments of line `y`, and its unit."""
        place = self.unit_at(y)
        if place is None or not place.key:
            return [], place
        number = bisect_right(self._tops, y) - 1
        section = self.sections[number]
        for at, unit in enumerate(section.units):
            if unit.key == place.key:
                lines = section.laid[at]
                row = place.offset - unit.gap
                return (lines[row] if lines is not None and 0 <= row < len(lines) else []), place
        return [], place

    def walk(self, *, now: float) -> Iterator[tuple[Section, Unit]]:
        """Yield all units from the newest to the oldest, made up to date but not laid out."""
        for section in reversed(self.sections):
            if self._refresh(section, now):
                self._add_up()
            for unit in reversed(section.units):
                yield section, unit

    def walk_unfolded(self, *, now: float) -> Iterator[tuple[str, Unit]]:
        """Yield the task ids and units there were if everything was open, from the newest to the oldest."""
        unfolded = Unfolded(flipped=self.folds.flipped)
        for section in reversed(self.sections):
            content = self._content(section, unfolded, now)
            if content is not None:
                blocks, heading = content
                if section.unfolded[0] is not blocks:
                    section.unfolded = (blocks, self._units(section, blocks, heading, unfolded))
                for unit in reversed(section.unfolded[1]):
                    yield section.task_id, unit

    def forget_unfolded(self) -> None:
        """Drop what `walk_unfolded` made, once nothing is searched any more."""
        for section in self.sections:
            section.unfolded = (None, ())

    def run_that_hides(self, place: Place, *, now: float) -> Place | None:
        """Return the run that hides a call; None if the unit is shown."""
        for section in self.sections:
            if section.task_id == place.task_id:
                if self._refresh(section, now):
                    self._add_up()
                for unit in section.units:
                    run = unit.content
                    if isinstance(run, Run) and any(block.key == place.key for block in run.hidden):
                        return Place(place.task_id, unit.key)
        return None

    def neighbour(self, place: Place | None, step: int, *, now: float) -> Place | None:
        """Return the unit after (`step` 1) or before (-1) a place; without a place, the last one."""
        at = len(self.sections) - 1
        if place is not None:
            at = next((n for n, section in enumerate(self.sections) if section.task_id == place.task_id), at)
        keys: list[str] = []
        while 0 <= at < len(self.sections):
            section = self.sections[at]
            if self._refresh(section, now):
                self._add_up()
            keys = [unit.key for unit in section.units]
            if place is None:
                return Place(section.task_id, keys[-1]) if keys else None
            if place.task_id == section.task_id and place.key in keys:
                to = keys.index(place.key) + step
                if 0 <= to < len(keys):
                    return Place(section.task_id, keys[to])
            elif keys:
                return Place(section.task_id, keys[0 if step > 0 else -1])
            at += step
        return None


_UNLOADED: tuple[Block, ...] = (NoteBlock("unloaded", "Messages not loaded yet."),)
