"""The public surface as type checkers see it: `surface_*.py` here, under mypy --strict and under pyright.

mypy comes with the `test` extra; pyright is installed by `npm ci` where Node is, and skipped with a reason elsewhere.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
PROGRAMS = sorted(str(path) for path in HERE.glob("surface_*.py"))
STAMP = HERE / "node_modules" / ".installed-from"


def run(*command: str, seconds: float) -> tuple[int, str]:
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=seconds, check=False)
    return done.returncode, done.stdout + done.stderr


@pytest.mark.timeout(300)
def test_mypy_knows_the_surface() -> None:
    config, cache = str(ROOT / "pyproject.toml"), str(ROOT / ".mypy_cache")
    flags = ("--strict", "--config-file", config, "--cache-dir", cache)
    assert run(sys.executable, "-m", "mypy", *flags, *PROGRAMS, seconds=280) == (
        0,
        f"Success: no issues found in {len(PROGRAMS)} source files\n",
    )


@pytest.fixture(scope="module")
def pyright() -> tuple[str, ...]:
    """The command that runs pyright, installed from the lock file beside this one."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None:
        pytest.skip("Node is not installed")
    wanted = hashlib.sha256((HERE / "package-lock.json").read_bytes()).hexdigest()
    if not STAMP.is_file() or STAMP.read_text("ascii") != wanted:
        if npm is None:
            pytest.skip("npm is not installed, and neither is pyright")
        done = subprocess.run(
            [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"],
            cwd=HERE,
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )
        if done.returncode:
            pytest.skip(f"npm ci failed: {(done.stderr.strip().splitlines() or ['no output'])[-1]}")
        STAMP.write_text(wanted, "ascii")
    return (node, str(HERE / "node_modules" / "pyright" / "index.js"))


@pytest.mark.timeout(300)
def test_pyright_knows_the_surface(pyright: tuple[str, ...]) -> None:
    code, said = run(*pyright, "-p", str(HERE), "--pythonpath", sys.executable, seconds=240)
    assert code == 0, said
    assert "0 errors, 0 warnings" in said
