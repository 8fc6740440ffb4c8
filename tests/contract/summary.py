"""How many tests of this suite passed and were skipped on each daemon, and why: in the last lines of a run.

`tests/conftest.py` imports the hook: pytest-xdist's controller prints the summary, and it loads no conftest below that.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import Any

import pytest

from tests.contract.daemons import DAEMONS

__all__ = ["daemon_of", "pytest_terminal_summary"]


def daemon_of(nodeid: str) -> str | None:
    """The daemon that a test of this suite runs against, from its parameters; None for other tests."""
    path, _, name = nodeid.partition("::")
    if "tests/contract/" not in path.replace("\\", "/"):
        return None
    inside = re.search(r"\[(.*)\]$", name)
    parameters = inside.group(1) if inside else ""
    found = [daemon for daemon in DAEMONS if re.search(rf"(^|-){re.escape(daemon)}(-|$)", parameters)]
    return max(found, key=len, default=None)


def _reason(report: Any) -> str:
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    return str(reason).removeprefix("Skipped: ")


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_terminal_summary(terminalreporter: Any) -> Iterator[None]:
    yield
    outcomes: defaultdict[str, Counter[str]] = defaultdict(Counter)
    reasons: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for outcome in ("passed", "failed", "error", "skipped"):
        for report in terminalreporter.getreports(outcome):
            name = daemon_of(report.nodeid)
            if name is None or (outcome == "passed" and report.when != "call"):
                continue
            outcomes[name][outcome] += 1
            if outcome == "skipped":
                reasons[name][_reason(report)] += 1
    for name in (known for known in DAEMONS if known in outcomes):
        counts = outcomes[name]
        line = f"contract {name}: {counts['passed']} passed, {counts['skipped']} skipped"
        if bad := counts["failed"] + counts["error"]:
            line += f", {bad} FAILED"
        why = ", ".join(f"{reason} × {number}" for reason, number in sorted(reasons[name].items()))
        terminalreporter.write_line(f"{line} ({why})" if why else line)
