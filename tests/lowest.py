"""`python -m tests.lowest`: tests with the lowest versions that `pyproject.toml` allows of what the package asks for.

The package and its test extra are installed in an environment within the one that runs this, each dependency at its
lower bound, and what those need at the newest that fits. It is kept for the next run. What is run is what leans on
other packages most; `python -m tests.lowest tests/core tests/session` runs more.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
import venv
from collections.abc import Iterable
from pathlib import Path

from tests.install import install

__all__ = ["UNAVAILABLE", "lower_bounds"]

ROOT = Path(__file__).resolve().parents[1]
FOLDER = Path(sys.prefix) / "lowest"
"""The environment, kept for the next run: installing takes longer than the tests."""
PIP = (sys.executable, "-m", "pip", "--python")
UNAVAILABLE = 75
"""The exit code if a package index here lacks one of those versions. Versions that conflict are a failure."""
EXTRAS = ("test", "daemon", "dask", "jq", "keyring", "pandas", "logs", "otel", "tui", "web")
SUBSET = (
    "test_package_internals.py",
    *(f"transport/test_{name}.py" for name in ("socketio", "socketio_handshake", "rest", "codec", "fast_frames")),
    *(f"daemon/test_{name}.py" for name in ("rest", "wire", "process", "handshake")),
    "session/test_sharing.py",
    "blocking",
    "models",
    "otel",
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
    python = ready()
    if python is None:
        return UNAVAILABLE
    own = {**os.environ, "PYTHONPATH": str(ROOT), "VIRTUAL_ENV": str(FOLDER)}
    pytest = [str(python), "-m", "pytest", "-q", "-n", "2", *options, *paths]
    return subprocess.run(pytest, cwd=ROOT, env=own, check=False).returncode


def ready() -> Path | None:
    """The Python of the environment with those versions, made anew if they have changed; None if it cannot be made."""
    python = FOLDER / ("Scripts" if os.name == "nt" else "bin") / "python"
    constraints, stamp = FOLDER / "lowest.txt", FOLDER / "installed.txt"
    wanted = "\n".join([*lower_bounds(requirements()), f"# {ROOT}"])
    if stamp.exists() and stamp.read_text(encoding="utf-8") == wanted:
        return python
    venv.EnvBuilder(clear=True, symlinks=os.name != "nt").create(FOLDER)
    constraints.write_text(wanted, encoding="utf-8")
    if install(["-c", str(constraints), "-e", ".[test]"], into=python, by=Path(sys.executable)) != 0:
        missing = [bound for bound in lower_bounds(requirements()) if not is_here(python, bound)]
        if not missing:
            raise SystemExit("the lower bounds cannot be installed together, though each can alone")
        print(f"cannot be installed here: {', '.join(missing)}", flush=True)
        return None
    constraints.rename(stamp)
    return python


def is_here(python: Path, bound: str) -> bool:
    """Whether that version can be installed, alone."""
    ask = [*PIP, str(python), "install", "--quiet", "--dry-run", "--no-deps", "--ignore-installed", bound]
    return subprocess.run(ask, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False).returncode == 0


if __name__ == "__main__":
    sys.exit(main())
