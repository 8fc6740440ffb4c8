"""`python -m tests.mutation [--count 100] [--seed 1]`: break one place at a time and see whether a test notices.

Samples small changes of the core and the session layer, runs the tests of both against each in a copy of the
tree, and prints the survivors with a diff. A survivor whose change makes no difference that anybody could see is listed
with its reason in ``explained.txt``; any other makes the run fail.
"""

from __future__ import annotations

import argparse
import difflib
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.mutation.mutants import Mutant, mutants_of

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("agor_reactive/core", "agor_reactive/session")
TESTS = ("tests/core", "tests/session", "tests/client/test_ask.py")
EXPLAINED = Path(__file__).with_name("explained.txt")
COPIED = ("agor_reactive", "tests", "pyproject.toml")


def explained() -> dict[str, str]:
    """Names of survivors and their reasons: ``file: old => new`` on one line, the reason on the indented next one."""
    found: dict[str, str] = {}
    name = ""
    for line in EXPLAINED.read_text(encoding="utf-8").splitlines():
        if line.startswith("    ") and name:
            found[name] = line.strip()
        elif line and not line.startswith("#"):
            name = line
    return found


class Workshop:
    """A copy of the tree in which one mutant at a time is tried."""

    def __init__(self, folder: Path, timeout: float) -> None:
        self.folder = folder
        self.timeout = timeout
        left_out = shutil.ignore_patterns("node_modules", "__pycache__", ".hypothesis", "notebook")
        for name in COPIED:
            source, target = ROOT / name, folder / name
            shutil.copytree(source, target, ignore=left_out) if source.is_dir() else shutil.copy(source, target)

    def survives(self, mutant: Mutant | None) -> bool:
        """Whether every test passes with this change. One that makes the tests hang is noticed, too."""
        original = None
        if mutant is not None:
            original = (self.folder / mutant.path).read_text(encoding="utf-8")
            (self.folder / mutant.path).write_text(mutant.source, encoding="utf-8")
        environment = {
            **os.environ,
            "PYTHONPATH": str(self.folder),
            "PYTHONDONTWRITEBYTECODE": "1",
            "HYPOTHESIS_PROFILE": "quick",
        }
        command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *TESTS]
        try:
            done = subprocess.run(
                command, cwd=self.folder, env=environment, timeout=self.timeout, capture_output=True, check=False
            )
        except subprocess.TimeoutExpired:
            return False
        finally:
            if mutant is not None and original is not None:
                (self.folder / mutant.path).write_text(original, encoding="utf-8")
        if mutant is None and done.returncode:
            sys.stdout.write((done.stdout + done.stderr).decode(errors="replace")[-3000:])
        return done.returncode == 0


def diff(mutant: Mutant) -> str:
    """The change, as lines with - and +."""
    lines = difflib.ndiff(mutant.before.splitlines(), mutant.after.splitlines())
    return "\n".join(line for line in lines if line[0] in "-+")


def sample(count: int, seed: int, only: str) -> list[Mutant]:
    """So many mutants, the same for the same seed and source."""
    paths = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
    everything = [mutant for path in paths if only in str(path) for mutant in mutants_of(path, ROOT)]
    print(f"{len(everything)} mutants in {len(paths)} modules; seed {seed}, sample {min(count, len(everything))}")
    return random.Random(seed).sample(everything, min(count, len(everything)))


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.mutation", description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--count", type=int, default=100, help="how many mutants (default: 100)")
    parser.add_argument("--seed", type=int, default=1, help="which sample (default: 1)")
    parser.add_argument("--jobs", type=int, default=2, help="how many at the same time (default: 2)")
    parser.add_argument("--timeout", type=float, default=300.0, help="seconds for the tests of one mutant")
    parser.add_argument("--only", default="", metavar="TEXT", help="only files whose path contains this")
    options = parser.parse_args()
    mutants = sample(options.count, options.seed, options.only)
    reasons = explained()
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="mutation-") as scratch:
        shops = [Workshop(Path(scratch) / str(n), options.timeout) for n in range(options.jobs)]
        if not shops[0].survives(None):
            print("the tests fail without any change; nothing was tried")
            return 1

        def run(n: int) -> list[Mutant]:
            survivors = []
            for mutant in mutants[n :: options.jobs]:
                if shops[n].survives(mutant):
                    survivors.append(mutant)
                    reason = reasons.get(mutant.name)
                    print(f"\n{mutant.path}:{mutant.line} survived" + (f" ({reason})" if reason else ""))
                    print(diff(mutant), flush=True)
            return survivors

        with ThreadPoolExecutor(options.jobs) as pool:
            survivors = [mutant for found in pool.map(run, range(options.jobs)) for mutant in found]
    unexplained = [mutant for mutant in survivors if mutant.name not in reasons]
    print(f"\n{len(mutants)} mutants, {len(survivors)} survivors, {len(unexplained)} of them unexplained", end="; ")
    print(f"{time.monotonic() - began:.0f} s")
    for mutant in unexplained:
        print(f"  {mutant.name}")
    return 1 if unexplained else 0


if __name__ == "__main__":
    sys.exit(main())
