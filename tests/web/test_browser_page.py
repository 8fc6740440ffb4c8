"""The page in a browser: a session from its first prompt to a daemon that is lost and back, and pages of elsewhere."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

import agor_reactive as agor
from agor_reactive.daemon import EmbeddedDaemon
from agor_reactive.web import viewer
from agor_reactive.web.login import LoginLink
from agor_reactive.web.serving import serve
from tests.notebook.browser import CHROMIUM, FLAGS, in_browser, picture, shows, until
from tests.web.scene import anybody, scene
from tests.web.story import FOCUSED, lose_and_recover, stoppable, work

if TYPE_CHECKING:
    from playwright.async_api import Browser, Page, WebSocketRoute

pytestmark = in_browser()


@asynccontextmanager
async def opened(browser: Browser, address: str, *, also: str | None = None, **options: Any) -> AsyncIterator[Page]:
    """A page. Afterwards: it asked for nothing but itself and `also`, nothing went wrong, and nothing ran."""
    page = await browser.new_page(**{"viewport": {"width": 1280, "height": 800}, **options})
    asked: list[str] = []
    wrong: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda said: wrong.append(said.text) if "WebSocket" not in said.text else None)
    try:
        await page.goto(address)
        try:
            yield page
        except BaseException:
            await picture(page, "web-failed")
            raise
        assert [url for url in asked if url not in (address, also)] == []
        assert wrong == []
        assert await page.evaluate("() => window.ran") is None
    finally:
        await page.close()


async def test_a_session_from_its_prompt_to_a_daemon_that_is_back(browser: Browser, tmp_path: Path) -> None:
    async with stoppable(tmp_path) as daemon, daemon.client() as client:
        await daemon.create(client)
        async with serve(viewer(client, authorize=anybody, allow_prompts=True)) as url:
            async with opened(browser, f"{url}/") as page:
                rows = page.locator(".ag-list .ag-row")
                await rows.first.wait_for()
                assert "Select a session" in await page.locator(".ag-nothing").inner_text()
                await rows.first.focus()
                await page.keyboard.press("Enter")
                view = page.locator(".ag-session .ag")
                await shows(view, ".ag-title", "Fix the report")
                assert await page.title() == "Fix the report · Agor sessions"
                assert "/sessions/" in page.url

                async def listed(status: str) -> None:
                    await shows(page.locator(".ag-list"), ".ag-row .ag-status", status)

                await work(page, view, "web", listed)
                await lose_and_recover(page, view, daemon, "web")
            await until(lambda: _released(client), "the mirror is released")


async def _released(client: agor.Client) -> bool:
    return client.registry.sessions == ()


async def test_the_address_names_the_session_and_back_leads_to_the_list(browser: Browser) -> None:
    async with scene() as s, opened(browser, s.page, viewport={"width": 390, "height": 800}) as page:
        view, listed = page.locator(".ag-session .ag"), page.locator(".ag-list")
        await shows(view, ".ag-title", "Fix the report")
        assert not await listed.is_visible()
        await page.get_by_role("button", name="All sessions").click()
        await listed.locator(".ag-row").first.wait_for()
        assert page.url == f"{s.url}/"
        assert not await view.is_visible()
        await page.keyboard.press("Enter")
        await shows(view, ".ag-title", "Fix the report")
        assert page.url == s.page
        # A page without a mouse goes on where it is: in what is shown.
        assert "ag-back" in str(await page.evaluate(FOCUSED))
        await page.keyboard.press("Escape")
        await listed.locator(".ag-row").first.wait_for()
        await page.go_back()
        await shows(view, ".ag-title", "Fix the report")
        # Read only: nothing to press but to read more.
        assert await page.locator(".ag-send, .ag-stop, textarea").locator("visible=true").count() == 0


LIST_BEFORE = """(list) => {
  const { href } = location;
  history.replaceState(null, "", list);
  history.pushState(null, "", href);
}"""
"""The history of someone who came from the list."""


@pytest.mark.parametrize("way", ["button", "escape", "back"])
async def test_a_list_whose_rows_come_late_takes_the_focus_to_the_session_that_was_left(
    browser: Browser, way: str
) -> None:
    async with scene() as s:
        row = {"branch_id": s.daemon.workspace_id, "agentic_tool": "codex", "title": "The newer one"}
        await s.client.service("sessions").create(row)
        async with opened(browser, "about:blank", also=s.page, viewport={"width": 390, "height": 800}) as page:
            held: list[Callable[[], None]] = []
            released = asyncio.Event()

            def hold(socket: WebSocketRoute) -> None:
                server = socket.connect_to_server()

                def pass_on(message: str | bytes) -> None:
                    if released.is_set():
                        socket.send(message)
                    else:
                        held.append(lambda: socket.send(message))

                server.on_message(pass_on)

            await page.route_web_socket(f"ws{s.url.removeprefix('http')}/ws", hold)
            await page.goto(s.page)
            await shows(page.locator(".ag-session .ag"), ".ag-title", "Fix the report")
            if way == "button":
                await page.get_by_role("button", name="All sessions").click()
            elif way == "escape":
                await page.keyboard.press("Escape")
            else:
                await page.locator(".ag-back").focus()
                await page.evaluate(LIST_BEFORE, f"{s.url}/")
                await page.go_back()
            await page.get_by_text("Connecting…").wait_for()
            released.set()
            for send in held:
                send()
            await page.locator(".ag-row").nth(1).wait_for()
            await page.locator(".ag-row:focus", has_text="Fix the report").wait_for()
            await page.keyboard.press("Enter")
            await shows(page.locator(".ag-session .ag"), ".ag-title", "Fix the report")


async def test_the_way_back_leaves_the_focus_where_the_reader_has_put_it(browser: Browser) -> None:
    async with scene() as s, opened(browser, s.page) as page:
        await page.locator(".ag-row").wait_for()
        await page.evaluate(LIST_BEFORE, f"{s.url}/")
        await page.get_by_label("Filter").focus()
        await page.go_back()
        await page.get_by_text("Select a session to watch it.").wait_for()
        assert "ag-filter" in str(await page.evaluate(FOCUSED))


async def test_a_server_that_is_lost_is_found_again(browser: Browser) -> None:
    async with EmbeddedDaemon(speed=20) as daemon, agor.create_client(daemon.url, api_key=daemon.api_key) as client:
        row = {"branch_id": daemon.workspace_id, "agentic_tool": "codex", "title": "Fix the report"}
        session = await client.service("sessions").create(row)
        app = viewer(client, authorize=anybody, allow_prompts=True)
        async with serve(app) as url:
            page = await browser.new_page()
            await page.goto(f"{url}/sessions/{session.session_id}")
            view = page.locator(".ag-session .ag")
            await shows(view, ".ag-title", "Fix the report")
            await view.get_by_label("Prompt", exact=True).fill("half a thought")
        try:
            await shows(view, ".ag-linkstate", "disconnected")
            await shows(view, ".ag-notes", "Reconnecting")
            assert not await view.locator(".ag-send").is_visible()
            async with serve(app, port=int(url.rpartition(":")[2])):
                await shows(view, ".ag-linkstate", "live")
                await view.locator(".ag-send").click()
                await shows(view, ".ag-task-head", "half a thought")
        finally:
            await page.close()


# ---- pages of elsewhere

ELSEWHERE = """async (address) => {
  const found = {};
  for (const path of ["/", "/agor-session.js"]) {
    for (const mode of ["cors", "no-cors"]) {
      try {
        const answer = await fetch(address + path, { mode, credentials: "include" });
        found[mode + path] = answer.type === "opaque" ? "opaque" : (await answer.text()).slice(0, 40);
      } catch (error) { found[mode + path] = "refused"; }
    }
  }
  for (const path of ["/ws", "SESSION/ws"]) {
    found[path] = await new Promise((done) => {
      const socket = new WebSocket(address.replace("http", "ws") + path);
      socket.onopen = () => socket.send('{"op":"sync"}');
      socket.onmessage = ({ data }) => done(data);
      socket.onclose = () => done("refused");
    });
  }
  const frame = document.createElement("iframe");
  frame.src = address + "/";
  await new Promise((done) => { frame.onload = done; document.body.append(frame); });
  try { found.frame = frame.contentDocument ? "readable" : "closed"; } catch { found.frame = "closed"; }
  return found;
}"""


@asynccontextmanager
async def elsewhere(body: Sequence[str] = ()) -> AsyncIterator[str]:
    """A page of another origin on this machine; at ``/strict`` with its own policy."""

    async def page(request: Request) -> HTMLResponse:
        allowed = {name: request.query_params.get(name, "'none'") for name in ("connect", "script")}
        policy = f"default-src 'none'; script-src {allowed['script']}; connect-src {allowed['connect']}"
        headers = {"Content-Security-Policy": policy} if request.url.path == "/strict" else {}
        return HTMLResponse(
            "<!doctype html><html lang=en><title>A portal</title><body>" + "".join(body), headers=headers
        )

    app = FastAPI(openapi_url=None)
    app.add_route("/", page)
    app.add_route("/strict", page)
    app.add_route("/favicon.ico", lambda request: Response(status_code=204))
    async with serve(app) as url:
        yield url


async def test_a_page_of_another_origin_reads_and_sends_nothing(browser: Browser) -> None:
    async with scene(allow_prompts=True) as s, elsewhere() as other:
        page = await browser.new_page()
        try:
            await page.goto(other)
            found = await page.evaluate(ELSEWHERE.replace("SESSION", f"/sessions/{s.session_id}"), s.url)
            assert {key: value for key, value in found.items() if value not in ("refused", "opaque", "closed")} == {}
            assert found["/ws"] == "refused"
            assert len(found) == 7
            assert s.app.viewers == {}
        finally:
            await page.close()


@pytest.mark.parametrize("name", ["evil.example", "127.0.0.1.evil.example"])
async def test_a_name_of_elsewhere_for_this_machine_is_refused(browser: Browser, name: str) -> None:
    """DNS rebinding: the browser takes the server for one of that name, so its pages would be of the same origin."""

    async with scene(allow_prompts=True) as s:
        rules = f"--host-resolver-rules=MAP {name} 127.0.0.1"
        mapped = await browser.browser_type.launch(executable_path=CHROMIUM, args=[*FLAGS, rules])
        try:
            page = await mapped.new_page()
            answer = await page.goto(f"http://{name}:{s.url.rpartition(':')[2]}/")
            assert answer is not None
            assert answer.status == 403
            assert "allowed_hosts" in await page.inner_text("body")
        finally:
            await mapped.close()


async def test_the_link_of_the_command_line_lets_in(browser: Browser, tmp_path: Path, monkeypatch: Any) -> None:
    from agor_reactive.cli import web

    monkeypatch.setattr(web.webbrowser, "open", lambda address: None)
    login = LoginLink()
    async with scene(authorize=login.authorized, wrap=lambda app: setattr(login, "app", app) or login) as s:
        web._open(login.link(s.url, f"/sessions/{s.session_id}"), tmp_path)
        page = await browser.new_page()
        try:
            await page.goto(s.page)
            assert "Access denied" in await page.inner_text("body")
            await page.goto((tmp_path / "agor-sessions.html").as_uri())
            await page.wait_for_url(s.page)
            await shows(page.locator(".ag-session .ag"), ".ag-title", "Fix the report")
        finally:
            await page.close()
