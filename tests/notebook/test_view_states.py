"""A view's page says what is so, and holds still: states, errors, times, permission cards, keys, screen readers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pytest

from agor_reactive.adapters.page.document import Part
from tests.notebook.browser import in_browser, opened, picture, run_all, shows, until
from tests.notebook.lab import Lab
from tests.notebook.standalone_page import snapshot, standalone, tell
from tests.notebook.written_notebooks import view_cell, write_notebook

if TYPE_CHECKING:
    from playwright.async_api import Browser, Page

pytestmark = in_browser()

COMMAND = "echo ok #␍␛]0;x<1,600 blanks>; rm -rf <U+202E>~ && " + "sleep 1; " * 6 + "… 4,000 more"
TOOL = {"kind": "tool", "tool": "u1", "name": "Bash", "brief": COMMAND, "why": "", "took": "", "began": 5}
REQUEST = {"kind": "request", "request": "r1", "who": "codex asks to use", "name": "Bash", "outcome": "", "when": None}
PENDING = {**REQUEST, "state": "pending"}
THOUGHT = Part({"kind": "thought", "live": False}, "I should look at the files first.")
CARD = ".ag-request"


async def head(page: Page, seq: int, **fields: Any) -> None:
    """Patch the heading."""
    await page.evaluate("(message) => receive(message)", {"op": "patch", "seq": seq, "now": 0, "head": fields})


async def part(page: Page, seq: int, key: str, fields: Mapping[str, Any]) -> None:
    """Patch a part of the task."""
    patch = {"op": "patch", "seq": seq, "now": 0, "parts": {"t": {"put": [[key, None, fields, None, None]]}}}
    await page.evaluate("(message) => receive(message)", patch)


async def answer_last(page: Page, **fields: Any) -> None:
    """Answer the page's last action."""
    action = await page.evaluate("() => sent.filter((message) => message.action).pop().action")
    await page.evaluate("(message) => receive(message)", {"op": "done", "action": action, **fields})


@pytest.mark.parametrize("passing", [True, False])
async def test_an_error_of_the_connection_goes_with_the_reconnect_another_stays(
    browser: Browser, passing: bool
) -> None:
    async with standalone(browser) as page:
        await tell(page, snapshot(Part(PENDING, "command: ls")))
        await head(page, 2, link="reconnecting", linkTone="warn")
        await page.get_by_label("Prompt", exact=True).fill("more")
        await page.locator(".ag-send").click()
        await answer_last(page, error="Not connected to the daemon.", **({"passing": True} if passing else {}))
        await shows(page.locator(".ag"), ".ag-answer", "Not connected to the daemon.")
        await page.locator(".ag-approve").click()
        await answer_last(page, error="Not connected to the daemon.", **({"passing": True} if passing else {}))
        await shows(page.locator(".ag"), ".ag-outcome", "Not answered: Not connected")
        await page.get_by_label("Prompt", exact=True).fill("more")
        await page.locator(".ag-send").click()
        await answer_last(page, error="Not connected to the daemon.", **({"passing": True} if passing else {}))
        await head(page, 3, link="live", linkTone="ok")
        errors = [await page.locator(place).inner_text() for place in (".ag-answer", ".ag-outcome")]
        assert all(errors) is not passing
        assert any(errors) is not passing
        assert await page.get_by_label("Prompt", exact=True).input_value() == "more"


@pytest.mark.parametrize("link", ["unavailable", "released"])
async def test_a_session_that_takes_no_prompt_offers_nothing_to_press_and_counts_no_time(
    browser: Browser, link: str
) -> None:
    async with standalone(browser) as page:
        await tell(page, snapshot(Part(PENDING, "command: ls")))
        assert await page.locator(".ag-send").is_visible()
        await head(page, 2, link=link, linkTone="bad", open=False)
        await shows(page.locator(".ag"), ".ag-linkstate", link)
        for name in (".ag-send", ".ag-stop", ".ag-approve", ".ag-deny", "textarea"):
            assert not await page.locator(name).is_visible(), name
        before = await page.locator(".ag-took").inner_text()
        await page.evaluate("() => new Promise((done) => setTimeout(done, 1300))")
        assert await page.locator(".ag-took").inner_text() == before


