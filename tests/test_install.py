"""How the environments of the tests are installed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.install import install, ready_uv

pytestmark = pytest.mark.skipif(os.name == "nt", reason="the programs of these tests are shell scripts")


def program(path: Path, *, exits: int = 0) -> None:
    """A program that writes down how it was called."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f'#!/bin/sh\necho "{path.name} $*" >> "{path.parent.parent}/calls"\nexit {exits}\n')
    path.chmod(0o755)


def calls(environment: Path) -> list[str]:
    return (environment / "calls").read_text().splitlines()


def test_uv_installs_where_it_is(tmp_path: Path) -> None:
    program(tmp_path / "bin" / "python")
    program(tmp_path / "bin" / "uv")
    other = tmp_path / "lowest" / "bin" / "python"
    assert install(["-c", "lowest.txt", "-e", "."], into=other, by=tmp_path / "bin" / "python") == 0
    assert calls(tmp_path) == [f"uv pip install --quiet --python {other} -c lowest.txt -e ."]


@pytest.mark.parametrize("has_uv", [True, False], ids=["uv finds less", "no uv"])
@pytest.mark.parametrize("code", [0, 1])
def test_pip_installs_where_uv_does_not(has_uv: bool, code: int, tmp_path: Path) -> None:
    python = tmp_path / "bin" / "python"
    program(python, exits=code)
    if has_uv:
        program(tmp_path / "bin" / "uv", exits=2)
    assert install(["-e", "."], into=python) == code
    assert calls(tmp_path)[-1].startswith("python -m pip --disable-pip-version-check install --quiet")
    assert len(calls(tmp_path)) == 1 + has_uv
    other = tmp_path / "lowest" / "python"
    assert install(["-e", "."], into=other, by=python) == code
    assert f"--python {other} install" in calls(tmp_path)[-1]


def test_without_uv_pip_is_brought_up_to_date(tmp_path: Path) -> None:
    python = tmp_path / "bin" / "python"
    program(python)
    python.write_text(python.read_text().replace("exit 0", 'case "$*" in *uv*) exit 1;; esac'))
    ready_uv(python)
    assert ["uv" in call for call in calls(tmp_path)] == [True, False]
    assert "--upgrade pip" in calls(tmp_path)[1]
