"""The coverage of the convergence law's generator, printed at the end of a run that had it."""

from __future__ import annotations

from typing import Any

from tests.core.convergence import COVERAGE


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """How many of the random runs had what."""
    if COVERAGE["runs"]:
        terminalreporter.section("convergence: random runs")
        counts = ", ".join(f"{count} {name}" for name, count in sorted(COVERAGE.items()) if name != "runs")
        terminalreporter.write_line(f"{COVERAGE['runs']} runs; {counts}")
