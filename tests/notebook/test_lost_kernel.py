"""A page whose kernel is gone says so and offers no actions."""

from __future__ import annotations

import asyncio
import os
import signal
from typing import TYPE_CHECKING, Any

import pytest

from agor_reactive.adapters.page.document import Part
from tests.notebook.browser import in_browser, opened, picture, run_all, run_cell, until
from tests.notebook.lab import Lab
from tests.notebook.standalone_page import snapshot, standalone, tell
from tests.notebook.test_reruns_and_interrupts import SESSION
from tests.notebook.written_notebooks import write_notebook

if TYPE_CHECKING:
    from playwright.async_api import Browser, Page

pytestmark = in_browser(lab=True)

ASKS = Part(
    {"kind": "request", "request": "r", "who": "it asks to use", "name": "Bash", "state": "pending"} | {"when": None}
)
AT_WORK = (Part({"kind": "text", "live": True}, "So far"), ASKS)
AT_WORK += (Part({"kind": "tool", "tool": "u", "name": "Bash", "state": "executing", "brief": "", "why": ""}),)
FAILS = """() => {
  window.sent = { push: () => { throw new Error("disposed"); } };
  document.querySelector(".ag-send").click();
}"""
PRESSES = ".ag-send, .ag-stop, .ag-cancel, .ag-approve, .ag-deny, .ag-older"


async def link(page: Page) -> str:
    return await page.locator(".ag-linkstate").text_content()


async def pressed(page: Page) -> int:
    """How many things there are to press that only a kernel could do."""
    return sum([await element.is_visible() for element in await page.locator(PRESSES).all()])


@pytest.mark.parametrize("how", ["told", "found out"])
async def test_a_view_whose_kernel_is_gone_says_so_and_offers_nothing(browser: Browser, how: str) -> None:
    async with standalone(browser) as page:
        await tell(page, snapshot(*AT_WORK, row={"began": 1}))
        await page.get_by_label("Prompt", exact=True).fill("half a thought")
        assert await link(page) == "live"
        assert await pressed(page) == 4
        if how == "told":
            await page.evaluate("() => window.handlers['comm_live_update']()")
        else:
            await page.evaluate(FAILS)
        assert await link(page) == "disconnected"
        assert "Run the cell again" in await page.locator(".ag-notes[role='status']").inner_text()
        assert await pressed(page) == 0
        # What was written can be read and copied still.
        assert await page.get_by_label("Prompt", exact=True).input_value() == "half a thought"
        await page.locator(".ag-chip").click()
        assert "Kernel disconnected" in await page.locator(".ag-detail").inner_text()
        clock = await page.locator(".ag-took").inner_text()
        assert await page.evaluate("() => document.getAnimations().length") == 0
        await page.evaluate("() => new Promise((done) => setTimeout(done, 1200))")
        assert await page.locator(".ag-took").inner_text() == clock


async def test_a_kernel_that_is_heard_again_is_live_again(browser: Browser) -> None:
    async with standalone(browser) as page:
        await tell(page, snapshot(*AT_WORK))
        await page.evaluate("() => window.handlers['comm_live_update']()")
        assert await link(page) == "disconnected"
        await tell(page, snapshot(*AT_WORK, seq=2))
        assert await link(page) == "live"
        assert await pressed(page) == 4


async def test_a_kernel_that_does_not_answer_is_not_called_live(browser: Browser) -> None:
    async with standalone(browser) as page:
        await tell(page, snapshot(*AT_WORK))
        await page.clock.install()
        await page.get_by_label("Prompt", exact=True).fill("Hello?")
        await page.locator(".ag-send").click()
        await page.clock.run_for(21_000)
        assert await link(page) == "no answer"
        assert await page.locator(".ag-send").is_enabled(), "it may only be busy"
        await page.evaluate("() => receive({ op: 'done', action: 'another', error: null })")
        assert await link(page) == "live"


