"""Text from outside takes linear time: each function that reads it, and each pattern of the package, on every kind.

Patterns run in C, where no work can be counted: there the process's own time is bounded, best of three, by a bound that
quadratic ones are over ten times. Layouts are Python: there the calls are counted, which no load changes.
"""

from __future__ import annotations

import importlib
import pkgutil
import re
import sys
import time
from collections.abc import Callable
from types import FrameType
from typing import Any

import pytest

import agor_reactive
from agor_reactive.errors import MissingExtra
from benchmarks.texts import FLOOR_NS, KINDS, READERS, VIEWS, of_size

SHORT, LONG = 2_000, 20_000
SAME_TIMES = 15


def patterns() -> dict[str, re.Pattern[Any]]:
    """Every compiled pattern that a module of the package keeps."""
    found: dict[str, re.Pattern[Any]] = {}
    for module in pkgutil.walk_packages(agor_reactive.__path__, "agor_reactive."):
        if module.name.endswith("__main__"):
            continue
        try:
            variables = vars(importlib.import_module(module.name))
        except MissingExtra:
            continue  # the notebook step has the extra and its own tests
        for name, value in variables.items():
            held = value if isinstance(value, tuple) else (value,)
            for number, item in enumerate(part for one in held for part in (one if isinstance(one, tuple) else (one,))):
                if isinstance(item, re.Pattern):
                    found[f"{module.name.removeprefix('agor_reactive.')}.{name}[{number}]"] = item
    return found


PATTERNS = patterns()


def used(work: Callable[[], Any]) -> float:
    """Seconds of this process, the best of three."""

    def once() -> float:
        begun = time.process_time()
        work()
        return time.process_time() - begun

    best = once()
    for _ in range(2):
        if best > 0.01:
            best = min(best, once())
    return best


def too_slow(work: Callable[[str], Any]) -> list[str]:
    """The kinds of text for which ten times as much takes more than `SAME_TIMES` times as long."""
    least = FLOOR_NS * SHORT / 1e9
    found = []
    for kind in KINDS:
        long = used(lambda kind=kind: work(of_size(kind, LONG)))  # type: ignore[misc]
        if long > SAME_TIMES * least:
            short = used(lambda kind=kind: work(of_size(kind, SHORT)))  # type: ignore[misc]
            if long > SAME_TIMES * max(short, least):
                found.append(f"{kind}: {short:.4f} s, then {long:.4f} s")
    return found


@pytest.mark.parametrize("name", [name for name in READERS if name not in VIEWS])
def test_a_function_that_reads_text_takes_linear_time(name: str) -> None:
    assert too_slow(READERS[name]) == []


@pytest.mark.parametrize("name", list(PATTERNS))
def test_a_pattern_takes_linear_time(name: str) -> None:
    pattern = PATTERNS[name]
    encode = isinstance(pattern.pattern, bytes)

    def everywhere(text: str) -> None:
        given = text.encode("utf-8", "replace") if encode else text
        pattern.search(given)
        pattern.sub(given[:0], given)

    assert too_slow(everywhere) == []


def calls(work: Callable[[], Any]) -> int:
    """How many functions were called, ours, rich's and C's."""
    counted = 0

    def count(_: FrameType, event: str, __: Any) -> None:
        nonlocal counted
        counted += event in ("call", "c_call")

    sys.setprofile(count)
    try:
        work()
    finally:
        sys.setprofile(None)
    return counted


@pytest.mark.parametrize("name", VIEWS)
def test_a_layout_makes_calls_in_proportion_to_its_text(name: str) -> None:
    view = READERS[name]
    view(of_size("words", 400))  # what is made once
    found = []
    for kind in list(KINDS)[:: 1 if name == "prose.prose" else 4]:
        short, long = (calls(lambda size=size, kind=kind: view(of_size(kind, size))) for size in (150, 1_500))  # type: ignore[misc]
        if long > SAME_TIMES * short:
            found.append(f"{kind}: {short}, then {long}")
    assert found == []


def test_the_patterns_of_the_package_are_found() -> None:
    """The walk finds those in tuples and those at the top: a pattern that it misses would go unmeasured."""
    assert {
        "transport.codec._TRACE[0]",
        "models.secrecy._SECRET_TEXT[0]",
        "adapters.presentation.plain._CODE[0]",
    } <= set(PATTERNS)
    assert any(name.startswith("transport.codec._BY_MESSAGE") for name in PATTERNS)
