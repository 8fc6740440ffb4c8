"""The sdist and the wheel: what is in them, and that the wheel installs and runs on every Python that we support."""

from __future__ import annotations

import functools
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import agor_reactive

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
SUPPORTED = tuple(re.findall(r":: (3\.\d+)$", "\n".join(PROJECT["classifiers"]), re.MULTILINE))
RUNNING = f"{sys.version_info[0]}.{sys.version_info[1]}"
PROGRAMS = "Scripts" if os.name == "nt" else "bin"
ENVIRONMENT = {
    name: value
    for name, value in os.environ.items()
    if not name.startswith(("AGOR_", "PYTHON")) and name != "VIRTUAL_ENV"
}
"""Nothing that would lead to the sources, or to the daemon of somebody."""
KEPT = Path(sys.prefix) / "wheels"
"""The wheels of the dependencies, by version of Python, kept for the next run: finding them takes the longest."""

pytestmark = pytest.mark.timeout(300)  # pip downloads some 35 packages for each Python the first time


class Built(NamedTuple):
    sdist: Path
    wheel: Path
    """Made from the sdist, as for a release."""
    from_sources: Path


@functools.cache
def interpreter(version: str) -> str | None:
    """The Python of that version here, or None."""
    if version == RUNNING:
        return sys.executable
    name = f"python{version}"
    kept = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    folders = os.environ.get("PATH", "").split(os.pathsep)
    candidates = [str(Path(folder) / name) for folder in folders if (Path(folder) / name).is_file()]
    candidates += map(str, kept.glob(f"{version}.*/bin/{name}"))
    if uv := shutil.which("uv"):
        found = subprocess.run([uv, "python", "find", version], capture_output=True, text=True, check=False)
        candidates += found.stdout.split() if found.returncode == 0 else []
    # Asked, because pyenv puts commands on the PATH for versions that it has not chosen: these only fail.
    ask = "import sys, venv; print('{}.{}'.format(*sys.version_info))"
    for candidate in candidates:
        answer = subprocess.run([candidate, "-c", ask], capture_output=True, text=True, check=False)
        if answer.stdout.strip() == version:
            return candidate
    return None


def run(*command: str | Path, cwd: Path = ROOT, environment: Mapping[str, str] | None = None) -> str:
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(map(str, command))}\n{done.stdout}{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    target = tmp_path_factory.mktemp("dist")
    build = (sys.executable, "-m", "build", "--outdir")
    run(*build, target, "--sdist")  # in isolation: with the build backend that pyproject.toml asks for, and no more
    (sdist,) = target.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        archive.extractall(target, filter="data")
    run(*build, target, "--wheel", "--no-isolation", target / sdist.name.removesuffix(".tar.gz"))
    run(*build, target / "from-sources", "--wheel", "--no-isolation", ROOT)
    (wheel,), (direct,) = (target.glob(glob) for glob in ("*.whl", "from-sources/*.whl"))
    return Built(sdist, wheel, direct)


@pytest.fixture(scope="module")
def installed(built: Built, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Path]]:
    """Gives the folder of the programs of a clean environment with the wheel. They are made two at a time."""

    def install(version: str, python: str, target: Path) -> Path:
        run(python, "-m", "venv", "--without-pip", target, environment=ENVIRONMENT)
        pip = (sys.executable, "-m", "pip", "--python", target / PROGRAMS / "python")
        wheels = KEPT / version
        install = (*pip, "install", "--quiet", "--no-compile", "--no-index", "--find-links", wheels, built.wheel)
        if subprocess.run(install, cwd=ROOT, capture_output=True, check=False).returncode != 0:
            shutil.rmtree(wheels, ignore_errors=True)
            run(*pip, "download", "--quiet", "--only-binary", ":all:", "--dest", wheels, built.wheel)
            run(*install)
        return target / PROGRAMS

    with ThreadPoolExecutor(2) as pool:
        made: dict[str, Future[Path]] = {}
        for version in cases():
            if python := interpreter(version):
                made[version] = pool.submit(install, version, python, tmp_path_factory.mktemp(f"python{version}-"))
        yield lambda version: made[version].result()
        pool.shutdown(cancel_futures=True)


def cases() -> tuple[str, ...]:
    return tuple(dict.fromkeys((*SUPPORTED, RUNNING)))


