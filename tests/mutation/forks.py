"""Runs the collected tests against one mutant after the other, each in a fork of the process that collected them.

Everything is imported and collected once. A first fork runs all tests and reports which functions each has called and
how long it took. For each mutant, one more fork puts the changed code in place of the function's and runs the tests
that call it, the fastest first, up to the first failure.
"""

from __future__ import annotations

import gc
import os
import pickle
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import CodeType, FrameType, FunctionType
from typing import Any

import pytest

from tests.mutation.mutants import Mutant

__all__ = ["Forks", "units_of"]

Place = tuple[str, int]
"""A function: its file, and the line on which it begins, decorators included."""


def units_of(mutant: Mutant, root: Path) -> set[Place]:
    """The functions that hold the change, one within the other.

    Which of them exist once the module is imported depends on whether the outer one has been called by then.
    """
    return {(str(root / mutant.path), first) for first in mutant.functions}


def codes(code: CodeType) -> Iterator[CodeType]:
    """A code object and all within it."""
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from codes(constant)


class _Calls:
    """Which functions of the package a test calls, in whatever thread."""

    def __init__(self, package: str) -> None:
        self.package = package
        self.seen: set[CodeType] = set()

    def __call__(self, frame: FrameType, event: str, argument: Any) -> None:
        if event == "call":
            self.seen.add(frame.f_code)

    def places(self) -> set[Place]:
        return {(c.co_filename, c.co_firstlineno) for c in self.seen if c.co_filename.startswith(self.package)}


class Forks:
    """A pytest plugin. `survivors` are the mutants that no test noticed; `baseline` is why nothing was tried."""

    def __init__(self, mutants: list[Mutant], root: Path, survived: Callable[[Mutant, bool], None]) -> None:
        self.mutants = mutants
        self.root = root
        self.survived = survived
        self.survivors: list[Mutant] = []
        self.baseline = ""
        self._failed = False
        self._calls: _Calls | None = None
        self._known: dict[str, tuple[float, set[Place]]] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            self._failed = True
            self.baseline = f"{report.nodeid}\n{report.longreprtext}"

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        if self._calls is None:
            return (yield)
        calls = _Calls(str(self.root / "agor_reactive"))
        sys.setprofile(calls)
        threading.setprofile(calls)
        began = time.perf_counter()
        try:
            return (yield)
        finally:
            sys.setprofile(None)
            threading.setprofile(None)  # type: ignore[arg-type]
            self._known[item.nodeid] = (time.perf_counter() - began, calls.places())

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        everything = list(session.items)
        if not self._measure(session, everything):
            return True
        for mutant in self.mutants:
            units = units_of(mutant, self.root)
            items = [item for item in everything if units & self._known[item.nodeid][1]]
            items.sort(key=lambda item: self._known[item.nodeid][0])
            limit = 20 + 5 * sum(self._known[item.nodeid][0] for item in items)
            if not items or self._fork(session, lambda items=items, m=mutant: self._try(items, m), limit) == 0:  # type: ignore[misc]
                self.survivors.append(mutant)
                self.survived(mutant, bool(items))
        return True

    def _measure(self, session: pytest.Session, items: list[pytest.Item]) -> bool:
        with tempfile.TemporaryDirectory(prefix="mutation-") as scratch:
            report = Path(scratch) / "report"

            def work() -> int:
                self._calls = _Calls("")
                self._run(items)
                report.write_bytes(pickle.dumps((self._known, self.baseline)))
                return 0

            if self._fork(session, work, 1800) != 0:
                self.baseline = "the run without a change did not end"
                return False
            self._known, self.baseline = pickle.loads(report.read_bytes())
        return not self.baseline

    def _try(self, items: list[pytest.Item], mutant: Mutant) -> int:
        units = units_of(mutant, self.root)
        path = str(self.root / mutant.path)
        changed = compile(mutant.source, path, "exec", dont_inherit=True)
        new = {(path, code.co_firstlineno, code.co_name): code for code in codes(changed)}
        for found in gc.get_objects():
            if isinstance(found, FunctionType):
                old = found.__code__
                code = new.get((old.co_filename, old.co_firstlineno, old.co_name))
                if code is not None and (path, old.co_firstlineno) in units:
                    found.__code__ = code
        self._run(items)
        return int(self._failed)

    def _run(self, items: list[pytest.Item]) -> None:
        """Run them up to the first failure."""
        for at, item in enumerate(items):
            after = items[at + 1] if at + 1 < len(items) else None
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=after)
            if self._failed:
                return

    def _fork(self, session: pytest.Session, work: Callable[[], int], seconds: float) -> int:
        """The result of `work` in a fork; 1 if it fails, or has not ended after so many seconds."""
        sys.stdout.flush()
        child = os.fork()
        if child == 0:
            result = 1
            try:
                os.setsid()
                silent = os.open(os.devnull, os.O_WRONLY)
                os.dup2(silent, 1)
                os.dup2(silent, 2)
                session.config.pluginmanager.unregister(name="terminalreporter")
                result = work()
            finally:
                os._exit(result)
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            ended, status = os.waitpid(child, os.WNOHANG)
            if ended:
                return os.waitstatus_to_exitcode(status)
            time.sleep(0.02)  # `waitpid` takes no time limit; this is a tool, and no test waits like this
        os.killpg(child, signal.SIGKILL)
        os.waitpid(child, 0)
        return 1
