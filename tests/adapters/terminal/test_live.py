"""Following a session: painted rarely enough, and the last snapshot always; line by line where there is no screen."""

from __future__ import annotations

import asyncio
import io
import os
import signal

import pytest
from rich.console import Console

from agor_reactive.adapters.terminal import LineView, LiveView, follow
from agor_reactive.core import events as e
from agor_reactive.models import LinkStatus
from tests.core.build import Mirror, chunk, hydrated, message_row, raw, saved, session_row, start, task_row


class Paper(io.StringIO):
    """What was written, and somebody to wake when more is."""

    def __init__(self) -> None:
        super().__init__()
        self.written = asyncio.Event()

    def write(self, text: str) -> int:
        self.written.set()
        return super().write(text)


def console(*, terminal: bool = True) -> tuple[Console, Paper]:
    out = Paper()
    made = Console(
        file=out, width=80, height=24, force_terminal=terminal, color_system=None, legacy_windows=False, _environ={}
    )
    return made, out


async def test_many_snapshots_at_once_are_few_paintings_and_the_last_is_shown() -> None:
    made, out = console()
    mirror = hydrated(tasks=[task_row("t1", full_prompt="Count")])
    with LiveView(made, interval=0.05) as view:
        mirror.feed(start("m1", task_id="t1"))
        for number in range(500):
            view.show(mirror.feed(chunk("m1", f"word{number} ", number, task_id="t1")))
        assert view.painted == 1
        async with asyncio.timeout(5):
            while "word499" not in out.getvalue():
                out.written.clear()
                await out.written.wait()
        assert view.painted == 2


async def test_leaving_shows_the_last_snapshot_even_if_it_was_never_painted() -> None:
    made, out = console()
    mirror = hydrated(tasks=[task_row("t1", full_prompt="Count")])
    with LiveView(made, interval=3600) as view:
        view.show(mirror.state)
        view.show(mirror.feed(chunk("m1", "the very last", 0, task_id="t1")))
        assert "the very last" not in out.getvalue()
    after = out.getvalue()
    screen, printed = after.split("\x1b[?1049l")
    assert "\x1b[?1049h" in screen
    assert "the very last" in printed
    assert "\x1b[?25h" in after


@pytest.mark.skipif(not hasattr(signal, "SIGWINCH"), reason="windows of this system tell nobody of their size")
async def test_a_window_that_changes_its_size_is_painted_again() -> None:
    made, out = console()
    mirror = hydrated(tasks=[task_row("t1", full_prompt="Count")])
    with LiveView(made) as view:
        view.show(mirror.state)
        assert view.painted == 1
        made.width = 40
        os.kill(os.getpid(), signal.SIGWINCH)
        async with asyncio.timeout(5):
            while view.painted < 2:
                out.written.clear()
                await out.written.wait()
    assert "─" * 40 + "\n" in out.getvalue()


async def test_a_released_handle_leaves_the_last_snapshot_and_says_that_it_is_released() -> None:
    made, out = console()
    mirror = hydrated(tasks=[task_row("t1", full_prompt="Count")])
    with LiveView(made, interval=0) as view:
        view.show(mirror.state)
        assert "live" in out.getvalue()
        shown = len(out.getvalue())
        view.show(mirror.feed(e.Disposed()))
        assert view.painted == 2
        screen = out.getvalue()[shown:]
    for text in (screen, out.getvalue().split("\x1b[?1049l")[1]):
        assert "Count" in text
        assert "released" in text
        assert " live" not in text


def test_a_pipe_prints_a_release_and_a_recovery() -> None:
    made, out = console(terminal=False)
    view = follow(made)
    mirror = hydrated("eager", [task_row("t1", "completed")])
    with view:
        view.show(mirror.state)
        mirror.feed(e.ResyncRequested())
        view.show(mirror.fail("session", "server", "it broke"))
        mirror.feed(e.ResyncRequested())
        mirror.land([task_row("t1", "completed")])
        view.show(mirror.state)
        view.show(mirror.feed(e.Disposed()))
        view.show(mirror.state)
    lines = out.getvalue().split("\n")
    assert [line for line in lines if "broke" in line]
    assert lines[-3:] == ["✓ recovered", "· released", ""]


