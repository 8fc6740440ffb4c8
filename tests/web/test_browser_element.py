"""`<agor-session>` in a page of another app; and hostile texts in it and in the page."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio
from fastapi import FastAPI

import agor_reactive as agor
from agor_reactive.web import viewer
from agor_reactive.web.serving import serve
from tests.contract.scene import message_row
from tests.notebook.browser import in_browser, picture, shows, until
from tests.notebook.hostile_texts import HOSTILE, NUMBERS, WATCH, effects, number_in, opened_by_links
from tests.notebook.test_hostile_text import LONG
from tests.web.scene import Scene, anybody, scene
from tests.web.story import lose_and_recover, stoppable, work
from tests.web.test_browser_page import elsewhere, opened

if TYPE_CHECKING:
    from playwright.async_api import Browser

pytestmark = in_browser()


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


async def test_an_element_in_another_app_from_its_prompt_to_a_daemon_that_is_back(
    browser: Browser, tmp_path: Path
) -> None:
    body: list[str] = []
    async with stoppable(tmp_path) as daemon, daemon.client() as client, elsewhere(body) as url:
        session_id = await daemon.create(client)
        app = FastAPI(openapi_url=None)
        app.mount("/agor", viewer(client, authorize=anybody, allow_prompts=True, allowed_origins=[url]))
        async with serve(app) as server:
            script = f"{server}/agor/agor-session.js"
            source = f"{server}/agor/sessions/{session_id}"
            body.append(f'<script src="{script}"></script><agor-session src="{source}"></agor-session>')
            async with opened(browser, f"{url}/", also=script, viewport={"width": 900, "height": 700}) as page:
                view = page.locator("agor-session .ag")
                await shows(view, ".ag-title", "Fix the report")
                await work(page, view, "web-element")
                await lose_and_recover(page, view, daemon, "web-element")


async def test_an_element_keeps_its_rules_inside_and_its_address_names_the_session(browser: Browser) -> None:
    async with portal(speed=4) as (s, url):
        page = await browser.new_page(viewport={"width": 900, "height": 700})
        try:
            await page.goto(url)
            view = page.locator("agor-session .ag")
            await shows(view, ".ag-title", "Fix the report")
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
            await until(lambda: _left(s), "no browser is connected")
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


async def say(s: Scene) -> None:
    """A session that says all of them: as title, prompt, reply and thinking being written and saved, and tool."""
    service = agor.create_async_rest_client(s.daemon.url, access_token=s.daemon.service_token)
    every = " ".join(HOSTILE)
    async with service as executor:
        await s.client.service("sessions").patch(s.session_id, {"title": every})
        task = await s.client.sessions.prompt(s.session_id, f"[hold]{every}")
        ids = {"session_id": s.session_id, "task_id": task.task_id}
        streaming = executor.service("messages/streaming")
        for text in (*HOSTILE, *(long[:20_000] for long in LONG.values())):
            data = {**ids, "message_id": agor.new_id(), "chunk": text, "sequence": 0}
            await streaming.create({"event": "streaming:start", "data": data})
            await streaming.create({"event": "streaming:chunk", "data": data})
        blocks: list[dict[str, Any]] = []
        for number, text in zip(NUMBERS, HOSTILE, strict=True):
            use = {"type": "tool_use", "id": f"u{number}", "name": text, "input": {"command": text, text: text}}
            blocks += [{"type": "thinking", "thinking": text}, {"type": "text", "text": text}, use]
        row = message_row(s.session_id, 1, "", task_id=task.task_id, role="assistant", content=blocks)
        await executor.service("messages").create(row)


@pytest_asyncio.fixture(scope="module", loop_scope="session", params=["page", "element"])
async def done(browser: Browser, request: pytest.FixtureRequest) -> AsyncIterator[dict[int, list[str]]]:
    """What the hostile texts do in the page, and in an element in a page of another app; by their numbers."""
    async with portal() as (s, url):
        page = await browser.new_page()
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        try:
            await page.add_init_script(f"({WATCH})()")
            await page.goto(s.page if request.param == "page" else url)
            view = page.locator(".ag-session .ag" if request.param == "page" else "agor-session .ag")
            await shows(view, ".ag-title", "Fix the report")
            await say(s)
            await shows(view, ".ag-title", HOSTILE[0])

            async def whole() -> bool:
                texts, tools = view.locator(".ag-text"), view.locator(".ag-chip")
                return await texts.count() >= 2 * len(HOSTILE) + len(LONG) and await tools.count() >= len(HOSTILE)

            await until(whole, "all of them are there")
            await view.locator(".ag-fold, .ag-chip").evaluate_all("(lines) => lines.forEach((line) => line.click())")

            async def open() -> bool:
                return await view.locator(".ag-detail pre").count() >= len(HOSTILE)

            await until(open, "the input of all calls is shown")
            found = await effects(
                page, view, [each for each in asked if each.split("/")[2] not in (s.url[7:], url[7:])]
            )
            opened = await opened_by_links(page, view)
            assert opened
            for address in opened:
                if not address.startswith(("http://", "https://", "mailto:")):
                    found.setdefault(number_in(address), []).append(f"opened {address}")
            if not found:  # else the page may never be still
                await picture(page, f"web-hostile-{request.param}")
            yield found
        finally:
            await page.close()


@pytest.mark.parametrize("number", [0, *NUMBERS])
async def test_hostile_texts_run_nothing_and_load_nothing(done: dict[int, list[str]], number: int) -> None:
    assert done.get(number, []) == []
