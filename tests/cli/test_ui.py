"""`agor-reactive ui`, and `agor-reactive` without arguments: the app on a terminal, help or advice elsewhere."""

from __future__ import annotations

import contextlib
import os
import pty
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from agor_reactive.cli import ui
from agor_reactive.cli.ui import Colors, is_dark
from tests.cli.conftest import Cli, Served


class Terminal:
    """A command in a terminal of 80 × 24. `screen` is all it has written."""

    def __init__(self, *words: str, **env: str) -> None:
        self._ours, theirs = pty.openpty()
        with contextlib.suppress(ImportError):
            import fcntl
            import struct
            import termios

            fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        self.popen = subprocess.Popen(
            [sys.executable, "-m", "agor_reactive", *words],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            env={**os.environ, "TERM": "xterm-256color", **env},
            start_new_session=True,
        )
        os.close(theirs)
        self.screen = b""

    def read(self, seconds: float = 0.05) -> None:
        if select.select([self._ours], [], [], seconds)[0]:
            with contextlib.suppress(OSError):  # the other end is closed
                self.screen += os.read(self._ours, 65536)

    def shows(self, text: str, *, seconds: float = 30) -> None:
        ends = time.monotonic() + seconds
        while text.encode() not in self.screen:
            assert time.monotonic() < ends, self.screen[-3000:]
            self.read()

    def type(self, keys: bytes) -> None:
        os.write(self._ours, keys)

    def ends(self, *, seconds: float = 30) -> int:
        ends = time.monotonic() + seconds
        while self.popen.poll() is None:
            assert time.monotonic() < ends, self.screen[-3000:]
            self.read()
        self.read()
        return self.popen.returncode

    def hang_up(self) -> None:
        """Take the terminal away, without a signal: it does not control the command."""
        os.close(self._ours)
        self._ours = -1

    def close(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            self.popen.kill()
        self.popen.wait()
        if self._ours >= 0:
            os.close(self._ours)


@pytest.fixture
def terminal(served: Served) -> Iterator[type[Terminal]]:
    """Start commands in terminals: `terminal("ui")`. They end with the test."""
    with contextlib.ExitStack() as stack:

        def begin(*words: str, **env: str) -> Terminal:
            made = Terminal(*words, **{**served.env, **env})
            stack.callback(made.close)
            return made

        yield begin  # type: ignore[misc]


def test_the_app_opens_without_arguments_and_quits(terminal: type[Terminal], session_id: str, tmp_path: Path) -> None:
    app = terminal(AGOR_STATE_DIR=str(tmp_path / "state"))
    app.shows("A session of one test")
    app.type(b"q")
    assert app.ends() == 0
    assert b"\x1b[?1049l" in app.screen, "the terminal's own screen is back"
    assert b"\x1b[?25h" in app.screen, "the cursor is back"
    (seen,) = (tmp_path / "state").glob("seen-*.json")
    assert session_id in seen.read_text(encoding="utf-8")


def test_the_app_ends_when_its_terminal_is_gone(terminal: type[Terminal], session_id: str) -> None:
    app = terminal()
    app.shows("A session of one test")
    app.hang_up()
    assert app.popen.wait(20) == 0


def test_a_session_is_opened_by_the_beginning_of_its_id(
    terminal: type[Terminal], session_id: str, tmp_path: Path
) -> None:
    app = terminal("ui", session_id[:26], AGOR_STATE_DIR=str(tmp_path / "state"), AGOR_REMEMBER="0")
    app.shows("No prompts yet")
    app.popen.send_signal(signal.SIGTERM)
    assert app.ends() == 0
    assert b"\x1b[?1049l" in app.screen
    assert not (tmp_path / "state").exists(), "nothing is remembered"


def test_errors_come_before_the_screen(terminal: type[Terminal], session_id: str) -> None:
    unknown = terminal("ui", "ffffffff")
    assert unknown.ends() == 1
    assert b"agor-reactive sessions lists all sessions" in b" ".join(unknown.screen.split())
    away = terminal("ui", AGOR_DAEMON_URL="http://127.0.0.1:9")
    assert away.ends() == 1
    assert b"\x1b[?1049h" not in unknown.screen + away.screen


def test_a_dumb_terminal_gets_help(terminal: type[Terminal]) -> None:
    app = terminal(TERM="dumb")
    assert app.ends() == 2
    assert b"Usage: agor-reactive" in app.screen


def test_without_a_terminal_there_is_help_or_advice(cli: Cli) -> None:
    ended = cli()
    assert ended.code == 2
    assert "Usage: agor-reactive" in ended.out
    ended = cli("ui")
    assert ended.code == 2
    assert "agor-reactive watch" in ended.err


def test_without_textual_the_message_names_the_extra(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ui, "is_full_terminal", lambda: True)
    monkeypatch.setitem(sys.modules, "textual", None)
    ended = cli("ui")
    assert ended.code == 2
    assert "pip install 'agor-reactive[tui]'" in ended.err


@pytest.mark.parametrize(
    ("colors", "background", "dark"),
    [("auto", "", True), ("auto", "15;0", True), ("auto", "0;15", False), ("dark", "0;15", True), ("light", "", False)],
)
def test_colors_for_the_background(
    colors: Colors, background: str, dark: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLORFGBG", background)
    assert is_dark(colors) == dark
