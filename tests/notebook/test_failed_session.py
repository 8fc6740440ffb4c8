"""A session whose last task failed: older daemons call it idle, its heading does not."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from agor_reactive.adapters.page.document import DocumentBuilder
from agor_reactive.adapters.page.patch import EMPTY, patch
from agor_reactive.core import SessionState
from tests.core.build import hydrated, saved, session_row, task_row
from tests.notebook.browser import in_browser, picture, shows
from tests.notebook.standalone_page import standalone
from tests.notebook.test_themes import FAINT, INK

if TYPE_CHECKING:
    from playwright.async_api import Browser, Page

pytestmark = in_browser()


async def badge(page: Page, seq: int, state: SessionState, text: str) -> list[int]:
    """Show the snapshot, wait until the heading says that; its red, green and blue."""
    document = DocumentBuilder().build(state, {"t1"}, {})
    message = {"op": "snapshot", "seq": seq, "now": 0, **patch(EMPTY, document)}
    await page.evaluate("(message) => receive(message)", json.loads(json.dumps(message)))
    await shows(page.locator(".ag"), ".ag-head .ag-badge", text, seconds=5)
    found: list[int] = await page.locator(".ag-head .ag-badge").evaluate(INK)
    return found


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_the_heading_of_a_failed_session_says_failed_in_red(browser: Browser, scheme: str) -> None:
    async with standalone(browser) as page:
        await page.evaluate("(scheme) => { document.documentElement.style.colorScheme = scheme; }", scheme)
        mirror = hydrated("eager", [task_row("t1", "completed")], session=session_row(["t1"], status="idle"))
        red, green, blue = await badge(page, 1, mirror.state, "idle")
        assert green > max(red, blue), "what is well is green"
        mirror.feed(saved("tasks", task_row("t1", "failed", error_message="overloaded"), "patched"))
        red, green, blue = await badge(page, 2, mirror.state, "failed")
        assert red > max(green, blue)
        assert "idle" not in (await page.locator(".ag-head").inner_text()).lower()
        assert await page.locator(".ag").evaluate_all(FAINT) == []
        await picture(page, f"bare-failed-{scheme}")
