"""The command line as people run it: in this process for its words and exit codes, as a process where that matters."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from typer.testing import CliRunner

from agor_reactive.cli.app import app

KEY = "agor_sk_" + "5e" * 24
QUICK = "20"


class Ended(NamedTuple):
    """How a command ended and what it wrote."""

    code: int
    out: str
    err: str

    @property
    def last_json(self) -> Any:
        return json.loads(self.out.splitlines()[-1])


class Process:
    """A command in a process of its own, its lines read as they come. Killed at the end, if it still lives."""

    PROGRAM: tuple[str, ...] = ("-m", "agor_reactive")

    def __init__(self, *words: str, env: dict[str, str] | None = None) -> None:
        self.popen = subprocess.Popen(
            [sys.executable, *self.PROGRAM, *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            stdin=subprocess.DEVNULL,
            text=True,
            encoding="utf-8",
            env={**os.environ, "AGOR_API_KEY": KEY, "AGOR_DAEMON_API_KEY": KEY, **(env or {})},
        )
        self.lines: list[str] = []
        self.errors: list[str] = []
        self._fresh: queue.Queue[str | None] = queue.Queue()
        self._fresh_errors: queue.Queue[str | None] = queue.Queue()
        self._readers = [
            threading.Thread(target=self._read, args=(self.popen.stdout, self.lines), daemon=True),
            threading.Thread(target=self._read, args=(self.popen.stderr, self.errors), daemon=True),
        ]
        for reader in self._readers:
            reader.start()

    def _read(self, pipe: Any, into: list[str]) -> None:
        with pipe:
            for line in pipe:
                into.append(line.rstrip("\n"))
                self._fresh_of(into).put(into[-1])
        self._fresh_of(into).put(None)

    def _fresh_of(self, lines: list[str]) -> queue.Queue[str | None]:
        return self._fresh if lines is self.lines else self._fresh_errors

    def line_that(self, holds: Callable[[str], Any], *, seconds: float = 15, errors: bool = False) -> str:
        """The next line (on stderr with `errors`) that satisfies; fails when it ends or time is up."""
        ends = time.monotonic() + seconds
        fresh = self._fresh_errors if errors else self._fresh
        while True:
            try:
                line = fresh.get(timeout=max(0.0, ends - time.monotonic()))
            except queue.Empty:
                line = None
            assert line is not None, f"no such line; the last were {self.lines[-3:]} {self.errors[-3:]}"
            if holds(line):
                return line

    def summary_that(self, **wanted: Any) -> Any:
        """The next JSON summary with these values."""
        return json.loads(self.line_that(lambda line: wanted.items() <= json.loads(line).items()))

    def interrupt(self) -> None:
        self.popen.send_signal(signal.SIGINT)

    def wait(self, *, seconds: float = 15) -> Ended:
        code = self.popen.wait(seconds)
        for reader in self._readers:
            reader.join(seconds)
        return Ended(code, "\n".join(self.lines), "\n".join(self.errors))

    def kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            self.popen.kill()
        self.popen.wait()


class Served(Process):
    """`agor-reactive serve` in a process of its own; knows its address once it listens."""

    COMMAND = "serve"

    def __init__(self, *words: str, **options: Any) -> None:
        super().__init__(self.COMMAND, *words, **options)
        self.url = self.line_that(lambda line: " on http://" in line).split(" on ")[1].split(" ")[0]
        self.port = self.url.rpartition(":")[2]

    @property
    def env(self) -> dict[str, str]:
        return {"AGOR_DAEMON_URL": self.url, "AGOR_API_KEY": KEY}


ODD = str(Path(__file__).with_name("odd_daemon.py"))


class Open(Served):
    """A daemon that wants no login."""

    PROGRAM = (ODD, "open")


class Shared(Served):
    """A daemon that many tests log in to."""

    PROGRAM = (ODD, "many-logins")


class Forbidding(Served):
    """A daemon that knows whose key it is, and does not let them in."""

    PROGRAM = (ODD, "closed-to-viewers")


@dataclass
class Cli:
    """Runs commands in this process against one daemon."""

    env: dict[str, str]

    def __call__(self, *words: str, stdin: str | None = None, **env: str) -> Ended:
        result = CliRunner().invoke(app, list(words), input=stdin, env={**self.env, **env}, prog_name="agor-reactive")
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return Ended(result.exit_code, result.stdout, result.stderr)


@pytest.fixture
def start() -> Iterator[Callable[..., Any]]:
    """Start processes that end with the test: `start(Served, "--port", "0")`."""
    with contextlib.ExitStack() as stack:

        def begin(kind: type[Process], *words: str, **options: Any) -> Process:
            process = kind(*words, **options)
            stack.callback(process.kill)
            return process

        yield begin


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """One daemon for all tests that need nothing special of it."""
    db: Path = tmp_path_factory.mktemp("served") / "rows.db"
    process = Shared("--port", "0", "--speed", QUICK, "--db", str(db))
    yield process
    process.kill()


@pytest.fixture
def cli(served: Served) -> Cli:
    return Cli(served.env)


@pytest.fixture
def session_id(cli: Cli) -> str:
    ended = cli("new", "A session of one test")
    assert ended.code == 0, ended.err
    return ended.out.strip()
