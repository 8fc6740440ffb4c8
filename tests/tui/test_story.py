"""The app against a daemon with 200 sessions, from opening one to the loss of the daemon."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from agor_reactive.daemon.server import EmbeddedDaemon
from agor_reactive.errors import Unavailable
from agor_reactive.session.handles import SessionHandle
from agor_reactive.tui.queue_list import QueueList
from agor_reactive.tui.request_panel import RequestPanel
from tests.tui.world import SIZES, Seen, clock, daemon_with, plant_sessions, seen

SHARED = pytest.mark.asyncio(loop_scope="module")
"""A test that uses the app that the module shares."""


def statuses(app: Seen) -> list[str]:
    state = app.pane.state
    return [task.status for task in state.tasks] if state is not None else []


async def choose_number_42(app: Seen) -> None:
    """Find it by the filter and open it."""
    await app.shows("Sessions", "200", "Session number 199")
    await app.pilot.press("slash")
    await app.write("number 42")
    await app.shows("Session number 42")
    await app.hides("Session number 199")
    await app.pilot.press("enter", "enter")
    await app.shows("No prompts yet", "live")


async def leave_out(name: str) -> None:
    """Keep no picture: the other size keeps them in all looks."""


async def work(app: Seen, keep: Callable[[str], Awaitable[None]]) -> None:
    """Prompt, see the reply grow, cancel a queued prompt, approve, stop."""
    await app.send("Who sold the teapot? [permission]")
    await app.shows("claude-code asks to use Read", "src/inventory/stock.py", "awaiting permission")
    assert app.pane.box.text == ""
    await app.send("A prompt that is queued")
    await app.shows("queued 1 A prompt that is queued", "Queue a follow-up")
    await keep("story-permission")
    await app.pilot.press("escape", "c", "x")
    await app.until(lambda: not app.pane.query_one(QueueList).rows, "the queued prompt is cancelled")
    await app.pilot.press("a")
    await app.until(lambda: statuses(app) == ["completed"], "the task has ended")
    await app.pilot.press("g")
    await app.shows("✓ Read src/inventory/stock.py", "approved by you")
    assert not app.pane.query_one(RequestPanel).display

    await app.send("On and on [tools:0] [slow]")
    await app.shows("On and on", "running")
    shown: set[str] = set()

    def grows() -> bool:
        if app.pane.state and app.pane.state.get_streaming_messages():
            # The heading of the task counts seconds.
            shown.add("\n".join(line for line in app.transcript.shown_lines() if "running" not in line))
        return len(shown) >= 3

    await app.until(grows, "the reply grows on the screen")
    await app.pilot.press("escape", "s")
    await app.until(lambda: statuses(app) == ["completed", "stopped"], "the task is stopped")
    await app.shows("stopped")


@pytest.mark.parametrize(("size", "away"), [("80x24", 0.0), ("160x50", 5.0)])
async def test_a_session_from_the_list_to_a_daemon_that_is_back(size: str, away: float, tmp_path: Path) -> None:
    db = tmp_path / "rows.db"
    async with daemon_with(200, db=db) as daemon, seen(daemon, size=SIZES[size]) as app:
        keep = app.keep_all if away else leave_out
        await choose_number_42(app)
        await work(app, keep)
        port, key = daemon.port, daemon.api_key
        await daemon.stop(graceful=False)
        lost = clock()
        await app.shows("Reconnecting", "reconnecting")
        await app.send("Lost")
        await app.shows("Not connected to the daemon. Nothing was sent")
        assert app.pane.box.text == "Lost"
        # What was read stays, and can be read.
        await app.pilot.press("escape", "g")
        await app.shows("Who sold the teapot?", "approved by you", "next try in")
        await keep("story-lost")
        await app.until(lambda: clock() - lost >= away, "the daemon was away for long enough")

        async with EmbeddedDaemon(port=port, db=db, speed=20.0, login_limit=10_000, api_key=key):
            await app.until(lambda: app.pane.state and app.pane.state.connection.phase == "live", "it is live")
            await app.hides("Not connected")
            await app.hides("econnecting")
            assert app.pane.box.text == "Lost"
            await app.pilot.press("i", "enter")
            await app.until(lambda: statuses(app) == ["completed", "stopped", "completed"], "it goes on")
            await app.shows("Lost")
            await keep("story-back")
            # Back to the list, where the filter still holds.
            await app.pilot.press("escape", "escape")
            await app.shows("number 42")
            await app.pilot.press("escape")
            await app.shows("Session number 199")


async def about_to_deny(app: Seen, number: int) -> None:
    """The session of that number asks for a permission, and the reason of a denial is asked for."""
    await app.open(number)
    await app.send("May I? [permission]")
    await app.shows("asks to use Read")
    await app.pilot.press("escape", "d")
    await app.shows("Deny Read", "Reason")


@SHARED
async def test_a_denied_request_tells_the_agent_why(app: Seen) -> None:
    await about_to_deny(app, 0)
    await app.write("not now")
    await app.pilot.press("enter")
    await app.until(lambda: statuses(app) and statuses(app)[0] not in ("running", "awaiting_permission"), "it ends")
    await app.shows("denied")
    state = app.pane.state
    assert state is not None
    asked = [message.permission for message in state.get_task_messages(state.tasks[0].task_id)]
    assert [one.status for one in asked if one is not None] == ["denied"]


@SHARED
async def test_going_back_from_the_reason_answers_nothing(app: Seen) -> None:
    await about_to_deny(app, 1)
    await app.pilot.press("escape")
    await app.hides("Deny Read")
    await app.pilot.press("a")
    await app.until(lambda: statuses(app) == ["completed"], "it was still pending, and is approved")


@SHARED
async def test_a_request_cannot_be_answered_before_it_could_be_read(app: Seen) -> None:
    await app.open(2)
    app.pane.query_one(RequestPanel).reading_time = 3600
    await app.send("May I? [permission]")
    await app.shows("asks to use Read")
    await app.pilot.press("escape", "a", "a", "f2")
    await app.pilot.pause()
    panel = app.pane.query_one(RequestPanel)
    assert statuses(app) == ["awaiting_permission"]
    panel.reading_time = 0
    await app.pilot.press("a")
    await app.until(lambda: statuses(app) == ["completed"], "the task has ended")


@SHARED
async def test_what_failed_in_a_session_that_was_left_is_not_said_of_the_next(
    app: Seen, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = asyncio.Event()

    async def fails(handle: SessionHandle) -> None:
        await left.wait()
        raise Unavailable("The older tasks cannot be read.")

    monkeypatch.setattr(SessionHandle, "load_older_tasks", fails)
    await app.open(3, tasks=60)
    await app.pilot.press("escape", "g")
    await app.until(lambda: app.pane._loading_older, "older tasks are asked for")
    await app.open(4)
    left.set()
    await app.until(lambda: not [work for work in app.app.workers if work.group == "older"], "the answer is here")
    assert app.pane._failure is None


async def test_a_status_that_comes_while_the_app_ends_does_no_harm() -> None:
    async with daemon_with(1) as daemon, seen(daemon, size=(80, 24)) as app:
        await app.shows("Session number 0")
        # At its end, the app removes the screen, and then handles the messages that are left.
        await app.app.query_one("#top").remove()
        app.app._show_link(app.client.status)


async def test_sessions_that_need_attention_come_first() -> None:
    # This version calls a session idle whose task failed.
    async with daemon_with(30, api_version="branches") as daemon, seen(daemon) as app:
        await app.shows("Session number 29")
        assert "Needs attention" not in app.screen()
        ids = plant_sessions(daemon, 0) or list(app.app.sessions.list.rows)
        keys = {row.left.plain.strip(" ✓"): row.key for row in ids if row.key}
        await app.client.sessions.prompt(keys["Session number 3"], "May I? [permission]")
        await app.client.sessions.prompt(keys["Session number 4"], "Break [fail]")
        await app.client.sessions.prompt(keys["Session number 5"], "Do it [say:done]")

        def needing() -> list[str]:
            rows = [row.left.plain.strip() for row in app.app.sessions.list.rows]
            return sorted(rows[1 : rows.index("Sessions")]) if rows[0] == "Needs attention" else []

        wanted = ["? Session number 3", "✓ Session number 5", "✗ Session number 4"]
        await app.until(lambda: needing() == wanted, f"needing {wanted}")
        await app.shows("Asks for permission", "Failed", "Finished")
        app.app.open_session(keys["Session number 4"])
        app.app.open_session(keys["Session number 5"])
        await app.until(lambda: needing() == ["? Session number 3"], "what was opened needs none")
        # What failed is not shown as idle after it was seen.
        await app.shows("✗ Session number 4", "✓ Session number 5")


async def test_a_new_session_is_made_and_opened() -> None:
    async with daemon_with(1) as daemon, seen(daemon, size=(80, 24)) as app:
        await app.shows("Session number 0")
        await app.pilot.press("ctrl+n")
        await app.shows("New session", "claude-code")
        await app.write("The last teapot")
        await app.pilot.press("enter")
        await app.shows("The last teapot", "No prompts yet")
        assert app.app.focused is app.pane.box


async def test_help_lists_the_keys_and_quit_ends_the_app() -> None:
    async with daemon_with(1) as daemon, seen(daemon, size=(80, 24)) as app:
        await app.shows("Session number 0")
        await app.pilot.press("question_mark")
        await app.shows("Ctrl+N", "new session")
        await app.pilot.press("end")
        await app.shows("approve or deny")
        await app.pilot.press("escape")
        await app.hides("approve or deny")
        await app.pilot.press("q")
        await app.until(lambda: not app.app.is_running, "the app has ended")
