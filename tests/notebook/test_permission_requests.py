"""An agent asks for permission in a real JupyterLab; a person approves or denies, with keys alone."""

from __future__ import annotations

from importlib.resources import files
from itertools import permutations
from typing import TYPE_CHECKING

from tests.notebook.browser import in_browser, opened, picture, prompt, run_all, shows, until
from tests.notebook.lab import Lab
from tests.notebook.written_notebooks import write_notebook

if TYPE_CHECKING:
    from playwright.async_api import Browser, Locator, Page

pytestmark = in_browser(lab=True)

CELL = """
import sys
sys.path.insert(0, ROOT)
import agor_reactive as agor
from agor_reactive.adapters.ipywidgets import SessionView
from agor_reactive.daemon import EmbeddedDaemon
daemon = await EmbeddedDaemon(speed=3).start()
client = agor.create_client(daemon.url, api_key=daemon.api_key)
await client.open()
row = {"branch_id": daemon.workspace_id, "agentic_tool": "claude-code", "title": "Careful"}
session = await client.service("sessions").create(row)
handle = agor.retain_reactive_session(client, session.session_id)
await handle.ready()
SessionView(handle)
"""
FOCUSED = "() => document.activeElement?.className ?? ''"


async def press_on(page: Page, name: str, key: str) -> None:
    """Go to a button with Tab, as somebody without a mouse, and press a key there."""
    for _ in range(30):
        await page.keyboard.press("Shift+Tab")
        if name in str(await page.evaluate(FOCUSED)):
            await page.keyboard.press(key)
            return
    raise AssertionError(f"no way to {name} by Tab")


async def ask(page: Page, view: Locator, text: str) -> Locator:
    """Prompt for something that needs a permission; the request, once it can be answered."""
    known = await view.locator(".ag-request").count()
    await prompt(view, text)
    request = view.locator(".ag-request").nth(known)
    await request.locator(".ag-approve").wait_for(timeout=20_000)
    await view.get_by_label("Prompt", exact=True).focus()
    return request


MOVED = """async ([source, orders]) => {
  const { Rows } = await import("data:text/javascript," + encodeURIComponent(source));
  const rows = new Rows(document.body);
  for (const key of orders[0]) {
    const root = document.createElement("div");
    const button = root.appendChild(document.createElement("button"));
    button.id = key;
    rows.insert(key, { root }, rows.order.length);
  }
  const lost = [];
  for (const order of orders) {
    for (const key of order) {
      document.getElementById(key).focus();
      rows.arrange([...order].reverse());
      rows.arrange(order);
      if (document.activeElement.id !== key) lost.push([key, ...order].join(""));
      const shown = [...document.querySelectorAll("button")].map((button) => button.id).join("");
      if (shown !== order.join("")) lost.push(shown);
    }
  }
  return lost;
}"""


async def test_what_is_moved_keeps_the_focus(browser: Browser) -> None:
    """Text that begins before a request moves it; whoever goes by keys is still there."""
    source = (files("agor_reactive.adapters.page") / "static" / "rows.js").read_text(encoding="utf-8")
    page = await browser.new_page()
    try:
        orders = [list(order) for order in permutations("abcd")]
        assert await page.evaluate(MOVED, [source, orders]) == []
    finally:
        await page.close()


async def test_a_request_is_approved_another_denied_and_the_turn_goes_on(browser: Browser, lab: Lab) -> None:
    write_notebook(lab.root / "careful.ipynb", CELL)
    async with opened(browser, lab, "careful.ipynb") as page:
        await run_all(page)
        view = page.locator(".jp-Notebook .ag").first
        await view.wait_for(timeout=40_000)

        request = await ask(page, view, "Tidy up <b>now</b> [permission]")
        assert "claude-code asks to use Read" in (await request.inner_text()).replace("\n", " ")
        assert await request.locator(".ag-request-data").inner_text() == "file_path: src/inventory/stock.py"
        await shows(view, ".ag-badge", "awaiting permission")
        assert await view.locator("b").count() == 0
        await picture(view, "notebook-permission")

        await press_on(page, "ag-approve", "Enter")
        await shows(view, ".ag-outcome", "Approved by you, this once")
        assert await request.locator("button:visible").count() == 0
        # Whoever has no mouse is still where they were.
        assert "ag-request" in str(await page.evaluate(FOCUSED))
        task = view.locator(".ag-task").last
        await task.locator(".ag-status[data-tone='ok']").wait_for(timeout=20_000)
        assert await task.get_by_role("button", name="Read complete src/inventory/stock.py").count() == 1

        refused = await ask(page, view, "Tidy up more [permission]")
        await press_on(page, "ag-deny", "Space")
        await shows(view, ".ag-outcome", "Denied by you")
        await view.locator(".ag-task").last.locator(".ag-status[data-tone='ok']").wait_for(timeout=20_000)
        assert await refused.locator("button:visible").count() == 0
        # No key of ours was taken for one of the notebook's commands.
        assert await page.locator(".jp-Notebook .jp-Cell").count() == 1
        await picture(view, "notebook-permission-answered")


async def test_what_a_daemon_says_against_an_answer_stands_beside_it(browser: Browser, lab: Lab) -> None:
    link_down = """
    from agor_reactive.errors import Conflict
    real = handle.entry.link.call
    refused = []
    async def call(method, service, *args, **more):
        if "permission-decision" in service and not refused:
            refused.append(service)
            raise Conflict("<i>The queue is full.</i>")
        return await real(method, service, *args, **more)
    handle.entry.link.call = call
    """
    write_notebook(lab.root / "refused.ipynb", CELL, link_down)
    async with opened(browser, lab, "refused.ipynb") as page:
        await run_all(page)
        view = page.locator(".jp-Notebook .ag").first
        await view.wait_for(timeout=40_000)
        request = await ask(page, view, "Tidy up [permission]")
        await request.locator(".ag-approve").click()
        await shows(view, ".ag-outcome", "Not answered: <i>The queue is full.</i>")
        assert await view.locator("i").count() == 0
        await picture(view, "notebook-permission-refused")

        async def enabled() -> bool:
            return await request.locator(".ag-deny").is_enabled()

        await until(enabled, "it can be answered again")
        await request.locator(".ag-deny").click()
        await shows(view, ".ag-outcome", "Denied by you")
        await view.locator(".ag-task").last.locator(".ag-status[data-tone='ok']").wait_for(timeout=20_000)

        # A task that is stopped takes its request with it.
        gone = await ask(page, view, "Tidy up once more [permission]")
        await view.locator(".ag-stop").click()
        await shows(view, ".ag-outcome", "Not answered: the task is stopped")
        assert await gone.locator("button:visible").count() == 0
