"""What people and machines do to a view while it is at work, in a real JupyterLab."""

from __future__ import annotations

import re
from contextlib import suppress
from typing import TYPE_CHECKING

from tests.notebook.browser import (
    PlaywrightTimeout,
    in_browser,
    opened,
    picture,
    prompt,
    run_all,
    run_cell,
    select_cell,
    shows,
    until,
)
from tests.notebook.lab import Lab
from tests.notebook.written_notebooks import write_notebook

if TYPE_CHECKING:
    from playwright.async_api import Browser, Locator

pytestmark = in_browser(lab=True)

SESSION = """
import asyncio, gc, sys
sys.path.insert(0, ROOT)
import ipywidgets
from agor_reactive.adapters.ipywidgets import SessionView
from tests.notebook.long_session import long_session
session = await long_session(tasks=3, messages=2)
alive = lambda: len(ipywidgets.widgets.widget._instances)
"""


async def written(view: Locator, words: int) -> bool:
    """Whether all of a reply is there, in its order."""
    said = await view.locator(".ag-task").last.text_content()
    return [int(word) for word in re.findall(r"word(\d+)", str(said))] == list(range(words))


async def test_a_view_in_two_cells_goes_on_in_one_when_the_other_is_cleared(browser: Browser, lab: Lab) -> None:
    cells = ("view = SessionView(session.handle)\nview", "view", "session.stream(chunks=400, seconds=6)")
    write_notebook(
        lab.root / "two.ipynb", SESSION, *cells, "print('displayed', view.displayed, len(view._publisher._pages))"
    )
    async with opened(browser, lab, "two.ipynb") as page:
        await run_all(page)
        views = page.locator(".jp-Notebook .ag")
        await views.nth(1).locator(".ag-live.ag-text").wait_for(timeout=40_000)
        await select_cell(page, 2)
        await page.get_by_role("menuitem", name="Edit", exact=True).click()
        await page.get_by_role("menuitem", name="Clear Cell Output", exact=True).click()
        await until(lambda: counted(views, 1), "one view is left")
        await until(lambda: written(views.first, 400), "the whole reply")
        await run_cell(page, 4)
        await page.get_by_text("displayed True 1").wait_for()


async def counted(places: Locator, number: int) -> bool:
    return await places.count() == number


async def test_a_cell_run_a_hundred_times_while_text_comes_shows_one_whole_view(browser: Browser, lab: Lab) -> None:
    write_notebook(
        lab.root / "rerun.ipynb",
        SESSION,
        "before = alive()\nrun = 0\nsession.stream(chunks=1500, seconds=15)",
        "run += 1\nview = SessionView(session.handle)\nview",
        "gc.collect(); print('runs', run, 'widgets', alive() - before)",
    )
    async with opened(browser, lab, "rerun.ipynb") as page:
        await run_all(page)
        views = page.locator(".jp-Notebook .ag")
        await views.first.locator(".ag-live.ag-text").wait_for(timeout=40_000)
        await run_cell(page, 2, times=99)
        await run_cell(page, 3)
        # The view and its layout.
        await page.get_by_text("runs 100 widgets 2").wait_for(timeout=40_000)
        await until(lambda: counted(views, 1), "one view is left")
        await until(lambda: written(views.first, 1500), "the whole reply")
        rules = (
            "() => [...document.head.querySelectorAll('style')]"
            ".filter((style) => /ag-transcript-/.test(style.textContent)).length"
        )
        assert await page.evaluate(rules) == 1


async def test_an_interrupted_cell_leaves_the_view_at_work(browser: Browser, lab: Lab) -> None:
    write_notebook(
        lab.root / "interrupt.ipynb",
        SESSION,
        "view = SessionView(session.handle)\nview",
        "session.stream(chunks=400, seconds=6)\nawait asyncio.sleep(1000)",
        "import time\nwhile True: time.sleep(0.01)",
    )
    async with opened(browser, lab, "interrupt.ipynb") as page:
        await run_all(page)
        view = page.locator(".jp-Notebook .ag")
        await view.locator(".ag-live.ag-text").wait_for(timeout=40_000)
        kernel = next(row["kernel"]["id"] for row in lab.api("sessions") if row["path"] == "interrupt.ipynb")
        lab.api(f"kernels/{kernel}/interrupt", "POST", {})
        ended = page.locator(".jp-RenderedText", has_text=re.compile("KeyboardInterrupt|CancelledError"))
        await ended.first.wait_for()
        await until(lambda: written(view, 400), "the whole reply")

        # A cell that holds the kernel is interrupted too; the view is heard again.
        await run_cell(page, 3)
        await prompt(view, "stream 200 1")
        lab.api(f"kernels/{kernel}/interrupt", "POST", {})
        await until(lambda: counted(ended, 2), "the second cell is interrupted")
        await shows(view, ".ag-text", "word199")


DAEMON = """
import asyncio, sys, tempfile
from pathlib import Path
sys.path.insert(0, ROOT)
import agor_reactive as agor
from agor_reactive.adapters.ipywidgets import SessionView
from agor_reactive.daemon import EmbeddedDaemon
rows = Path(tempfile.mkdtemp()) / "agor.db"
daemon = await EmbeddedDaemon(db=rows, speed=3).start()
client = agor.create_client(daemon.url, api_key=daemon.api_key)
await client.open()
row = {"branch_id": daemon.workspace_id, "agentic_tool": "claude-code", "title": "Careful"}
session = await client.service("sessions").create(row)
handle = agor.retain_reactive_session(client, session.session_id)
await handle.ready()
SessionView(handle)
"""
RESTART = """
port = daemon.port
await daemon.stop(graceful=False)
print("daemon is gone")
"""
BACK = """
daemon = await EmbeddedDaemon(db=rows, port=port, speed=3).start()
print("daemon is back")
"""


async def test_an_answer_given_while_the_daemon_is_away_is_said_to_be_lost_or_taken(browser: Browser, lab: Lab) -> None:
    write_notebook(lab.root / "away.ipynb", DAEMON, RESTART, BACK)
    async with opened(browser, lab, "away.ipynb") as page:
        await run_cell(page, 0)
        view = page.locator(".jp-Notebook .ag").first
        await view.wait_for(timeout=40_000)
        await prompt(view, "Tidy up [permission]")
        request = view.locator(".ag-request").first
        await request.locator(".ag-approve").wait_for(timeout=20_000)
        await run_cell(page, 1)
        await page.locator(".jp-RenderedText", has_text="daemon is gone").wait_for()
        await request.locator(".ag-approve").click()
        await shows(view, ".ag-outcome", "Not answered:")
        await picture(view, "notebook-permission-away")
        await until(request.locator(".ag-deny").is_enabled, "it can be answered again")
        await run_cell(page, 2)
        await page.locator(".jp-RenderedText", has_text="daemon is back").wait_for()
        await shows(view, ".ag-linkstate", "live", seconds=40)

        # What the daemon makes of a request that it had before: it is answered, or gone with its task, and says so.
        async def settled() -> bool:
            if await request.locator(".ag-deny:visible").count():
                with suppress(PlaywrightTimeout):  # gone between the look and the click
                    await request.locator(".ag-deny").click(timeout=1_000)
            said = " ".join(await view.locator(".ag-outcome").all_inner_texts())
            return "Denied" in said or "Not answered" in said

        await until(settled, "the request ends", every=0.5)
        await prompt(view, "Are you there? [say:I am.]")
        await shows(view, ".ag-text", "I am.")
        await picture(view, "notebook-permission-back")
