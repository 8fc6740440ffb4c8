"""The app against a daemon with 200 sessions, from opening one to the loss of the daemon."""

from __future__ import annotations

from pathlib import Path

import pytest

from agor_reactive.daemon.server import EmbeddedDaemon
from agor_reactive.tui.queue_list import QueueList
from agor_reactive.tui.request_panel import RequestPanel
from tests.tui.world import Seen, daemon_with, plant_sessions, seen


def statuses(app: Seen) -> list[str]:
    state = app.pane.state
    return [task.status for task in state.tasks] if state is not None else []


@pytest.mark.parametrize("size", [(80, 24), (160, 50)], ids=["80x24", "160x50"])
async def test_a_session_is_found_prompted_answered_stopped_and_left(size: tuple[int, int]) -> None:
    async with daemon_with(200) as daemon, seen(daemon, size=size) as app:
        await app.shows("Sessions", "200", "Session number 199")
        await app.pilot.press("slash")
        await app.write("number 42")
        await app.shows("Session number 42")
        await app.hides("Session number 199")
        await app.pilot.press("enter", "enter")
        await app.shows("No prompts yet", "live")

        await app.send("Who sold the teapot? [permission]")
        await app.shows("claude-code asks to use Read", "src/inventory/stock.py", "awaiting permission")
        assert app.pane.box.text == ""
        await app.send("A prompt that is queued")
        await app.shows("queued 1 A prompt that is queued", "Queue a follow-up")
        await app.pilot.press("escape", "c", "x")
        await app.until(lambda: not app.pane.query_one(QueueList).rows, "the queued prompt is cancelled")
        await app.pilot.press("a")
        await app.until(lambda: statuses(app) == ["completed"], "the task has ended")
        await app.pilot.press("g")
        await app.shows("✓ Read src/inventory/stock.py", "approved by you")
        assert not app.pane.query_one(RequestPanel).display

        await app.send("On and on [tools:0] [slow]")
        await app.shows("On and on", "running")
        await app.until(lambda: app.pane.state and app.pane.state.streaming_messages, "the reply streams")
        await app.pilot.press("escape", "s")
        await app.until(lambda: statuses(app) == ["completed", "stopped"], "the task is stopped")
        await app.shows("stopped")
        # Back to the list, where the filter still holds.
        await app.pilot.press("escape")
        await app.shows("number 42")
        await app.pilot.press("escape")
        await app.shows("Session number 199")


async def test_a_denied_request_tells_the_agent_why() -> None:
    async with daemon_with(1) as daemon, seen(daemon, size=(80, 24)) as app:
        await app.shows("Session number 0")
        await app.pilot.press("enter")
        await app.shows("No prompts yet")
        await app.send("May I? [permission]")
        await app.shows("asks to use Read")
        await app.pilot.press("escape", "d")
        await app.shows("Deny Read", "Reason")
        await app.write("not now")
        await app.pilot.press("enter")
        await app.until(lambda: statuses(app) and statuses(app)[0] not in ("running", "awaiting_permission"), "it ends")
        await app.shows("denied")
        state = app.pane.state
        assert state is not None
        asked = [message.permission for message in state.get_task_messages(state.tasks[0].task_id)]
        assert [one.status for one in asked if one is not None] == ["denied"]


async def test_going_back_from_the_reason_answers_nothing() -> None:
    async with daemon_with(1) as daemon, seen(daemon, size=(80, 24)) as app:
        await app.shows("Session number 0")
        await app.pilot.press("enter")
        await app.send("May I? [permission]")
        await app.shows("asks to use Read")
        await app.pilot.press("escape", "d")
        await app.shows("Deny Read")
        await app.pilot.press("escape")
        await app.hides("Deny Read")
        await app.pilot.press("a")
        await app.until(lambda: statuses(app) == ["completed"], "it was still pending, and is approved")


async def test_a_request_cannot_be_answered_before_it_could_be_read() -> None:
    async with daemon_with(1) as daemon, seen(daemon, reading_time=3600) as app:
        await app.shows("Session number 0")
        await app.pilot.press("enter")
        await app.send("May I? [permission]")
        await app.shows("asks to use Read")
        await app.pilot.press("escape", "a", "a", "f2")
        await app.pilot.pause()
        panel = app.pane.query_one(RequestPanel)
        assert statuses(app) == ["awaiting_permission"]
        panel.reading_time = 0
        await app.pilot.press("a")
        await app.until(lambda: statuses(app) == ["completed"], "the task has ended")


async def test_the_daemon_goes_away_and_comes_back(tmp_path: Path) -> None:
    db = tmp_path / "rows.db"
    async with daemon_with(200, db=db) as daemon, seen(daemon, size=(80, 24)) as app:
        await app.shows("Session number 199")
        await app.pilot.press("enter")
        await app.send("Before [say:all is well]")
        await app.until(lambda: statuses(app) == ["completed"], "the task has ended")
        port, key = daemon.port, daemon.api_key
        await daemon.stop(graceful=False)
        await app.shows("Reconnecting", "reconnecting")
        await app.send("Lost")
        await app.shows("Not connected to the daemon. Nothing was sent")
        assert app.pane.box.text == "Lost"

        async with EmbeddedDaemon(port=port, db=db, speed=20.0, login_limit=10_000, api_key=key):
            await app.until(lambda: app.pane.state and app.pane.state.connection.phase == "live", "it is live")
            await app.hides("Not connected")
            await app.hides("Reconnecting")
            await app.pilot.press("enter")
            await app.until(lambda: statuses(app) == ["completed", "completed"], "it goes on")


async def test_sessions_that_need_attention_come_first() -> None:
    async with daemon_with(30) as daemon, seen(daemon) as app:
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
