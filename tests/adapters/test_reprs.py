"""What an interactive user sees: outcomes, rows, a snapshot as a table, the progress of a prompt."""

from __future__ import annotations

import asyncio
import io
import itertools
from typing import Any

import pytest
from IPython.lib.pretty import pretty

import agor_reactive as agor
from agor_reactive.adapters.progress import INTERVAL, ProgressLine
from agor_reactive.adapters.state_table import as_html, as_text
from agor_reactive.calls.progress import display_with, progress_line, reporting, reporting_rows, rows_line
from agor_reactive.daemon import EmbeddedDaemon
from agor_reactive.models import Message, Task, row_from_wire
from agor_reactive.models.outcome import Done, Failed, PermissionNeeded, Stopped, outcome_of

HOSTILE = "\x1b[31m<script>alert(1)</script>\u202e & \x07"


def task(**fields: Any) -> Task:
    return row_from_wire(Task, {"task_id": "t1", "session_id": "s1", "status": "completed", **fields})


def message(number: int, **fields: Any) -> Message:
    row = {"message_id": f"m{number}", "session_id": "s1", "task_id": "t1", "type": "assistant", "role": "assistant"}
    return row_from_wire(Message, {**row, "index": number, "content": f"Reply {number}.", **fields})


def test_an_outcome_shows_its_text_and_what_stands_in_its_way() -> None:
    assert repr(Done(task(), (message(1),))).startswith("Done(text='Reply 1.', task=Task(task_id='t1'")
    assert "reason='It broke.'" in repr(Failed(task(status="failed", error_message="It broke.")))
    assert repr(Stopped(task(status="stopped"))).startswith("Stopped(text='', task=")
    asked = message(1, type="permission_request", role="system", content={"request_id": "r1", "status": "pending"})
    assert "requests=(" in repr(PermissionNeeded(task(status="awaiting_permission"), (asked,)))
    for status in ("completed", "failed", "stopped", "timed_out", "running", "awaiting_input"):
        shown = repr(outcome_of(task(status=status), (message(1),), was_queued=False))
        assert "text='Reply 1.'" in shown


def test_the_repr_of_an_outcome_is_short_and_shows_no_secret_and_no_control_code() -> None:
    key = "agor_sk_" + "5e" * 24
    shown = repr(Done(task(), (message(1, content=HOSTILE + key + "x" * 10_000),)))
    assert len(shown) < 500
    assert key not in shown
    assert not {"\x1b", "\u202e", "\x07"} & set(shown)


@pytest.fixture
async def state() -> Any:
    async with (
        EmbeddedDaemon(speed=50.0, seed=1) as daemon,
        agor.create_client(daemon.url, api_key=daemon.api_key) as client,
    ):
        session = await client.sessions.create(
            {"branch_id": daemon.workspace_id, "agentic_tool": "claude-code", "title": HOSTILE}
        )
        async with agor.retain_reactive_session(client, session.session_id, task_hydration="eager") as handle:
            await handle.ready()
            outcome = await handle.ask(f"[say:Yes.] {HOSTILE}", timeout=20)
            assert isinstance(outcome, Done)
            async for one in handle.states():
                if not one.streaming_messages and one.tasks[0].ended:
                    yield one
                    return


async def test_rows_and_a_snapshot_show_what_they_hold(state: agor.SessionState) -> None:
    bucket = state.get_task_messages(state.tasks[0].task_id)
    assert repr(bucket) == f"MessageBucket({list(bucket)!r})"
    assert repr(state.tasks).startswith("TaskTable([Task(task_id=")
    text = pretty(state)
    assert text == as_text(state)
    assert state.tasks[0].task_id.replace("-", "")[:8] in text
    assert "completed" in text
    assert "[say:Yes.]" in text
    assert not {"\x1b", "\u202e", "\x07"} & set(text)
    html = state._repr_html_()
    assert html == as_html(state)
    assert "<script" not in html
    assert "&lt;script&gt;" in html
    assert repr(state).startswith("<SessionState ")