async def test_elapsed_time_never_runs_backwards(browser: Browser) -> None:
    async with standalone(browser) as page:
        await page.evaluate("() => { window.base = Date.now(); }")
        row = {**snapshot(row={"began": 1})}
        row["now"] = 60_000
        await tell(page, row)
        texts = []
        # Messages that were under way for up to 20 s: the page's idea of the kernel's clock must not follow them.
        for seq, late in enumerate((0, 20_000, 5_000, 12_000), 2):
            tasks = {"put": [["t", None, {"status": f"running {seq}"}]]}
            message = {"op": "patch", "seq": seq, "now": 60_000 - late, "tasks": tasks}
            await page.evaluate("(message) => receive(message)", message)
            await shows(page.locator(".ag"), ".ag-status", f"running {seq}")
            texts.append(await page.locator(".ag-took").inner_text())
        seconds = [_seconds(text) for text in texts]
        assert seconds == sorted(seconds)
        assert seconds[-1] < 90


def _seconds(text: str) -> float:
    """Read ``1 m 05 s`` or ``7.0 s``."""
    numbers = [float(word) for word in text.split() if word[0].isdigit()]
    return numbers[0] * 60 + numbers[1] if len(numbers) == 2 else numbers[0]


async def test_a_permission_card_and_what_is_around_it_hold_still_while_it_is_answered(browser: Browser) -> None:
    async with standalone(browser) as page:
        await tell(page, snapshot(THOUGHT, Part({**TOOL, "state": "executing"}), Part(PENDING, f"command: {COMMAND}")))

        async def places() -> list[Any]:
            return [await page.locator(name).bounding_box() for name in (".ag-thought", CARD, ".ag-part.ag-note")]

        before = await places()
        await picture(page, "bare-permission")
        await page.locator(".ag-approve").click()
        assert await places() == before
        await answer_last(page, error=None)
        assert await places() == before
        await part(page, 2, "p2", {"state": "approved", "outcome": "Approved by you, this once", "when": 0})
        await shows(page.locator(".ag"), ".ag-outcome", "Approved by you, this once")
        assert await places() == before
        await picture(page, "bare-permission-approved")


async def test_the_input_of_a_call_is_never_clipped(browser: Browser) -> None:
    async with standalone(browser) as page:
        await tell(page, snapshot(Part({**TOOL, "state": "executing"}), Part(PENDING, f"command: {COMMAND}")))
        for width in (1000, 420):
            await page.set_viewport_size({"width": width, "height": 900})
            fits = "(e) => e.scrollWidth <= e.clientWidth + 1 || getComputedStyle(e).display === 'inline'"
            assert await page.locator(".ag-chip .ag-brief").evaluate(fits)
            assert await page.locator(".ag-chip .ag-brief").inner_text() == COMMAND
            assert await page.locator(".ag-chip").evaluate("(e) => e.scrollWidth <= e.clientWidth + 1")
            await picture(page, f"bare-exact-{width}")


WATCHED = """() => {
  window.blank = 0;
  const look = () => {
    if (!document.querySelector(".ag-task, .ag-saved:not([hidden])")) window.blank += 1;
    window.frame = requestAnimationFrame(look);
  };
  look();
}"""


async def test_a_snapshot_that_replaces_another_shows_no_blank_frame(browser: Browser) -> None:
    async with standalone(browser) as page:
        parts = [Part({"kind": "text", "live": False}, "A paragraph.\n\n" * 400) for _ in range(30)]
        await tell(page, snapshot(*parts))
        await page.locator(".ag-scroll").evaluate("(e) => { e.scrollTop = 300; }")
        await page.wait_for_function("() => !document.querySelector('.ag-jump').hidden")
        await page.evaluate(WATCHED)
        again = snapshot(*parts, seq=5, title="Another")
        await page.evaluate("(message) => { setTimeout(() => receive(message)); }", again)
        await shows(page.locator(".ag"), ".ag-title", "Another")
        await page.wait_for_function("() => document.querySelectorAll('.ag-lists .ag-part').length === 31")
        assert await page.evaluate("() => window.blank") == 0
        assert abs(await page.locator(".ag-scroll").evaluate("(e) => e.scrollTop") - 300) < 2


async def test_screen_readers_are_notified_and_focus_is_visible(browser: Browser) -> None:
    async with standalone(browser) as page:
        await tell(page, snapshot(Part(PENDING, "command: ls")))
        assert await page.locator(".ag-unseen[aria-live=polite]").text_content() == (
            "codex asks to use Bash. Approve or deny."
        )
        assert await page.locator(".ag-notes").get_attribute("role") == "status"
        assert await page.locator(".ag-answer").get_attribute("role") == "alert"
        assert await page.locator(".ag-badge").get_attribute("aria-live") == "polite"
        await page.keyboard.press("Tab")
        seen = set()
        for _ in range(12):
            style = await page.evaluate(
                "() => { const e = document.activeElement; const s = getComputedStyle(e);"
                " return [e.className || e.tagName, s.outlineStyle, s.outlineWidth]; }"
            )
            if style[0] == "BODY":
                break
            seen.add(style[0])
            assert style[1:] != ["none", "0px"], style
            await page.keyboard.press("Tab")
        assert {"ag-scroll", "ag-task-head", "ag-request-data", "ag-approve", "ag-deny"} <= seen


