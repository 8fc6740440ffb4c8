"""Draws the plot in docs/performance.md: ns per event by tasks, handles and chunks. Needs matplotlib.

``python -m benchmarks plot --svg docs/images/growth.svg``
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from agor_reactive.core import SessionState
from benchmarks import mirror, textbook, workloads
from benchmarks.cases.fanout import chunks_over, written
from benchmarks.cases.growth import MIX_TASKS, folded_on, state_of
from benchmarks.measure import Side, Timing, interleave, timed
from benchmarks.mirror import Feed

__all__ = ["draw"]

Points = dict[int, float]
_TIMING = Timing(rounds=5)


def _medians(sides: Mapping[tuple[str, int], Side]) -> dict[str, Points]:
    turns = interleave({f"{name} {size}": side for (name, size), side in sides.items()}, _TIMING)
    lines: dict[str, Points] = {}
    for name, size in sides:
        lines.setdefault(name, {})[size] = turns.ns(f"{name} {size}")
    return lines


def _by_tasks(sizes: tuple[int, ...]) -> dict[str, Points]:
    """Measure the mix of `growth`, folded on top of `tasks` tasks."""
    sides: dict[tuple[str, int], Side] = {}
    for size in sizes:
        load = workloads.mix(size, MIX_TASKS, ids_in_session=False)
        ours = state_of(size)
        sides["ours", size] = folded_on(ours, load, _TIMING, 30)
        sides["textbook", size] = _by_the_book(textbook.from_state(ours), mirror.parsed(load.events))
    return _medians(sides)


def _by_the_book(state: textbook.State, events: list[Any]) -> Side:
    def run() -> None:
        now = state
        for event in events:
            now = textbook.fold(now, event)

    return lambda: timed(run, _TIMING) / len(events)


def _by_handles(counts: tuple[int, ...], chunks: int) -> dict[str, Points]:
    """Measure chunks over many sessions in turns, through the whole pipeline."""
    sides: dict[tuple[str, int], Side] = {}
    feeds = []
    for count in counts:
        ids, events = chunks_over(count, chunks)
        feed = Feed(ids)
        feeds.append(feed)
        sides["ours", count] = written(feed, events, _TIMING)
    try:
        return _medians(sides)
    finally:
        for feed in feeds:
            feed.close()


def _by_chunks(sizes: tuple[int, ...], part: int) -> dict[str, Points]:
    """Measure the next chunks of a message that has many."""
    sides: dict[tuple[str, int], Side] = {}
    for size in sizes:
        load = workloads.one_message(size + part * (_TIMING.rounds + 2))
        events = mirror.parsed(load.events)
        ours = mirror.folded(mirror.read_state(load.session_id), events[: size + 1])
        book = replace(textbook.from_state(ours), streaming_messages=_begun(ours))
        sides["ours", size] = _onward(ours, events[size + 1 :], part)
        sides["textbook", size] = _by_the_book(book, events[size + 1 : size + 1 + part])
    return _medians(sides)


def _begun(state: SessionState) -> dict[str, textbook.Stream]:
    return {
        key: textbook.Stream(key, stream.task_id, text=stream.text, streaming=True, next_sequence=stream.chunk_count)
        for key, stream in state.streaming_messages.items()
    }


def _onward(state: SessionState, events: list[Any], part: int) -> Side:
    """Each round continues from the previous one: a second branch from the same state would copy its chunks first."""
    left = iter(events)

    def run() -> float:
        nonlocal state
        following = [next(left) for _ in range(part)]

        def work() -> None:
            nonlocal state
            state = mirror.folded(state, following)

        return timed(work, _TIMING) / part

    return run


def draw(file: Path, *, quick: bool = False) -> None:
    """Measure, and write the picture as SVG."""
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "agor", "font.size": 9})
    from matplotlib import pyplot

    panels: tuple[tuple[str, Callable[[], dict[str, Points]]], ...] = (
        ("tasks in the session", lambda: _by_tasks((10, 30) if quick else (10, 100, 1_000, 10_000))),
        (
            "handles on one client",
            lambda: _by_handles((1, 5) if quick else (1, 10, 100, 1_000), 300 if quick else 20_000),
        ),
        (
            "chunks in one message",
            lambda: _by_chunks((100, 300) if quick else (100, 1_000, 10_000, 100_000), 20 if quick else 100),
        ),
    )
    figure, axes = pyplot.subplots(1, len(panels), figsize=(9.6, 3.0), sharey=True, layout="constrained")
    for axis, (title, measure) in zip(axes, panels, strict=True):
        for name, points in measure().items():
            style = {"marker": "o", "color": "#0b6e4f"} if name == "ours" else {"marker": "s", "color": "#b5651d"}
            axis.plot(list(points), list(points.values()), label=name, linewidth=1.5, **style)
        axis.set_xscale("log")
        axis.set_yscale("log")
        axis.set_xlabel(title)
        axis.grid(visible=True, alpha=0.3)
    axes[0].set_ylabel("ns per event")
    axes[0].legend(frameon=False)
    file.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(file, metadata={"Date": None, "Creator": "benchmarks/plot.py"})
    pyplot.close(figure)
    print(file)
