"""The browser's own search finds what is folded, and it opens. Without a notebook."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from agor_reactive.adapters.page.document import Part
from tests.notebook.browser import in_browser, until
from tests.notebook.standalone_page import snapshot, standalone, tell

if TYPE_CHECKING:
    from playwright.async_api import Browser, Locator, Page

pytestmark = in_browser(seconds=60)

TOOL = {
    "kind": "tool",
    "tool": "u1",
    "name": "Read",
    "brief": "a.txt",
    "state": "complete",
    "why": "",
    "took": "1 s",
}
THOUGHT = Part({"kind": "thought", "live": False}, "A word. " * 100 + "The needle.")

# A fragment reveals its element by the same steps as the search does, which a script cannot start.
FIND = """(element) => {
  document.getElementById("found")?.removeAttribute("id");
  element.id = "found";
  location.hash = "";
  location.hash = "found";
}"""


async def opened(page: Page, place: Locator) -> bool:
    """Whether a search that finds the place shows it."""
    hidden = await place.evaluate("(element) => !element.checkVisibility()")
    await place.evaluate(FIND)
    await until(lambda: place.evaluate("(element) => element.checkVisibility()"), "it is shown")
    return bool(hidden)


async def test_what_is_folded_takes_no_room_and_opens_when_it_is_found(browser: Browser) -> None:
    async with standalone(browser) as page:
        await tell(page, snapshot(THOUGHT, Part({**TOOL, "run": None})))
        thinking, detail = page.locator(".ag-thinking"), page.locator(".ag-detail")
        for folded in (thinking, detail):
            assert await folded.evaluate("(element) => element.getBoundingClientRect().height") == 0
        assert "The needle." in str(await thinking.text_content())
        await thinking.evaluate(FIND)
        await page.locator(".ag-fold[aria-expanded='true']").wait_for()
        assert await thinking.is_visible()
        # A result is there once it was read.
        await page.locator(".ag-chip").click()
        answer = {"op": "tool", "task": "t", "tool": "u1", "input": "x", "result": "the needle", "diff": ""}
        await page.evaluate("(message) => receive(message)", answer)
        result = page.locator(".ag-detail pre").last
        await result.wait_for()
        await page.locator(".ag-chip").click()
        assert await opened(page, result)
        assert await page.locator(".ag-chip").get_attribute("aria-expanded") == "true"
        # It is read again, and stays as it is: so what was found in it stays marked.
        await result.evaluate("(element) => { element.kept = true; }")
        await page.evaluate("(message) => receive(message)", answer)
        assert await page.locator(".ag-detail pre").last.evaluate("(element) => element.kept")
        await page.evaluate("(message) => receive(message)", {**answer, "result": "another"})
        assert await page.locator(".ag-detail pre").last.text_content() == "another"


@pytest.mark.parametrize("folds", ["task", "run"])
async def test_a_folded_task_and_a_folded_run_open_when_a_call_in_them_is_found(browser: Browser, folds: str) -> None:
    line = Part({"kind": "calls", "run": "run/1", "name": "2 calls", "brief": "Read", "took": "2 s"})
    calls = [Part({**TOOL, "tool": name, "run": "run/1" if folds == "run" else None}) for name in ("u1", "u2")]
    async with standalone(browser) as page:
        message = snapshot(*([line] if folds == "run" else []), *calls)
        if folds == "run":
            message["parts"]["t"]["put"][0][0] = "run/1"
        await tell(page, message)
        button = page.locator(".ag-group" if folds == "run" else ".ag-task-head")
        if folds == "task":
            await button.click()
        assert await button.get_attribute("aria-expanded") == "false"
        chip = page.locator(".ag-chip").last
        assert not await chip.is_visible()
        assert await opened(page, chip)
        assert await button.get_attribute("aria-expanded") == "true"
        assert await page.locator(".ag-chip").first.is_visible()
