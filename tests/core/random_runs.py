"""Long random runs of the convergence model, without hypothesis: several times faster, seeded, and cut down on failure.

Steps and their arguments come from the rules of the state machine, so that there is one model and two ways to play it.
"""

from __future__ import annotations

import inspect
import random
import time
from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import INITIALIZE_RULE_MARKER, RULE_MARKER

from tests.core.convergence import COVERAGE, Convergence

__all__ = ["Divergence", "play", "play_until"]

_SECONDS_TO_SHRINK = 60.0
_SELDOM = {"all_is_quiet": 0.4, "the_login_expires": 0.4, "the_user_logs_out": 0.4, "a_task_is_removed": 0.6}
"""How often these are picked, against 1: a run in which little is ever shown finds little."""
_EMPHASES = (0.2, 1.0, 1.0, 1.0, 5.0)
"""Every other run picks each kind of step more or less often by one of these ("swarm testing"): what fails after many
of one kind and few of another hardly ever comes in runs that pick all alike."""

Step = tuple[str, dict[str, Any]]
Draw = Callable[[random.Random], Any]


class Divergence(AssertionError):
    """A run after which the mirror and the daemon differ; its message has the shortest steps that were found."""


def _draw_from(strategy: Any) -> Draw:
    """How to draw from the few kinds of strategies that the rules use."""
    strategy = getattr(strategy, "wrapped_strategy", strategy)
    if (choices := getattr(strategy, "elements", None)) is not None:
        return lambda source: source.choice(list(choices))
    if (parts := getattr(strategy, "original_strategies", None)) is not None:
        draws = [_draw_from(part) for part in parts]
        return lambda source: source.choice(draws)(source)
    if hasattr(strategy, "start") and hasattr(strategy, "end"):
        return lambda source: source.randint(strategy.start, strategy.end)
    if type(strategy) is type(getattr(st.booleans(), "wrapped_strategy", st.booleans())):
        return lambda source: source.random() < 0.5
    if hasattr(strategy, "value"):
        return lambda source: strategy.value
    raise TypeError(f"no way to draw from {strategy!r}")


def _rules(marker: str) -> dict[str, Any]:
    functions = inspect.getmembers(Convergence, inspect.isfunction)
    return {name: found for name, function in functions if (found := getattr(function, marker, None)) is not None}


_BEGIN = {name: _draw_from(s) for name, s in _rules(INITIALIZE_RULE_MARKER)["begin"].arguments.items()}
_STEPS = {
    name: {key: _draw_from(strategy) for key, strategy in found.arguments.items()}
    for name, found in _rules(RULE_MARKER).items()
}
_POSSIBLE = {name: found.preconditions for name, found in _rules(RULE_MARKER).items()}


def _drawn(seed: int, count: int) -> tuple[dict[str, Any], list[Step]]:
    source = random.Random(seed)
    begin = {name: draw(source) for name, draw in _BEGIN.items()}
    weights = [_SELDOM.get(name, 1.0) * (source.choice(_EMPHASES) if seed % 2 else 1.0) for name in _STEPS]
    names = source.choices(list(_STEPS), weights, k=count)
    return begin, [(name, {key: draw(source) for key, draw in _STEPS[name].items()}) for name in names]


def play(begin: dict[str, Any], steps: list[Step]) -> Exception | None:
    """Take the steps that are possible, and see that all agrees in the end. Returns what failed."""
    machine = Convergence.__new__(Convergence)
    try:
        machine.begin(**begin)
        for name, arguments in steps:
            if all(possible(machine) for possible in _POSSIBLE[name]):
                getattr(machine, name)(**arguments)
        machine.teardown()
    except Exception as error:  # noqa: BLE001 - every way to fail is a finding, and is raised at the end
        return error
    return None


def _shortened(begin: dict[str, Any], steps: list[Step], kind: type[Exception]) -> list[Step]:
    """Fewer steps that fail in the same way: pieces are left out, ever smaller ones, as long as time allows."""
    until = time.monotonic() + _SECONDS_TO_SHRINK
    size = len(steps) // 2
    while size and time.monotonic() < until:
        at = 0
        while at < len(steps):
            fewer = steps[:at] + steps[at + size :]
            if type(play(begin, fewer)) is kind:
                steps = fewer
            else:
                at += size
        size //= 2
    return steps


def play_until(events: int, *, seed: int = 0, steps: int = 100, seconds: float = float("inf")) -> int:
    """Play runs with successive seeds until so many events have been folded or the time is over; how many runs.

    Raises `Divergence` for the first that fails.
    """
    began, first = time.monotonic(), seed
    before = COVERAGE["events"]
    while COVERAGE["events"] - before < events and time.monotonic() - began < seconds:
        begin, drawn = _drawn(seed, steps)
        error = play(begin, drawn)
        if error is not None:
            listed = "\n".join(f"  {name} {arguments}" for name, arguments in _shortened(begin, drawn, type(error)))
            raise Divergence(f"seed {seed}, {begin}:\n{listed}") from error
        seed += 1
    return seed - first
