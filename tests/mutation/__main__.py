"""`python -m tests.mutation [--count 100] [--seed 1]`: break one place at a time and see whether a test notices.

Samples small changes of the core and the session layer, runs the tests of both that call the changed function, and
prints the survivors with a diff. Needs `os.fork`. A survivor whose change makes no difference that anybody could see is
listed with its reason in ``explained.txt``; any other makes the run fail.
"""

from __future__ import annotations

import argparse
import difflib
import hashlib
import os
import sys
import tempfile
import time
from pathlib import Path

import pytest

from tests.mutation.forks import Forks
from tests.mutation.mutants import Mutant, mutants_of

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("agor_reactive/core", "agor_reactive/session")
TESTS = (
    "tests/core",
    "tests/session",
    "tests/operators",
    "tests/client/test_ask.py",
    "tests/logs/test_fold_of_a_log.py",
    "tests/logs/test_recording.py",
    "tests/adapters/test_display.py",
    "tests/adapters/test_reprs.py",
    "tests/adapters/ipywidgets/test_wrong_arguments.py",
)
"""Every function of the packages is called in one of these."""
EXPLAINED = Path(__file__).with_name("explained.txt")


def explained() -> dict[str, str]:
    """Names of survivors, each on a line, and their reasons, each on the indented next one."""
    found: dict[str, str] = {}
    name = ""
    for line in EXPLAINED.read_text(encoding="utf-8").splitlines():
        if line.startswith("    ") and name:
            found[name] = line.strip()
        elif line and not line.startswith("#"):
            name = line
    return found


def diff(mutant: Mutant) -> str:
    """The change, as lines with - and +."""
    lines = difflib.ndiff(mutant.before.splitlines(), mutant.after.splitlines())
    return "\n".join(line for line in lines if line[0] in "-+")


def sample(count: int, seed: int, only: str) -> list[Mutant]:
    """So many mutants, for the same seed the same ones as long as their lines are in the source, wherever they are."""
    paths = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
    everything = [mutant for path in paths for mutant in mutants_of(path, ROOT) if only in mutant.name]
    print(f"{len(everything)} mutants in {len({mutant.path for mutant in everything})} modules; ", end="")
    print(f"seed {seed}, sample {min(count, len(everything))}", flush=True)

    def place(mutant: Mutant) -> tuple[bytes, str]:
        text = " ".join(f"{seed} {mutant.before} => {mutant.after}".split())
        return hashlib.sha256(text.encode()).digest(), mutant.name

    return sorted(everything, key=place)[:count]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.mutation", description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--count", type=int, default=100, help="how many mutants (default: 100)")
    parser.add_argument("--seed", type=int, default=1, help="which sample (default: 1)")
    parser.add_argument("--only", default="", metavar="TEXT", help="only changes whose name contains this")
    options = parser.parse_args()
    mutants = sample(options.count, options.seed, options.only)
    reasons = explained()
    began = time.monotonic()

    def survived(mutant: Mutant, is_run: bool) -> None:
        why = reasons.get(mutant.name) or ("" if is_run else "no test calls it")
        print(f"\n{mutant.path}:{mutant.line} survived" + (f" ({why})" if why else ""))
        print(diff(mutant), flush=True)

    forks = Forks(mutants, ROOT, survived)
    os.environ["HYPOTHESIS_PROFILE"] = "quick"
    with tempfile.TemporaryDirectory(prefix="mutation-") as scratch:
        os.environ["HYPOTHESIS_STORAGE_DIRECTORY"] = scratch  # what a mutant fails with is no example for later
        paths = [str(ROOT / path) for path in TESTS]
        quiet = ["-q", "--no-header", "--no-summary", "-p", "no:cacheprovider", "--rootdir", str(ROOT)]
        pytest.main([*quiet, "--hypothesis-seed=0", "-m", "not alone", *paths], plugins=[forks])
    if forks.baseline:
        print(f"the tests fail without any change; nothing was tried\n{forks.baseline[-3000:]}")
        return 1
    unexplained = [mutant for mutant in forks.survivors if mutant.name not in reasons]
    print(
        f"\n{len(mutants)} mutants, {len(forks.survivors)} survivors, {len(unexplained)} of them unexplained; ", end=""
    )
    print(f"{time.monotonic() - began:.0f} s")
    for mutant in unexplained:
        print(f"  {mutant.name}")
    return 1 if unexplained else 0


if __name__ == "__main__":
    sys.exit(main())
