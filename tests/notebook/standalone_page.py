"""A view's page without any notebook: its script in an empty page, fed by hand. For what only the page can show."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from agor_reactive.adapters.page.document import Document, Part
from agor_reactive.adapters.page.pages import script, style
from agor_reactive.adapters.page.patch import EMPTY, patch
from tests.notebook.browser import LONG_TASKS

if TYPE_CHECKING:
    from playwright.async_api import Browser, Page

__all__ = ["longest_task", "snapshot", "standalone", "tell"]

_FRAME = """
window.sent = [];
window.wrong = [];
window.addEventListener("error", (event) => window.wrong.push(String(event.message)));
console.error = (...said) => window.wrong.push(said.map(String).join(" "));
const model = {
  get: () => "",
  send: (message) => window.sent.push(message),
  on: (name, handler) => { window.handlers[name] = handler; },
  off: () => {},
  widget_manager: { context: { sessionContext: { iopubMessage: {
    connect: (handler) => { window.overheard = (header) => handler(null, { header }); },
    disconnect: () => {},
  } } } },
};
window.handlers = {};
window.leave = widget.render({ model, el: document.body });
window.receive = window.handlers["msg:custom"];
"""

END = "This is the end of {}."
"""The last part of every snapshot, with its number."""

PAINTED = """() => new Promise((done) => {
  let still = 0;
  const observer = new MutationObserver(() => { still = 0; });
  observer.observe(document, { subtree: true, childList: true, characterData: true, attributes: true });
  const look = () => {
    still += 1;
    if (still <= 3) { requestAnimationFrame(look); return; }
    observer.disconnect();
    done();
  };
  requestAnimationFrame(look);
})"""
"""Resolves when the page has changed nothing for three frames: the view paints long text a slice a frame."""

_HEAD = {"title": "A session", "session": "s", "status": "running", "tone": "busy", "link": "live", "linkTone": "ok"}
_HEAD |= {"details": "", "context": None, "notes": [], "older": False, "empty": False, "busy": True}
NONE: Mapping[str, Any] = {}
_ROW = {"prompt": "Do it", "whole": True, "status": "running", "tone": "busy", "took": "", "began": 0, "tools": 0}
_ROW |= {"ended": False, "loaded": True, "shown": True, "fault": None}


@asynccontextmanager
async def standalone(browser: Browser, name: str = "session_widget") -> AsyncIterator[Page]:
    """A page that shows that widget: `window.receive(message)` tells it, `window.sent` has what it said, `window.wrong`
    what went wrong. Afterwards: nothing did, and nothing was asked of any network.
    """
    page = await browser.new_page(viewport={"width": 900, "height": 900})
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    try:
        await page.add_init_script(LONG_TASKS)
        await page.goto("about:blank")
        await page.add_style_tag(content=style())
        source = script(name).replace("export default", "const widget =")
        await page.add_script_tag(content=source + _FRAME, type="module")
        await page.wait_for_function("() => window.leave")
        yield page
        assert await page.evaluate("() => window.wrong") == []
        assert [url for url in asked if not url.startswith("about:")] == []
    finally:
        await page.close()


async def tell(page: Page, message: dict[str, Any], *, seconds: float = 20) -> None:
    """Deliver a message that `snapshot` made and wait until the page has painted all of it."""
    # A timer, because a call of the debugger is no task of the page's: it would not count as a long one.
    await page.evaluate("(message) => { setTimeout(() => receive(message)); }", message)
    end = page.locator(".ag-note", has_text=END.format(message["seq"]))
    await end.wait_for(state="attached", timeout=seconds * 1000)
    await page.evaluate(PAINTED)


async def longest_task(page: Page, message: dict[str, Any], *, seconds: float = 20) -> int:
    """Deliver the message as `tell` does; the longest task of the page meanwhile, in ms (0: under 50)."""
    await page.evaluate("() => { window.__long.length = 0; }")
    await tell(page, message, seconds=seconds)
    # The browser reports a long task some time after it.
    rested = "() => window.__long.every(([start, took]) => start + took < performance.now() - 300)"
    for _ in range(2):
        await page.evaluate("() => new Promise((done) => setTimeout(done, 150))")
        await page.wait_for_function(rested, timeout=seconds * 1000)
    return max([took for _, took in await page.evaluate("() => window.__long")], default=0)


def snapshot(*parts: Part, seq: int = 1, title: str = "A session", row: Mapping[str, Any] = NONE) -> dict[str, Any]:
    """The message that shows a session of one task with these parts; `row`: what differs in the row of the task."""
    end = Part({"kind": "note", "tone": ""}, END.format(seq))
    keys = [f"tool/{part.fields['tool']}" if "tool" in part.fields else f"p{at}" for at, part in enumerate(parts)]
    shown = {"t": dict(zip((*keys, "end"), (*parts, end), strict=True))}
    document = Document({**_HEAD, "title": title}, {"t": {**_ROW, **row}}, shown)
    return {"op": "snapshot", "seq": seq, "now": 0, **patch(EMPTY, document)}
