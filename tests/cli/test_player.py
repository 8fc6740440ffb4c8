"""`replay` in a terminal: keys pause, step, seek and end it."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from agor_reactive import logs
from agor_reactive.cli.endings import Stop
from agor_reactive.cli.player import Player
from agor_reactive.core.snapshot import SessionState
from tests.contract.waiting import eventually
from tests.core.build import SID, chunk, saved, start, task_row
from tests.logs.writer import BEGIN, Recorded


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """Nine chunks, one a second."""
    recorded = Recorded(tmp_path / "log.jsonl")
    recorded.feed(start("m1", task_id="t1"), *[chunk("m1", str(number), number) for number in range(1, 10)]).close()
    return tmp_path / "log.jsonl"


class Screen:
    """What a player shows."""

    def __init__(self) -> None:
        self.lengths: list[int] = []
        self.hint = ""

    def show(self, state: SessionState) -> None:
        stream = state.get_streaming_message("m1")
        self.lengths.append(len(stream.text) if stream is not None else -1)

    def say(self, hint: str) -> None:
        self.hint = hint


class Playing:
    """A player whose keys the test presses."""

    def __init__(self, log: Path, speed: float) -> None:
        self.screen = Screen()
        self.keys: asyncio.Queue[str] = asyncio.Queue()
        self.stop = Stop()
        opened: Any = logs.open(log)
        screen: Any = self.screen
        span: dict[str, float] = {"begin": BEGIN, "end": BEGIN + 9, "origin": BEGIN}
        self.task = asyncio.ensure_future(Player(opened, SID, screen, speed=speed, **span).run(self.keys, self.stop))

    async def press(self, key: str, shows: int, hint: str) -> None:
        """Press a key, and wait until that much text and that hint are shown."""
        self.keys.put_nowait(key)
        await self.until(shows, hint)

    async def until(self, shows: int, hint: str) -> None:
        await eventually(lambda: self.screen.lengths[-1:] == [shows] and self.screen.hint.startswith(hint))


@pytest.fixture
async def playing(log: Path) -> AsyncIterator[Callable[[float], Playing]]:
    made: list[Playing] = []

    def begin(speed: float) -> Playing:
        made.append(Playing(log, speed))
        return made[-1]

    yield begin
    for one in made:
        one.task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await one.task


async def test_it_plays_to_the_end_and_waits_there(playing: Callable[[float], Playing]) -> None:
    player = playing(100.0)
    await player.until(9, "end ×100, 0:09.0 of 0:09.0. space pause")
    assert player.screen.lengths == [0, *range(1, 10)]
    assert not player.task.done()
    await player.press("left", 8, "paused")
    await player.press("space", 9, "end")
    await player.press("q", 9, "end")
    await asyncio.wait_for(player.task, 5)


async def test_steps_go_both_ways_and_seeks_go_anywhere(playing: Callable[[float], Playing]) -> None:
    player = playing(0.001)
    await player.press("space", 0, "paused ×0.001, 0:00.0")
    for shows in (1, 2, 3):
        await player.press("right", shows, f"paused ×0.001, 0:0{shows}.0")
    for shows in (2, 1, 0):
        await player.press("left", shows, f"paused ×0.001, 0:0{shows}.0")
    await player.press("8", 7, "paused ×0.001, 0:07.2 of 0:09.0")
    await player.press("left", 6, "paused ×0.001, 0:06.0")  # not remembered: read again from the log
    await player.press("left", 5, "paused ×0.001, 0:05.0")
    await player.press("right", 6, "paused ×0.001, 0:06.0")
    await player.press("0", 0, "paused ×0.001, 0:00.0")
    await player.press("left", 0, "paused ×0.001, 0:00.0")
    await player.press("9", 8, "paused")
    await player.press("right", 9, "end")
    await player.press("right", 9, "end")
    for shows in range(8, -1, -1):
        await player.press("left", shows, f"paused ×0.001, 0:0{shows}.0")
    player.stop.want()
    await asyncio.wait_for(player.task, 5)


async def test_speed_changes_while_it_plays(playing: Callable[[float], Playing]) -> None:
    player = playing(0.25)
    await player.press("-", 0, "playing ×0.125")
    await player.press("-", 0, "playing ×0.125")
    for _ in range(10):
        player.keys.put_nowait("+")
    await player.until(9, "end ×128, 0:09.0")
    assert player.screen.lengths == [0, *range(1, 10)]


async def test_as_fast_as_possible(playing: Callable[[float], Playing]) -> None:
    player = playing(float("inf"))
    await player.until(9, "end as fast as possible, 0:09.0")


# ---------------------------------------------------------------------------------------------------- a real terminal


class Terminal:
    """A command in a terminal of 80 columns; `screen` is everything that it wrote."""

    def __init__(self, *words: str) -> None:
        self.file, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        self.before = termios.tcgetattr(theirs)
        self.theirs = theirs
        self.process = subprocess.Popen(
            [sys.executable, "-m", "agor_reactive", *words],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),  # so that Ctrl-C is a signal
            env={**os.environ, "TERM": "xterm-256color", "COLUMNS": "80", "LINES": "24"},
        )
        self.screen = ""

    def press(self, keys: bytes) -> None:
        os.write(self.file, keys)

    def until(self, pattern: str) -> None:
        """Wait until this is written after what was waited for before."""
        ends = time.monotonic() + 20
        while (found := re.search(pattern, self.screen)) is None:
            ready, _, _ = select.select([self.file], [], [], max(0.0, ends - time.monotonic()))
            assert ready, f"{pattern!r} is not in {self.screen[-800:]!r}"
            self.screen += os.read(self.file, 65536).decode("utf-8", "replace")
        self.screen = self.screen[found.end() :]

    def end(self) -> int:
        """Read on until it has ended. Returns its exit code."""
        while self.process.poll() is None:
            ready, _, _ = select.select([self.file], [], [], 0.05)
            if ready:
                self.screen += os.read(self.file, 65536).decode("utf-8", "replace")
        return self.process.wait(1)

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self.file)
        os.close(self.theirs)


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    recorded = Recorded(tmp_path / "log.jsonl")
    recorded.feed(
        saved("tasks", task_row("t1", full_prompt="Count to nine")),
        start("m1", task_id="t1"),
        *[chunk("m1", f"word{number} ", number) for number in range(1, 10)],
    ).close()
    one = Terminal("replay", str(tmp_path / "log.jsonl"), "--speed", "0.01")
    yield one
    one.close()


def test_in_a_terminal_keys_lead_the_replay_and_the_terminal_is_restored(terminal: Terminal) -> None:
    terminal.until("Count to nine")
    terminal.until("playing ×0.01, 0:00.. of 0:10.0. space pause, ← → step")
    terminal.press(b" ")
    terminal.until("paused ×0.01")
    terminal.press(b"\x1b[C\x1b[C")
    terminal.until("word1")
    terminal.press(b"5")
    terminal.until("word4")
    terminal.press(b"\x1bOD")
    terminal.until("0:04.0 of")
    assert termios.tcgetattr(terminal.theirs)[3] & termios.ICANON == 0
    terminal.press(b"9")
    terminal.until("word8")
    terminal.press(b"q")
    assert terminal.end() == 0
    assert "Count to nine" in terminal.screen  # the last snapshot stays on the screen
    assert termios.tcgetattr(terminal.theirs) == terminal.before


def test_ctrl_c_ends_it_too(terminal: Terminal) -> None:
    terminal.until("playing")
    terminal.press(b"\x03")
    assert terminal.end() == 0
    assert termios.tcgetattr(terminal.theirs) == terminal.before
