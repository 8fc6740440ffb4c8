"""Debian's Chromium, driven by playwright against a JupyterLab or a marimo of our own. Loopback only."""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

import pytest

from tests.notebook.lab import Lab

_EXTRA = 'needs pip install "agor-reactive[notebook-test]"'
pytest.importorskip("playwright", reason=_EXTRA)

from playwright.async_api import Browser, Locator, Page, async_playwright  # noqa: E402
from playwright.async_api import TimeoutError as PlaywrightTimeout  # noqa: E402

__all__ = [
    "ARTIFACTS",
    "AT_REST",
    "CHROMIUM",
    "FLAGS",
    "LONG_TASKS",
    "PlaywrightTimeout",
    "in_browser",
    "launched",
    "opened",
    "opened_without_kernel",
    "picture",
    "prompt",
    "run_all",
    "run_cell",
    "select_cell",
    "shows",
    "until",
]

_NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
CHROMIUM = next((path for name in _NAMES if (path := shutil.which(name))), None)
"""The shell has the engine of the whole browser and no windows: it needs a quarter less processor time for a page."""
ARTIFACTS = Path(__file__).resolve().parents[2] / "artifacts"


def in_browser(*, lab: bool = False, seconds: float = 120) -> list[pytest.MarkDecorator]:
    """The marks of a test module that uses the session's Chromium and, with `lab`, its JupyterLab. `seconds` is the
    timeout of each test.
    """
    return [
        pytest.mark.skipif(lab and find_spec("jupyterlab") is None, reason=_EXTRA),
        pytest.mark.skipif(CHROMIUM is None, reason="no Chromium (on Debian: apt-get install chromium-headless-shell)"),
        pytest.mark.asyncio(loop_scope="session"),
        pytest.mark.timeout(seconds),
    ]


FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
FLAGS += ["--disable-component-update", "--disable-sync"]

AT_REST = "() => window.__long.every(([start, took]) => start + took < performance.now() - 1500)"
"""Whether the page has had no long task for a while."""

LONG_TASKS = """
window.__long = [];
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) window.__long.push([Math.round(entry.startTime), Math.round(entry.duration)]);
}).observe({ type: "longtask", buffered: true });
"""


@asynccontextmanager
async def launched() -> AsyncIterator[Browser]:
    """A browser."""
    async with async_playwright() as driver:
        browser = await driver.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        try:
            yield browser
        finally:
            await browser.close()


@asynccontextmanager
async def opened(browser: Browser, lab: Lab, path: str) -> AsyncIterator[Page]:
    """A notebook's page with its kernel idle. Afterwards: nothing left the machine, no error was shown."""
    session = lab.open_session(path)
    try:
        async with _watched(browser, lab, path) as page:
            await page.goto(lab.address(path))
            await page.wait_for_selector(
                ".jp-NotebookPanel-toolbar .jp-Notebook-ExecutionIndicator[data-status='idle']"
            )

            async def idle() -> bool:
                kernel = lab.api(f"kernels/{session['kernel']['id']}")
                return bool(kernel["connections"] >= 1 and kernel["execution_state"] == "idle")

            await until(idle, "the kernel is connected")
            yield page
    finally:
        with suppress(HTTPError):  # a test that shut the kernel down
            lab.api(f"sessions/{session['id']}", "DELETE")


@asynccontextmanager
async def opened_without_kernel(browser: Browser, lab: Lab, path: str) -> AsyncIterator[Page]:
    """The page of a notebook whose kernel nobody has; the same afterwards."""
    async with _watched(browser, lab, path) as page:
        await page.goto(lab.address(path))
        await page.locator(".jp-Dialog").get_by_role("button", name="No Kernel").click()
        await page.locator(".jp-Dialog").wait_for(state="detached")
        yield page


@asynccontextmanager
async def _watched(browser: Browser, lab: Lab, path: str) -> AsyncIterator[Page]:
    page = await browser.new_page(viewport={"width": 1240, "height": 1000})
    strayed: list[str] = []
    wrong: list[str] = []
    page.on("request", lambda r: None if r.url.startswith((lab.url, "data:", "blob:")) else strayed.append(r.url))
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda said: wrong.append(said.text) if "agor_reactive" in said.text else None)
    await page.add_init_script(LONG_TASKS)
    try:
        try:
            yield page
        except BaseException:
            # What went wrong is read from this; a cell's traceback, say.
            await picture(page, f"failed-{path.removesuffix('.ipynb')}")
            raise
        assert strayed == []
        assert wrong == []
    finally:
        await page.close()


async def run_all(page: Page) -> None:
    """Run every cell of the notebook."""
    await page.get_by_role("menuitem", name="Run", exact=True).click()
    await page.get_by_role("menuitem", name="Run All Cells", exact=True).click()


async def run_cell(page: Page, number: int, *, times: int = 1) -> None:
    """Run a cell, as with the keyboard."""
    await select_cell(page, number)
    for _ in range(times):
        await page.keyboard.press("Control+Enter")


async def select_cell(page: Page, number: int) -> None:
    """Make a cell the one that keys go to. Text that comes above it moves it, even away from under a click."""
    cell = page.locator(".jp-Notebook .jp-Cell").nth(number)

    async def selected() -> bool:
        await cell.locator(".jp-InputPrompt").click()
        return "jp-mod-active" in (await cell.get_attribute("class") or "").split()

    await until(selected, f"cell {number} is selected")


async def until(
    condition: Callable[[], Awaitable[Any]], what: str, *, seconds: float = 30.0, every: float = 0.05
) -> Any:
    """Wait for it, and give what it gave. Fails after `seconds`."""
    end = time.monotonic() + seconds
    while not (found := await condition()):
        if time.monotonic() > end:
            raise AssertionError(f"waited {seconds:.0f} s in vain: {what}")
        await asyncio.sleep(every)
    return found


async def picture(what: Page | Locator, name: str) -> None:
    """Keep a screenshot under artifacts/."""
    ARTIFACTS.mkdir(exist_ok=True)
    await what.screenshot(path=str(ARTIFACTS / f"{name}.png"))


async def shows(view: Locator, selector: str, text: str, *, seconds: float = 30) -> None:
    """Wait until some such element has that text, in whatever case it is painted."""

    async def found() -> bool:
        return any(text.casefold() in said.casefold() for said in await view.locator(selector).all_inner_texts())

    await until(found, f"{selector} shows {text!r}", seconds=seconds)


async def prompt(view: Locator, text: str) -> None:
    """Write it into the view's prompt box and send it."""
    await view.get_by_label("Prompt", exact=True).fill(text)
    await view.locator(".ag-send").click()
