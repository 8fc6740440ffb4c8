"""Each block of the README is complete: it runs alone, as a file, in IPython and in a kernel."""

from __future__ import annotations

import ast
import asyncio
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

from tests.docs.test_code_blocks import PAGES, ROOT, Block, blocks_of, daemon, name_of

__all__ = ["daemon"]

BLOCKS = blocks_of(ROOT / "README.md")
IN_JUPYTER = "  # in Jupyter: "


def in_jupyter(code: str) -> str:
    """A block as one writes it in Jupyter: what a comment says in place of its line."""
    lines = [line.partition(IN_JUPYTER)[2] if IN_JUPYTER in line else line for line in code.splitlines()]
    return "\n".join(lines) + "\n"


def as_file(block: Block, folder: Path, env: dict[str, str]) -> str:
    file = folder / "example.py"
    file.write_text(block.code, encoding="utf-8")
    command = [sys.executable, "-W", "error", str(file)]
    given = {**os.environ, **env, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=folder, env=given, capture_output=True, text=True, timeout=30)
    return done.stderr if done.returncode else ""


def in_ipython(block: Block, folder: Path, env: dict[str, str]) -> str:
    """In a terminal no event loop runs between lines, so `asyncio.run` works."""
    return in_shell(lambda shell: shell.run_cell(block.code))


def in_kernel(block: Block, folder: Path, env: dict[str, str]) -> str:
    """In a kernel a cell runs inside its event loop."""

    def work(shell: Any) -> Any:
        code = in_jupyter(block.code)
        running = shell.run_cell_async(code, transformed_cell=shell.transform_cell(code), store_history=False)
        return asyncio.run(asyncio.wait_for(running, 30))

    return in_shell(work)


def in_shell(work: Callable[[Any], Any]) -> str:
    config = Config()
    config.HistoryManager.enabled = False
    failures: list[str] = []

    def run() -> None:
        done = work(InteractiveShell(config=config))
        if not done.success:
            failures.append(repr(done.error_in_exec or done.error_before_exec))

    # In a thread: pytest may have a loop here.
    thread = threading.Thread(target=run)
    thread.start()
    thread.join(45)
    return "".join(failures) if not thread.is_alive() else "it did not end"


@pytest.mark.parametrize("way", [as_file, in_ipython, in_kernel], ids=lambda way: way.__name__)
def test_each_block_of_the_readme_runs_alone(
    way: Callable[..., str], daemon: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in daemon.items():
        monkeypatch.setenv(name, value)
    assert len(BLOCKS) >= 5
    assert {block.line: error for block in BLOCKS if (error := way(block, tmp_path, daemon))} == {}


@pytest.mark.parametrize("page", [page for page in PAGES if blocks_of(page)], ids=name_of)
def test_asyncio_run_says_what_to_write_in_jupyter(page: Path) -> None:
    for block in blocks_of(page):
        for line in block.code.splitlines():
            code, _, instead = line.partition(IN_JUPYTER)
            if "asyncio.run(" in code:
                calls = [node for node in ast.walk(ast.parse(code.strip())) if isinstance(node, ast.Call)]
                ran = next(node for node in calls if ast.unparse(node.func) == "asyncio.run")
                assert ast.parse(instead).body, line
                assert ast.unparse(ast.parse(instead)) == f"await {ast.unparse(ran.args[0])}", line
