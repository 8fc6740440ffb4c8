"""`patch`: the difference of two documents, as JSON that a page applies. A snapshot is the patch against `EMPTY`. Pure.

Text that grew is sent as the appended part, a row as the fields that differ, an order only when removals and insertions
do not imply it.

A patch has, each only if it changed: ``head`` (fields), ``queue`` (all of it), ``tasks`` and ``parts`` by task: lists
as ``{"gone": [key], "put": [[key, place or None, fields, cut, more]], "order": [key]}``. ``cut`` is how much of the
text is kept, in UTF-16 units as in JavaScript, None for all of it; ``more`` is appended.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from agor_reactive.adapters.page.document import Document, Part

__all__ = ["EMPTY", "patch"]

T = TypeVar("T")

EMPTY = Document()
NOTHING = Part({})


def patch(old: Document, new: Document) -> dict[str, Any]:
    """Return what changed from `old` to `new`, empty if nothing did."""
    found: dict[str, Any] = {}
    if old.head is not new.head and (head := _fields(old.head, new.head)):
        found["head"] = head
    if old.tasks is not new.tasks and (tasks := _listed(old.tasks, new.tasks, {}, _row)):
        found["tasks"] = tasks
    parts = {}
    for task_id in (*new.parts, *(key for key in old.parts if key not in new.parts and key in (*new.tasks, ""))):
        before, after = old.parts.get(task_id, {}), new.parts.get(task_id, {})
        if before is not after and (changed := _listed(before, after, NOTHING, _part)):
            parts[task_id] = changed
    if parts:
        found["parts"] = parts
    if old.queue != new.queue or old is EMPTY:
        found["queue"] = new.queue
    return found


def _fields(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in new.items() if key not in old or old[key] != value}


def _row(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[Any]:
    fields = _fields(old, new)
    return [fields] if fields else []


def _part(old: Part, new: Part) -> list[Any]:
    fields = _fields(old.fields, new.fields)
    if old.text == new.text:
        return [fields] if fields else []
    if new.text.startswith(old.text):
        return [fields, None, new.text[len(old.text) :]]
    kept = _common(old.text, new.text)
    return [fields, len(new.text[:kept].encode("utf-16-le")) // 2, new.text[kept:]]


def _common(one: str, other: str) -> int:
    """The length of the common prefix."""
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        if one[low:middle] == other[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low


def _listed(
    old: Mapping[str, T], new: Mapping[str, T], nothing: T, changes: Callable[[T, T], list[Any]]
) -> dict[str, Any]:
    """The patch of a list of keyed items."""
    found: dict[str, Any] = {}
    gone = [key for key in old if key not in new]
    if gone:
        found["gone"] = gone
    stay = [key for key in old if key in new]
    places, order = _places(stay, list(new))
    put: list[list[Any]] = []
    for key, item in new.items():
        before = old.get(key)
        if before is item:
            continue
        changed = changes(nothing if before is None else before, item)
        if changed or before is None:
            put.append([key, places.get(key), *(changed or [{}])])
    if put:
        found["put"] = put
    if order:
        found["order"] = order
    return found


def _places(stay: Sequence[str], new: Sequence[str]) -> tuple[dict[str, int], list[str]]:
    """The places of new keys; and the whole order, if keys that stay were moved."""
    known = set(stay)
    moved = [key for key in new if key in known] != list(stay)
    places = {key: place for place, key in enumerate(new) if key not in known}
    # Keys at the end need no place: most patches append.
    for key in reversed(new):
        if key not in places:
            break
        del places[key]
    return places, list(new) if moved else []
