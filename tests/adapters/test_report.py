"""The report as a file: what is in it, what is not, and how large it gets. Its page is tested in a browser."""

from __future__ import annotations

import json
import re
import stat
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from agor_reactive import logs
from agor_reactive.adapters.report import write_report
from agor_reactive.adapters.report.content import MOST_STEPS
from agor_reactive.core.events import LinkChanged
from agor_reactive.errors import NotFound, UsageError
from tests.core.build import LIVE, chunk, end, hydrated, message_row, saved, start, task_row
from tests.logs.story import CALLED, FIRST_WORDS, KEY, story
from tests.logs.writer import BEGIN, Recorded


class Elements(HTMLParser):
    """The elements of a page, with their attributes, and the data of the report."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self._inside = ""
        self._data = ""
        self.feed(text)
        self.close()
        self.data: dict[str, Any] = json.loads(self._data)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        self._inside = dict(attrs).get("id") or ""

    def handle_data(self, data: str) -> None:
        if self._inside == "ag-data":
            self._data += data

    def handle_endtag(self, tag: str) -> None:
        self._inside = ""


HOSTILE = (
    "</script><script>window.ran=1</script>",
    "<!--<script>",
    "</noscript></pre><img src=x onerror=ran()>",
    "\u2028",
)


def report_of(tmp_path: Path, *texts: str, **options: Any) -> tuple[str, Elements, dict[str, float]]:
    _, times = story(tmp_path / "log.jsonl", *texts, **options)
    path = write_report(logs.open(tmp_path / "log.jsonl"), tmp_path / "out.html")
    text = path.read_text(encoding="utf-8")
    return text, Elements(text), times


def test_a_report_is_one_page_that_loads_nothing(tmp_path: Path) -> None:
    text, page, _ = report_of(tmp_path, "Done.")
    tags = [tag for tag, _ in page.found]
    assert set(tags) == {"html", "head", "meta", "title", "style", "body", "noscript", "pre", "main", "script"}
    assert not [attrs for _, attrs in page.found if {"src", "href", "onload", "style"} & set(attrs)]
    policy = next(attrs["content"] or "" for _, attrs in page.found if attrs.get("http-equiv"))
    assert policy.startswith("default-src 'none'; script-src 'sha256-")
    assert "unsafe" not in policy
    assert not re.search(r"@import|url\(|import\(|fetch\(|XMLHttpRequest|WebSocket|innerHTML", text)


def test_no_text_of_the_session_ends_an_element(tmp_path: Path) -> None:
    _, page, _ = report_of(tmp_path, *HOSTILE, prompt=HOSTILE[0])
    assert [tag for tag, _ in page.found if tag in ("script", "img", "pre")] == ["pre", "script", "script"]
    assert HOSTILE[0] in page.data["texts"]


def test_the_steps_are_moments_at_which_something_happened(tmp_path: Path) -> None:
    _, page, times = report_of(tmp_path, "Done.")
    moments = [moment for moment, _ in page.data["steps"]]
    assert moments == sorted(set(moments))
    happened = {
        round(times[name] * 1000) for name in ("began", "text", "called", "failed", "ended", "down", "up", "end")
    }
    assert happened <= set(moments)
    assert {kind for _, kind, _ in page.data["timeline"]["marks"]} == {
        "began",
        "tool",
        "failed",
        "ended",
        "link",
        "lost",
    }
    assert page.data["timeline"]["begin"] == BEGIN * 1000
    assert "note" not in page.data["timeline"]


def test_each_text_is_there_once(tmp_path: Path) -> None:
    long = "Written once. " * 50
    _, page, _ = report_of(tmp_path, long, long)
    assert len(page.data["texts"]) == len(set(page.data["texts"]))
    assert json.dumps(page.data).count(long.strip()) == 1
    assert FIRST_WORDS in page.data["texts"]
    assert CALLED in "".join(page.data["texts"])


def test_no_part_of_a_key_is_in_it_even_where_chunks_divide_it(tmp_path: Path) -> None:
    text, page, _ = report_of(tmp_path, f"and {KEY}.", prompt=f"Use {KEY}")
    assert KEY[:12] not in text
    assert "[redacted]" in json.dumps(page.data)
    state = hydrated().feed(saved("messages", message_row("m1", "t1", 1, content=f"{KEY}")))
    plain = write_report(state, tmp_path / "state.html").read_text(encoding="utf-8")
    assert KEY[:12] not in plain


def test_a_token_that_is_still_being_written_is_not_in_it(tmp_path: Path) -> None:
    """Only a whole token is known for one: its beginning looks like any long word."""
    claims = "eyJzdWIiOiJ1c2VyLTQyIn0"
    recorded = Recorded(tmp_path / "log.jsonl")
    recorded.feed(LinkChanged(LIVE), saved("tasks", task_row("t1")), start("m1", task_id="t1"))
    recorded.feed(chunk("m1", f"It is eyJhbGciOiJIUzI1NiJ9.{claims}", 0), chunk("m1", ".c2lnbmF0dXJl then", 1)).close()
    text = write_report(logs.open(tmp_path / "log.jsonl"), tmp_path / "out.html").read_text(encoding="utf-8")
    assert "It is [redacted]" in text
    assert claims not in text


def test_a_state_makes_a_page_without_a_slider(tmp_path: Path) -> None:
    state = hydrated().feed(saved("messages", message_row("m1", "t1", 1)))
    page = Elements(write_report(state, tmp_path / "state.html").read_text(encoding="utf-8"))
    assert page.data["timeline"] is None
    assert len(page.data["steps"]) == 1
    assert "content of m1" in page.data["texts"]


@pytest.mark.parametrize("tasks", [3, 400])
def test_a_long_log_has_200_moments_and_says_so(tmp_path: Path, tasks: int) -> None:
    recorded = Recorded(tmp_path / "log.jsonl")
    recorded.feed(LinkChanged(LIVE))
    for number in range(tasks):
        row = task_row(f"t{number}", second=number)
        recorded.feed(saved("tasks", row), start(f"m{number}", task_id=f"t{number}"))
        recorded.feed(*(chunk(f"m{number}", f"word {at} ", at) for at in range(1_200 // tasks)))
        recorded.feed(end(f"m{number}"), saved("tasks", {**row, "status": "completed"}, "patched"))
    recorded.close()
    page = Elements(write_report(logs.open(tmp_path / "log.jsonl"), tmp_path / "out.html").read_text(encoding="utf-8"))
    assert MOST_STEPS * 0.9 <= len(page.data["steps"]) <= MOST_STEPS
    assert page.data["timeline"]["note"] == "This report shows the session at 200 moments."
    assert page.data["steps"][-1][0] == page.data["timeline"]["end"]


def test_results_of_tools_are_bounded_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agor_reactive.adapters.report.content._WHOLE_DETAILS", 50_000)
    mirror = hydrated()
    for number in range(40):
        use = {"type": "tool_use", "id": f"u{number}", "name": "Read", "input": {"file_path": f"f{number}"}}
        result = {"type": "tool_result", "tool_use_id": f"u{number}", "content": f"{number} " * 5_000}
        mirror.feed(saved("messages", message_row(f"m{number}", "t1", number, content=[use, result])))
    path = write_report(mirror.state, tmp_path / "out.html")
    assert path.stat().st_size < 500_000


def test_the_file_is_for_sharing_and_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / "out.html"
    path.write_text("old", encoding="utf-8")
    state = hydrated().state
    assert write_report(state, path) == path
    assert path.read_text(encoding="utf-8").startswith("<!doctype html>")
    assert stat.S_IMODE(path.stat().st_mode) & 0o044 == 0o044
    assert [each.name for each in tmp_path.iterdir()] == ["out.html"]


def test_what_cannot_be_written_or_shown_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be written"):
        write_report(hydrated().state, tmp_path / "missing" / "out.html")
    with pytest.raises(UsageError, match="a log or a state"):
        write_report("log.jsonl", tmp_path / "out.html")  # type: ignore[arg-type]
    story(tmp_path / "log.jsonl")
    with pytest.raises(NotFound):
        write_report(logs.open(tmp_path / "log.jsonl"), tmp_path / "out.html", "ffff")
