"""The time of a recorded session as a slider shows it: what happened when, and when nothing did. Pure."""

from __future__ import annotations

import heapq
import math
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final, Literal, TypeAlias

from agor_reactive.adapters.presentation.heading import error_text
from agor_reactive.adapters.presentation.plain import one_line
from agor_reactive.adapters.presentation.status import FAILED, NEEDS_PERSON, status_label
from agor_reactive.core.snapshot import SessionState
from agor_reactive.logs.changes import Diff, diff
from agor_reactive.models.base import instant
from agor_reactive.models.task import Task

__all__ = ["MOST_MARKS", "Mark", "MarkKind", "TimelineBuilder", "epoch_ms", "thinned"]

MarkKind: TypeAlias = Literal["began", "ended", "failed", "asked", "tool", "link", "lost"]
"""A task began or ended; a task, a tool or the mirror failed; a person was asked; a tool was called; the connection was
lost or is back; records are missing."""

MOST_MARKS: Final = 1_000
"""How many marks a page shows; of more, those that say least are left out evenly."""

_IMPORTANCE: Final[tuple[MarkKind, ...]] = ("lost", "failed", "link", "asked", "ended", "began", "tool")
_PAUSE: Final = 3.0  # seconds without a change that count as a pause
_MOST_SPANS: Final = 400
_BEGUN: Final = frozenset({"running", "dispatching", "executing", *NEEDS_PERSON})
_DOWN: Final = frozenset({"reconnecting", "unauthenticated", "closed"})


@dataclass(frozen=True, slots=True)
class Mark:
    """Something that happened at `t`, epoch seconds; `text` is one line for people."""

    t: float
    kind: MarkKind
    text: str


class TimelineBuilder:
    """Takes every state of a session in order and gives the timeline: its ends, its marks, and when it was active."""

    def __init__(self) -> None:
        self.marks: list[Mark] = []
        self._spans: list[list[float]] = []
        self._before: SessionState | None = None
        self._was_live = False

    def add(self, t: float, state: SessionState) -> None:
        """The state from `t` on, epoch seconds."""
        if self._spans and t - self._spans[-1][1] <= _PAUSE:
            self._spans[-1][1] = max(t, self._spans[-1][1])
        else:
            self._spans.append([t, t])
        before, self._before = self._before, state
        if before is not None and before.base is not state.base:  # else only text grew
            self._link(t, before, state)
            self._changes(t, state, diff(before, state))
        self._was_live = self._was_live or state.connection.phase == "live"

    def dropped(self, t: float, count: int) -> None:
        """The recording left out `count` records before `t`."""
        self.marks.append(Mark(t, "lost", f"{count:,} record{'' if count == 1 else 's'} missing from the log"))

    @property
    def times(self) -> tuple[float, float]:
        """When the session begins and ends, epoch seconds; zeros before the first state."""
        return (self._spans[0][0], self._spans[-1][1]) if self._spans else (0.0, 0.0)

    def spans(self) -> list[tuple[float, float]]:
        """When something changed, from and to: at most 400, the shortest pauses between them left out."""
        spans = self._spans
        if len(spans) > _MOST_SPANS:
            pauses = heapq.nlargest(
                _MOST_SPANS - 1, range(1, len(spans)), key=lambda at: spans[at][0] - spans[at - 1][1]
            )
            cuts = [0, *sorted(pauses), len(spans)]
            spans = [[spans[a][0], spans[b - 1][1]] for a, b in pairwise(cuts)]
        return [(begin, end) for begin, end in spans]

    def as_json(self) -> dict[str, Any]:
        """The timeline for a page, times in epoch milliseconds: begin, end, spans, marks as [time, kind, text]."""
        begin, end = self.times
        marks = thinned(self.marks, MOST_MARKS)
        return {
            "begin": epoch_ms(begin),
            "end": epoch_ms(end),
            "spans": [[epoch_ms(a), epoch_ms(b)] for a, b in self.spans()],
            "marks": [[epoch_ms(mark.t), mark.kind, mark.text] for mark in marks],
            "left": len(self.marks) - len(marks),
        }

    # ---------------------------------------------------------------------------------------------------------- marks

    def _link(self, t: float, before: SessionState, state: SessionState) -> None:
        old, new = before.connection.phase, state.connection.phase
        if old == new or not self._was_live:
            return
        if new in _DOWN and old not in _DOWN:
            self.marks.append(Mark(t, "link", "Connection lost" if new != "closed" else "Connection closed"))
        elif new == "live" and old != "live":
            self.marks.append(Mark(t, "link", "Connected again"))

    def _changes(self, t: float, state: SessionState, change: Diff) -> None:
        begin = self._spans[0][0]
        history = {task.task_id for task in change.tasks_added if _is_history(task, begin)}
        ended = {task.task_id: task for task in change.tasks_ended}
        for status in change.status:
            task = state.get_task(status.task_id) if status.task_id is not None else None
            if task is None or task.task_id in history:
                continue
            self._task(t, task, status.before, ended=task.task_id in ended)
        for tool in change.tools:
            name = one_line(tool.name or "Tool", 60)
            known = state.get_task_tools(tool.task_id)
            found = next((one for one in known if one.tool_use_id == tool.tool_use_id), None)
            if found is not None and (found.failed or found.denied) and tool.before is not None:
                self.marks.append(Mark(t, "failed", f"{name} {'was denied' if found.denied else 'failed'}"))
            elif tool.before is None and tool.after == "executing":
                self.marks.append(Mark(t, "tool", f"{name} was called"))
        if change.errors is not None and change.errors[1] is not None:
            self.marks.append(Mark(t, "failed", one_line(error_text(change.errors[1]), 160)))

    def _task(self, t: float, task: Task, before: str | None, *, ended: bool) -> None:
        prompt = one_line(task.full_prompt or "", 80)
        about = f": {prompt}" if prompt else ""
        if ended:
            kind: MarkKind = "failed" if task.status in FAILED else "ended"
            self.marks.append(Mark(t, kind, f"Task {status_label(task.status)}{about}"))
        elif task.status in NEEDS_PERSON:
            self.marks.append(Mark(t, "asked", f"Task {status_label(task.status)}{about}"))
        elif task.status in _BEGUN and before not in _BEGUN:
            self.marks.append(Mark(t, "began", f"Task began{about}"))


def thinned(marks: list[Mark], most: int) -> list[Mark]:
    """At most so many marks, in order: of the kinds that say least, only some, evenly chosen."""
    if len(marks) <= most:
        return sorted(marks, key=lambda mark: mark.t)
    kept: list[Mark] = []
    for kind in _IMPORTANCE:
        here = [mark for mark in marks if mark.kind == kind]
        room = most - len(kept)
        kept += here if len(here) <= room else [here[at * len(here) // room] for at in range(room)]
    return sorted(kept, key=lambda mark: mark.t)


def _is_history(task: Task, begin: float) -> bool:
    """Whether a task that was just read was made before the log begins."""
    made = instant(task.created_at)
    return made is not None and made < begin


def epoch_ms(seconds: float) -> int:
    """A moment for a page, in milliseconds; not before the event."""
    return math.ceil(seconds * 1000)
