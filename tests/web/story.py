"""A session from its first prompt to a daemon that is lost and back, as it is done and seen in a browser."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import agor_reactive as agor
from agor_reactive.daemon import EmbeddedDaemon
from tests.notebook.browser import picture, prompt, shows, until

if TYPE_CHECKING:
    from playwright.async_api import Locator, Page

__all__ = ["FOCUSED", "Stoppable", "lose_and_recover", "stoppable", "work"]

KEY = "agor_sk_" + "7c" * 24
AWAY = 5.0
"""Seconds for which the daemon serves nothing."""

FOCUSED = """() => {
  let focused = document.activeElement;
  while (focused?.shadowRoot?.activeElement) focused = focused.shadowRoot.activeElement;
  return focused?.className ?? "";
}"""


class Stoppable:
    """A daemon that can be stopped, and started again at its port with its rows."""

    def __init__(self, path: Path) -> None:
        self._options: dict[str, Any] = {"db": path / "rows.db", "api_key": KEY, "speed": 4}
        self.running = EmbeddedDaemon(**self._options)
        self._port = 0

    async def start(self) -> None:
        if self._port:
            self.running = EmbeddedDaemon(**self._options, port=self._port)
        await self.running.start()
        self._port = self.running.port

    async def stop(self) -> None:
        """Close all connections and serve nothing."""
        await self.running.stop(graceful=False)

    def client(self) -> agor.Client:
        return agor.create_client(self.running.url, api_key=KEY)

    async def create(self, client: agor.Client) -> str:
        """A session. Returns its id."""
        row = {"branch_id": self.running.workspace_id, "agentic_tool": "claude-code", "title": "Fix the report"}
        return str((await client.service("sessions").create(row)).session_id)


@asynccontextmanager
async def stoppable(path: Path) -> AsyncIterator[Stoppable]:
    """A daemon that runs, with its rows in a file in `path`."""
    daemon = Stoppable(path)
    await daemon.start()
    try:
        yield daemon
    finally:
        await daemon.stop()


async def work(page: Page, view: Locator, name: str, listed: Callable[[str], Awaitable[None]] | None = None) -> None:
    """Prompt, see it streamed, cancel a queued prompt, stop, approve. `listed` waits for the status in a list."""
    await view.get_by_text("No prompts yet.").wait_for()
    await prompt(view, "A long one [slow]")
    live = view.locator(".ag-live.ag-text").last
    await live.wait_for()
    lengths = {len(str(await live.text_content()))}

    async def grown() -> bool:
        lengths.add(len(str(await live.text_content())))
        return len(lengths) >= 3

    await until(grown, "the reply grows")
    if listed is not None:
        await listed("running")
    await prompt(view, "This one waits [permission]")
    await shows(view, ".ag-queued", "This one waits")
    await prompt(view, "This one is cancelled")
    await shows(view, ".ag-queued", "This one is cancelled")
    await picture(page, f"{name}-queue")
    await view.locator(".ag-queued", has_text="cancelled").locator(".ag-cancel").click()

    async def cancelled() -> bool:
        return await view.locator(".ag-queued").count() == 1

    await until(cancelled, "one prompt is left in the queue")
    await view.locator(".ag-stop").click()
    await shows(view, ".ag-task-head", "stopped")

    approve = view.get_by_role("button", name="Approve")
    await approve.wait_for()
    if listed is not None:
        await listed("awaiting permission")
    await picture(page, f"{name}-permission")
    await approve.focus()
    await page.keyboard.press("Enter")
    await shows(view, ".ag-outcome", "Approved")
    await view.locator(".ag-task").last.locator(".ag-status[data-tone='ok']").wait_for()
    assert "ag-request" in str(await page.evaluate(FOCUSED))


async def lose_and_recover(page: Page, view: Locator, daemon: Stoppable, name: str) -> None:
    """Lose the daemon for five seconds; what was read stays. Afterwards the next prompt is answered."""
    await view.get_by_label("Prompt", exact=True).fill("Are you there? [say:I am back.]")
    await daemon.stop()
    lost = time.monotonic()
    await shows(view, ".ag-notes", "Reconnecting")
    await shows(view, ".ag-linkstate", "reconnecting")
    await shows(view, ".ag-outcome", "Approved")
    await picture(page, f"{name}-lost")

    async def long_enough() -> bool:
        return time.monotonic() - lost >= AWAY

    await until(long_enough, "it was away for long enough")
    await daemon.start()
    await shows(view, ".ag-linkstate", "live", seconds=40)
    assert "Reconnecting" not in " ".join(await view.locator(".ag-notes").all_inner_texts())
    await view.locator(".ag-send").click()
    await shows(view, ".ag-text", "I am back.")
