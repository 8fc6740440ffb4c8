"""Child processes of a case, with JSON lines as their protocol."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

__all__ = ["NODE", "Talker", "node_client_is_here", "node_is_here", "talk"]

ROOT = Path(__file__).resolve().parent.parent
NODE = Path(__file__).resolve().parent / "node"
_INSTALL_TIMEOUT = 45.0  # seconds


class Talker:
    """A child process that answers lines with JSON lines."""

    def __init__(self, child: subprocess.Popen[str]) -> None:
        self._child = child

    def read(self) -> dict[str, Any]:
        """Read the next line. Raises `RuntimeError` when the process has ended."""
        assert self._child.stdout is not None
        line = self._child.stdout.readline()
        if not line:
            raise RuntimeError(f"{self._child.args!r} ended")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def end(self) -> None:
        """Terminate a process that does not end when its standard input closes."""
        self._child.terminate()

    def send(self, line: str) -> None:
        """Send a line."""
        assert self._child.stdin is not None
        self._child.stdin.write(line + "\n")
        self._child.stdin.flush()


@contextmanager
def talk(*command: str, env: Mapping[str, str] | None = None) -> Iterator[Talker]:
    """Run the command (``python`` is this one), and end it afterwards."""
    words = [sys.executable if word == "python" else word for word in command]
    child = subprocess.Popen(
        words, cwd=ROOT, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8"
    )
    try:
        yield Talker(child)
    finally:
        assert child.stdin is not None
        assert child.stdout is not None
        child.stdin.close()
        try:
            child.wait(5)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
        child.stdout.close()


def node_is_here() -> str | None:
    """Return None if Node is here, else the reason."""
    return None if shutil.which("node") else "node is not installed"


def node_client_is_here() -> str | None:
    """Return None if socket.io-client can run here (it is installed if needed), else the reason."""
    missing, npm = node_is_here(), shutil.which("npm")
    if missing is not None:
        return missing
    if (NODE / "node_modules" / "socket.io-client").is_dir():
        return None
    if npm is None:
        return "npm is not installed"
    try:
        subprocess.run(
            [npm, "ci", "--no-audit", "--no-fund"], cwd=NODE, check=True, capture_output=True, timeout=_INSTALL_TIMEOUT
        )
    except (subprocess.SubprocessError, OSError) as failure:
        return f"npm could not install it ({type(failure).__name__})"
    return None
