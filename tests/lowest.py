"""`python -m tests.lowest`: tests with the lowest versions that `pyproject.toml` allows of what the package asks for.

pip installs the package and its test extra in a temporary environment, each dependency at its lower bound, and what
those need at the newest that fits. What is run is what leans on other packages most; `python -m tests.lowest
tests/core tests/session` runs more.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import tomllib
import venv
from collections.abc import Iterable
from pathlib import Path

__all__ = ["UNAVAILABLE", "lower_bounds"]

ROOT = Path(__file__).resolve().parents[1]
UNAVAILABLE = 75
"""The exit code if those versions cannot be installed here (no package index that has them)."""
EXTRAS = ("test", "daemon", "pandas", "logs")
SUBSET = (
    "test_package_internals.py",
    *(f"transport/test_{name}.py" for name in ("socketio", "socketio_handshake", "rest", "codec", "fast_frames")),
    *(f"daemon/test_{name}.py" for name in ("rest", "wire", "process", "handshake")),
    "session/test_sharing.py",
    "blocking",
    "models",
)


def lower_bounds(requirements: Iterable[str]) -> list[str]:
    """Each requirement at its lower bound. Raises ValueError for one without."""
    found = []
    for requirement in requirements:
        parts = re.fullmatch(r"([A-Za-z0-9_.-]+)(?:\[[^]]*\])?>=([0-9.]+)(?:,.*)?", requirement)
        if parts is None:
            raise ValueError(f"{requirement!r} has no lower bound")
        found.append(f"{parts[1]}=={parts[2]}")
    return found


def requirements() -> list[str]:
    """What the package and its extras for tests ask for, from `pyproject.toml`."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    listed = [*project["dependencies"], *(one for extra in EXTRAS for one in extras[extra])]
    return [one for one in listed if not one.startswith("agor-reactive[")]


def main() -> int:
    """Install, run, return pytest's exit code. Options are handed to pytest, paths in place of the subset."""
    options = [one for one in sys.argv[1:] if one.startswith("-")]
    paths = [one for one in sys.argv[1:] if not one.startswith("-")] or [f"tests/{name}" for name in SUBSET]
    with tempfile.TemporaryDirectory(prefix="agor-lowest-") as scratch:
        venv.EnvBuilder(with_pip=True, symlinks=os.name != "nt").create(scratch)
        programs = Path(scratch) / ("Scripts" if os.name == "nt" else "bin")
        python = str(programs / "python")
        constraints = Path(scratch) / "lowest.txt"
        constraints.write_text("\n".join(lower_bounds(requirements())), encoding="ascii")
        install = [python, "-m", "pip", "install", "--quiet", "-c", str(constraints), "-e", ".[test]"]
        if subprocess.run(install, cwd=ROOT, check=False).returncode != 0:
            return UNAVAILABLE
        own = {**os.environ, "PYTHONPATH": str(ROOT), "VIRTUAL_ENV": scratch}
        pytest = [python, "-m", "pytest", "-q", "-n", "2", *options, *paths]
        return subprocess.run(pytest, cwd=ROOT, env=own, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
