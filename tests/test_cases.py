"""`CASES.md` names tests that exist, and every test that names a case is in it."""

from __future__ import annotations

import re
from pathlib import Path

HERE = Path(__file__).parent
TABLE = (HERE / "CASES.md").read_text(encoding="utf-8")
ROWS = dict(re.findall(r"^\| ([ABD]\d+[a-c]?) \| (.*?) \|", TABLE, flags=re.MULTILINE))


def names_in(path: str) -> set[str]:
    return set(re.findall(r"def (test_\w+)", (HERE / path).read_text(encoding="utf-8")))


def test_every_test_that_the_table_names_exists() -> None:
    named = re.findall(r"`([\w/]+\.py)::(test_\w+)`", TABLE)
    assert named
    assert [f"{path}::{name}" for path, name in named if name not in names_in(path)] == []


def test_every_test_that_names_a_case_is_in_its_row() -> None:
    missing = []
    for path in sorted(HERE.rglob("test_*.py")):
        if "node_modules" in path.parts or ".venv" in path.parts:
            continue
        for name in re.findall(r"def (test_\w+)", path.read_text(encoding="utf-8")):
            for kind, number in re.findall(r"(?<=_)([abd])(\d{1,2})(?=_)", name):
                row = f"A{int(number)}" if kind == "a" else f"{kind.upper()}{number}"
                if name not in ROWS.get(row, ""):
                    missing.append(f"{row}: {path.relative_to(HERE).as_posix()}::{name}")
    assert missing == []


def test_a_row_without_a_test_says_why() -> None:
    bare = re.findall(r"^\| ([ABD]\d+[a-c]?) \| — \| (.*?) \|$", TABLE, flags=re.MULTILINE)
    assert all(note.strip() for _, note in bare), bare
