"""Runs: many tool calls in a row, which a view shows as one line until it is opened.

Only completed calls are in a run. One that executes or failed is always shown, so that no line hides it.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from agor_reactive.adapters.presentation.blocks import Block, ToolBlock

__all__ = ["MOST_ALONE", "Calls", "calls_of", "grouped", "run_key"]

MOST_ALONE: Final = 3
"""A longer run of calls is one line until it is opened."""


@dataclass(frozen=True, slots=True)
class Calls:
    """A run as one line: what was called how often, and for how many seconds at least one call ran."""

    names: tuple[tuple[str, int], ...]
    seconds: float | None

    @property
    def count(self) -> int:
        """The number of calls."""
        return sum(count for _, count in self.names)

    @property
    def title(self) -> str:
        """``6 tool calls``."""
        return f"{self.count} tool calls"

    @property
    def named(self) -> str:
        """``Read ×4, Bash``."""
        return ", ".join(name if count == 1 else f"{name} ×{count}" for name, count in self.names)


def grouped(
    blocks: Iterable[Block], *, tall: Callable[[ToolBlock], bool] = lambda call: False
) -> Iterator[Block | list[ToolBlock]]:
    """Yield blocks as they are, runs of more than `MOST_ALONE` calls as lists.

    A call that did not complete ends a run, and so does one that is `tall`: a view that shows more than a line of it.
    """
    run: list[ToolBlock] = []
    for block in blocks:
        if isinstance(block, ToolBlock) and block.state == "complete" and not tall(block):
            run.append(block)
            continue
        yield from _ended(run)
        run = []
        yield block
    yield from _ended(run)


def _ended(run: list[ToolBlock]) -> Iterable[Block | list[ToolBlock]]:
    return [run] if len(run) > MOST_ALONE else run


def run_key(run: Sequence[ToolBlock], known: Container[str]) -> str:
    """Return the key of a run: one that is `known`, as when a call before its first has ended since; else a new one."""
    keys = [f"run/{block.key}" for block in run]
    return next((key for key in keys if key in known), keys[0])


def calls_of(run: Iterable[ToolBlock]) -> Calls:
    """Return the line of a run."""
    names: dict[str, int] = {}
    spans: list[tuple[float, float]] = []
    for block in run:
        names[block.name] = names.get(block.name, 0) + 1
        if block.seconds is not None and block.ended is not None:
            spans.append((block.ended - block.seconds, block.ended))
    return Calls(tuple(names.items()), _covered(spans) if spans else None)


def _covered(spans: list[tuple[float, float]]) -> float:
    """How long the spans take: what several of them have in common counts once."""
    seconds, until = 0.0, float("-inf")
    for begin, end in sorted(spans):
        seconds += max(0.0, end - max(begin, until))
        until = max(until, end)
    return seconds
