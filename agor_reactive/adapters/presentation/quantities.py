"""Durations and counts for people."""

from __future__ import annotations

import math
from typing import Any

from agor_reactive.models.base import instant
from agor_reactive.models.task import Task

__all__ = ["age_text", "count_text", "number_of", "seconds_text", "task_duration"]


def seconds_text(seconds: float) -> str:
    """Return a duration as text: ``0.4 s``, ``12.3 s``, ``3 m 05 s``, ``2 h 10 m``."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(int(seconds), 60)
    if minutes < 60:
        return f"{minutes} m {rest:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} m"


def age_text(seconds: float) -> str:
    """Return how long ago something was, in its largest unit: ``now``, ``5 m``, ``3 h``, ``12 d``."""
    for size, sign in ((86_400, "d"), (3_600, "h"), (60, "m")):
        if seconds >= size:
            return f"{int(seconds // size)} {sign}"
    return "now"


def count_text(number: float) -> str:
    """Return a count as text: ``950``, ``12.4k``, ``1.2M``."""
    for size, sign in ((1e6, "M"), (1e3, "k")):
        if number >= size:
            return f"{number / size:.3g}{sign}"
    return f"{number:.0f}"


def number_of(value: Any) -> float | None:
    """Return a finite number of 0 or more, None for anything else."""
    valid = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value) and value >= 0
    return float(value) if valid else None


def task_duration(task: Task, started_at: str | None) -> float | None:
    """Return the seconds that an ended task took: `duration_ms` of its row, else from `started_at` to completion.

    Never from `created_at`: a task may have been queued for hours before it started.
    """
    if not task.ended:
        return None
    milliseconds = number_of(task.duration_ms)
    if milliseconds is not None:
        return milliseconds / 1000
    began, ended = instant(started_at), instant(task.completed_at)
    return ended - began if began is not None and ended is not None and ended >= began else None
