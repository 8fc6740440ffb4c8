"""A long run of tool calls is one button, which opens; what was opened stays open whatever follows."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from agor_reactive.adapters.page.document import DocumentBuilder
from agor_reactive.adapters.page.patch import EMPTY, patch
from tests.core.build import hydrated, message_row, saved, session_row, task_row
from tests.notebook.browser import in_browser, picture, until
from tests.notebook.standalone_page import standalone
from tests.notebook.test_themes import FAINT

if TYPE_CHECKING:
    from playwright.async_api import Browser, Page

pytestmark = in_browser()


class Shown:
    """A session that a page shows: every change reaches it as the patch from what it was told before."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self._mirror = hydrated("eager", [task_row("t1", full_prompt="Go")], session=session_row(["t1"]))
        self._builder = DocumentBuilder()
        self._told = EMPTY
        self._seq = self._rows = 0

    async def tell(self, *, op: str = "patch") -> None:
        document = self._builder.build(self._mirror.state, {"t1"}, {})
        self._seq += 1
        message = {"op": op, "seq": self._seq, "now": 0, **patch(EMPTY if op == "snapshot" else self._told, document)}
        self._told = document
        await self.page.evaluate("(message) => receive(message)", json.loads(json.dumps(message)))

    async def call(self, *ids: str) -> None:
        """Calls of a tool, which execute until they `end`."""
        await self._message([{"type": "tool_use", "id": one, "name": "Read", "input": {"path": one}} for one in ids])

    async def end(self, *ids: str, is_error: bool = False) -> None:
        await self._message(
            [{"type": "tool_result", "tool_use_id": one, "content": "ok", "is_error": is_error} for one in ids],
            role="user",
        )

    async def _message(self, content: list[dict[str, Any]], **fields: Any) -> None:
        self._rows += 1
        row = message_row(f"m{self._rows}", "t1", self._rows, content=content, **fields)
        self._mirror.feed(saved("messages", row))
        await self.tell(op="patch" if self._seq else "snapshot")

    async def lines(self, wanted: list[str]) -> None:
        """Wait until these buttons are visible, in this order: runs by their titles, calls by their inputs."""
        name = ".ag-group .ag-name, .ag-chip .ag-brief"
        found: list[str] = []

        async def same() -> bool:
            found[:] = await self.page.locator(name).locator("visible=true").all_inner_texts()
            return found == wanted

        try:
            await until(same, f"{wanted}", seconds=5)
        except AssertionError:
            assert found == wanted


@pytest.mark.parametrize("key", ["Enter", "Space"])
async def test_a_run_is_closed_opens_by_key_and_stays_open_while_calls_follow(browser: Browser, key: str) -> None:
    async with standalone(browser) as page:
        shown = Shown(page)
        await shown.call("a", "b", "c", "d", "e")
        await shown.lines(["a", "b", "c", "d", "e"])
        await shown.end("a", "b", "c")
        await shown.lines(["a", "b", "c", "d", "e"])
        await shown.end("d")
        await shown.lines(["4 tool calls", "e"])
        await shown.end("e")
        await shown.lines(["5 tool calls"])
        run = page.get_by_role("button", name="5 tool calls Read ×5 3.0 s", exact=True)
        assert await run.get_attribute("aria-expanded") == "false"
        await run.focus()
        await page.keyboard.press(key)
        await shown.lines(["5 tool calls", "a", "b", "c", "d", "e"])
        await picture(page, "bare-run")
        await page.keyboard.press("Tab")
        assert await page.evaluate("() => document.activeElement.querySelector('.ag-brief').textContent") == "a"

        await shown.call("f")
        await shown.end("f")
        opened = ["6 tool calls", "a", "b", "c", "d", "e", "f"]
        await shown.lines(opened)
        assert await page.locator(".ag-group").get_attribute("aria-expanded") == "true"
        # Also when the page missed a message and is told everything anew.
        await shown.tell(op="snapshot")
        await shown.lines(opened)
        await page.locator(".ag-group").click()
        await shown.lines(["6 tool calls"])
        await shown.call("g")
        await shown.end("g")
        await shown.lines(["7 tool calls"])
        assert await page.locator(".ag-group").get_attribute("aria-expanded") == "false"


async def test_a_call_that_executes_or_failed_is_visible(browser: Browser) -> None:
    async with standalone(browser) as page:
        shown = Shown(page)
        await shown.call(*"abcdefghi")
        await shown.end(*"abcd")
        await shown.end("e", is_error=True)
        await shown.end(*"fgh")
        await shown.lines(["4 tool calls", "e · ok", "f", "g", "h", "i"])


async def test_an_earlier_call_that_ends_last_joins_two_runs_and_neither_closes_nor_loses_the_focus(
    browser: Browser,
) -> None:
    async with standalone(browser) as page:
        shown = Shown(page)
        await shown.call(*"abcdefghij")
        await shown.end(*"bcde")
        await shown.end(*"ghij")
        await shown.lines(["a", "4 tool calls", "f", "4 tool calls"])
        await page.locator(".ag-group").first.focus()
        await shown.end("a")
        await shown.lines(["5 tool calls", "f", "4 tool calls"])
        assert await page.evaluate("() => document.activeElement.className") == "ag-group"
        await page.locator(".ag-group").last.click()
        await page.locator(".ag-group").first.focus()
        await shown.end("f")
        await shown.lines(["10 tool calls", *"abcdefghij"])
        assert await page.evaluate("() => document.activeElement.className") == "ag-group"


async def test_details_that_are_read_do_not_vanish_when_their_call_comes_into_a_run(browser: Browser) -> None:
    async with standalone(browser) as page:
        shown = Shown(page)
        await shown.call(*"abcd")
        await shown.end(*"abc")
        await page.locator(".ag-chip").nth(1).click()
        await shown.end("d")
        await shown.lines(["4 tool calls", *"abcd"])
        # Closed by hand it stays closed, details and all.
        await page.locator(".ag-group").click()
        await shown.lines(["4 tool calls"])
        await shown.call("e")
        await shown.end("e")
        await shown.lines(["5 tool calls"])


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_a_run_can_be_read_and_fits_a_narrow_page(browser: Browser, scheme: str) -> None:
    async with standalone(browser) as page:
        await page.set_viewport_size({"width": 320, "height": 600})
        await page.evaluate("(scheme) => { document.documentElement.style.colorScheme = scheme; }", scheme)
        shown = Shown(page)
        await shown.call(*"abcd")
        await shown.end(*"abcd")
        await shown.lines(["4 tool calls"])
        assert await page.evaluate("() => document.documentElement.scrollWidth <= innerWidth")
        await page.locator(".ag-group").click()
        await shown.lines(["4 tool calls", *"abcd"])
        await page.locator(".ag-group").hover()
        await picture(page, f"bare-run-{scheme}")
        assert await page.locator(".ag").evaluate_all(FAINT) == []
        assert await page.evaluate("() => document.documentElement.scrollWidth <= innerWidth")
