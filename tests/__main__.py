"""`python3 -m tests`: everything that must hold, from a fresh clone, with nothing installed but Python (and Node).

Makes ``.venv`` (or takes the one named by ``--python-env``), installs the package with its test extra, installs the
FeathersJS peer where Node is, and runs the steps, all of them, whatever fails on the way. Standard library only.
Run some of them by name: ``python3 -m tests lint types``.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
import venv
from collections import Counter
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, NamedTuple
from xml.etree import ElementTree

from tests.install import install, ready_uv

ROOT = Path(__file__).resolve().parents[1]
OLDEST = (3, 11)


class Step(NamedTuple):
    """A name to ask for it by, what it checks, its commands (each begins with a module of the environment)."""

    name: str
    about: str
    commands: tuple[tuple[str, ...], ...]
    extra: str = "test"


BROWSER = tuple(f"tests/{path}" for path in ("notebook", "web", "adapters/ipywidgets"))
"""Those that take longest first, so that the processes end at about the same time."""
NOT_IN_BROWSER = tuple(f"--ignore={path}" for path in BROWSER)
ALONE = sorted(
    path.relative_to(ROOT).as_posix()
    for path in (ROOT / "tests").rglob("test_*.py")
    if "mark.alone" in path.read_text(encoding="utf-8")
)
"""The files with tests that run alone: to collect all the others again would take longer than these tests."""


def pytest(*which: str, alone: Iterable[str]) -> tuple[tuple[str, ...], ...]:
    """The commands that run these tests, in three processes, and then one after the other those that judge their speed.

    Three for two cores, because a test often waits for a daemon or a browser; on more cores these need the rest.
    """
    return (("pytest", "-n", "3", "-m", "not alone", *which), ("pytest", "-m", "alone", *alone))


WIN32_TYPES = ".mypy_cache/win32"
"""mypy keeps one platform in a folder."""

# More steps (browsers, benchmarks) are more rows; a row whose name starts with + runs only when asked for.
STEPS = (
    Step("lint", "style and mistakes", (("ruff", "check", "."), ("ruff", "format", "--check", "."))),
    Step(
        "types",
        "types, and those of the package on Windows",
        (
            ("mypy", "--strict"),
            ("mypy", "--strict", "--platform", "win32", "--cache-dir", WIN32_TYPES, "agor_reactive"),
        ),
    ),
    Step("imports", "layers", (("lint-imports",),)),
    Step(
        "unit",
        "behaviour",
        pytest(*NOT_IN_BROWSER, alone=(path for path in ALONE if not path.startswith(BROWSER))),
    ),
    Step(
        "browser",
        "notebooks, widgets, a real browser",
        pytest("--no-loadscope-reorder", *BROWSER, alone=(path for path in ALONE if path.startswith(BROWSER))),
        extra="notebook-test",
    ),
    Step("lowest", "the lowest versions allowed", (("python", "-m", "tests.lowest"),)),
    Step("+mutation", "changes that no test notices", (("python", "-m", "tests.mutation"),)),
    Step("chaos", "faults injected on the network", (("python", "-m", "tests.chaos", "--seconds", "20"),)),
)


SHORT = ("lint", "types", "imports")
"""Steps that take one core for seconds. What the others need is prepared beside them."""


TOGETHER = ("lowest", "chaos")
"""Steps that open no browser and leave a core idle now and then: if both are wanted, they run at the same time."""


@dataclass
class Outcome:
    """The result of one step."""

    name: str
    ok: bool
    seconds: float
    tests: Counter[str] = field(default_factory=Counter)
    skips: Counter[str] = field(default_factory=Counter)


def main() -> int:
    """Set up, run, report. Returns 0 only if every step passed."""
    names = [step.name.removeprefix("+") for step in STEPS]
    parser = argparse.ArgumentParser(prog="python3 -m tests", description=__doc__.split("\n\n")[0])
    parser.add_argument("steps", nargs="*", metavar="STEP", help=f"which to run: {', '.join(names)} (default: all)")
    parser.add_argument("--python-env", type=Path, metavar="DIR", default=ROOT / ".venv", help="default: .venv")
    asked = parser.parse_args()
    if unknown := [name for name in asked.steps if name not in names]:
        parser.error(f"no step {', '.join(unknown)}; there are {', '.join(names)}")
    if sys.version_info < OLDEST:
        sys.stderr.write(f"Python {'.'.join(map(str, OLDEST))} or newer is needed; this is {sys.version.split()[0]}\n")
        return 2
    wanted = [s for s in STEPS if s.name.removeprefix("+") in asked.steps or not (asked.steps or s.name[0] == "+")]
    began = time.monotonic()
    environment = Environment(asked.python_env)
    try:
        timed("setup: Python environment", environment.ready)
    except subprocess.CalledProcessError as error:
        print(f"setup failed: {' '.join(map(str, error.cmd))} exited with {error.returncode}", flush=True)
        return 1
    with ThreadPoolExecutor() as pool:
        begun = [(about, pool.submit(work)) for about, work in preparations({s.name for s in wanted}, environment)]
        outcomes = [run_step(step, environment) for step in wanted if step.name in SHORT]
        for about, preparation in begun:
            timed(f"setup: {about}", preparation.result)
    outcomes += [run_step(step, environment) for step in wanted if step.name not in (*SHORT, *TOGETHER)]
    outcomes += run_together([step for step in wanted if step.name in TOGETHER], environment)
    report(outcomes, time.monotonic() - began)
    return 0 if all(outcome.ok for outcome in outcomes) else 1


class Environment:
    """A virtual environment with the package and its test extra in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder if folder.is_absolute() else Path.cwd() / folder
        self.programs = self.folder / ("Scripts" if os.name == "nt" else "bin")

    def ready(self, extra: str = "test") -> str:
        """Make it, or bring it up to date if what the package asks for under that extra has changed since."""
        python = self.programs / ("python.exe" if os.name == "nt" else "python")
        stamp = self.folder / f".agor-reactive-{extra}"
        wanted = hashlib.sha256((ROOT / "pyproject.toml").read_bytes() + str(ROOT).encode()).hexdigest()
        made = not python.exists()
        if made:
            try:
                venv.EnvBuilder(with_pip=True, symlinks=os.name != "nt").create(self.folder)
            except subprocess.CalledProcessError:
                print("this Python cannot make virtual environments; on Debian and Ubuntu: apt install python3-venv")
                raise
        if made or not stamp.exists() or stamp.read_text(encoding="ascii") != wanted:
            if made:
                ready_uv(python)
            what = ["-e", f".[{extra}]"]
            if code := install(what, into=python):
                raise subprocess.CalledProcessError(code, ["install", *what])
            stamp.write_text(wanted, encoding="ascii")
            return f"installed in {self.folder}"
        return f"{self.folder} is up to date"

    def run(self, command: Sequence[str], output: int | IO[str] | None = None) -> int:
        """Run one of its programs from the root of the project, output as it comes or to a file. Gives its code."""
        program = [shutil.which(command[0], path=str(self.programs)) or command[0], *command[1:]]
        given = clean_environment(self)
        return subprocess.run(program, cwd=ROOT, env=given, stdout=output, stderr=output, check=False).returncode


