"""`python -m tests.lowest`: tests with the lowest versions that `pyproject.toml` allows of what the package asks for.

uv resolves them (`--resolution lowest-direct`) into a temporary environment: the package and its test extra at their
lower bounds, and what those need at the newest that fits. What is run is what leans on other packages most, within
two minutes; `python -m tests.lowest tests/core tests/session` runs more.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SUBSET = (
    "test_package_internals.py",
    *(f"transport/test_{name}.py" for name in ("socketio", "socketio_handshake", "rest", "codec", "fast_frames")),
    *(f"daemon/test_{name}.py" for name in ("rest", "wire", "process", "handshake")),
    "session/test_sharing.py",
    "blocking",
    "models",
)


def main() -> int:
    """Install, run, return pytest's exit code. Arguments are handed to pytest in place of the subset."""
    with tempfile.TemporaryDirectory(prefix="agor-lowest-") as scratch:
        venv.EnvBuilder(with_pip=True, symlinks=os.name != "nt").create(scratch)
        programs = Path(scratch) / ("Scripts" if os.name == "nt" else "bin")
        python = str(programs / "python")
        subprocess.run([python, "-m", "pip", "install", "--quiet", "uv>=0.5"], check=True)
        install = [python, "-m", "uv", "pip", "install", "--quiet", "--python", python]
        subprocess.run([*install, "--resolution", "lowest-direct", "-e", ".[test]"], cwd=ROOT, check=True)
        tests = sys.argv[1:] or [f"tests/{name}" for name in SUBSET]
        own = {**os.environ, "PYTHONPATH": str(ROOT), "VIRTUAL_ENV": scratch}
        return subprocess.run([python, "-m", "pytest", "-q", *tests], cwd=ROOT, env=own, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