def names_in(wheel: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def files_of_the_repository(*under: str) -> set[str]:
    """The files that git has, or would add."""
    listed = run("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", *under)
    return {name for name in listed.split("\0") if name and (ROOT / name).is_file()}


needs_git = pytest.mark.skipif(
    not (shutil.which("git") and (ROOT / ".git").exists()), reason="which files belong to the project is asked of git"
)


@needs_git
def test_the_sdist_has_the_package_and_what_describes_it_and_no_file_that_git_has_not(built: Built) -> None:
    with tarfile.open(built.sdist) as archive:
        names = {member.name.partition("/")[2] for member in archive.getmembers() if member.isfile()}
    package = files_of_the_repository("agor_reactive")
    assert "agor_reactive/py.typed" in package
    about = {"README.md", "LICENSE", "CHANGELOG.md", "pyproject.toml", ".gitignore"}  # hatchling adds the last
    assert about <= files_of_the_repository()
    assert names == {*package, *about, "PKG-INFO"}


@needs_git
def test_the_wheel_has_every_file_of_the_package(built: Built) -> None:
    names = {name for name in names_in(built.wheel) if ".dist-info/" not in name}
    assert names == files_of_the_repository("agor_reactive")


def test_the_sdist_builds_the_same_wheel_as_the_sources(built: Built) -> None:
    assert built.wheel.name == built.from_sources.name
    assert names_in(built.wheel) == names_in(built.from_sources)


def test_the_wheel_says_what_it_needs_and_who_may_use_it(built: Built) -> None:
    (metadata,) = (text for name, text in names_in(built.wheel).items() if name.endswith("/METADATA"))
    lines = metadata.decode().splitlines()
    assert f"Version: {agor_reactive.__version__}" in lines
    assert f"Requires-Python: {PROJECT['requires-python']}" in lines
    assert "License-Expression: MIT" in lines
    asked = {
        re.split(r"[^\w.-]", line.removeprefix("Requires-Dist: "))[0] for line in lines if "Requires-Dist: " in line
    }
    assert {re.split(r"[^\w.-]", one)[0] for one in PROJECT["dependencies"]} <= asked
    assert set(PROJECT["optional-dependencies"]) == {
        line.removeprefix("Provides-Extra: ") for line in lines if line.startswith("Provides-Extra: ")
    }


def test_the_versions_that_the_metadata_names_begin_with_the_oldest_allowed() -> None:
    assert SUPPORTED
    assert PROJECT["requires-python"] == f">={SUPPORTED[0]}"
    minors = [int(version.partition(".")[2]) for version in SUPPORTED]
    assert minors == list(range(minors[0], minors[-1] + 1))


@pytest.mark.parametrize(
    "version",
    [
        pytest.param(
            version,
            marks=pytest.mark.skipif(
                interpreter(version) is None, reason=f"no Python {version} here, on the PATH or from pyenv or uv"
            ),
        )
        for version in cases()
    ],
)
def test_the_wheel_installs_and_runs(
    version: str, installed: Callable[[str], Path], built: Built, tmp_path: Path
) -> None:
    programs = installed(version)
    command = programs / "agor-reactive"
    assert run(command, "--version", cwd=tmp_path, environment=ENVIRONMENT) == (
        f"agor-reactive {agor_reactive.__version__}\n"
    )

    probe = ROOT / "tests" / "clean_install.py"
    found: dict[str, Any] = json.loads(
        run(programs / "python", "-I", probe, cwd=tmp_path, environment={**ENVIRONMENT, "COLUMNS": "200"})
    )
    assert found["version"] == agor_reactive.__version__
    assert Path(found["folder"]).is_relative_to(programs.parent)
    package = {name for name in names_in(built.wheel) if name.startswith("agor_reactive/")}
    assert "agor_reactive/py.typed" in package
    assert {name for name in package if re.search(r"/static/\w+\.(js|css)$", name)}
    assert package <= set(found["files"])
    assert found["help"][0] == 0
    assert "Watch a session live" in found["help"][1]
    assert found["closed port"].startswith("find sessions: no Agor daemon answered")
    assert "agor_reactive.web" in found["packages"]
    for name, error in found["packages"].items():  # each is there, or says which extra brings it
        assert re.fullmatch(r'|MissingExtra: .*pip install "agor-reactive\[\w+\]"', error), (name, error)
    for name, (code, printed) in found["commands"].items():
        assert code == 2, (name, code, printed)
        assert re.search(r"""pip install ["']agor-reactive\[\w+\]["']$""", printed.strip()), (name, printed)
