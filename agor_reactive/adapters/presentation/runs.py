"""Runs: many tool calls in a row, which a view shows as one line until it is opened."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from agor_reactive.adapters.presentation.blocks import Block, ToolBlock

__all__ = ["MOST_ALONE", "Calls", "calls_of", "grouped"]

MOST_ALONE: Final = 3
"""A longer run of calls is one line until it is opened."""


@dataclass(frozen=True, slots=True)
class Calls:
    """A run of ended calls as one line: what was called how often, how long all took, how many failed."""

    names: tuple[tuple[str, int], ...]
    failed: int
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


def grouped(blocks: Iterable[Block], alone: Callable[[ToolBlock], bool]) -> Iterator[Block | list[ToolBlock]]:
    """Yield blocks as they are, runs of more than `MOST_ALONE` calls as lists. A call that is `alone` ends a run."""
    run: list[ToolBlock] = []
    for block in blocks:
        if isinstance(block, ToolBlock) and not alone(block):
            run.append(block)
            continue
        yield from _ended(run)
        run = []
        yield block
    yield from _ended(run)


def _ended(run: list[ToolBlock]) -> Iterable[Block | list[ToolBlock]]:
    return [run] if len(run) > MOST_ALONE else run


def calls_of(run: Iterable[ToolBlock]) -> Calls:
    """Return the line of a run."""
    names: dict[str, int] = {}
    known: list[float] = []
    failed = 0
    for block in run:
        names[block.name] = names.get(block.name, 0) + 1
        failed += block.state == "failed"
        if block.seconds is not None:
            known.append(block.seconds)
    return Calls(tuple(names.items()), failed, sum(known) if known else None)
