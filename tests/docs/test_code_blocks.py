"""What pages show is run: every Python block, page by page, against a daemon. And what they name exists."""

from __future__ import annotations

import ast
import asyncio
import os
import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import agor_reactive
from agor_reactive import errors
from agor_reactive.blocking import LoopThread
from agor_reactive.daemon import EmbeddedDaemon

ROOT = Path(__file__).parents[2]
PAGES = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")])
FENCE = re.compile(r"^```(?P<info>[^\n]*)\n(?P<code>.*?)^```$", re.MULTILINE | re.DOTALL)


class Block(NamedTuple):
    """A Python block: where it begins, its code, and whether it is marked not to be run."""

    line: int
    code: str
    skipped: bool


def name_of(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def blocks_of(page: Path) -> list[Block]:
    return blocks_in(page.read_text(encoding="utf-8"))


def blocks_in(text: str) -> list[Block]:
    found = []
    for match in FENCE.finditer(text):
        words = match["info"].split()
        if words[:1] == ["python"]:
            found.append(Block(text.count("\n", 0, match.start()) + 2, match["code"], "skip" in words))
    return found


@pytest.fixture
def daemon() -> Iterator[dict[str, str]]:
    """A daemon for one page, as the environment that leads to it: a daemon allows 50 logins in 15 minutes.

    It runs on a thread: a process takes a second to start, on each of these pages.
    """
    served, portal = EmbeddedDaemon(speed=40), LoopThread()
    try:
        portal.run(served.start())
        assert served.api_key is not None
        yield {"AGOR_DAEMON_URL": served.url, "AGOR_API_KEY": served.api_key}
    finally:
        portal.run(served.stop(graceful=False))
        portal.stop()


def run(code: str, filename: str, line: int, names: dict[str, Any]) -> None:
    """Run a block as a notebook would: `await` may stand at its top level."""
    compiled = compile("\n" * (line - 1) + code, filename, "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    outcome = eval(compiled, names)
    if asyncio.iscoroutine(outcome):
        asyncio.run(asyncio.wait_for(outcome, 30))


@pytest.mark.parametrize("page", [page for page in PAGES if blocks_of(page)], ids=name_of)
def test_every_block_of_a_page_runs_one_after_the_other(
    page: Path, daemon: dict[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name, value in daemon.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {"__name__": "__main__"}
    failures: list[BaseException] = []

    def work() -> None:
        try:
            for block in blocks_of(page):
                if not block.skipped:
                    run(block.code, str(page), block.line, names)
        except BaseException as error:  # noqa: BLE001 - whatever it is, it is raised again where pytest sees it
            failures.append(error)

    # In a thread: pytest may have a loop here, and a block may want to begin its own.
    thread = threading.Thread(target=work)
    thread.start()
    thread.join(50)
    assert not thread.is_alive(), "the page did not come to its end"
    if failures:
        raise failures[0]


def test_the_example_of_a_recipe_has_25_lines_at_most() -> None:
    recipes = [page for page in PAGES if page.name.startswith("recipe-") or page.name == "opentelemetry.md"]
    assert recipes
    for page in recipes:
        assert len(blocks_of(page)[0].code.splitlines()) <= 25, page.name


def test_each_example_for_a_portal_has_25_lines_at_most() -> None:
    sections = (ROOT / "docs" / "recipe-portal.md").read_text("utf-8").split("\n## ")[1:]
    assert len(sections) >= 4
    for section in sections:
        assert 0 < sum(len(block.code.splitlines()) for block in blocks_in(section)) <= 25, section.partition("\n")[0]


def test_blocks_are_found_and_those_not_run_are_counted() -> None:
    blocks = [block for page in PAGES for block in blocks_of(page)]
    skipped = sum(block.skipped for block in blocks)
    print(f"\n{len(blocks)} Python blocks on {len(PAGES)} pages, {skipped} of them not run")
    assert len(blocks) - skipped >= 10


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_names_and_links_of_a_page_lead_somewhere(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    public = set(re.findall(r"\bagor\.([a-z_A-Z]+)", "".join(block.code for block in blocks_of(page))))
    assert {name for name in public if not hasattr(agor_reactive, name)} == set()
    for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", text):
        if "://" not in target:
            assert (page.parent / target).exists(), target


def test_the_table_of_names_names_what_exists() -> None:
    from agor_reactive.session.handles import SessionHandle

    table = re.search(r"## From the TypeScript client\n(.*?)\n## ", (ROOT / "README.md").read_text("utf-8"), re.DOTALL)
    assert table is not None
    right = [line.split("|")[2] for line in table[1].splitlines() if line.startswith("|")][2:]
    homes = (
        agor_reactive,
        agor_reactive.Client,
        agor_reactive.Service,
        agor_reactive.services.SessionService,
        SessionHandle,
        agor_reactive.SessionState,
    )
    for name in re.findall(r"`(?:\w+\.)?([a-z]+(?:_[a-z]+)+)\b", "".join(right)):
        assert any(hasattr(home, name) or name in getattr(home, "__annotations__", {}) for home in homes) or (
            name in {"find_by_task"} or hasattr(agor_reactive.SessionState.__mro__[1], name)
        ), name


def test_the_error_tree_on_its_page_is_the_one_of_the_module() -> None:
    drawn = re.search(r"```text\n(.*?)```", (ROOT / "docs" / "errors.md").read_text("utf-8"), re.DOTALL)
    assert drawn is not None
    assert errors.__doc__ is not None
    source = "\n".join(line.removeprefix("    ") for line in errors.__doc__.splitlines())
    assert drawn[1].strip() in source


def test_the_picture_is_small_and_there() -> None:
    picture = ROOT / "docs" / "images" / "terminal.svg"
    assert 2_000 < os.path.getsize(picture) < 150_000
