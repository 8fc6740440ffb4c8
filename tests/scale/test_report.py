"""The report: sums equal to those of all rows, as tables and as a page that loads and runs nothing."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from typer.testing import CliRunner

from agor_reactive import scale
from agor_reactive.cli.app import app
from agor_reactive.errors import UsageError
from tests.scale.recordings import Written, everywhere, turn

pytest.importorskip("dask", reason='needs pip install "agor-reactive[dask]"')


def test_the_sums_are_those_of_all_turns(tmp_path: Path) -> None:
    paths = everywhere(tmp_path)
    tasks = scale.fold_logs(paths, "task", partition_bytes=1).compute()
    made = scale.report(paths, ["agent", "model"])
    by = tasks.groupby(["agent", "model"])
    assert made.groups["turns"].tolist() == by.size().tolist()
    assert made.groups["sessions"].tolist() == by["session_id"].nunique().tolist()
    assert made.groups["cost_usd"].tolist() == pytest.approx(by["cost_usd"].sum().tolist())
    assert made.groups["took_s"].tolist() == pytest.approx(by["took_s"].mean().tolist())
    assert made.groups["failed"].sum() == (tasks["status"] == "failed").sum() > 0
    assert made.days["turns"].sum() == len(tasks)
    tools = scale.fold_logs(paths, "tool").compute()
    assert made.tools["calls"].tolist() == [len(tools)]
    assert made.tools["failed"].tolist() == [tools["failed"].sum()]
    assert made.sessions == 6


def test_keys_that_turns_do_not_have_are_refused(five: list[Path]) -> None:
    with pytest.raises(UsageError, match="grouped by colour; there are agent"):
        scale.report(five, ["agent", "colour"])
    with pytest.raises(UsageError, match="nothing"):
        scale.report(five, [])


def run(*words: str) -> tuple[int, str, str]:
    ended = CliRunner().invoke(app, ["report", *words])
    return ended.exit_code, ended.stdout, ended.stderr


def test_the_command_prints_tables_and_names_what_is_damaged(five: list[Path], tmp_path: Path) -> None:
    five[0].write_bytes(b"no log\n")
    code, out, err = run(str(five[0].parent / "*.zst"), "--by", "agent, model", "--workers", "1")
    assert code == 0
    rows = [line.split() for line in out.splitlines()]
    assert ["codex", "model-0", "2", "4", "1", "8", "4", "1", "400", "40", "1.00", "5.0", "30.0"] in rows
    assert ["Bash", "8", "1", "30.0", "30.0"] in rows
    assert "8 turns of 4 sessions in 4 logs" in out
    assert "s0.jsonl.zst: the first line is no JSON" in err


def test_the_command_writes_a_page_and_rows_and_prints_a_plan(five: list[Path], tmp_path: Path) -> None:
    page, rows = tmp_path / "report.html", tmp_path / "rows"
    code, out, _ = run(*map(str, five), "--html", str(page), "--parquet", str(rows), "--workers", "1")
    assert code == 0
    assert page.exists()
    assert list(rows.glob("*.parquet"))
    code, out, _ = run(*map(str, five), "--plan", "--workers", "1")
    assert code == 0
    assert "5 files: 5 logs" in out
    assert run(str(tmp_path / "*.nothing"))[0] == 2


class Tags(HTMLParser):
    """Every tag of a page and its attributes."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def test_the_page_draws_plots_loads_nothing_and_shows_text_as_text(tmp_path: Path) -> None:
    hostile = "<script>alert(1)</script>\x1b[31m\u202e"
    written = Written(tmp_path / "a.jsonl").mirror(1, agent=hostile)
    written.events(turn(1, 0, model="<img src=x onerror=alert(2)>")).events(turn(1, 3, "failed", model='"><b>')).close()
    made = scale.report(tmp_path / "a.jsonl")
    page = scale.write_report_page(made, tmp_path / "page.html").read_text(encoding="utf-8")
    tags = Tags()
    tags.feed(page)
    names = {tag for tag, _ in tags.found}
    assert names.isdisjoint({"script", "img", "b", "link", "iframe"})
    assert {"svg", "rect", "table"} <= names
    assert not [attrs for _, attrs in tags.found if {"src", "href", "style", "onerror"} & set(attrs)]
    policy = next(attrs["content"] for _, attrs in tags.found if attrs.get("http-equiv") == "Content-Security-Policy")
    assert policy is not None
    assert policy.startswith("default-src 'none'")
    assert "\x1b" not in page
    assert "\u202e" not in page
    assert re.findall(r"<title>(2026-11-\d\d: \d+)</title>", page)[:4] == [
        "2026-11-10: 1",
        "2026-11-11: 0",
        "2026-11-12: 0",
        "2026-11-13: 1",
    ]


def test_a_page_that_cannot_be_written_is_said(five: list[Path], tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be written"):
        scale.write_report_page(scale.report(five), tmp_path)
