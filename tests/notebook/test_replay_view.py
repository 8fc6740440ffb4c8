"""A recorded session in JupyterLab: the slider, the marks, playing, and the keys that JupyterLab must not take."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.logs.story import CALLED, DOWN, FIRST_WORDS, story
from tests.logs.writer import BEGIN
from tests.notebook.browser import in_browser, opened, picture, run_all, run_cell, shows, until
from tests.notebook.lab import Lab
from tests.notebook.written_notebooks import write_notebook

if TYPE_CHECKING:
    from playwright.async_api import Browser, Locator

pytestmark = in_browser(lab=True)

CELLS = """
import sys
sys.path.insert(0, ROOT)
from agor_reactive import logs
from agor_reactive.adapters.ipywidgets import ReplayView
view = ReplayView(logs.open("replayed.jsonl"))
view
"""


async def test_a_recorded_session_is_scrubbed_stepped_and_played(browser: Browser, lab: Lab) -> None:
    _, times = story(lab.root / "replayed.jsonl", "Done.")
    write_notebook(lab.root / "replay.ipynb", CELLS, "print(round(view.position))")
    async with opened(browser, lab, "replay.ipynb") as page:
        await run_all(page)
        view = page.locator(".jp-Notebook .ag").first
        await view.wait_for(timeout=40_000)
        await shows(view, ".ag-prose", "Done.")
        await view.locator(".ag-mark[data-kind=lost]").wait_for(state="attached")
        await picture(view, "replay-end")
        saved = page.locator(".ag-transcript")  # hidden while the view is there
        await until(lambda: _holds(saved, "Done."), "the transcript is saved beside the view")

        slider = view.get_by_role("slider", name="Moment of the session")
        await slider.focus()
        await page.keyboard.press("Home")
        await until(lambda: _none(view, ".ag-task"), "nothing has begun")
        for text in ("Task began", "Bash was called"):
            await page.keyboard.press("Shift+ArrowRight")
            assert text in (await slider.get_attribute("aria-valuetext") or "")
        await shows(view, ".ag-chip", CALLED)
        await shows(view, ".ag-status", "running")
        await picture(view, "replay-moment")

        # The kernel knows where the view is, and moves it.
        await run_cell(page, 1)
        await page.get_by_text(str(round(times["called"])), exact=True).wait_for()
        await page.locator(".jp-Notebook .jp-Cell .cm-content").nth(1).fill(f"view.seek({times['text']})")
        await page.keyboard.press("Control+Enter")
        await until(lambda: _is(view, ".ag-prose", FIRST_WORDS), "the text so far")

        # Space plays to the end; JupyterLab takes none of the keys.
        cells = await page.locator(".jp-Notebook .jp-Cell").count()
        await view.get_by_label("Speed").select_option("2")  # slow enough to see the second of the lost connection
        await slider.focus()
        for key in ("b", "a", "d", "d", "Space"):
            await page.keyboard.press(key)
        await view.get_by_role("button", name="Pause", exact=True).wait_for()
        await shows(view, ".ag-note", DOWN)
        await view.get_by_label("Speed").select_option("5")
        await view.get_by_role("button", name="Play", exact=True).wait_for(timeout=20_000)
        await shows(view, ".ag-status", "failed")
        assert await view.locator(".ag-clock").inner_text() == f"00:{times['end'] - BEGIN:02.0f} / 00:23"
        assert await page.locator(".jp-Notebook .jp-Cell").count() == cells
        for pressed in (".ag-ask", ".ag-approve", ".ag-stop", ".ag-cancel", ".ag-older"):
            assert await view.locator(f"{pressed} >> visible=true").count() == 0


async def _holds(element: Locator, text: str) -> bool:
    return text in (await element.first.text_content() or "")


async def _none(view: Locator, selector: str) -> bool:
    return await view.locator(selector).count() == 0


async def _is(view: Locator, selector: str, text: str) -> bool:
    return [said.strip() for said in await view.locator(selector).all_inner_texts()] == [text.strip()]
