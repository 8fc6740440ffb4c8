"""Arrow keys in a conversation: from task to task, unless what has the focus needs them. Without a notebook."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from agor_reactive.adapters.page.document import Document, Part
from agor_reactive.adapters.page.patch import EMPTY, patch
from tests.notebook.browser import in_browser, picture
from tests.notebook.standalone_page import snapshot, standalone, tell

if TYPE_CHECKING:
    from playwright.async_api import Browser, Page

pytestmark = in_browser(seconds=60)

TASKS = ("a", "b", "c", "d")
TOOL = {"kind": "tool", "tool": "u", "name": "Read", "brief": "a.txt", "state": "complete", "run": None, "why": ""}
FOCUSED = """() => {
  const at = document.activeElement;
  return at.matches(".ag-task-head") ? at.querySelector(".ag-prompt").textContent : at.className || at.localName;
}"""


def four_tasks(seq: int, *, older: bool = False) -> dict[str, Any]:
    """A session of four tasks, each with a call; the second one is folded."""
    alone = snapshot(seq=seq)
    row = alone["tasks"]["put"][0][2]
    rows = {task: {**row, "prompt": f"Task {task}", "shown": task != "b", "tools": 1} for task in TASKS}
    end = {"end": Part({"kind": "note", "tone": ""}, f"This is the end of {seq}.")}
    parts = {task: {"tool/u": Part({**TOOL, "took": "1 s"}, ""), **(end if task == "d" else {})} for task in TASKS}
    document = Document({**alone["head"], "older": older}, rows, parts)
    return {"op": "snapshot", "seq": seq, "now": 0, **patch(EMPTY, document)}


async def pressed(page: Page, keys: str) -> list[str]:
    """What has the focus after each key."""
    found = []
    for key in keys.split():
        await page.keyboard.press(key)
        found.append(await page.evaluate(FOCUSED))
    return found


async def test_arrows_home_and_end_lead_from_task_to_task(browser: Browser) -> None:
    async with standalone(browser) as page:
        await tell(page, four_tasks(1))
        await page.locator(".ag-task-head").first.focus()
        assert await pressed(page, "ArrowDown ArrowDown ArrowUp End ArrowDown Home ArrowUp") == [
            "Task b", "Task c", "Task b", "Task d", "Task d", "Task a", "Task a",
        ]  # fmt: skip
        await page.keyboard.press("ArrowDown")
        style = await page.evaluate("() => getComputedStyle(document.activeElement).outline")
        assert "2px" in style
        assert "solid" in style
        await picture(page, "arrow-keys")
        # From within a task: up to its own head, down to the next one.
        chip = page.locator(".ag-task").nth(2).locator(".ag-chip")
        await chip.focus()
        assert await pressed(page, "ArrowUp ArrowUp") == ["Task c", "Task b"]
        await chip.focus()
        assert await pressed(page, "ArrowDown") == ["Task d"]
        # Enter and Tab do what they did.
        assert await pressed(page, "Home ArrowDown Enter Tab") == ["Task a", "Task b", "Task b", "ag-chip"]
        assert await page.locator(".ag-task").nth(1).locator(".ag-task-body").is_visible()
        # A new snapshot leaves the focus where it is.
        assert await pressed(page, "ArrowUp") == ["Task b"]
        await tell(page, four_tasks(2))
        assert await pressed(page, "ArrowDown") == ["Task c"]


async def test_older_tasks_are_above_the_first_one(browser: Browser) -> None:
    async with standalone(browser) as page:
        await tell(page, four_tasks(1, older=True))
        await page.locator(".ag-task-head").nth(1).focus()
        assert await pressed(page, "ArrowUp ArrowUp ArrowDown Home") == ["Task a", "ag-older", "Task a", "ag-older"]


async def test_fields_and_what_scrolls_keep_their_arrows(browser: Browser) -> None:
    async with standalone(browser) as page:
        await tell(page, four_tasks(1))
        box = page.get_by_label("Prompt", exact=True)
        await box.fill("one\ntwo")
        assert await pressed(page, "ArrowUp Home") == ["textarea", "textarea"]
        await page.keyboard.type("!")
        assert await box.input_value() == "!one\ntwo"
        await page.locator(".ag-chip").first.click()
        text = "\n".join(map(str, range(200)))
        detail = {"op": "tool", "task": "a", "tool": "u", "input": text, "result": text, "diff": ""}
        await page.evaluate("(message) => receive(message)", detail)
        for place in (page.locator(".ag-detail pre").first, page.get_by_role("group", name="Conversation")):
            await place.evaluate("(e) => { e.scrollTop = 0; }")
            await place.focus()
            before = await page.evaluate(FOCUSED)
            assert await pressed(page, "ArrowDown") == [before]
            await page.wait_for_function("() => document.activeElement.scrollTop > 0")
        # With a modifier a key is the browser's or the page's around.
        await page.locator(".ag-task-head").first.focus()
        keys = "Shift+ArrowDown Control+ArrowDown Alt+ArrowDown Meta+ArrowDown Control+End"
        assert await pressed(page, keys) == ["Task a"] * 5
