"""An embedded daemon with many sessions, and the app on a terminal that is not there."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

from textual._context import visible_screen_stack
from textual.pilot import Pilot
from textual.strip import Strip

from agor_reactive import Client, create_client
from agor_reactive.daemon.context import DaemonContext
from agor_reactive.daemon.server import EmbeddedDaemon
from agor_reactive.tui.app import AgorApp
from agor_reactive.tui.session_pane import SessionPane
from agor_reactive.tui.transcript import Transcript
from tests.contract.waiting import eventually

ARTIFACTS = Path(__file__).resolve().parents[2] / "artifacts" / "terminal"
SIZES = {"80x24": (80, 24), "160x50": (160, 50)}
LONG = 30.0
"""Seconds within which anything happens on a machine that is busy with other tests."""


def inside(daemon: EmbeddedDaemon) -> DaemonContext:
    """The daemon's own tables, to plant rows that would take a client long to make."""
    return daemon._now_running.context


def plant_sessions(daemon: EmbeddedDaemon, count: int) -> list[str]:
    """Sessions of which every third says failed, oldest first. Returns their ids."""
    context = inside(daemon)
    ids = []
    with context.store.together():
        for number in range(count):
            row = {
                "session_id": context.ids.row(),
                "status": "idle",
                "agentic_tool": "claude-code",
                "title": f"Session number {number}",
                "created_at": context.now(),
                "last_updated": context.now(),
                "created_by": context.users.all()[0]["user_id"],
                "branch_id": daemon.workspace_id,
                "tasks": [],
                "archived": False,
            }
            context.sessions.insert(row)
            ids.append(row["session_id"])
    return ids


def plant_tasks(daemon: EmbeddedDaemon, session_id: str, count: int, *, text: str = "Looked at it.") -> list[str]:
    """Ended tasks with a reply each."""
    context = inside(daemon)
    ids = []
    with context.store.together():
        for number in range(count):
            task_id = context.ids.row()
            context.tasks.insert(
                {
                    "task_id": task_id,
                    "session_id": session_id,
                    "status": "completed",
                    "created_at": context.now(),
                    "created_by": context.users.all()[0]["user_id"],
                    "full_prompt": f"Prompt number {number}",
                    "duration_ms": 2500,
                    "completed_at": context.now(),
                    "tool_use_count": 0,
                }
            )
            context.messages.insert(
                {
                    "message_id": context.ids.row(),
                    "session_id": session_id,
                    "task_id": task_id,
                    "type": "assistant",
                    "role": "assistant",
                    "index": number,
                    "timestamp": context.now(),
                    "content_preview": text[:200],
                    "content": [{"type": "text", "text": f"{text}\n\nReply number {number}"}],
                }
            )
            ids.append(task_id)
    return ids


@dataclass
class Seen:
    """The app as a person sees it and types into it."""

    app: AgorApp
    pilot: Pilot[None]
    daemon: EmbeddedDaemon
    client: Client

    @property
    def pane(self) -> SessionPane:
        return self.app.pane

    @property
    def transcript(self) -> Transcript:
        return self.app.pane.transcript

    def strips(self) -> list[Strip]:
        """The lines on the screen, behind a dialog those of what it covers."""
        token = visible_screen_stack.set(self.app._background_screens)
        try:
            return self.app.screen._compositor.render_strips()
        finally:
            visible_screen_stack.reset(token)

    def screen(self) -> str:
        """The text on the screen."""
        return "\n".join(strip.text for strip in self.strips())

    async def until(self, holds: Callable[[], Any], what: str) -> Any:
        """Wait until it holds; the failure shows the screen."""
        try:
            return await eventually(holds, LONG, what=what)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.screen()}") from None

    async def shows(self, *texts: str) -> None:
        """Wait until the screen shows all of these."""
        await self.until(lambda: all(text in self.screen() for text in texts), f"the screen shows {texts}")

    async def hides(self, text: str) -> None:
        """Wait until the screen does not show it."""
        await self.until(lambda: text not in self.screen(), f"the screen shows no {text!r}")

    async def open(self, number: int, *, size: tuple[int, int] = (80, 24), tasks: int = 0, text: str = "Done.") -> str:
        """Show a session that no test has used, with so many tasks, whatever was shown before. Returns its id."""
        for _ in range(5):
            if len(self.app.screen_stack) == 1 and not self.app.sessions.leave() and not self.pane.leave():
                break
            await self.pilot.press("escape")
        await self.resize(size)
        self.app.clear_notifications()
        ids = {row["title"]: row["session_id"] for row in inside(self.daemon).sessions.all()}
        session_id = str(ids[f"Session number {number}"])
        plant_tasks(self.daemon, session_id, tasks, text=text)
        self.app.open_session(session_id)
        await self.shows(f"Reply number {tasks - 1}" if tasks else "No prompts yet")
        return session_id

    async def write(self, text: str) -> None:
        """Write text into what has the focus, without sending it."""
        await self.pilot.press(*text)

    async def send(self, text: str) -> None:
        """Write a prompt and send it."""
        self.pane.box.focus()
        self.pane.box.write(text)
        await self.pilot.press("enter")

    def keep(self, name: str) -> str:
        """Keep the screen as a picture and as text under artifacts/. Returns the picture."""
        ARTIFACTS.mkdir(parents=True, exist_ok=True)
        picture = self.app.export_screenshot()
        (ARTIFACTS / f"{name}.svg").write_text(picture, encoding="utf-8")
        (ARTIFACTS / f"{name}.txt").write_text(self.screen() + "\n", encoding="utf-8")
        return picture

    async def resize(self, size: tuple[int, int]) -> None:
        """Give the terminal another size."""
        if tuple(self.app.size) != size:
            await self.pilot.resize_terminal(*size)

    async def looks(self) -> AsyncIterator[str]:
        """Show the app in each size, in dark and in light, and in the end in its size. Yields a name for each.

        Begins with the present look and changes one thing at a time, because a change lays everything out anew.
        """
        dark = self.app.theme == AgorApp.theme_for(dark=True)
        here, there = sorted(SIZES.items(), key=lambda item: item[1] != tuple(self.app.size))
        for (name, size), is_dark in ((here, dark), (there, dark), (there, not dark), (here, not dark)):
            await self.resize(size)
            self.app.theme = AgorApp.theme_for(dark=is_dark)
            await self.until(lambda is_dark=is_dark: self.is_dark() is is_dark, "the colors have changed")
            yield f"{name}-{'dark' if is_dark else 'light'}"

    def is_dark(self) -> bool:
        """Whether the background of the last line is dark."""
        colors = [segment.style.bgcolor for segment in self.strips()[-1] if segment.style]
        return all(sum(color.get_truecolor()) < 384 for color in colors if color is not None)

    async def keep_all(self, name: str) -> None:
        """Keep the screen in every look."""
        async for look in self.looks():
            self.keep(f"{name}-{look}")


