"""A view that comes into view again shows its content in the first frame, and then what changed meanwhile."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest

from agor_reactive.adapters.page.session_publisher import SessionPublisher
from tests.core.build import message_row
from tests.notebook.browser import in_browser, opened, prompt, run_all, until
from tests.notebook.lab import Lab
from tests.notebook.standalone_page import PAINTED, standalone
from tests.notebook.written_notebooks import view_cell, write_notebook
from tests.session.world import World, ready

if TYPE_CHECKING:
    from playwright.async_api import Browser, Page

pytestmark = in_browser()

FRAMES = """() => {
  const shown = (element, top, bottom) => {
    const at = element.getBoundingClientRect();
    const painted = { contentVisibilityAuto: true, opacityProperty: true, visibilityProperty: true };
    return at.height > 0 && at.bottom > top && at.top < bottom && element.checkVisibility(painted);
  };
  const text = (element) => [...element.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim());
  const channel = new MessageChannel();
  window.frames_shown = window.frames_blank = 0;
  channel.port1.onmessage = () => {
    requestAnimationFrame(look);
    const place = document.querySelector(".ag .ag-scroll, .ag-list .ag-rows");
    if (document.visibilityState === "hidden" || !place?.querySelector(".ag-task, .ag-row")) return;
    if (!shown(place, 0, innerHeight)) return;
    const at = place.getBoundingClientRect();
    const [top, bottom] = [Math.max(0, at.top), Math.min(innerHeight, at.bottom)];
    if (bottom - top < 100) return;
    window.frames_shown += 1;
    if (![...place.querySelectorAll("*")].some((e) => text(e) && shown(e, top, bottom))) window.frames_blank += 1;
  };
  const look = () => channel.port2.postMessage(0); // a message comes after the frame was painted
  requestAnimationFrame(look);
}"""
AGAIN = "() => { window.frames_shown = window.frames_blank = 0; }"
"""Counts the frames in which a view is on the screen, and those of them in which its content is blank."""

AWAY = {
    "undisplayed": (
        "() => { document.querySelector('.ag').style.display = 'none'; }",
        "() => { document.querySelector('.ag').style.display = ''; }",
    ),
    "scrolled away": (
        "() => { document.body.append(Object.assign(document.createElement('div'), { style: 'height: 9000px' }));"
        " scrollTo(0, 5000); }",
        "() => scrollTo(0, 0)",
    ),
    "in a hidden page": (
        "() => { Object.defineProperty(document, 'visibilityState', { value: 'hidden', configurable: true });"
        " document.dispatchEvent(new Event('visibilitychange')); }",
        "() => { delete document.visibilityState; document.dispatchEvent(new Event('visibilitychange')); }",
    ),
}


async def in_a_frame(page: Page, action: str) -> None:
    """Run a function of the page just before it paints. Between two frames, what is looked at would not be painted."""
    await page.evaluate(
        f"() => new Promise((done) => requestAnimationFrame(() => {{ ({action})(); done(); }}))",
    )


class Bridge:
    """A page with the publisher of a notebook's view behind it. While `losing`, what is sent to the page is lost."""

    def __init__(self, page: Page, world: World, publisher: SessionPublisher) -> None:
        self.page, self.world, self.publisher = page, world, publisher
        self.losing = False

    async def shows(self, text: str) -> None:
        await self.page.locator(".ag-part", has_text=text).wait_for()


@asynccontextmanager
async def bridged(page: Page, text: str) -> AsyncIterator[Bridge]:
    """The page shows a session that says the text."""
    world, handle = await ready()
    sent: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    publisher = SessionPublisher(handle, sent.put_nowait)
    bridge = Bridge(page, world, publisher)

    async def deliver() -> None:
        while True:
            message = await sent.get()
            if not bridge.losing:
                await page.evaluate("(message) => receive(message)", message)

    delivering = asyncio.create_task(deliver())
    try:
        world.link.emit("messages created", message_row("m5", "t1", 5, content=text))
        await page.expose_function("toHost", publisher.receive)
        await page.evaluate("() => { sent.forEach(toHost); sent.push = toHost; }")
        yield bridge
    finally:
        delivering.cancel()
        publisher.close()
        handle.release()
        await world.registry.close()


