"""The same view in marimo, through its own bridge for anywidgets."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import textwrap
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

pytest.importorskip("playwright", reason='needs pip install "agor-reactive[notebook-test]"')
pytest.importorskip("marimo", reason='needs pip install "agor-reactive[notebook-test]"')

from tests.notebook.browser import in_browser, picture, shows, until

if TYPE_CHECKING:
    from playwright.async_api import Browser

pytestmark = in_browser()
ROOT = Path(__file__).resolve().parents[2]

APP = f"""
import marimo

app = marimo.App()


@app.cell
async def _():
    import sys
    sys.path.insert(0, {str(ROOT)!r})
    import marimo as mo
    from agor_reactive.adapters.ipywidgets import SessionView
    from tests.notebook.long_session import long_session
    session = await long_session(tasks=3, messages=2)
    view = SessionView(session.handle)
    session.stream(chunks=100, seconds=4)
    return long_session, mo, view


@app.cell
def _(mo, view):
    mo.ui.anywidget(view)
    return


@app.cell
async def _(long_session):
    other = await long_session(tasks=2, messages=2, title="A bare handle")
    other.handle
    return


if __name__ == "__main__":
    app.run()
"""


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    (tmp_path / "app.py").write_text(textwrap.dedent(APP).lstrip(), encoding="utf-8")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    home = {name: str(tmp_path) for name in ("HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_STATE_HOME")}
    flags = ["--headless", "--no-token", "--host", "127.0.0.1", "--port", str(port)]
    process = subprocess.Popen(
        [sys.executable, "-m", "marimo", "run", str(tmp_path / "app.py"), *flags],
        env={**os.environ, **home, "MARIMO_SKIP_UPDATE_CHECK": "1"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    yield f"http://127.0.0.1:{port}/"
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(5)


def is_up(address: str) -> bool:
    try:
        with urllib.request.urlopen(address + "health", timeout=2) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


async def test_a_session_is_watched_in_marimo(browser: Browser, address: str) -> None:
    await until(lambda: asyncio.to_thread(is_up, address), "marimo is up", seconds=40, every=0.2)
    page = await browser.new_page(viewport={"width": 1100, "height": 800})
    try:
        strayed: list[str] = []
        page.on("request", lambda r: None if r.url.startswith((address, "data:", "blob:")) else strayed.append(r.url))
        await page.goto(address)
        view = page.locator(".ag", has_text="A long session").first
        await view.wait_for(timeout=40_000)
        bare = page.locator(".ag", has_text="A bare handle")
        await shows(bare, ".ag-task-head", "Look again 1")

        async def written() -> bool:
            return "word99" in await view.locator(".ag-task").last.inner_text()

        await until(written, "the whole reply")
        await view.locator(".ag-task-head").first.click()
        await view.locator(".ag-task").first.locator(".ag-code").first.wait_for()
        await picture(page, "notebook-marimo")
        assert strayed == []
    finally:
        await page.close()
