"""The views in the light and the dark theme of JupyterLab: all text can be read."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.notebook.browser import in_browser, opened, picture, prompt, run_all, shows
from tests.notebook.lab import Lab
from tests.notebook.written_notebooks import write_notebook

if TYPE_CHECKING:
    from playwright.async_api import Browser

pytestmark = in_browser(lab=True)

CELL = """
import sys
sys.path.insert(0, ROOT)
import agor_reactive as agor
from agor_reactive.adapters.ipywidgets import SessionsView
from agor_reactive.daemon import EmbeddedDaemon
daemon = await EmbeddedDaemon(speed=20).start()
client = agor.create_client(daemon.url, api_key=daemon.api_key)
await client.open()
row = {"branch_id": daemon.workspace_id, "agentic_tool": "codex"}
sessions = [await client.service("sessions").create({**row, "title": f"Session {number}"}) for number in range(4)]
await client.service("sessions").find_all(page_size=2, progress=True)
for session, text in zip(sessions[1:], ("Break [fail]", "May I? [permission]", "On and on [slow]")):
    await client.sessions.prompt(session.session_id, text)
view = SessionsView(client)
view.show(sessions[0].session_id);
"""

FAINT = """(roots) => {
  const parse = (color) => {
    const canvas = document.createElement("canvas").getContext("2d");
    canvas.fillStyle = color;
    canvas.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data;
    return [r, g, b, a / 255];
  };
  const over = ([r, g, b, a], [R, G, B]) => [r * a + R * (1 - a), g * a + G * (1 - a), b * a + B * (1 - a)];
  const light = (color) => {
    const [r, g, b] = color.map((value) => value / 255)
      .map((value) => (value <= 0.03928 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = (element) => {
    const layers = [];
    for (let at = element; at; at = at.parentElement) layers.push(parse(getComputedStyle(at).backgroundColor));
    return layers.reverse().reduce((under, layer) => over(layer, under), [255, 255, 255]);
  };
  const found = [];
  for (const root of roots) {
    for (const element of root.querySelectorAll("*")) {
      const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim());
      const words = element.placeholder || (own && element.textContent.trim());
      if (!words || !element.checkVisibility({ opacityProperty: true, visibilityProperty: true })) continue;
      if (element.closest(".ag-unseen, [disabled]") || !element.getClientRects().length) continue;
      let ink = parse(getComputedStyle(element).color);
      if (element.placeholder && !element.value) ink = parse(getComputedStyle(element, "::placeholder").color);
      for (let at = element; at; at = at.parentElement) ink[3] *= Number(getComputedStyle(at).opacity);
      const back = behind(element);
      const [high, low] = [light(over(ink, back)), light(back)].sort((one, other) => other - one);
      const ratio = (high + 0.05) / (low + 0.05);
      const name = element.className || element.localName;
      if (ratio < 4.5) found.push(`${ratio.toFixed(2)} ${name}: ${words.slice(0, 40)}`);
    }
  }
  return [...new Set(found)].sort();
}"""
"""Words with a contrast below 4.5 : 1."""

INK = """(element) => {
  const canvas = document.createElement("canvas").getContext("2d");
  canvas.fillStyle = getComputedStyle(element).color;
  canvas.fillRect(0, 0, 1, 1);
  return [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3);
}"""
"""The red, green and blue of an element's text."""


@pytest.fixture(params=["light", "dark"])
def themed(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, Lab]]:
    """A theme, and a Lab that has it: Lab keeps the choice, so the shared one is left as it is."""
    (tmp_path / "notebooks").mkdir()
    lab = Lab(tmp_path / "home", tmp_path / "notebooks", theme=f"JupyterLab {request.param.title()}")
    lab.start()
    yield request.param, lab
    lab.stop()


async def test_all_text_can_be_read_in_the_themes_of_jupyterlab(browser: Browser, themed: tuple[str, Lab]) -> None:
    theme, lab = themed
    write_notebook(lab.root / "themes.ipynb", CELL, "view")
    async with opened(browser, lab, "themes.ipynb") as page:
        await run_all(page)
        table, pane = page.locator(".jp-Notebook .ag-list").first, page.locator(".jp-Notebook .ag-opened .ag")
        await shows(table, ".ag-row .ag-status", "awaiting permission", seconds=60)
        assert await page.locator(".jp-OutputArea-output progress").get_attribute("value") == "1.000"
        await prompt(pane, "Look around [tools:4]")
        await pane.locator(".ag-task .ag-status[data-tone='ok']").first.wait_for()
        await prompt(pane, "Break [fail]")
        await pane.locator(".ag-task .ag-status[data-tone='bad']").first.wait_for()
        # A green heading would hide that it failed.
        await shows(pane, ".ag-head .ag-badge", "failed")
        red, green, blue = await pane.locator(".ag-head .ag-badge").evaluate(INK)
        assert red > max(green, blue)
        await prompt(pane, "May I? [permission]")
        await pane.get_by_role("button", name="Approve").wait_for()
        await prompt(pane, "And then")
        await shows(pane, ".ag-queued", "And then")
        await pane.locator(".ag-group").click()
        await pane.locator(".ag-chip").first.click()
        await pane.locator(".ag-detail pre").first.wait_for()
        await pane.locator(".ag-fold").first.click()
        assert await page.evaluate("() => document.body.dataset.jpThemeName") == f"JupyterLab {theme.title()}"
        await picture(page, f"notebook-theme-{theme}")
        await picture(page.locator(".jp-Notebook .jp-Cell").last, f"notebook-theme-{theme}-cell")
        # What pulses is faint for moments.
        await page.add_style_tag(content="* { animation: none !important; }")
        faint = await page.locator(".jp-Notebook :is(.ag, .ag-list)").evaluate_all(FAINT)
        assert "\n".join(faint) == ""
