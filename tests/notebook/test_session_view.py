"""The view as a person sees it: a real JupyterLab in a real browser. Pictures are kept under artifacts/."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from tests.notebook.browser import AT_REST, in_browser, opened, picture, prompt, run_all, shows, until
from tests.notebook.lab import Lab
from tests.notebook.written_notebooks import write_notebook

if TYPE_CHECKING:
    from playwright.async_api import Browser, Locator, Page

pytestmark = in_browser(lab=True)


SIX_FRAMES = """() => new Promise((done) => {
    let left = 6;
    const frame = () => (left-- ? requestAnimationFrame(frame) : done());
    frame();
})"""


async def test_a_session_is_watched_asked_queued_stopped_and_survives_its_daemon(browser: Browser, lab: Lab) -> None:
    async with opened(browser, lab, "02-live-view.ipynb") as page:
        await run_all(page)
        view = page.locator(".jp-Notebook .ag").first
        await view.wait_for(timeout=40_000)
        await view.evaluate("element => element.scrollIntoView({block: 'center'})")

        # The second prompt waits while the first is at work; looked for first, for it does not wait long.
        await shows(view, ".ag-queued", "Write a test that sells it twice.", seconds=20)

        # Text grows.
        live = view.locator(".ag-live.ag-text").last
        await live.wait_for(timeout=20_000)
        lengths = {len(await view.locator(".ag-scroll").inner_text())}

        async def grown() -> bool:
            lengths.add(len(await view.locator(".ag-scroll").inner_text()))
            return len(lengths) >= 5

        await until(grown, "the reply grows", every=0.15)
        await picture(page, "notebook-live")
        await picture(view, "notebook-queue")

        # Both prompts end, the last cell prints them.
        async def all_done() -> bool:
            return await view.locator(".ag-task[data-tone='ok']").count() == 4

        await until(all_done, "four tasks completed", seconds=40)
        await page.get_by_text("completed  Where do we take stock out?").wait_for()

        # An old task is read when it is opened; a tool tells its input and result.
        first = view.locator(".ag-task").first
        assert await first.locator(".ag-part").count() == 0
        await first.locator(".ag-task-head").click()
        await first.locator(".ag-prose").first.wait_for()
        await first.locator(".ag-chip").first.click()
        await shows(first, ".ag-detail", "src/inventory/stock.py")
        await picture(view, "notebook-old-task")

        # The place is kept while something is written below, until "newest" is asked for.
        await prompt(view, "A long one [slow]")
        await view.locator(".ag-live.ag-text").last.wait_for()
        scroll = view.locator(".ag-scroll")

        async def scrolled_up() -> bool:
            # Again, as a user would: text that comes in the same frame may take the view to its end before it is known.
            await scroll.evaluate("element => { element.scrollTop = 40; }")
            return await view.locator(".ag-jump").is_visible()

        await until(scrolled_up, "the way to the newest text is offered")
        before = await view.locator(".ag-live.ag-text").last.text_content()

        async def more() -> bool:
            return await view.locator(".ag-live.ag-text").last.text_content() != before

        await until(more, "text goes on below")
        assert await scroll.evaluate("element => element.scrollTop") == 40
        await view.locator(".ag-jump").click()

        # A prompt on a busy session waits; another is cancelled; stop ends the first, the queue drains.
        await prompt(view, "This one waits")
        await shows(view, ".ag-queued", "This one waits")
        await prompt(view, "This one is cancelled")
        await shows(view, ".ag-queued", "This one is cancelled")
        await view.locator(".ag-queued", has_text="cancelled").locator(".ag-cancel").click()

        async def cancelled() -> bool:
            return await view.locator(".ag-queued").count() == 1

        await until(cancelled, "one prompt is left in the queue")
        await view.locator(".ag-stop").click()
        await shows(view, ".ag-task-head", "stopped")

        async def drained() -> bool:
            done = view.locator(".ag-task", has_text="This one waits").locator("[data-tone='ok']")
            return await view.locator(".ag-queued").count() == 0 and await done.count() > 0

        await until(drained, "the queue drains", seconds=40)

        # The daemon dies and comes back.
        await page.get_by_role("button", name="Pull the plug").click()
        await view.evaluate("element => element.scrollIntoView({block: 'center'})")
        await shows(view, ".ag-notes", "Reconnecting")
        await picture(view, "notebook-reconnecting")

        async def back() -> bool:
            return (
                not await view.locator(".ag-notes .ag-note").count()
                and await view.locator(".ag-linkstate").text_content() == "live"
            )

        await until(back, "the view recovers", seconds=40)
        await prompt(view, "Are you there? [tools:1]")
        await view.locator(".ag-task", has_text="Are you there?").locator("[data-tone='ok']").first.wait_for()


@pytest.mark.alone
async def test_five_hundred_tasks_scroll_and_stream_without_holding_up_the_page(
    browser: Browser, lab: Lab, say: Callable[[str], None]
) -> None:
    write_notebook(
        lab.root / "many.ipynb",
        """
        import sys
        sys.path.insert(0, ROOT)
        from agor_reactive.adapters.ipywidgets import SessionView
        from tests.notebook.long_session import long_session
        session = await long_session(tasks=500, messages=6)
        view = SessionView(session.handle)
        view
        """,
        "1 + 1",
    )
    async with opened(browser, lab, "many.ipynb") as page:
        await run_all(page)
        view = page.locator(".jp-Notebook .ag").first
        await view.wait_for(timeout=40_000)

        async def all_there() -> bool:
            return await view.locator(".ag-task").count() >= 500

        await until(all_there, "five hundred tasks")
        middle = await middle_of(view.locator(".ag-scroll"))
        # Other work on the machine makes the page's own look long: the best of three is what the page takes.
        for attempt in range(3):
            long = await while_it_streams(page, view, middle, attempt)
            loaded = await view.locator(".ag-part").count()
            say(f"500 tasks, {loaded} parts on the page, 2,000 chunks: tasks over 50 ms (start, ms): {long}")
            if all(took <= 100 for _, took in long):
                break
        assert loaded > 150
        assert [took for _, took in long if took > 100] == []

        # A press of the mouse in the view, the cell after it in between: Lab selects another cell each time.
        pressed = []
        other = await middle_of(page.locator(".jp-Notebook .jp-Cell").last.locator(".jp-InputArea-editor"))
        for _ in range(5):
            await page.mouse.click(*other)
            await until(lambda: page.evaluate(AT_REST), "the page is at rest")
            await page.evaluate("() => { window.__long.length = 0 }")
            await page.mouse.click(*middle)
            await page.locator(".jp-Notebook .jp-Cell.jp-mod-active .ag").wait_for()
            await until(lambda: page.evaluate(AT_REST), "the page is at rest")
            pressed.append(max([took for _, took in await page.evaluate("() => window.__long")], default=0))
        say(f"500 tasks, a press of the mouse in the view: longest task over 50 ms, five times: {pressed}")
        assert sorted(pressed)[2] <= 70


async def while_it_streams(page: Page, view: Locator, middle: tuple[float, float], attempt: int) -> list[list[int]]:
    """What the page did at one go while thirty tasks were opened and the wheel turned under text that grew."""
    await view.locator(".ag-jump").evaluate("button => button.click()")
    await prompt(view, "stream 2000 6")
    # What Lab itself does at its start is not what is measured.
    await until(lambda: page.evaluate(AT_REST), "the page is at rest")
    await page.evaluate("() => { window.__long.length = 0 }")
    first = -1 - 30 * (attempt + 1)
    await page.evaluate(
        f"() => [...document.querySelectorAll('.ag-task-head')].slice({first}, {first + 30})"
        ".forEach((head) => head.click())"
    )
    await view.locator(".ag-live.ag-text").nth(attempt).wait_for(timeout=20_000)
    await page.mouse.move(*middle)
    for step in range(40):
        await page.mouse.wheel(0, -700 if step % 8 < 5 else 1100)
        await page.evaluate(SIX_FRAMES)
    await view.locator(".ag-jump").evaluate("button => button.click()")

    async def written() -> bool:
        text = str(await view.locator(".ag-task").last.text_content())
        return text.count("word1999") == attempt + 1

    # Looked at rarely, and not as laid out: looking must not be what holds the page up.
    await until(written, "the whole reply", every=0.5)
    long: list[list[int]] = await page.evaluate("() => window.__long")
    return long


async def middle_of(place: Locator) -> tuple[float, float]:
    """Where a mouse points at it."""
    box = await place.bounding_box()
    assert box is not None
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


async def test_nothing_that_a_model_says_runs_or_is_fetched_and_a_saved_page_reads(browser: Browser, lab: Lab) -> None:
    evil = "<img src=x onerror=window.__ran=1></script><script>window.__ran=1</script>"
    remote = "![x](http://evil.example/x.png) [y](javascript:window.__ran=1) <http://evil.example/>"
    write_notebook(
        lab.root / "evil.ipynb",
        f"""
        import sys
        sys.path.insert(0, ROOT)
        from agor_reactive.adapters.ipywidgets import SessionView
        from tests.notebook.long_session import long_session
        evil, remote = {evil!r}, {remote!r}
        blocks = ["**bold** " + evil, remote, "```html\\n" + evil + "\\n```", "|a|\\n|--|\\n|" + evil + remote + "|"]
        text = "\\n\\n".join(blocks)
        session = await long_session(tasks=1, messages=2, title=evil, prompt=evil, text=text, tool=evil)
        SessionView(session.handle)
        """,
    )
    async with opened(browser, lab, "evil.ipynb") as page:
        await run_all(page)
        view = page.locator(".jp-Notebook .ag").first
        await view.locator(".ag-chip").first.click(timeout=40_000)
        await view.locator(".ag-detail pre").first.wait_for()
        assert await view.locator(".ag-title").inner_text() == evil
        assert await view.locator("img, script, iframe, a[href], [onerror]").count() == 0
        assert await page.evaluate("() => window.__ran") is None
        assert await view.locator(".ag-prose strong").first.inner_text() == "bold"
        # Only what begins with http or mailto can be clicked.
        titles = await view.locator(".ag-link").evaluate_all("links => [...new Set(links.map((link) => link.title))]")
        assert all(title.startswith("http://evil.example/") for title in titles)
        assert titles
        await picture(view, "notebook-safe")


async def test_a_page_reload_and_a_second_view_miss_nothing(browser: Browser, lab: Lab) -> None:
    write_notebook(
        lab.root / "again.ipynb",
        """
        import sys
        sys.path.insert(0, ROOT)
        from agor_reactive.adapters.ipywidgets import SessionView
        from tests.notebook.long_session import long_session
        session = await long_session(tasks=3, messages=2)
        view = SessionView(session.handle)
        view
        """,
        "view",
        "session.stream(chunks=300, seconds=5)",
    )
    async with opened(browser, lab, "again.ipynb") as page:
        await run_all(page)
        views = page.locator(".jp-Notebook .ag")
        await views.nth(1).locator(".ag-live.ag-text").wait_for(timeout=40_000)
        await page.get_by_role("menuitem", name="File", exact=True).click()
        await page.get_by_role("menuitem", name=re.compile("^Save Notebook(?! As)")).click()

        async def saved() -> bool:
            return (lab.root / "again.ipynb").read_text(encoding="utf-8").count("widget-view+json") == 2

        await until(saved, "the notebook is saved with its outputs")
        await page.reload()
        last = views.nth(0).locator(".ag-task").last

        async def whole() -> bool:
            return await views.count() == 2 and "word299" in str(await last.text_content())

        await until(whole, "the reply after a reload")
        for number in range(2):
            # Not the text as laid out: a block out of sight is not.
            text = await views.nth(number).locator(".ag-task").last.text_content()
            assert [int(number) for number in re.findall(r"word(\d+)", str(text))] == list(range(300))


async def test_what_is_lost_on_the_way_to_a_page_is_asked_for_until_it_comes(browser: Browser, lab: Lab) -> None:
    write_notebook(
        lab.root / "lossy.ipynb",
        """
        import asyncio, sys
        sys.path.insert(0, ROOT)
        from agor_reactive.adapters.ipywidgets import SessionView
        from tests.notebook.long_session import long_session
        session = await long_session(tasks=3, messages=2)
        view = SessionView(session.handle)
        view
        """,
        """
        real, lost = view._publisher._sender, []
        def lossy(message):
            # One patch, and two snapshots that are asked for because of it.
            if message["op"] == ("patch", "snapshot", "snapshot", None)[len(lost)]:
                lost.append(message["op"])
            else:
                real(message)
        async def once_it_is_seen():
            while not view.displayed:
                await asyncio.sleep(0.05)
            view._publisher._sender = lossy
            session.stream(chunks=20, seconds=1)
        background = asyncio.create_task(once_it_is_seen())
        """,
    )
    async with opened(browser, lab, "lossy.ipynb") as page:
        await run_all(page)
        view = page.locator(".jp-Notebook .ag").first
        await view.locator(".ag-text").first.wait_for(timeout=40_000)

        async def whole() -> bool:
            return "word19" in str(await view.locator(".ag-task").last.text_content())

        await until(whole, "the whole reply, though a snapshot was lost")
