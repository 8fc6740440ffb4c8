"""Installs packages in an environment of the tests: with uv, which takes a fifth of pip's time, or else with pip.

uv knows nothing of pip's configuration (an index of one's company), and is not on every index: where it is missing, or
finds less than pip, pip installs. Standard library only, and before anything is installed.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

__all__ = ["install", "ready_uv"]

ROOT = Path(__file__).resolve().parents[1]
# Most of what is installed is never imported, so that compiling it would only take time. uv does not compile either.
PIP = ("-m", "pip", "--disable-pip-version-check", "install", "--quiet", "--no-compile")


def ready_uv(python: Path) -> None:
    """Install uv in the environment of `python`; without it a current pip, because an old one takes three times as
    long. Raises `subprocess.CalledProcessError` if neither can be had."""
    if subprocess.run([str(python), *PIP, "uv>=0.11"], cwd=ROOT, check=False).returncode != 0:
        subprocess.run([str(python), *PIP, "--upgrade", "pip>=26"], cwd=ROOT, check=True)


def install(what: Sequence[str], *, into: Path, by: Path | None = None) -> int:
    """Install in the environment of the Python `into`, with what that of `by` has (default: the same); the exit code.

    `what` is understood by pip and uv: requirements, ``-e``, ``-c FILE``.
    """
    by = by or into
    for uv in uv_of(by):
        ours = [str(uv), "pip", "install", "--quiet", "--python", str(into), *what]
        if subprocess.run(ours, cwd=ROOT, check=False).returncode == 0:
            return 0
        print("uv could not install this; trying with pip", file=sys.stderr, flush=True)
    at = () if by == into else ("--python", str(into))
    pip = [str(by), *PIP[:3], *at, *PIP[3:], *what]
    return subprocess.run(pip, cwd=ROOT, check=False).returncode


def uv_of(python: Path) -> list[Path]:
    """The uv of the environment of `python`, if it has one."""
    return [path for name in ("uv", "uv.exe") if (path := python.parent / name).exists()]
