"""The cases of the table, by name. Each is a function of `Plan` that returns lines, imported on demand."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module

from benchmarks.measure import Timing
from benchmarks.table import Line
from benchmarks.workloads import Scale

__all__ = ["APART", "CASES", "Case", "Plan", "case"]


@dataclass(frozen=True, slots=True)
class Plan:
    """The size of the workloads, and the number of rounds."""

    scale: Scale
    timing: Timing


Case = Callable[[Plan], Iterator[Line]]

CASES: Mapping[str, tuple[str, str]] = {
    "chat": ("folds", "chat"),
    "long": ("folds", "long"),
    "huge": ("folds", "huge"),
    "stream": ("folds", "stream"),
    "message": ("folds", "message"),
    "noise": ("folds", "noise"),
    "equal": ("equality", "equal"),
    "growth": ("growth", "growth"),
    "fanout": ("fanout", "fanout"),
    "memory": ("memory", "memory"),
    "node": ("node", "node"),
    "flood": ("flood", "flood"),
    "instructions": ("instructions", "instructions"),
    "socket": ("sockets", "socket"),
    "hydrate": ("hydrate", "hydrate"),
    "widget": ("widget", "widget"),
    "web": ("web", "web"),
    "text": ("outside_text", "text"),
    "log": ("logs", "log"),
    "operators": ("operators", "operators"),
}
"""Name of a case: its module here, and the function in it."""


APART = ("equal", "instructions")
"""Cases that run only when named, because they take minutes: the textbook fold of `huge`; valgrind."""


def case(name: str) -> Case:
    """Import the case of that name."""
    module, function = CASES[name]
    found: Case = getattr(import_module(f"benchmarks.cases.{module}"), function)
    return found
