"""`<agor-session>` in a page of another app; and hostile texts in it and in the page."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest

import agor_reactive as agor
from tests.contract.scene import message_row
from tests.notebook.browser import in_browser, picture, prompt, shows, until
from tests.notebook.test_hostile_text import EVIL, LONG
from tests.web.scene import Scene, scene
from tests.web.test_browser_page import elsewhere

if TYPE_CHECKING:
    from playwright.async_api import Browser

pytestmark = in_browser()

MADE = "img, svg, script, iframe, a, b, style, object, [href], [src], [onerror], [onload], [onclick], [srcdoc]"


def element(s: Scene, *, src: str = "") -> str:
    """What a portal writes into its page."""
    return f'<script src="{s.url}/agor-session.js"></script><agor-session src="{src or s.page}"></agor-session>'


@asynccontextmanager
async def portal(**options: Any) -> AsyncIterator[tuple[Scene, str]]:
    """A web view, and an app on another port with an element of its session in its page. `allowed`: that it may."""
    allowed = options.pop("allowed", True)
    body: list[str] = []
    async with (
        elsewhere(body) as url,
        scene(allowed_origins=[url] if allowed else [], allow_prompts=True, **options) as s,
    ):
        body.append(element(s))
        yield s, url


async def test_an_element_in_another_app_shows_and_prompts(browser: Browser) -> None:
    async with portal(speed=4) as (s, url):
        page = await browser.new_page(viewport={"width": 900, "height": 700})
        try:
            await page.goto(url)
            view = page.locator("agor-session .ag")
            await shows(view, ".ag-title", "Fix the report")
            await prompt(view, "Tidy up [permission]")
            approve = view.get_by_role("button", name="Approve")
            await approve.focus()
            await page.keyboard.press("Enter")
            await shows(view, ".ag-outcome", "Approved")
            # The focus is kept inside the element's own tree.
            inside = "() => document.querySelector('agor-session').shadowRoot.activeElement?.className ?? ''"
            assert "ag-request" in str(await page.evaluate(inside))
            await view.locator(".ag-task").last.locator(".ag-status[data-tone='ok']").wait_for()
            await picture(page, "web-element")
            # Its rules stay inside.
            assert await page.evaluate("() => getComputedStyle(document.body).marginTop") == "8px"

            # Another address is another session; an element that is removed leaves.
            row = {"branch_id": s.daemon.workspace_id, "agentic_tool": "codex", "title": "Another one"}
            other = await s.client.service("sessions").create(row)
            change = "([src]) => document.querySelector('agor-session').setAttribute('src', src)"
            await page.evaluate(change, [f"{s.url}/sessions/{other.session_id}"])
            await shows(view, ".ag-title", "Another one")
            assert s.app.viewers == {other.session_id: 1}
            await page.evaluate("() => document.querySelector('agor-session').remove()")
            await until(lambda: _left(s), "nobody looks any more")
        finally:
            await page.close()


async def _left(s: Scene) -> bool:
    return s.app.viewers == {} and s.client.registry.sessions == ()


async def test_an_element_in_an_app_that_is_not_allowed_shows_nothing(browser: Browser) -> None:
    async with portal(allowed=False) as (s, url):
        page = await browser.new_page()
        refused: list[str] = []
        page.on("websocket", lambda socket: refused.append(socket.url))
        try:
            await page.goto(url)
            # The script itself is refused to other origins, so it is put there as a copy would be.
            assert await page.evaluate("() => customElements.get('agor-session') === undefined")
            from agor_reactive.adapters.page.pages import element as script

            await page.add_script_tag(content=script())
            view = page.locator("agor-session .ag")
            await shows(view, ".ag-saved", "cannot be reached")
            assert refused
            assert await view.locator(".ag-title").inner_text() == ""
            assert s.app.viewers == {}
        finally:
            await page.close()


async def test_an_element_obeys_the_policy_and_the_scheme_of_the_page_around_it(browser: Browser) -> None:
    async with portal() as (s, url):
        for scheme in ("light", "dark"):
            context = await browser.new_context(color_scheme=scheme)
            page = await context.new_page()
            wrong: list[str] = []
            page.on("console", lambda said, wrong=wrong: wrong.append(said.text))
            try:
                await page.goto(f"{url}/strict?connect={s.url.replace('http', 'ws')}&script={s.url}")
                view = page.locator("agor-session .ag")
                await shows(view, ".ag-title", "Fix the report")
                dark = "(view) => getComputedStyle(view).backgroundColor"
                # The page is a light one, whatever the system prefers.
                assert await view.evaluate(dark) == "rgb(255, 255, 255)"
                await page.evaluate("() => { document.documentElement.style.colorScheme = 'dark'; }")
                assert await view.evaluate(dark) == "rgb(22, 24, 28)"
                assert wrong == []
            finally:
                await context.close()


# ---- hostile texts, as the agent says them

SAID = [*EVIL, *(text[:20_000] for text in LONG.values())]


async def hostile(s: Scene) -> None:
    """A session that says all of them: as title, prompt, reply, name and input of a tool."""
    service = agor.create_async_rest_client(s.daemon.url, access_token=s.daemon.service_token)
    async with service as executor:
        await s.client.service("sessions").patch(s.session_id, {"title": EVIL[0]})
        task = await s.client.sessions.prompt(s.session_id, f"[hold]{EVIL[1]}")
        ids = {"session_id": s.session_id, "task_id": task.task_id}
        for number, text in enumerate(SAID):
            data = {**ids, "message_id": agor.new_id(), "chunk": text, "sequence": 0}
            await executor.service("messages/streaming").create({"event": "streaming:start", "data": data})
            await executor.service("messages/streaming").create({"event": "streaming:chunk", "data": data})
            assert number < 100
        use = {"type": "tool_use", "id": "u1", "name": EVIL[2], "input": {"command": EVIL[0]}}
        row = message_row(s.session_id, 1, EVIL[0], task_id=task.task_id, role="assistant", content=[use])
        await executor.service("messages").create(row)


@pytest.mark.parametrize("where", ["page", "element"])
async def test_hostile_texts_run_nothing_and_load_nothing(browser: Browser, where: str) -> None:
    async with portal() as (s, url):
        address = s.page if where == "page" else url
        page = await browser.new_page()
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        try:
            await page.goto(address)
            view = page.locator(".ag-session .ag" if where == "page" else "agor-session .ag")
            await shows(view, ".ag-title", "Fix the report")
            await hostile(s)
            await shows(view, ".ag-title", EVIL[0])

            async def whole() -> bool:
                return await view.locator(".ag-text").count() >= len(SAID)

            await until(whole, "all of them are there")
            await view.locator(".ag-chip").first.click()
            assert await view.locator(f":is({MADE})").count() == 0
            assert await page.evaluate("() => window.ran") is None
            titles = await view.locator(".ag-link").evaluate_all("links => [...new Set(links.map((l) => l.title))]")
            assert titles
            assert [title for title in titles if not title.startswith(("http://", "https://"))] == []
            assert {request for request in asked if request.split("/")[2] not in (s.url[7:], url[7:])} == set()
            await picture(page, f"web-hostile-{where}")
        finally:
            await page.close()
