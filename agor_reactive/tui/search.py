"""Finds text in a transcript, unit by unit from a place on, also where nothing was laid out yet and in what is folded.

What is searched is what the units show when they are open.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import chain
from typing import NamedTuple

from agor_reactive.adapters.presentation.blocks import ThinkingBlock
from agor_reactive.adapters.presentation.exact import cut_text
from agor_reactive.adapters.presentation.tools import ToolDetail
from agor_reactive.tui.sheet import Place, Sheet
from agor_reactive.tui.spans import spans_of, text_of
from agor_reactive.tui.typeset import DETAIL_LINES, DETAIL_TEXT
from agor_reactive.tui.units import Call, Run, Unit, plain_text

__all__ = ["Found", "find", "line_of_match"]


class Found(NamedTuple):
    """The result of a search: the unit, if there is one, and the tasks that it went through, in this order."""

    place: Place | None
    passed: list[str]


def find(sheet: Sheet, query: str, start: Place | None, *, older: bool, now: float) -> Found:
    """Find the next unit that has the text: older ones from `start` on, else newer ones; around the ends.

    Without `start`, from the newest on. A call that is found may be hidden in a folded run (`Sheet.run_that_hides`).
    """
    places: list[Place] = []
    fitting: set[Place] = set()
    for task_id, unit in sheet.walk_unfolded(now=now):
        places.append(Place(task_id, unit.key))
        if query.casefold() in _searched(unit).casefold():
            fitting.add(places[-1])
    if not older:
        places.reverse()
    begin = Place(start.task_id, start.key) if start is not None else None
    at = places.index(begin) + 1 if begin in places else 0
    passed: dict[str, None] = {}
    for place in chain(places[at:], places[:at]):
        passed[place.task_id] = None
        if place in fitting:
            return Found(place, list(passed))
    return Found(None, list(passed))


def _searched(unit: Unit) -> str:
    """What the unit shows when it is open. The line of a run is made of its calls, which are searched one by one."""
    content = unit.content
    if isinstance(content, Run):
        return ""
    if isinstance(content, ThinkingBlock):
        return content.text[:DETAIL_TEXT]
    if isinstance(content, Call) and content.detail is not None:
        given, result = (cut_text(text, DETAIL_TEXT, lines=DETAIL_LINES) for text in content.detail[:2])
        unit = replace(unit, content=replace(content, detail=ToolDetail(given, result)))
    return plain_text(unit)


def line_of_match(sheet: Sheet, place: Place, query: str) -> int | None:
    """Return in which line of a unit that is laid out the text first occurs; None if it shows in none."""
    y = sheet.top(place)
    if y is not None:
        for offset in range(sheet.height_of(place)):
            if spans_of(text_of(sheet.line(y + offset)[0]), query):
                return offset
    return None
