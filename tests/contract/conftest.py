"""One daemon of each kind per test session, fresh clients and rows per test, and a summary per daemon at the end."""

from __future__ import annotations

import contextlib
import re
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

import agor_reactive as agor
from agor_reactive.errors import AgorError
from tests.contract.daemons import DAEMONS, Daemon, running
from tests.contract.scene import Scene, opened_scene


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "contract" in item.path.parts and item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(60, func_only=True))


@pytest.fixture(scope="session", params=DAEMONS)
def daemon(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    """A running daemon; every test of the suite runs once against each."""
    with running(request.param, tmp_path_factory.mktemp(request.param) / "state") as one:
        yield one
        with agor.create_rest_client(one.url, api_key=one.api_key) as rest:
            for board_id in one.boards:
                with contextlib.suppress(AgorError):
                    rest.service("boards").remove(board_id)


@pytest.fixture
async def client(daemon: Daemon) -> AsyncIterator[Any]:
    """A live client, logged in."""
    async with agor.create_client(daemon.url, **daemon.credentials()) as one:
        yield one


@pytest.fixture
async def stranger(daemon: Daemon) -> AsyncIterator[Any]:
    """A live client that is not logged in."""
    async with agor.create_client(daemon.url) as one:
        yield one


@pytest.fixture
def rest(daemon: Daemon) -> Iterator[Any]:
    """A REST client, blocking."""
    with agor.create_rest_client(daemon.url, api_key=daemon.api_key) as one:
        yield one


@pytest.fixture
async def arest(daemon: Daemon) -> AsyncIterator[Any]:
    """An asyncio REST client."""
    async with agor.create_async_rest_client(daemon.url, api_key=daemon.api_key) as one:
        yield one


@pytest.fixture
async def scene(client: Any, daemon: Daemon) -> AsyncIterator[Scene]:
    """Rows for one test, removed after it."""
    async with opened_scene(client, daemon) as one:
        yield one


# ---- summary ----------------------------------------------------------------------------------------


def _daemon_of(nodeid: str) -> str | None:
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
            name = _daemon_of(report.nodeid)
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
