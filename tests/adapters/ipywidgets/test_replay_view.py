"""`ReplayView`: a page asks for a moment and gets the session as it was then; the log is read beside the kernel."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from agor_reactive import logs
from agor_reactive.adapters.ipywidgets import ReplayView
from agor_reactive.errors import UsageError
from benchmarks.comms import Comms, Page
from tests.contract.waiting import eventually
from tests.core.build import chunk, start
from tests.logs.story import CALLED, DOWN, FIRST_WORDS, KEY, story
from tests.logs.writer import BEGIN, Recorded


class Reader:
    """A page of a view, and what it was sent."""

    def __init__(self, view: ReplayView, comms: Comms) -> None:
        self.view, self._comms = view, comms
        self.page = Page()
        self._read = 0
        self.at: float | None = None
        self.timeline: dict[str, Any] = {}
        self.tool: dict[str, Any] = {}

    def say(self, op: str, **more: Any) -> None:
        self.view.receive({"op": op, "view": "page", **more})

    def look(self) -> Page:
        for message in self._comms.customs()[self._read :]:
            self._read += 1
            self.page.receive(message)
            self.at = message.get("at", self.at)
            if message["op"] == "timeline":
                self.timeline = message
            if message["op"] == "tool":
                self.tool = message
        return self.page

    async def shows(self, *texts: str) -> None:
        def there() -> bool:
            page = self.look()
            everything = f"{page.text()} {page.head} {page.tasks}"
            return all(text in everything for text in texts)

        await eventually(there, what=f"the page shows {texts}")

    async def seek(self, t: float) -> Page:
        self.say("seek", t=t * 1000)
        await eventually(lambda: self.look() and self.at == round(t * 1000), what=f"the page is at {t}")
        return self.page


@asynccontextmanager
async def replayed(comms: Comms, path: Path, session_id: str | None = None) -> AsyncIterator[Reader]:
    view = ReplayView(logs.open(path), session_id)
    reader = Reader(view, comms)
    try:
        reader.say("sync")
        yield reader
    finally:
        view.close()


async def test_a_page_begins_with_the_last_state_and_goes_where_it_asks_to(comms: Comms, tmp_path: Path) -> None:
    _, times = story(tmp_path / "log.jsonl", "Done.")
    async with replayed(comms, tmp_path / "log.jsonl") as reader:
        await reader.shows("Report session", "Done.", "failed")
        assert reader.view.position == times["end"]
        page = await reader.seek(times["text"])
        assert page.text().strip() == FIRST_WORDS.strip()
        assert [row["status"] for row in page.tasks.values()] == ["running"]
        assert (page.head["open"], page.head["older"], page.head["link"]) == (False, False, "recorded")
        page = await reader.seek(times["down"])
        assert page.head["link"] == "reconnecting"
        assert DOWN in str(page.head["notes"])
        assert [row["status"] for row in page.tasks.values()] == ["completed"]
        page = await reader.seek(BEGIN)
        assert not page.tasks


@pytest.mark.parametrize("forward", [True, False])
async def test_every_moment_is_the_state_that_the_log_has_then(comms: Comms, tmp_path: Path, forward: bool) -> None:
    """Stepped forward and jumped back: the same states."""
    story(tmp_path / "log.jsonl", "Done.")
    log = logs.open(tmp_path / "log.jsonl")
    wanted = {t: state.dump() for t, state in log.states()}
    async with replayed(comms, tmp_path / "log.jsonl") as reader:
        await reader.shows("Done.")
        await reader.seek(BEGIN)
        for t in sorted(wanted, reverse=not forward):
            await reader.seek(t)
            found = reader.view.state
            assert found is not None
            for state in (dumped := found.dump(), wanted[t]):
                state.pop("revision")
            assert dumped == wanted[t]


async def test_marks_are_what_happened_and_when(comms: Comms, tmp_path: Path) -> None:
    _, times = story(tmp_path / "log.jsonl", "Done.")
    async with replayed(comms, tmp_path / "log.jsonl") as reader:
        await eventually(lambda: reader.look() and reader.timeline.get("reading") is False)
        found = [(t / 1000, kind) for t, kind, _ in reader.timeline["marks"]]
        names = {"began": "began", "called": "tool", "failed": "failed", "ended": "ended", "lost": "lost"}
        names |= {"down": "link", "up": "link", "end": "failed"}
        for name, kind in names.items():
            assert (times[name], kind) in found, name
        assert (reader.timeline["begin"], reader.timeline["end"]) == (BEGIN * 1000, times["end"] * 1000)
        texts = [text for *_, text in reader.timeline["marks"]]
        assert "Task began: Fix the report" in texts
        assert "3 records missing from the log" in texts


async def test_a_page_that_was_hidden_gets_the_marks_when_it_is_seen(comms: Comms, tmp_path: Path) -> None:
    story(tmp_path / "log.jsonl", "Done.")
    view = ReplayView(logs.open(tmp_path / "log.jsonl"))
    reader = Reader(view, comms)
    reader.say("rest")
    await eventually(lambda: view._publisher and not view._publisher.reading)
    assert comms.customs() == []
    reader.say("wake")
    await eventually(lambda: reader.look() and reader.timeline.get("reading") is False)
    view.close()


async def test_a_call_is_opened_as_it_was_at_that_moment(comms: Comms, tmp_path: Path) -> None:
    _, times = story(tmp_path / "log.jsonl")
    async with replayed(comms, tmp_path / "log.jsonl") as reader:
        await reader.shows("Report session")
        for name, result in (("failed", "no such folder"), ("called", "")):
            await reader.seek(times[name])
            reader.tool = {}
            reader.say("tool", task="t1", tool="u1")
            await eventually(lambda: reader.look() and reader.tool)
            assert CALLED in reader.tool["input"]
            assert reader.tool["result"] == result


async def test_of_many_moments_the_newest_wins(comms: Comms, tmp_path: Path) -> None:
    story(tmp_path / "log.jsonl", "Done.")
    async with replayed(comms, tmp_path / "log.jsonl") as reader:
        await reader.shows("Done.")
        for number in range(500):
            reader.say("seek", t=(BEGIN + number * 7 % 20) * 1000)
        page = await reader.seek(BEGIN + 7)
        assert page.text().strip() == FIRST_WORDS.strip()
        patches = [message for message in comms.customs() if message["op"] == "patch"]
        assert len(patches) < 50


async def test_moments_outside_and_moments_that_are_none(comms: Comms, tmp_path: Path) -> None:
    _, times = story(tmp_path / "log.jsonl")
    async with replayed(comms, tmp_path / "log.jsonl") as reader:
        await reader.shows("Report session")
        for t in (None, "now", float("nan"), True, [1]):
            reader.say("seek", t=t)
        reader.view.seek(1.0)
        await eventually(lambda: reader.view.position == BEGIN)
        reader.view.seek(9e12)
        await eventually(lambda: reader.view.position == times["end"])


async def test_a_long_log_does_not_hold_the_kernel_up(comms: Comms, tmp_path: Path) -> None:
    recorded = Recorded(tmp_path / "log.jsonl")
    recorded.feed(start("m1"), *(chunk("m1", f"word {number} ", number) for number in range(20_000))).close()
    began = time.perf_counter()
    view = ReplayView(logs.open(tmp_path / "log.jsonl"))
    made = time.perf_counter() - began
    reader = Reader(view, comms)
    reader.say("sync")
    await reader.shows("word 19999")
    view.close()
    assert made < 0.5


async def test_a_log_that_cannot_be_shown_is_said_in_the_view(comms: Comms, tmp_path: Path) -> None:
    story(tmp_path / "log.jsonl")
    async with replayed(comms, tmp_path / "log.jsonl", "ffff") as reader:
        await reader.shows("The log cannot be shown", "no session")
        reader.look()
        assert reader.timeline["failed"] is True


def test_what_is_no_log_is_refused_at_once() -> None:
    with pytest.raises(UsageError, match=r"logs\.open"):
        ReplayView("log.jsonl")  # type: ignore[arg-type]


async def test_the_notebook_keeps_the_last_transcript(comms: Comms, tmp_path: Path) -> None:
    story(tmp_path / "log.jsonl", "Done.")
    async with replayed(comms, tmp_path / "log.jsonl") as reader:
        await eventually(lambda: "Done." in reader.view.text)
        assert "Fix the report" in reader.view.text
        assert KEY not in reader.view.text
    assert reader.view.closed
    assert reader.view.state is None
