"""The filter of the table of sessions for those that need attention. Without a notebook."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.notebook.browser import in_browser
from tests.notebook.standalone_page import standalone

if TYPE_CHECKING:
    from playwright.async_api import Browser, Page

pytestmark = in_browser(seconds=60)

TONES = {"idle": "ok", "running": "busy", "awaiting permission": "warn", "failed": "bad"}


def row(title: str, status: str) -> list[Any]:
    shown = {"title": title, "status": status, "tone": TONES[status], "agent": "", "ref": "", "tasks": 0}
    return [title, {**shown, "archived": False, "when": ord(title)}]


async def notified(page: Page, op: str, seq: int, *put: list[Any], gone: tuple[str, ...] = ()) -> str:
    """The titles that are shown after the message."""
    await page.evaluate("(m) => receive(m)", {"op": op, "seq": seq, "now": 0, "put": put, "gone": gone})
    return "".join(sorted(await page.locator(".ag-row .ag-prompt").all_text_contents()))


async def test_sessions_that_ask_failed_or_finished_since_they_were_seen_need_attention(browser: Browser) -> None:
    async with standalone(browser, "sessions_widget") as page:
        first = [row("a", "idle"), row("b", "running"), row("c", "awaiting permission"), row("d", "failed")]
        assert await notified(page, "snapshot", 1, *first) == "abcd"
        choice = page.get_by_label("Status")
        assert (await choice.locator("option").all_inner_texts())[:2] == ["Any status", "Needs attention"]
        await choice.select_option("Needs attention")
        # What was idle before was seen; one that works needs no attention.
        assert await notified(page, "patch", 2) == "cd"
        assert await notified(page, "patch", 3, row("b", "idle")) == "bcd"
        assert await notified(page, "patch", 4, row("c", "running")) == "bd"
        assert await notified(page, "patch", 5, row("c", "failed")) == "bcd"
        # Opening one is seeing it, and so is being open while it ends; a request is only answered.
        await page.locator(".ag-row", has_text="b").click()
        assert (await page.evaluate("() => sent.at(-1)"))["session"] == "b"
        await page.evaluate("(m) => receive(m)", {"op": "opened", "pane": 1, "session": "b"})
        assert await notified(page, "patch", 6) == "cd"
        assert await notified(page, "patch", 7, row("b", "running")) == "cd"
        assert await notified(page, "patch", 8, row("b", "idle")) == "cd"
        assert await notified(page, "patch", 9, row("b", "awaiting permission")) == "bcd"
        # A page that begins anew keeps what was not seen; what is removed needs nothing.
        again = [row("a", "idle"), row("b", "idle"), row("c", "failed"), row("d", "failed"), row("e", "idle")]
        assert await notified(page, "snapshot", 10, *again) == "cd"
        assert await notified(page, "patch", 11, gone=("c", "d")) == ""
        assert await page.get_by_text("No matching sessions.").is_visible()
        assert await choice.input_value() == "!"
