"""The FeathersJS peer as a separate process: installed once, started, controlled, always stopped.

Knows Node, npm and pipes; knows nothing of agor_reactive.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import queue
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

__all__ = ["PEER", "Access", "JsonLineProcess", "PeerUnavailable", "install", "peer_command"]

PEER = Path(__file__).parent
INSTALL_SECONDS = 240.0
START_SECONDS = 20.0
STOP_SECONDS = 5.0
_STAMP = PEER / "node_modules" / ".installed-from"


class PeerUnavailable(Exception):
    """The peer cannot run here; the message is the reason for a skip."""


def _wanted() -> str:
    return hashlib.sha256((PEER / "package-lock.json").read_bytes()).hexdigest()


def _installed() -> bool:
    return _STAMP.is_file() and _STAMP.read_text(encoding="ascii").strip() == _wanted()


@contextlib.contextmanager
def _one_at_a_time(path: Path, seconds: float) -> Iterator[None]:
    """A lock file that several test sessions agree on; one left by a killed session grows stale and is taken over."""
    ends = time.monotonic() + seconds
    while True:
        try:
            descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY)
        except FileExistsError:
            with contextlib.suppress(FileNotFoundError):
                if time.time() - path.stat().st_mtime > INSTALL_SECONDS:
                    path.unlink()
            if time.monotonic() > ends:
                raise PeerUnavailable("another session holds the installation of the FeathersJS peer") from None
            time.sleep(0.1)
        else:
            os.close(descriptor)
            break
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


def install() -> str:
    """Make sure the npm packages are there; answers the path of `node`. Raises `PeerUnavailable`."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None:
        raise PeerUnavailable("Node is not installed")
    if _installed():
        return node
    if npm is None:
        raise PeerUnavailable("npm is not installed, and neither are the packages of the FeathersJS peer")
    with _one_at_a_time(PEER / ".installing", INSTALL_SECONDS):
        if _installed():
            return node
        try:
            done = subprocess.run(
                [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"],
                cwd=PEER,
                capture_output=True,
                text=True,
                timeout=INSTALL_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise PeerUnavailable(f"npm ci took more than {INSTALL_SECONDS:.0f} s") from None
        if done.returncode:
            last = (done.stderr.strip().splitlines() or ["no output"])[-1]
            raise PeerUnavailable(f"npm ci failed: {last}")
        _STAMP.write_text(_wanted(), encoding="ascii")
    return node


def peer_command(*flags: str) -> list[str]:
    """The command of the peer; installs it first. Raises `PeerUnavailable`."""
    return [install(), str(PEER / "server.mjs"), *flags]


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """The access to a daemon: its address, credentials, and the workspace for new sessions."""

    url: str
    api_key: str
    workspace_id: str
    email: str | None = None
    password: str | None = None
    service_token: str | None = None

    def __repr__(self) -> str:
        # Shown by pytest when a test fails: no key, no password, no token.
        return f"Access({self.url!r})"


class JsonLineProcess:
    """A daemon process that says one JSON line when it listens and obeys JSON lines on its standard input.

    Leaving the context stops it: its input ends (which it takes as the order to go), then SIGTERM, then SIGKILL.
    """

    def __init__(self, command: list[str], *, cwd: Path | None = None, env: dict[str, str] | None = None) -> None:
        self.command = command
        self._process = subprocess.Popen(
            command,
            cwd=cwd,
            env={**os.environ, **(env or {})},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        )
        self._said: queue.Queue[str | None] = queue.Queue()
        self._complaints: list[str] = []
        self._threads = [
            threading.Thread(target=self._listen, daemon=True),
            threading.Thread(target=self._collect, daemon=True),
        ]
        for thread in self._threads:
            thread.start()
        try:
            self.greeting = self.answer(START_SECONDS)
        except BaseException:
            self.stop()
            raise

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.lstrip().startswith("{"):
                self._said.put(line)
        self._said.put(None)

    def _collect(self) -> None:
        assert self._process.stderr is not None
        for line in self._process.stderr:
            self._complaints.append(line)
            del self._complaints[:-50]

    def answer(self, seconds: float = 5.0) -> dict[str, Any]:
        """Read the next JSON line."""
        try:
            line = self._said.get(timeout=seconds)
        except queue.Empty:
            raise TimeoutError(f"{self.command[1:3]} said nothing in {seconds} s") from None
        if line is None:
            raise RuntimeError(f"{self.command[1:3]} ended: {''.join(self._complaints)}")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def ask(self, order: str) -> dict[str, Any]:
        """Write one order and return the answer: ``{"done": order, …}``, or something else if it is not known."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"do": order}) + "\n")
        self._process.stdin.flush()
        return self.answer()

    def order(self, order: str) -> bool:
        """Write one order, and wait until it is done; False if the process does not know it."""
        return "done" in self.ask(order)

    @property
    def running(self) -> bool:
        return self._process.poll() is None

    @property
    def pid(self) -> int:
        return self._process.pid

    def stop(self) -> None:
        """Stop it, gracefully first, within bounds. Idempotent."""
        process = self._process
        if process.stdin is not None and not process.stdin.closed:
            with contextlib.suppress(OSError):
                process.stdin.close()
        for gentler in (lambda: None, process.terminate, process.kill):
            if process.poll() is None:
                gentler()
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(timeout=STOP_SECONDS)
        for thread in self._threads:
            thread.join(timeout=STOP_SECONDS)
        for pipe in (process.stdout, process.stderr):
            if pipe is not None:
                pipe.close()

    def kill(self) -> None:
        """End it at once, as a crash would."""
        self._process.kill()
        self.stop()

    def __enter__(self) -> JsonLineProcess:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self.stop()


if __name__ == "__main__":
    print(install(), file=sys.stderr)