async def test_input_and_result_of_a_call_have_copy_buttons_and_a_task_its_time(browser: Browser) -> None:
    async with standalone(browser) as page:
        await page.evaluate(CLIPBOARD)
        await tell(page, snapshot(Part({**TOOL, "state": "complete", "took": "1.0 s"}), row={"at": 1_000_000}))
        await page.locator(".ag-chip").click()
        detail = {"op": "tool", "task": "t", "tool": "u1", "input": "command: ls", "result": "a.txt"}
        await page.evaluate("(message) => receive(message)", detail)
        await page.locator(".ag-detail .ag-copy").nth(1).click()
        await shows(page.locator(".ag"), ".ag-detail .ag-copy", "Copied")
        assert await page.evaluate("() => window.copied") == "a.txt"
        assert "1970" in str(await page.locator(".ag-task-head").get_attribute("title"))
        await picture(page, "bare-detail")


async def test_an_edit_shows_what_it_changes(browser: Browser) -> None:
    async with standalone(browser) as page:
        await tell(page, snapshot(Part({**TOOL, "name": "Edit", "state": "complete"})))
        await page.locator(".ag-chip").click()
        diff = "  def sell(stock):\n-     if count > have:\n+     if count > have - held:"
        detail = {"op": "tool", "task": "t", "tool": "u1", "input": "old: x", "result": "done", "diff": diff}
        await page.evaluate("(message) => receive(message)", detail)
        labels = page.locator(".ag-detail .ag-label")
        await until(lambda: labels.count(), "it is open")
        assert [text.removesuffix("Copy").strip() for text in await labels.all_inner_texts()] == ["Change", "Result"]
        assert (await page.locator(".ag-detail pre").first.text_content() or "").rstrip("\n") == diff
        assert await page.locator(".ag-detail .ag-taken").all_inner_texts() == ["-     if count > have:"]
        assert await page.locator(".ag-detail .ag-added").all_inner_texts() == ["+     if count > have - held:"]
        colors = "(lines) => lines.map((line) => getComputedStyle(line).color)"
        assert len(set(await page.locator(".ag-detail pre :is(.ag-added, .ag-taken)").evaluate_all(colors))) == 2
        await picture(page, "bare-edit")


async def test_an_empty_session_says_what_to_do(browser: Browser) -> None:
    async with standalone(browser) as page:
        message = snapshot()
        message["head"]["empty"] = True
        await tell(page, message)
        await page.get_by_text("No prompts yet. Write the first one below.").wait_for()


CLIPBOARD = """() => Object.defineProperty(navigator, "clipboard", {
  value: { writeText: async (text) => { window.copied = text; } },
})"""


async def test_keys_pressed_in_a_view_are_no_shortcuts_of_jupyterlab(browser: Browser, lab: Lab) -> None:
    write_notebook(lab.root / "keys.ipynb", view_cell(tasks=3, messages=2))
    async with opened(browser, lab, "keys.ipynb") as page:
        await run_all(page)
        view = page.locator(".jp-Notebook .ag").first
        await view.locator(".ag-task").first.wait_for(timeout=40_000)
        await view.locator(".ag-status", has_text="running").wait_for()
        await page.locator("[data-status='idle'].jp-Notebook-ExecutionIndicator").first.wait_for()
        await view.locator(".ag-chip").first.wait_for()
        for place in ("ag-task-head", "ag-chip"):
            for keys in ("a", "b", "m", "dd", "x"):
                await view.locator(f".{place}").first.focus()
                await page.wait_for_function("(name) => document.activeElement.className === name", arg=place)
                await page.keyboard.type(keys)
                assert await page.locator(".jp-Notebook .jp-CodeCell").count() == 1, (place, keys)
        # Nor do arrows select cells: they lead from task to task.
        heads = view.locator(".ag-task-head")
        await heads.first.focus()
        for key, number in (("ArrowDown", 1), ("ArrowUp", 0)):
            await page.keyboard.press(key)
            assert await heads.nth(number).evaluate("(head) => head === document.activeElement"), key
