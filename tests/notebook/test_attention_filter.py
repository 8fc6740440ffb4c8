"""The filter of the table of sessions for those that need attention. Without a notebook."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from agor_reactive.adapters.page.sessions_publisher import session_row
from agor_reactive.adapters.presentation.attention import Needs
from agor_reactive.models.session import Session
from tests.notebook.browser import in_browser
from tests.notebook.standalone_page import standalone

if TYPE_CHECKING:
    from playwright.async_api import Browser, Page

pytestmark = in_browser(seconds=60)


class Rows:
    """Rows of sessions as a publisher sends them, from their statuses."""

    def __init__(self) -> None:
        self.statuses: dict[str, str] = {}
        self.needs = Needs()

    def now(self, **statuses: str) -> list[list[Any]]:
        """The rows of these sessions, which have these statuses now."""
        self.statuses |= statuses
        self.needs.take({name: Session(session_id=name, status=status) for name, status in self.statuses.items()})
        return [self._row(name, status) for name, status in statuses.items()]

    def _row(self, name: str, status: str) -> list[Any]:
        row = Session(session_id=name, title=name, status=status)
        return [name, {**session_row(row, status, self.needs.of(name)), "when": ord(name)}]


async def notified(page: Page, op: str, seq: int, *put: list[Any], gone: tuple[str, ...] = ()) -> str:
    """The titles that are shown after the message."""
    await page.evaluate("(m) => receive(m)", {"op": op, "seq": seq, "now": 0, "put": put, "gone": gone})
    return "".join(sorted(await page.locator(".ag-row .ag-prompt").all_text_contents()))


async def test_sessions_that_ask_failed_or_finished_since_they_were_seen_need_attention(browser: Browser) -> None:
    async with standalone(browser, "sessions_widget") as page:
        rows = Rows()
        first = rows.now(a="idle", b="running", c="awaiting_permission", d="failed")
        assert await notified(page, "snapshot", 1, *first) == "abcd"
        choice = page.get_by_label("Status")
        assert (await choice.locator("option").all_inner_texts())[:2] == ["Any status", "Needs attention"]
        await choice.select_option("Needs attention")
        # What was idle before was seen; one that works needs no attention.
        assert await notified(page, "patch", 2) == "cd"
        assert await notified(page, "patch", 3, *rows.now(b="idle")) == "bcd"
        assert await notified(page, "patch", 4, *rows.now(c="running")) == "bd"
        assert await notified(page, "patch", 5, *rows.now(c="failed")) == "bcd"
        # Opening one is seeing it, and so is being open while it ends; a request is only answered.
        await page.locator(".ag-row", has_text="b").click()
        assert (await page.evaluate("() => sent.at(-1)"))["session"] == "b"
        await page.evaluate("(m) => receive(m)", {"op": "opened", "pane": 1, "session": "b"})
        assert await notified(page, "patch", 6) == "cd"
        assert await notified(page, "patch", 7, *rows.now(b="running")) == "cd"
        assert await notified(page, "patch", 8, *rows.now(b="idle")) == "cd"
        assert await notified(page, "patch", 9, *rows.now(b="awaiting_permission")) == "bcd"
        # A page that begins anew keeps what was not seen; what is removed needs nothing.
        again = rows.now(a="idle", b="idle", c="failed", d="failed", e="idle")
        assert await notified(page, "snapshot", 10, *again) == "cd"
        # A failure stays until it is seen, also while the next prompt runs.
        assert await notified(page, "patch", 11, *rows.now(c="running", b="running")) == "cd"
        assert await notified(page, "patch", 12, *rows.now(c="idle")) == "cd"
        assert await notified(page, "patch", 13, gone=("c", "d")) == ""
        assert await page.get_by_text("No matching sessions.").is_visible()
        assert await choice.input_value() == "!"


async def test_what_finished_before_the_page_began_counts_as_seen_and_what_failed_does_not(browser: Browser) -> None:
    async with standalone(browser, "sessions_widget") as page:
        rows = Rows()
        rows.now(a="running", b="running", c="running")
        first = rows.now(a="idle", b="failed", c="idle")
        await notified(page, "snapshot", 1, *first)
        await page.get_by_label("Status").select_option("Needs attention")
        assert await notified(page, "patch", 2) == "b"
        rows.now(c="running")  # while the page was hidden
        assert await notified(page, "patch", 3, *rows.now(c="idle")) == "bc"