def test_a_pipe_gets_each_thing_once_when_it_is_finished() -> None:
    made, out = console(terminal=False)
    view = follow(made)
    assert isinstance(view, LineView)
    mirror = hydrated("eager", [task_row("t1", full_prompt="Count"), task_row("q1", "queued", second=1)])
    with view:
        view.show(mirror.state)
        view.show(mirror.feed(raw("tasks tool:start", task_id="t1", tool_use_id="u1", tool_name="Bash")))
        use = [{"type": "tool_use", "id": "u1", "name": "Bash", "input": {"command": "ls"}}]
        view.show(mirror.feed(saved("messages", message_row("m1", "t1", 1, content=use))))
        assert "Bash" not in out.getvalue()
        view.show(mirror.feed(raw("tasks tool:complete", task_id="t1", tool_use_id="u1")))
        assert "Bash" not in out.getvalue(), "the call was written; the tool runs"
        done = [{"type": "tool_result", "tool_use_id": "u1", "content": ""}]
        view.show(mirror.feed(saved("messages", message_row("m9", "t1", 1.5, role="user", content=done))))
        view.show(mirror.feed(saved("messages", message_row("m2", "t1", 2, content="Two."))))
        view.show(mirror.feed(saved("tasks", task_row("t1", "completed", duration_ms=1000), "patched")))
        view.show(mirror.feed(e.LinkChanged(LinkStatus("reconnecting", attempt=1, epoch=1))))
        view.show(mirror.feed(e.LinkChanged(LinkStatus("reconnecting", attempt=2, epoch=1))))
    assert out.getvalue().split("\n") == [
        "▌ Count",
        "  ✓ Bash ls · 0.0 s",
        "",
        "  Two.",
        "✓ completed 1.0 s",
        "· reconnecting",
        "",
    ]


@pytest.mark.parametrize("status", ["stopped", "failed"])
def test_a_pipe_gets_the_text_of_a_reply_that_was_never_saved(status: str) -> None:
    made, out = console(terminal=False)
    view = follow(made)
    mirror = hydrated("eager", [task_row("t1", full_prompt="Count")])
    with view:
        view.show(mirror.state)
        view.show(mirror.feed(start("m1", task_id="t1"), chunk("m1", "One, two", 0, task_id="t1")))
        assert "One" not in out.getvalue()
        view.show(mirror.feed(saved("tasks", task_row("t1", status), "patched")))
        view.show(mirror.feed(saved("tasks", task_row("t1", status, duration_ms=5), "patched")))
    assert out.getvalue().count("One, two") == 1
    assert out.getvalue().index("One, two") < out.getvalue().index(status)


def test_a_tool_whose_permission_was_denied_says_so() -> None:
    made, out = console(terminal=False)
    view = follow(made)
    use = [{"type": "tool_use", "id": "u1", "name": "Bash", "input": {"command": "ls"}}]
    asked = {"request_id": "r1", "status": "denied", "tool_name": "Bash", "tool_use_id": "u1"}
    rows = [
        message_row("m1", "t1", 1, content=use),
        message_row("m2", "t1", 2, type="permission_request", role="system", content=asked),
    ]
    with view:
        view.show(hydrated("eager", [task_row("t1", "failed")], messages={"t1": rows}).state)
    assert "✗ Bash ls · permission denied" in out.getvalue()


def test_a_pipe_gets_what_was_there_before_what_comes_meanwhile() -> None:
    made, out = console(terminal=False)
    mirror = Mirror("eager").up()
    with LineView(made) as view:
        view.show(mirror.feed(saved("tasks", task_row("t2", second=2, full_prompt="later"))))
        assert out.getvalue() == ""
        done = task_row("t1", "completed", second=1, full_prompt="earlier", duration_ms=500)
        mirror.land([done, task_row("t2", second=2, full_prompt="later")], session=session_row(["t1", "t2"]))
        view.show(mirror.state)
    assert out.getvalue().split("\n") == ["▌ earlier", "✓ completed 0.5 s", "▌ later", ""]