def clean_environment(environment: Environment) -> dict[str, str]:
    """Ours, without what would lead a test to somebody's daemon or keep bytecode from being written.

    Images of containers often set the latter: hundreds of processes would then each compile every module they import,
    because an environment is installed without compiling it.
    """
    theirs = {"AGOR_DAEMON_URL", "AGOR_API_KEY", "AGOR_DAEMON_API_KEY", "PYTHONHOME", "PYTHONDONTWRITEBYTECODE"}
    kept = {name: value for name, value in os.environ.items() if name not in theirs}
    path = os.pathsep.join([str(environment.programs), kept.get("PATH", "")])
    return {**kept, "VIRTUAL_ENV": str(environment.folder), "PATH": path, "PYTHONUTF8": "1"}


def preparations(names: Container[str], environment: Environment) -> Iterator[tuple[str, Callable[[], str]]]:
    """What these steps need, each with its name. Nothing here changes the environment, so that all can run at once.

    Collecting the tests writes their bytecode: without it each of the processes, which begin at the same time, would
    compile every test and every module. What cannot be collected or installed is reported by the step itself.
    """

    def collected(*command: str) -> str:
        code = environment.run((*command, "--collect-only", "-q"), subprocess.DEVNULL)
        return "ready" if code == 0 else f"not ready: {' '.join(command)} exited with {code}"

    if "unit" in names:
        yield "FeathersJS peer", ready_peer
        if not any((ROOT / "tests" / "core" / "__pycache__").glob("*-pytest-*")):
            yield "bytecode of the tests", lambda: collected("pytest", *NOT_IN_BROWSER)
    if "lowest" in names and not (environment.folder / "lowest").exists():
        yield "the lowest versions", lambda: collected("python", "-m", "tests.lowest")


def ready_peer() -> str:
    """Install the npm packages of the peer; without Node its tests are skipped, and counted."""
    from tests.feathers_peer.process import PeerUnavailable, install

    try:
        install()
    except PeerUnavailable as why:
        return f"not available, its tests will be skipped: {why}"
    return "ready"


def ready_chromium() -> str:
    """Install Debian's Chromium if there is none and that is allowed; without it tests are skipped, and counted."""
    names = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
    if found := next((path for name in names if (path := shutil.which(name))), None):
        return f"ready: {found}"
    apt, root = shutil.which("apt-get"), getattr(os, "geteuid", lambda: -1)() == 0
    if not apt or not root:
        return f"not here, its tests will be skipped; on Debian: apt-get install {names[0]}"
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}

    def run(*command: str) -> bool:
        return subprocess.run((apt, *command), env=quiet, stdout=subprocess.DEVNULL, check=False).returncode == 0

    if not run("update", "-qq"):
        return "could not be installed (apt-get update failed), its tests will be skipped"
    for name in names[:2]:
        if run("install", "-y", "-qq", "--no-install-recommends", name):
            return f"installed {name}"
    return f"could not be installed (apt-get install {names[1]} failed), its tests will be skipped"


