"""A notebook that was saved, opened again where its kernel is not: it reads, and nothing in it runs."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from typing import TYPE_CHECKING, Any

from tests.notebook.browser import in_browser, opened, opened_without_kernel, picture, run_all, shows, until
from tests.notebook.lab import Lab
from tests.notebook.written_notebooks import write_notebook

if TYPE_CHECKING:
    from playwright.async_api import Browser, Page

pytestmark = in_browser(lab=True)

EVIL = "</script><script>window.__ran=1</script><img src=x onerror=window.__ran=1>"
CELLS = (
    """
    import sys
    sys.path.insert(0, ROOT)
    import agor_reactive as agor
    from agor_reactive.adapters.ipywidgets import SessionView, SessionsView
    from agor_reactive.daemon import EmbeddedDaemon
    daemon = await EmbeddedDaemon(speed=20).start()
    client = agor.create_client(daemon.url, api_key=daemon.api_key)
    await client.open()
    row = {"branch_id": daemon.workspace_id, "agentic_tool": "codex", "title": "Kept " + EVIL}
    session = await client.service("sessions").create(row)
    handle = agor.retain_reactive_session(client, session.session_id)
    await handle.ready()
    handle
    """.replace("EVIL", repr(EVIL)),
    f"await handle.ask({f'Say it [say:Last words. {EVIL}]'!r});",
    "table = SessionsView(client)\nawait table.ready()\ntable",
)


def without_kernel(notebook: dict[str, Any]) -> dict[str, Any]:
    """The same for a kernel that this machine does not have."""
    notebook["metadata"].pop("language_info", None)
    notebook["metadata"]["kernelspec"] = {"display_name": "Elsewhere", "language": "elsewhere", "name": "elsewhere"}
    return notebook


def put(lab: Lab, notebook: dict[str, Any], name: str, *, trusted: bool) -> str:
    """Write it where the Lab finds it."""
    (lab.root / name).write_text(json.dumps(notebook), encoding="utf-8")
    if trusted:
        trust = [sys.executable, "-m", "jupyter", "trust", str(lab.root / name)]
        subprocess.run(trust, env={**os.environ, "JUPYTER_DATA_DIR": str(lab.home / "data")}, check=True)
    return name


async def reads(page: Page) -> None:
    """The last reply can be read, the table too; nothing ran."""
    outputs = page.locator(".jp-Notebook .jp-OutputArea")

    async def both() -> bool:
        # As laid out: what is hidden does not count, nor does the prompt, which has these words further in.
        text = "\n".join(await outputs.all_inner_texts())
        return re.search(r"^Last words\. ‹/script>", text, re.MULTILINE) is not None and "1 session\n" in text

    await until(both, "the last reply and the table are read")
    assert await outputs.locator("img, script, iframe, [onerror]").count() == 0
    assert await page.evaluate("() => window.__ran") is None


async def test_what_was_said_last_is_read_from_a_saved_notebook_without_a_kernel(browser: Browser, lab: Lab) -> None:
    write_notebook(lab.root / "kept.ipynb", *CELLS)
    async with opened(browser, lab, "kept.ipynb") as page:
        await run_all(page)
        view = page.locator(".jp-Notebook .ag").first
        await shows(view, ".ag-text", "Last words.", seconds=40)
        await page.locator(".jp-Notebook .ag-list .ag-row").wait_for()
        # Beside a living view its text is not shown a second time.
        assert await page.locator(".jp-Notebook .ag-transcript:visible").count() == 0

        async def saved() -> bool:
            await page.keyboard.press("Control+s")
            try:
                return "last words." in kept_in(read(lab, "kept.ipynb"))
            except json.JSONDecodeError:
                return False  # JupyterLab is writing the file at this moment

        await until(saved, "the notebook is saved with the reply", every=0.3)
    assert "</script" not in kept_in(read(lab, "kept.ipynb"))

    for trusted in (False, True):
        name = put(lab, without_kernel(read(lab, "kept.ipynb")), f"kept-{trusted}.ipynb", trusted=trusted)
        async with opened_without_kernel(browser, lab, name) as page:
            await reads(page)
            assert lab.api("kernels") == []
            await picture(page, f"notebook-saved-{'trusted' if trusted else 'untrusted'}")


def kept_in(notebook: dict[str, Any]) -> str:
    """All that a saved notebook has but its source, in small letters."""
    outputs = [cell["outputs"] for cell in notebook["cells"]]
    return json.dumps([outputs, notebook["metadata"].get("widgets")]).lower()


def read(lab: Lab, name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((lab.root / name).read_text(encoding="utf-8"))
    return found


async def test_saved_widget_state_reads_as_well_and_offers_nothing_that_needs_a_kernel(
    browser: Browser, lab: Lab
) -> None:
    import nbformat
    from nbclient import NotebookClient

    write_notebook(lab.root / "state.ipynb", *CELLS)
    notebook = nbformat.read(lab.root / "state.ipynb", as_version=4)
    await NotebookClient(notebook, timeout=60, startup_timeout=60, kernel_name="python3").async_execute()
    found = json.loads(nbformat.writes(notebook))
    assert found["metadata"]["widgets"]
    assert "last words." in kept_in(found)
    assert "</script" not in kept_in(found)
    name = put(lab, found, "state-kept.ipynb", trusted=True)
    # With another kernel JupyterLab makes widgets of their saved state, though nobody answers them.
    async with opened(browser, lab, name) as page:
        await page.locator(".jp-Notebook .ag").first.wait_for(timeout=20_000)
        await reads(page)
        assert (
            await page.locator(".jp-Notebook .jp-OutputArea")
            .locator("textarea:visible, input:visible, button:visible")
            .count()
            == 0
        )
        await picture(page, "notebook-saved-state")
