"""A report in a browser, opened from its file: it scrubs, plays, loads nothing and runs nothing but its own script."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio

from agor_reactive import logs
from agor_reactive.adapters.report import write_report
from agor_reactive.core.events import LinkChanged
from tests.core.build import LIVE, hydrated, message_row, saved, task_row
from tests.logs.story import CALLED, DOWN, story
from tests.logs.writer import BEGIN, Recorded
from tests.notebook.browser import in_browser, picture, shows, until
from tests.notebook.hostile_texts import HOSTILE, NUMBERS, WATCH, effects
from tests.notebook.test_hostile_text import MARKDOWN

if TYPE_CHECKING:
    from playwright.async_api import Browser, Locator, Page

pytestmark = in_browser()

VALUE = "aria-valuetext"
MOMENT = "(t) => document.querySelector(`.ag-mark[data-t='${t}']`).click()"


@asynccontextmanager
async def opened_report(browser: Browser, path: Path, **options: Any) -> AsyncIterator[Page]:
    """The page of a report. Afterwards: it asked for nothing, nothing went wrong, and nothing ran."""
    page = await browser.new_page(viewport={"width": 1100, "height": 760}, **options)
    asked: list[str] = []
    wrong: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda said: wrong.append(said.text))
    try:
        await page.goto(path.as_uri())
        await page.locator(".ag-head").wait_for()
        yield page
        assert asked == [path.as_uri()]
        assert wrong == []
        assert await page.evaluate("() => window.ran") is None
    finally:
        await page.close()


def written(tmp_path: Path, *texts: str, prompt: str = "Fix the report") -> tuple[Path, dict[str, float]]:
    _, times = story(tmp_path / "log.jsonl", *texts, prompt=prompt)
    return write_report(logs.open(tmp_path / "log.jsonl"), tmp_path / "report.html"), times


async def seek(page: Page, t: float) -> None:
    """A press on the mark of that moment."""
    await page.evaluate(MOMENT, round(t * 1000))
    place = f"{int(t - BEGIN) // 60:02d}:{int(t - BEGIN) % 60:02d} "
    await until(lambda: _starts(page, place), f"the slider is at {place}")


async def _starts(page: Page, place: str) -> bool:
    return (await page.locator(".ag-clock").inner_text()).startswith(place)


async def test_a_mark_shows_the_session_as_it_was_then(browser: Browser, tmp_path: Path) -> None:
    path, times = written(tmp_path, "Done.")
    async with opened_report(browser, path) as page:
        view = page.locator(".ag")
        await shows(view, ".ag-prose", "Done.")
        assert await page.locator(".ag-task").count() == 2
        await seek(page, times["called"])
        await shows(view, ".ag-chip", CALLED)
        await page.locator(".ag-task").nth(1).wait_for(state="detached")
        await shows(view, ".ag-status", "running")
        await shows(view, ".ag-took", "6.0 s")
        await page.locator(".ag-chip").click()
        await shows(view, ".ag-detail", "(empty)")
        await seek(page, times["failed"])
        await shows(view, ".ag-detail", "no such folder")
        await seek(page, times["down"])
        await shows(view, ".ag-note", DOWN)
        await seek(page, times["began"])
        await page.locator(".ag-chip").wait_for(state="detached")
        for pressed in (".ag-ask", ".ag-approve", ".ag-stop", ".ag-cancel", ".ag-older"):
            assert await page.locator(f"{pressed} >> visible=true").count() == 0


async def test_every_moment_reached_from_every_other_looks_the_same(browser: Browser, tmp_path: Path) -> None:
    """Patches in both directions, and the lists that they change."""
    path, _ = written(tmp_path, MARKDOWN, "Then this.", "And that.")
    shown = "() => document.querySelector('.ag-lists').innerText + document.querySelector('.ag-head').innerText"
    async with opened_report(browser, path) as page:
        slider = page.get_by_role("slider", name="Moment of the session")
        await slider.focus()
        await page.keyboard.press("Home")
        seen: list[tuple[str, str]] = []
        for key in ("Shift+ArrowRight", "Shift+ArrowLeft"):
            passed: list[tuple[str, str]] = []
            for _ in range(12):
                await page.keyboard.press(key)
                await page.wait_for_timeout(150)
                passed.append((await slider.get_attribute(VALUE) or "", await page.evaluate(shown)))
            if seen:
                again = dict(seen)
                assert len(set(again.values())) >= 6
                assert sum(value in again for value, _ in passed) >= 6
                assert [text for value, text in passed if value in again and again[value] != text] == []
            seen = passed


async def test_playing_ends_at_the_end(browser: Browser, tmp_path: Path) -> None:
    path, _ = written(tmp_path, "Done.")
    async with opened_report(browser, path) as page:
        play = page.get_by_role("button", name="Play", exact=True)
        await page.get_by_label("Speed").select_option("10")
        await play.click()
        await page.get_by_role("button", name="Pause", exact=True).wait_for()
        await shows(page.locator(".ag"), ".ag-status", "running")
        await play.wait_for(timeout=15_000)
        assert await page.locator(".ag-clock").inner_text() == "00:23 / 00:23"
        await shows(page.locator(".ag"), ".ag-prose", "Done.")
        # Once more from the beginning, by the keyboard; a second press holds.
        await page.locator("body").click(position={"x": 2, "y": 2})
        await page.keyboard.press("Space")
        await page.get_by_role("button", name="Pause", exact=True).wait_for()
        await page.keyboard.press("Space")
        await play.wait_for()
        assert await page.locator(".ag-clock").inner_text() != "00:23 / 00:23"


async def test_keys_move_the_slider_and_say_where_it_is(browser: Browser, tmp_path: Path) -> None:
    path, _ = written(tmp_path, "Done.")
    async with opened_report(browser, path) as page:
        slider = page.get_by_role("slider", name="Moment of the session")
        await slider.focus()
        for key, place in (("Home", "00:00"), ("PageUp", "00:02"), ("ArrowRight", "00:02"), ("End", "00:23")):
            await page.keyboard.press(key)
            assert place in (await slider.get_attribute(VALUE) or ""), key
        await page.keyboard.press("Home")
        for text in ("Task began: Fix the report", "Bash was called", "Bash failed", "Task completed: Fix the report"):
            await page.keyboard.press("Shift+ArrowRight")
            assert text in (await slider.get_attribute(VALUE) or "")
        assert await page.get_by_role("button", name="Previous event").is_enabled()


async def test_marks_lie_where_things_happened(browser: Browser, tmp_path: Path) -> None:
    path, times = written(tmp_path, "Done.")
    async with opened_report(browser, path) as page:
        kinds = dict.fromkeys(("began", "tool", "ended", "lost"), 1) | {"link": 2, "failed": 2, "began": 2}
        for kind, count in kinds.items():
            assert await page.locator(f".ag-mark[data-kind={kind}]").count() == count, kind
        left = "(mark) => parseFloat(mark.style.left)"
        place = await page.locator(".ag-mark[data-kind=tool]").evaluate(left)
        assert place == pytest.approx(100 * (times["called"] - BEGIN) / (times["end"] - BEGIN), abs=0.1)
        await page.locator(".ag-mark[data-kind=tool]").hover()


async def painted(page: Page, texts: int) -> None:
    """Wait until the view shows that many texts: it is painted in the frame after the seek."""

    async def shown() -> bool:
        return await page.locator(".ag-text").count() == texts

    await until(shown, f"{texts} texts are shown")


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def done(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[dict[int, list[str]]]:
    """What the hostile texts do in a report at its two moments, by their numbers."""
    path, times = written(tmp_path_factory.mktemp("report"), *HOSTILE, prompt="\n".join(HOSTILE))
    found: dict[int, list[str]] = {}
    async with opened_report(browser, path) as page:
        await page.evaluate(WATCH)
        await shows(page.locator(".ag"), ".ag-prose", "window.ran=1")
        for t, texts in ((times["called"], 1), (times["end"], 1 + len(HOSTILE))):
            await seek(page, t)
            await painted(page, texts)
            await page.locator(".ag .ag-chip").evaluate_all("(chips) => chips.forEach((chip) => chip.click())")
            for number, what in (await effects(page, page.locator(".ag"), [])).items():
                found.setdefault(number, []).extend(what)
        await page.locator(".ag-link").first.click()
        await picture(page, "report-hostile")
        yield found


@pytest.mark.parametrize("number", [0, *NUMBERS])
async def test_hostile_text_stays_text(done: dict[int, list[str]], number: int) -> None:
    assert done.get(number, []) == []


async def test_hostile_text_is_refused_by_the_policy_alone(browser: Browser, tmp_path: Path) -> None:
    """As if a text had become an element after all: it neither runs nor loads."""
    path, _ = written(tmp_path)
    broken = tmp_path / "broken.html"
    html = path.read_text(encoding="utf-8")
    # Not those that would swallow the rest of the file, or hide it.
    swallow = re.compile("<!--|`|display: ?none|<(base|math|meta|noscript|select|template|textarea|xmp)")
    evil = [text for text in HOSTILE if not swallow.search(text)]
    assert len(evil) > 40
    evil += ["<script>window.ran = 1</script>", "<body style='display: none' onload='window.ran = 1'>"]
    reached: list[object] = []

    async def reach(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        reached.append(await reader.readline())
        writer.close()

    async with await asyncio.start_server(reach, "127.0.0.1", 0) as server:
        address = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
        body = "".join(evil).replace("evil.example", address)
        broken.write_text(html.replace("<main", f"{body}<main", 1), encoding="utf-8")
        page = await browser.new_page()
        refused: set[str] = set()
        page.on("requestfailed", lambda request: refused.add(request.url))
        try:
            await page.goto(broken.as_uri())
            await page.locator(".ag-head").wait_for()
            assert await page.evaluate("() => window.ran") is None
            # The page asks for a script, a picture and more, and its own policy refuses them all.
            await until(lambda: _among(refused, f"http://{address}/", 5), "requests are refused")
            assert reached == []
        finally:
            await page.close()


async def _among(found: set[str], beginning: str, least: int) -> bool:
    return sum(address.startswith(beginning) for address in found) >= least


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_it_fits_wide_and_narrow_light_and_dark(browser: Browser, tmp_path: Path, scheme: Any) -> None:
    path, times = written(tmp_path, MARKDOWN)
    async with opened_report(browser, path, color_scheme=scheme) as page:
        for width in (1100, 700, 360, 280):
            await page.set_viewport_size({"width": width, "height": 700})
            await page.wait_for_timeout(60)
            assert await page.evaluate("() => document.documentElement.scrollWidth <= innerWidth"), width
            bar = await page.locator(".ag-replay").bounding_box()
            assert bar is not None
            assert bar["y"] + bar["height"] <= 700, width
            await picture(page, f"report-{scheme}-{width}")
        await page.set_viewport_size({"width": 1100, "height": 700})
        await seek(page, times["failed"])
        await picture(page, f"report-{scheme}-moment")


async def test_an_answered_request_is_open_again_at_an_earlier_moment(browser: Browser, tmp_path: Path) -> None:
    content = {"request_id": "r1", "status": "pending", "tool_name": "Bash", "tool_use_id": "u1", "task_id": "t1"}
    content |= {"tool_input": {"command": CALLED}}
    row = message_row("m1", "t1", 1, type="permission_request", role="system", content=content)
    answered = {**row, "content": {**content, "status": "approved", "approved_at": "2026-11-25T00:00:09.000Z"}}
    recorded = Recorded(tmp_path / "log.jsonl")
    recorded.feed(LinkChanged(LIVE), saved("tasks", task_row("t1")), saved("messages", row))
    recorded.feed(
        saved("messages", answered, "patched"), saved("tasks", task_row("t1", "completed"), "patched")
    ).close()
    path = write_report(logs.open(tmp_path / "log.jsonl"), tmp_path / "report.html")
    async with opened_report(browser, path) as page:
        outcome = page.locator(".ag-outcome")
        await shows(page.locator(".ag"), ".ag-outcome", "approved")
        await page.get_by_role("slider").focus()
        for _ in range(45):
            await page.keyboard.press("ArrowLeft")
        await until(lambda: _is_empty(outcome), "the request has no answer yet")
        assert await page.locator(".ag-request[data-state=pending]").count() == 1
        assert await page.locator(".ag-request button >> visible=true").count() == 0


async def _is_empty(element: Locator) -> bool:
    return await element.inner_text() == ""


async def test_a_state_has_no_slider(browser: Browser, tmp_path: Path) -> None:
    state = hydrated().feed(saved("messages", message_row("m1", "t1", 1)))
    async with opened_report(browser, write_report(state, tmp_path / "state.html")) as page:
        await shows(page.locator(".ag"), ".ag-prose", "content of m1")
        assert await page.get_by_role("slider").count() == 0


async def test_without_scripts_it_is_the_transcript(browser: Browser, tmp_path: Path) -> None:
    path, _ = written(tmp_path, "Done.")
    context = await browser.new_context(java_script_enabled=False)
    page = await context.new_page()
    try:
        await page.goto(path.as_uri())
        assert "Fix the report" in await page.locator("noscript, .ag-plain").first.inner_text()
    finally:
        await context.close()
