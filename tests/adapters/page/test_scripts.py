"""The scripts of the page in Node, without a browser: what each module does on its own."""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from agor_reactive.adapters.presentation.attention import Attention, Needs
from agor_reactive.models.session import Session

HERE = Path(__file__).parent / "scripts"
NODE = shutil.which("node")
SEEN = """
const { Attention } = await import(`${process.argv[1]}/attention.js`);
let text = "";
for await (const part of process.stdin) text += part;
console.log(JSON.stringify(JSON.parse(text).map((steps) => {
  const attention = new Attention();
  let shown = "";
  return steps.map(([rows, opened]) => {
    attention.begin(Object.entries(rows));
    attention.see(shown, rows[shown]);
    attention.see((shown = opened), rows[opened]);
    return Object.keys(rows).filter((id) => attention.needs(id, rows[id]));
  });
})));
"""
"""What the page's memory makes of the rows, one after another."""

pytestmark = pytest.mark.skipif(NODE is None, reason="node is not installed")


@pytest.fixture(scope="module")
def scripts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The modules beside a package file, without which Node takes them for CommonJS."""
    folder = tmp_path_factory.mktemp("scripts")
    for path in (files("agor_reactive.adapters.page") / "static").iterdir():
        if path.name.endswith(".js"):
            (folder / path.name).write_text(path.read_text(encoding="utf-8"), encoding="utf-8")
    (folder / "package.json").write_text('{"type": "module"}', encoding="ascii")
    return folder


@pytest.mark.parametrize("name", sorted(path.name for path in HERE.glob("*.test.mjs")))
def test_a_module_in_node(name: str, scripts: Path) -> None:
    done = subprocess.run(
        [str(NODE), "--test-reporter=spec", str(HERE / name)],
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        env={**os.environ, "AGOR_SCRIPTS": str(scripts)},
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "fail 0" in done.stdout
    assert "pass 0" not in done.stdout


def test_a_page_says_what_the_terminal_app_says_of_each_session(scripts: Path) -> None:
    statuses = (
        "idle",
        "running",
        "stopping",
        "awaiting_permission",
        "awaiting_input",
        "failed",
        "timed_out",
        "completed",
    )
    histories: list[list[Any]] = []
    expected: list[list[list[str]]] = []
    for seed in range(150):
        roll = random.Random(seed)
        needs, attention = Needs(), Attention()
        rows: dict[str, Session] = {}
        failed: dict[str, str] = {}
        steps: list[Any] = []
        said: list[list[str]] = []
        for _ in range(roll.randint(2, 14)):
            for name in roll.sample("abc", roll.randint(0, 3)):
                rows[name] = Session(session_id=name, status=roll.choice(statuses), title=str(roll.random()))
                failed.pop(name, None)
            if rows and roll.random() < 0.3:
                failed[roll.choice(sorted(rows))] = "failed"
            if rows and roll.random() < 0.1:
                gone = roll.choice(sorted(rows))
                del rows[gone]
                failed.pop(gone, None)
            opened = roll.choice([*rows, ""])
            needs.take(dict(rows), dict(failed))
            attention.take(dict(rows), dict(failed))
            attention.see(opened)
            steps.append([{name: {"needs": needs.of(name)} for name in rows}, opened])
            said.append([name for name in rows if attention.reason(name) is not None])
        histories.append(steps)
        expected.append(said)
    done = subprocess.run(
        [str(NODE), "--input-type=module", "-e", SEEN, scripts.as_uri()],
        input=json.dumps(histories),
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        check=True,
    )
    assert json.loads(done.stdout) == expected
    assert len({reason for said in expected for names in said for reason in names}) == 3