def test_many_rows_are_cut() -> None:
    from agor_reactive.core.entries import MessageEntry
    from agor_reactive.core.tables import MessageBucket

    rows = [MessageEntry.of(message(number)) for number in range(500)]
    shown = repr(MessageBucket(rows))
    assert "'m0'" in shown
    assert "490 more" in shown
    assert "'m499'" in shown
    assert len(shown) < 1_000


# ---- progress ----


def test_a_line_says_what_a_task_does() -> None:
    assert progress_line(task(status="queued", queue_position=2)) == "queued, position 2"
    assert progress_line(task(status="running"), tools=1, characters=1200) == "running, 1 tool, 1,200 characters"
    assert progress_line(task(status="awaiting_permission", tool_use_count=2)) == "awaiting permission, 2 tools"


def test_a_line_is_reported_once_and_nowhere_without_progress() -> None:
    lines: list[str] = []
    with reporting(lines.append) as report:
        for line in ("a", "a", "b"):
            report(line)
    assert lines == ["a", "b"]
    with reporting(False) as report:
        report("a")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_has_one_line_that_is_removed_at_the_end() -> None:
    now = [0.0]
    screen = Terminal()
    line = ProgressLine(screen, clock=lambda: now[0])
    line("running, 1 characters")
    line("running, 2 characters")  # too soon
    now[0] += INTERVAL
    line(f"running, 3 {HOSTILE}")
    line("completed")  # another status is shown at once
    line.close()
    line.close()
    shown = screen.getvalue().split("\r\x1b[2K")
    assert [text.partition("<")[0] for text in shown] == ["", "running, 1 characters", "running, 3 ", "completed", ""]
    assert "\u202e" not in screen.getvalue()


def test_a_file_has_a_line_for_each_status() -> None:
    out = io.StringIO()
    line = ProgressLine(out)
    for one in ("queued, position 1", "queued, position 2", "running", "running, 2 tools", "completed"):
        line(one)
    line.close()
    assert out.getvalue() == "queued, position 1\nrunning\ncompleted\n"


async def test_a_notebook_has_a_cell_that_is_updated(monkeypatch: pytest.MonkeyPatch) -> None:
    from agor_reactive.adapters import progress

    shown: list[Any] = []

    class Cell:
        def update(self, bundle: Any, raw: bool) -> None:
            assert raw
            shown.append(bundle)

    monkeypatch.setattr(progress, "_cell", Cell)
    line = ProgressLine(clock=lambda: 0.0)
    line("running <b>")
    line("running <b>, 5 characters")
    line.close()
    assert shown[0] == {"text/plain": "running <b>", "text/html": "<small>running &lt;b&gt;</small>"}
    assert shown[-1]["text/plain"] == "running <b>, 5 characters"


def test_a_read_of_rows_has_a_bar_in_a_terminal() -> None:
    screen = Terminal()
    line = ProgressLine(screen, clock=itertools.count().__next__)
    line.bar("sessions, 100 rows", None)
    line.bar("sessions, 100 of 400 rows", 0.25)
    line.bar("sessions, 400 of 400 rows", 1.0)
    line.close()
    assert screen.getvalue().split("\r\x1b[2K")[1:] == [
        "sessions, 100 rows",
        "[#####...............] sessions, 100 of 400 rows",
        "[####################] sessions, 400 of 400 rows",
        "",
    ]


def test_a_read_of_rows_has_a_bar_in_a_notebook(monkeypatch: pytest.MonkeyPatch) -> None:
    from agor_reactive.adapters import progress

    shown: list[Any] = []

    class Cell:
        def update(self, bundle: Any, raw: bool) -> None:
            shown.append(bundle)

    monkeypatch.setattr(progress, "_cell", Cell)
    display_with(lambda: ProgressLine(clock=itertools.count().__next__))
    try:
        with reporting_rows(True, "<b>", None) as report:
            assert report is not None
            report(10, 40)
            report(10, None)
    finally:
        display_with(agor._progress_line)
    assert shown[0] == {
        "text/plain": "[#####...............] <b>, 10 of 40 rows",
        "text/html": '<progress max="1" value="0.250" aria-label="&lt;b&gt;, 10 of 40 rows"></progress> '
        "<small>&lt;b&gt;, 10 of 40 rows</small>",
    }
    assert shown[1]["text/html"] == "<small>&lt;b&gt;, 10 rows</small>"