@contextlib.asynccontextmanager
async def daemon_with(sessions: int = 0, **options: Any) -> AsyncIterator[EmbeddedDaemon]:
    """A daemon, and so many sessions."""
    async with EmbeddedDaemon(**{"speed": 20.0, "login_limit": 10_000, **options}) as daemon:
        plant_sessions(daemon, sessions)
        yield daemon


@contextlib.asynccontextmanager
async def seen(
    daemon: EmbeddedDaemon, *, size: tuple[int, int] = (160, 50), reading_time: float = 0.0, **options: Any
) -> AsyncIterator[Seen]:
    """The app, logged in to the daemon. Its terminal has that size."""
    async with create_client(daemon.url, api_key=daemon.api_key) as client:
        app = AgorApp(client, reading_time=reading_time, **options)
        async with app.run_test(size=size, notifications=True) as pilot:

            async def handled(min_sleep: float = 0.0) -> None:
                await all_handled(pilot)

            # After a key, the pilot waits until the process is idle: up to a second where text streams.
            with patch("textual.app.wait_for_idle", handled), patch("textual.pilot.wait_for_idle", handled):
                yield Seen(app, pilot, daemon, client)


async def all_handled(pilot: Pilot[None]) -> None:
    """Wait until every widget has handled its messages and those that came of them, and the screen is laid out anew."""
    for _ in range(3):  # a key is posted by a task
        await asyncio.sleep(0)
    app, idle = pilot.app, 0
    for _ in range(50):
        await pilot._wait_for_screen()
        pumps = [app, *app.screen.walk_children(with_self=True)] if app.screen_stack else []
        idle = idle + 1 if all(pump._message_queue.empty() for pump in pumps) else 0
        if idle == 2:
            break
    if app.screen_stack:
        app.screen._on_timer_update()


def clock() -> float:
    return time.perf_counter()


def own_clock() -> float:
    """Seconds, but for those in which this thread was ready to run while other programs had all processors.

    Linux counts the latter. A machine that is busy with other things does not make an interval of this clock longer;
    work, waiting for an answer, timers and sleeping do.
    """
    try:
        waited = int(_SCHEDULED.read_bytes().split()[1])
    except FileNotFoundError:
        waited = 0
    return time.perf_counter() - waited / 1e9


_SCHEDULED = Path("/proc/thread-self/schedstat")
"""Nanoseconds that this thread ran, nanoseconds that it waited for a processor, and how often it ran."""


def insert_message(context: Any, task: tuple[str, str], index: int, role: str, content: Any) -> None:
    """Write a message of that task (session id, task id) into the daemon's table, as one that was said before."""
    session_id, task_id = task
    context.messages.insert(
        {
            "message_id": context.ids.row(),
            "session_id": session_id,
            "task_id": task_id,
            "type": role,
            "role": role,
            "index": index,
            "timestamp": context.now(),
            "content_preview": "",
            "content": content,
        }
    )
