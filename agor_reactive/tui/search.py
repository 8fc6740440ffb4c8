"""Finds text in a transcript, unit by unit from a place on, also where nothing was laid out yet."""

from __future__ import annotations

from itertools import chain

from agor_reactive.tui.sheet import Place, Sheet
from agor_reactive.tui.spans import spans_of, text_of
from agor_reactive.tui.units import plain_text

__all__ = ["find", "line_of_match"]


def find(sheet: Sheet, query: str, start: Place | None, *, older: bool, now: float) -> Place | None:
    """Return the next unit that has the text: older ones from `start` on, else newer ones; around the ends.

    Without `start`, from the newest on. The place of a unit that is laid out is the line of the first match in it.
    """
    units = [Place(section.task_id, unit.key) for section, unit in sheet.walk(now=now) if _has(plain_text(unit), query)]
    if not units:
        return None
    if start is None:
        return units[0 if older else -1]
    order = {place: at for at, place in enumerate(_walked(sheet, now))}
    at = order.get(Place(start.task_id, start.key), -1)
    if older:
        after = [place for place in units if order[place] > at]
        return next(chain(after, units))
    before = [place for place in units if order[place] < at]
    return next(chain(reversed(before), reversed(units)))


def _walked(sheet: Sheet, now: float) -> list[Place]:
    return [Place(section.task_id, unit.key) for section, unit in sheet.walk(now=now)]


def _has(text: str, query: str) -> bool:
    return query.casefold() in text.casefold()


def line_of_match(sheet: Sheet, place: Place, query: str) -> int:
    """Return in which line of a unit that is laid out the text first occurs; 0 if wrapping cut it."""
    y = sheet.top(place)
    if y is not None:
        for offset in range(sheet.height_of(place)):
            if spans_of(text_of(sheet.line(y + offset)[0]), query):
                return offset
    return 0