async def test_a_table_whose_kernel_is_gone_says_so_its_open_session_too(browser: Browser) -> None:
    row = {
        "title": "One",
        "status": "idle",
        "tone": "ok",
        "agent": "",
        "ref": "",
        "tasks": 1,
        "when": None,
        "needs": [],
    }
    async with standalone(browser, "sessions_widget") as page:
        await page.evaluate(
            "(m) => receive(m)", {"op": "snapshot", "seq": 1, "now": 0, "put": [["s", row]], "note": ""}
        )
        await page.evaluate("() => receive({ op: 'opened', pane: 1, session: 's' })")
        await page.evaluate("(message) => receive({ op: 'pane', pane: 1, message })", snapshot(*AT_WORK))
        await page.locator(".ag .ag-text").wait_for()
        await page.evaluate("() => window.handlers['comm_live_update']()")
        assert await page.locator(".ag-note", has_text="Run the cell again").count() == 2
        said = await page.evaluate("() => window.sent.length")
        await page.locator(".ag-row").click()
        assert await page.evaluate("() => window.sent.length") == said


async def test_a_kernel_that_says_farewell_or_signs_with_another_name_is_gone(browser: Browser) -> None:
    async with standalone(browser) as page:

        async def overhear(message: str, name: str) -> None:
            await page.evaluate("(header) => window.overheard(header)", {"msg_type": message, "session": name})

        await tell(page, snapshot(*AT_WORK, row={"began": 1}))
        await overhear("status", "one")
        await overhear("stream", "one")
        assert await link(page) == "live"
        await overhear("shutdown_reply", "one")
        assert await link(page) == "disconnected"
        await tell(page, snapshot(*AT_WORK, seq=2, row={"began": 1}))
        assert await link(page) == "live"
        acknowledged = "() => window.sent.some((message) => message.op === 'seen' && message.seq === 2)"
        await page.wait_for_function(acknowledged)
        said = await page.evaluate("() => window.sent.length")
        await overhear("status", "two")
        assert await link(page) == "disconnected"
        # It may be a mistake: so the kernel is asked.
        assert [message["op"] for message in (await page.evaluate("() => window.sent"))[said:]] == ["sync"]
        await tell(page, snapshot(*AT_WORK, seq=3, row={"began": 1}))
        await overhear("status", "two")
        assert await link(page) == "live"


async def restart(page: Page, lab: Lab, pid: int) -> None:
    await page.get_by_role("menuitem", name="Kernel", exact=True).click()
    await page.locator('.lm-Menu-item[data-command="kernelmenu:restart"]').click()
    await page.locator(".jp-Dialog .jp-mod-accept").click()


async def shut_down(page: Page, lab: Lab, pid: int) -> None:
    await page.get_by_role("menuitem", name="Kernel", exact=True).click()
    await page.locator('.lm-Menu-item[data-command="kernelmenu:shutdown"]').click()


async def restart_elsewhere(page: Page, lab: Lab, pid: int) -> None:
    (kernel,) = lab.api("kernels")
    await asyncio.to_thread(lab.api, f"kernels/{kernel['id']}/restart", "POST")


async def crash(page: Page, lab: Lab, pid: int) -> None:
    os.kill(pid, signal.SIGKILL)


@pytest.mark.parametrize("happen", [restart, shut_down, restart_elsewhere, crash])
async def test_a_view_in_jupyterlab_outlives_its_kernel_and_knows(browser: Browser, lab: Lab, happen: Any) -> None:
    name = f"cut-{happen.__name__}.ipynb"
    cells = ("SessionView(session.handle)", "import os; print('pid', os.getpid())")
    write_notebook(lab.root / name, SESSION, *cells)
    async with opened(browser, lab, name) as page:
        await run_all(page)
        view = page.locator(".jp-Notebook .ag").first
        await view.locator(".ag-text").first.wait_for(timeout=40_000)

        async def pid() -> int | None:
            words = (await page.locator(".jp-Notebook .jp-Cell").nth(2).inner_text()).split()
            return int(words[-1]) if words and words[-1].isdecimal() else None

        number = await until(pid, "the kernel's number")
        assert await view.locator(".ag-linkstate").text_content() == "live"
        await happen(page, lab, number)

        async def known() -> bool:
            return await view.locator(".ag-linkstate").text_content() == "disconnected"

        await until(known, "the view says that it is not connected")
        assert await view.locator(".ag-ask").is_visible() is False
        await picture(view, f"notebook-cut-{happen.__name__}")
        if happen is restart:
            # Run again, the cells have a view that lives.
            for cell in (0, 1):
                await run_cell(page, cell)
            await view.locator(".ag-linkstate[data-tone='ok']").wait_for(timeout=40_000)