def test_a_file_has_one_line_for_a_read() -> None:
    out = io.StringIO()
    line = ProgressLine(out)
    for done in (100, 200, 300):
        line.bar(f"sessions, {done} of 300 rows", done / 300)
    line.close()
    assert out.getvalue() == "sessions, 100 of 300 rows\n"


def test_rows_without_progress_are_told_to_on_page_alone() -> None:
    def on_page(done: int, total: int | None) -> None: ...

    with reporting_rows(False, "sessions", on_page) as report:
        assert report is on_page
    with reporting_rows(False, "sessions", None) as report:
        assert report is None
    assert [rows_line("tasks", *given) for given in ((1, None), (1, 1), (0, 0), (1_000, 2_000))] == [
        "tasks, 1 row",
        "tasks, 1 of 1 row",
        "tasks, 0 of 0 rows",
        "tasks, 1,000 of 2,000 rows",
    ]


async def test_find_all_reports_progress_on_every_client(capsys: pytest.CaptureFixture[str]) -> None:
    pages: list[Any] = []
    async with EmbeddedDaemon(speed=50.0, seed=1) as daemon:

        def blocking() -> list[str]:
            lines: list[str] = []
            with agor.create_rest_client(daemon.url, api_key=daemon.api_key) as rest:
                on_page = lambda *page: pages.append(page)  # noqa: E731
                rest.service("sessions").find_all(page_size=2, progress=lines.append, on_page=on_page)
            with agor.connect(daemon.url, api_key=daemon.api_key) as client:
                client.service("sessions").find_all(page_size=2, progress=lines.append)
            return lines

        async with agor.create_client(daemon.url, api_key=daemon.api_key) as client:
            row = {"branch_id": daemon.workspace_id, "agentic_tool": "claude-code", "title": "x"}
            for _ in range(4):
                await client.service("sessions").create(row)
            assert await asyncio.to_thread(blocking) == ["sessions, 2 of 4 rows", "sessions, 4 of 4 rows"] * 2
            assert pages == [(2, 4), (4, 4)]
            assert len(await client.service("sessions").find_all(page_size=2, progress=True)) == 4
            assert "sessions, 2 of 4 rows" in capsys.readouterr().err


async def test_every_way_to_ask_reports_progress(capsys: pytest.CaptureFixture[str]) -> None:
    async with EmbeddedDaemon(speed=50.0, seed=1) as daemon:

        def blocking(session_id: str) -> list[str]:
            lines: list[str] = []
            with agor.create_rest_client(daemon.url, api_key=daemon.api_key) as rest:
                rest.sessions.ask(session_id, "[say:Yes.]", timeout=20, progress=lines.append)
            with agor.connect(daemon.url, api_key=daemon.api_key) as client:
                client.sessions.ask(session_id, "[say:Yes.]", timeout=20, progress=lines.append)
                with client.retain(session_id) as handle:
                    handle.ready()
                    handle.ask("[say:Yes.]", timeout=20, progress=lines.append)
            return lines

        async with agor.create_client(daemon.url, api_key=daemon.api_key) as client:
            session = await client.sessions.create(
                {"branch_id": daemon.workspace_id, "agentic_tool": "claude-code", "title": "x"}
            )
            lines = await asyncio.to_thread(blocking, session.session_id)
            assert sum(line.startswith("completed") for line in lines) == 3
            async with agor.retain_reactive_session(client, session.session_id) as handle:
                await handle.ready()
                await handle.ask("[say:Yes.]", timeout=20, progress=True)
        err = capsys.readouterr().err
        assert "completed" in err
