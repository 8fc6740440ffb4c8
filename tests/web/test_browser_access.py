"""Who uses no mouse, or no screen: axe-core finds nothing serious, and keys lead everywhere."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.notebook.browser import in_browser, picture, prompt, shows
from tests.notebook.test_hostile_text import MARKDOWN
from tests.web.scene import Scene, scene

if TYPE_CHECKING:
    from playwright.async_api import Browser, Locator

AXE = Path(__file__).parent / "node_modules" / "axe-core" / "axe.min.js"
MISSING = "axe-core is not installed (npm ci in tests/web)"

pytestmark = in_browser()

FOUND = """async () => {
  const { violations } = await axe.run(document, { resultTypes: ["violations"] });
  const about = ({ html, any }) => html.slice(0, 120) + " " + (any[0]?.message ?? "");
  return violations.filter(({ impact }) => impact !== "minor")
    .map(({ id, nodes }) => `${id}: ${nodes.slice(0, 4).map(about).join(" | ")}`);
}"""


async def filled(s: Scene, view: Locator) -> None:
    """A session with everything that there is to see: text, code, a tool's detail, a request, a queue, a failure."""
    await prompt(view, f"[say:{MARKDOWN}")
    await view.locator(".ag-task .ag-status[data-tone='ok']").first.wait_for()
    await prompt(view, "This one fails [fail]")
    await view.locator(".ag-task .ag-status[data-tone='bad']").first.wait_for()
    await prompt(view, "Tidy up [permission]")
    await view.get_by_role("button", name="Approve").wait_for()
    await prompt(view, "And then this one")
    await shows(view, ".ag-queued", "And then this one")
    await view.locator(".ag-chip").first.click()
    await view.locator(".ag-detail pre").first.wait_for()


@pytest.mark.skipif(not AXE.exists(), reason=MISSING)
@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_axe_finds_nothing_serious(browser: Browser, scheme: Any) -> None:
    async with scene(allow_prompts=True) as s:
        page = await browser.new_page(viewport={"width": 1280, "height": 800}, color_scheme=scheme)
        try:
            await page.goto(s.url)
            await page.locator(".ag-row").first.wait_for()
            await page.evaluate(AXE.read_text(encoding="utf-8"))
            assert await page.evaluate(FOUND) == []
            await page.locator(".ag-row").first.click()
            view = page.locator(".ag-session .ag")
            await filled(s, view)
            for width in (1280, 390):
                await page.set_viewport_size({"width": width, "height": 800})
                await page.wait_for_timeout(200)
                await picture(page, f"web-{scheme}-{width}")
                assert await page.evaluate(FOUND) == []
                assert await page.evaluate("() => document.documentElement.scrollWidth <= innerWidth")
        finally:
            await page.close()