PARAGRAPH = "A paragraph of some words.\n\n"
LONG = 20_000 // len(PARAGRAPH) + 100
"""Paragraphs of a text of which the page lays out the visible part only."""

CASES = [(how, 80, missed) for how in AWAY for missed in (False, True)] + [("scrolled away", LONG, False)]


@pytest.mark.parametrize(("how", "paragraphs", "missed"), CASES)
async def test_a_view_that_was_out_of_sight_has_no_blank_frame(
    browser: Browser, how: str, paragraphs: int, missed: bool
) -> None:
    leave, come_back = AWAY[how]
    async with standalone(browser) as page, bridged(page, PARAGRAPH * paragraphs) as bridge:
        await bridge.shows(PARAGRAPH.strip())

        async def scrolled_up() -> bool:
            # In a frame in which text above is laid out, one turn of the wheel may not tell from the move of the end.
            await page.locator(".ag-scroll").evaluate("(e) => { e.scrollTop -= 700; }")
            return await page.locator(".ag-jump").is_visible()

        await until(scrolled_up, "the view is scrolled up")
        await page.evaluate(PAINTED)
        await page.evaluate(FRAMES)
        await page.evaluate(leave)

        async def resting() -> bool:
            return not bridge.publisher.displayed

        await until(resting, "the view is out of sight")
        if missed:
            # Another page starts meanwhile: this one does not have its number, and asks for everything anew.
            bridge.losing = True
            bridge.publisher.receive({"op": "sync", "view": "another"})
            bridge.publisher.receive({"op": "bye", "view": "another"})
            await bridge.world.settle()
            bridge.losing = False
        bridge.world.link.emit("messages created", message_row("m9", "t1", 9, content="Said meanwhile."))
        await bridge.world.settle()
        assert await page.get_by_text("Said meanwhile.").count() == 0
        await page.evaluate(AGAIN)
        await in_a_frame(page, come_back)
        await bridge.shows("Said meanwhile.")
        await page.wait_for_function("() => window.frames_shown > 5")
        assert await page.evaluate("() => window.frames_blank") == 0


async def test_a_table_that_is_scrolled_back_has_no_blank_frame(browser: Browser) -> None:
    shown = {"status": "idle", "tone": "ok", "agent": "", "ref": "", "tasks": 0, "archived": False, "needs": []}
    rows = [[str(number), {**shown, "title": f"Session {number}", "when": number}] for number in range(60)]
    leave, come_back = AWAY["scrolled away"]
    async with standalone(browser, "sessions_widget") as page:
        await page.evaluate("(m) => receive(m)", {"op": "snapshot", "seq": 1, "now": 0, "put": rows})
        await page.get_by_text("Session 59").wait_for()
        await page.evaluate(PAINTED)
        await page.evaluate(FRAMES)
        await page.evaluate(leave)
        await page.wait_for_function("() => sent.at(-1).op === 'rest'")
        await page.evaluate(AGAIN)
        await in_a_frame(page, come_back)
        await page.wait_for_function("() => window.frames_shown > 5")
        assert await page.evaluate("() => window.frames_blank") == 0


async def test_a_notebook_whose_tab_comes_back_has_no_blank_frame(browser: Browser, lab: Lab) -> None:
    write_notebook(lab.root / "tabs.ipynb", view_cell(tasks=3, messages=4))
    async with opened(browser, lab, "tabs.ipynb") as page:
        await run_all(page)
        view = page.locator(".jp-Notebook .ag").first
        await view.locator(".ag-prose").first.wait_for(timeout=40_000)
        await view.evaluate("(element) => element.scrollIntoView({ block: 'center' })")
        await page.evaluate(FRAMES)
        await prompt(view, "stream 20 1")
        await view.locator(".ag-live.ag-text").wait_for()
        await page.get_by_role("menuitem", name="File", exact=True).click()
        await page.get_by_role("menuitem", name=re.compile("^New Launcher")).click()
        await view.wait_for(state="hidden")
        await page.evaluate(AGAIN)
        await page.locator(".lm-TabBar-tab", has_text="tabs.ipynb").first.click()
        await view.locator(".ag-text", has_text="word19").wait_for()
        await page.wait_for_function("() => window.frames_shown > 5")
        assert await page.evaluate("() => window.frames_blank") == 0
