"""What a view looks like at the widths that it meets, without a notebook: nothing is clipped or lies over another."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from agor_reactive.adapters.page.document import Part
from tests.notebook.browser import in_browser
from tests.notebook.standalone_page import longest_task, snapshot, standalone, tell

if TYPE_CHECKING:
    from playwright.async_api import Browser, Locator

pytestmark = in_browser()

WIDTHS = (240, 320, 350, 400, 519, 700, 1400)
PROMPT = "Fix the report:\n\n  1. dates\n  2. <b>sums</b>\n\nThen say what you did."
FITS = """(box) => {
  const style = getComputedStyle(box);
  const pen = document.createElement("canvas").getContext("2d");
  pen.font = style.font;
  const room = box.clientWidth - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight);
  return room - pen.measureText(box.placeholder).width;
}"""


@pytest.mark.parametrize("busy", [True, False])
async def test_the_words_in_the_prompt_box_are_not_clipped(browser: Browser, busy: bool) -> None:
    message = snapshot()
    message["head"]["busy"] = busy
    async with standalone(browser) as page:
        await tell(page, message)
        for width in WIDTHS:
            await page.set_viewport_size({"width": width, "height": 600})
            await page.wait_for_timeout(50)
            assert await page.get_by_label("Prompt", exact=True).evaluate(FITS) >= 0, width
            assert await page.evaluate("() => document.documentElement.scrollWidth <= innerWidth"), width


async def test_a_prompt_of_several_lines_is_read_inside_and_its_heading_stays_one_line(browser: Browser) -> None:
    row = {"prompt": " ".join(PROMPT.split()) * 3, "whole": False}
    async with standalone(browser) as page:
        await tell(page, snapshot(Part({"kind": "whole"}, PROMPT), row=row))
        for width in WIDTHS:
            await page.set_viewport_size({"width": width, "height": 600})
            heading = page.locator(".ag-task-head .ag-prompt")
            assert await height(heading) < 30, width
        whole = page.locator(".ag-whole")
        assert await whole.inner_text() == PROMPT
        assert await whole.locator("b").count() == 0


async def test_a_short_prompt_wraps_in_its_heading_once_it_is_open(browser: Browser) -> None:
    async with standalone(browser) as page:
        await tell(page, snapshot(row={"prompt": "Look at all the files of this project and say what they are for"}))
        await page.set_viewport_size({"width": 320, "height": 600})
        heading = page.locator(".ag-task-head .ag-prompt")
        assert await height(heading) > 30
        await page.locator(".ag-task-head").click()
        assert await height(heading) < 30


@pytest.mark.alone
async def test_a_prompt_of_a_hundred_thousand_characters_does_not_hold_the_page_up(browser: Browser) -> None:
    async with standalone(browser) as page:
        for said in ("word " * 20_000, "x" * 100_000, "line\n" * 20_000):
            assert await longest_task(page, snapshot(Part({"kind": "whole"}, said), row={"whole": False})) < 300


async def height(element: Locator) -> float:
    box = await element.bounding_box()
    assert box is not None
    return box["height"]


async def test_the_name_of_a_language_does_not_lie_over_code(browser: Browser) -> None:
    code = "```python\n" + "x = 1  # a line that is far too long for any width " * 8 + "\n```"
    async with standalone(browser) as page:
        await tell(page, snapshot(Part({"kind": "text", "live": False}, code)))
        label = await page.locator(".ag-language").bounding_box()
        line = await page.locator(".ag-code code").bounding_box()
        assert label is not None
        assert line is not None
        assert label["y"] + label["height"] <= line["y"] + 1


@pytest.mark.parametrize("width", [320, 700])
async def test_a_view_begins_at_its_end_however_narrow(browser: Browser, width: int) -> None:
    async with standalone(browser) as page:
        await page.set_viewport_size({"width": width, "height": 700})
        await tell(page, snapshot(*[Part({"kind": "text", "live": False}, f"Paragraph {n}. " * 30) for n in range(30)]))
        left = "(place) => place.scrollHeight - place.scrollTop - place.clientHeight"
        assert await page.locator(".ag-scroll").evaluate(left) < 2
        assert not await page.locator(".ag-jump").is_visible()
        # Who goes up stays there.
        await page.locator(".ag-scroll").hover()
        await page.mouse.wheel(0, -400)
        await page.locator(".ag-jump").wait_for()


async def test_a_row_of_the_table_keeps_its_title_where_there_is_little_room(browser: Browser) -> None:
    row: dict[str, Any] = {"title": "Repair the reports", "status": "awaiting permission", "tone": "warn"}
    row |= {"agent": "claude-code", "ref": "fix/report", "tasks": 12, "when": 0, "needs": []}
    async with standalone(browser, "sessions_widget") as page:
        await page.evaluate(
            "(m) => receive(m)", {"op": "snapshot", "seq": 1, "now": 0, "put": [["s", row]], "note": ""}
        )
        for width in (320, 700, 1400):
            await page.set_viewport_size({"width": width, "height": 600})
            await page.wait_for_timeout(100)
            fits = "(title) => title.scrollWidth <= title.clientWidth"
            assert await page.locator(".ag-row .ag-prompt").evaluate(fits), width
            assert await page.locator(".ag-row .ag-status").evaluate(fits), width