def ready_axe() -> str:
    """Install axe-core by npm; without it the accessibility tests are skipped, and counted."""
    folder, npm = ROOT / "tests" / "web", shutil.which("npm")
    if (folder / "node_modules" / "axe-core" / "axe.min.js").exists():
        return "ready"
    if npm is None:
        return "npm is not here, its tests will be skipped"
    install = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
    done = subprocess.run(install, cwd=folder, stdout=subprocess.DEVNULL, check=False)
    return "installed" if done.returncode == 0 else "npm ci failed, its tests will be skipped"


def timed(heading: str, action: Callable[[], str]) -> None:
    """Print the heading, run the action, print its result and how long it took."""
    print(f"\n== {heading}", flush=True)
    began = time.monotonic()
    result = action()
    print(f"   {result} ({time.monotonic() - began:.1f} s)", flush=True)


def run_together(steps: Sequence[Step], environment: Environment) -> list[Outcome]:
    """Run steps at the same time, and print what they print one after the other. A single one prints as it runs."""
    if len(steps) < 2:
        return [run_step(step, environment) for step in steps]
    with ThreadPoolExecutor() as pool, ExitStack() as files:
        outputs = [files.enter_context(tempfile.TemporaryFile("w+", encoding="utf-8")) for _ in steps]
        print(f"\n== {' and '.join(step.name for step in steps)} at the same time", flush=True)
        running = [
            pool.submit(run_step, step, environment, output) for step, output in zip(steps, outputs, strict=True)
        ]
        outcomes = []
        for outcome, output in zip(running, outputs, strict=True):
            outcomes.append(outcome.result())
            output.seek(0)
            shutil.copyfileobj(output, sys.stdout)
        return outcomes


def run_step(step: Step, environment: Environment, output: IO[str] | None = None) -> Outcome:
    """Run every command of a step, also after one failed. What is printed goes to `output`, if there is one."""
    from tests.lowest import UNAVAILABLE  # needs a newer Python than what checks the version

    outcome = Outcome(step.name.removeprefix("+"), True, 0.0)
    began = time.monotonic()
    if step.extra != "test":
        try:
            timed(f"setup: {step.extra}", lambda: environment.ready(step.extra))
            timed("setup: Chromium", ready_chromium)
            timed("setup: axe-core", ready_axe)
        except subprocess.CalledProcessError as error:
            print(f"setup failed: {' '.join(map(str, error.cmd))} exited with {error.returncode}", flush=True)
            outcome.ok = False
            return outcome
    for command in step.commands:
        print(f"\n== {outcome.name}: {' '.join(command)} ({step.about})", file=output, flush=True)
        with tempfile.TemporaryDirectory() as scratch:
            record = Path(scratch) / "record.xml"
            makes_record = command[0] == "pytest" or "tests.lowest" in command
            code = environment.run((*command, f"--junit-xml={record}") if makes_record else command, output)
            if code == UNAVAILABLE:
                outcome.skips[f"{' '.join(command)}: what it needs cannot be installed here"] += 1
                outcome.tests["skipped"] += 1
                continue
            outcome.ok = code == 0 and outcome.ok
            if record.exists():
                count(record, outcome)
    outcome.seconds = time.monotonic() - began
    print(f"   {'ok' if outcome.ok else 'FAILED'} ({outcome.seconds:.1f} s)", file=output, flush=True)
    return outcome


def count(record: Path, outcome: Outcome) -> None:
    """Take the numbers and the reasons for skips from pytest's record."""
    for case in ElementTree.parse(record).iter("testcase"):
        tags = {child.tag for child in case}
        skipped = case.find("skipped")
        if skipped is not None:
            outcome.skips[(skipped.get("message") or "no reason given").removeprefix("Skipped: ")] += 1
        kind = "failed" if tags & {"failure", "error"} else "skipped" if skipped is not None else "passed"
        outcome.tests[kind] += 1


def report(outcomes: Sequence[Outcome], seconds: float) -> None:
    """The last lines: every step, every reason for a skip, the total."""
    print("\n== summary")
    for outcome in outcomes:
        numbers = ", ".join(f"{number} {kind}" for kind, number in sorted(outcome.tests.items()))
        line = f"   {outcome.name:<8} {'ok' if outcome.ok else 'FAILED':<7} {outcome.seconds:6.1f} s"
        print(f"{line}  {numbers}".rstrip())
        for reason, number in outcome.skips.most_common():
            print(f"            skipped {number}: {reason}")
    failed = [outcome.name for outcome in outcomes if not outcome.ok]
    tests = sum((outcome.tests for outcome in outcomes), Counter[str]())
    numbers = ", ".join(f"{tests[kind]} {kind}" for kind in ("passed", "failed", "skipped"))
    verdict = f"FAILED: {', '.join(failed)}" if failed else "all ok"
    print(f"   {verdict}; tests: {numbers}; {seconds:.0f} s in all", flush=True)


if __name__ == "__main__":
    sys.exit(main())
