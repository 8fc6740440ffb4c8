"""Text made to run, to be fetched, to mislead or to hold the page up; and Markdown as it should look. No notebook."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio

from agor_reactive.adapters.page.document import Part
from tests.notebook.browser import in_browser, picture
from tests.notebook.hostile_texts import HOSTILE, NAIVE, NUMBERS, WATCH, effects, number_in, opened_by_links
from tests.notebook.standalone_page import longest_task, snapshot, standalone, tell

if TYPE_CHECKING:
    from playwright.async_api import Browser, Page

pytestmark = in_browser()

SPACES = " " * 100_000
LONG = {
    "spaces in a heading": f"# a{SPACES}b",
    "spaces under a bar": f"a|b\n{SPACES}x",
    "spaces in a line": f"a{SPACES}x",
    "spaces after a fence": f"```{SPACES}`",
    "spaces in a link": f"[a](http://x{SPACES}b)",
    "code in spaces": f"` {'a' * 100_000}`",
    "hashes": f"# a{'#' * 100_000}b",
    "brackets": f"{'[' * 1_000_000}](",
    "bold": "**a** " * 160_000,
    "addresses": "https://%" * 110_000,
    "one word": "a" * 1_000_000,
    "one line": "lorem ipsum " * 85_000,
    "one line of code": "```\n" + "a b " * 250_000 + "\n```",
    "bars": f"{'|' * 500_000}\n|--|\n{'|' * 500_000}",
    "fences in a fence": "````md\n" + "```py\nx = 1\n```\n" * 7_000 + "````",
    "a list": "- a\n" * 20_000,
    "a table": "|a|b|\n|--|--|\n" + "|c|d|\n" * 20_000,
}
FIRST = """(box) => {
    const range = document.createRange();
    range.selectNodeContents(box);
    return range.getBoundingClientRect().left;
}"""
SHOWN = "() => document.querySelector('.ag-prose').innerHTML"


def text(*words: str, live: bool = False) -> list[Part]:
    return [Part({"kind": "text", "live": live}, said) for said in words]


async def shown(page: Page, said: str, seq: int) -> str:
    """What becomes of it, as markup."""
    await tell(page, snapshot(*text(said), seq=seq))
    return str(await page.evaluate(SHOWN))


def everywhere() -> dict[str, Any]:
    """A session that has every hostile text in every kind of part, in its prompt and in its title."""
    parts: list[Part] = []
    for number, said in zip(NUMBERS, HOSTILE, strict=True):
        tool = {"kind": "tool", "tool": f"u{number}", "name": said, "state": said, "brief": said, "why": said}
        asks = {"kind": "request", "request": f"r{number}", "who": said, "name": said, "state": "pending"}
        parts += [
            *text(said),
            Part({"kind": "user"}, said),
            Part({"kind": "thought", "live": False}, said),
            Part({"kind": "note", "tone": said}, said),
            Part(tool),
            Part({**asks, "outcome": said, "when": None}, said),
        ]
    every = "\n".join(HOSTILE)
    message = snapshot(*parts, title=every, row={"prompt": every, "fault": every, "status": every, "tone": every})
    return {**message, "head": {**message["head"], "details": every, "session": every}}


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def done(browser: Browser) -> AsyncIterator[dict[int, list[str]]]:
    """What the hostile texts do in a view, by their numbers."""
    asked: list[str] = []
    async with standalone(browser) as page:
        page.on("request", lambda request: asked.append(request.url))
        await page.evaluate(WATCH)
        await tell(page, everywhere())
        view = page.locator(".ag")
        await view.locator(".ag-fold, .ag-chip").evaluate_all("(lines) => lines.forEach((line) => line.click())")
        for number, said in zip(NUMBERS, HOSTILE, strict=True):
            detail = {"op": "tool", "task": "t", "tool": f"u{number}", "input": said, "result": said, "diff": said}
            await page.evaluate("(message) => receive(message)", detail)
        await view.locator(".ag-detail pre").nth(2 * len(HOSTILE) - 1).wait_for(state="attached")
        assert await view.locator(".ag-text").count() == len(HOSTILE)
        shown = "(view) => view.textContent"
        assert str(await view.evaluate(shown)).count("window.ran=1>") > 10
        found = await effects(page, view, asked)
        for address in await opened_by_links(page, view):
            if not address.startswith(("http://", "https://", "mailto:")):
                found.setdefault(number_in(address), []).append(f"opened {address}")
        if not found:  # else the view may be hidden or never still
            await picture(view, "notebook-hostile")
        yield found


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def naively_done(browser: Browser) -> AsyncIterator[dict[int, list[str]]]:
    """What they do in a page that takes text for markup."""
    asked: list[str] = []
    page = await browser.new_page()
    try:
        await page.route("**/*", lambda route: route.abort())
        page.on("request", lambda request: asked.append(request.url))
        await page.evaluate(WATCH)
        await page.evaluate(NAIVE, [list(HOSTILE)])
        yield await effects(page, page.locator("main"), asked)
    finally:
        await page.close()


@pytest.mark.parametrize("number", [0, *NUMBERS])
async def test_nothing_that_is_said_becomes_more_than_text(done: dict[int, list[str]], number: int) -> None:
    assert done.get(number, []) == []


@pytest.mark.parametrize("number", NUMBERS)
async def test_each_text_would_do_something_if_it_were_markup(naively_done: dict[int, list[str]], number: int) -> None:
    assert naively_done.get(number, []) != []


async def test_there_are_sixty_hostile_texts() -> None:
    assert len(set(HOSTILE)) == len({re.sub(r"\d+", "", said) for said in HOSTILE}) == 60


@pytest.mark.alone
@pytest.mark.parametrize("name", LONG)
async def test_text_made_to_take_long_does_not_hold_the_page_up(
    browser: Browser, say: Callable[[str], None], name: str
) -> None:
    async with standalone(browser) as page:
        # Other work on the machine makes the page's own look long: the best of three is what the page takes.
        took = [await longest_task(page, snapshot(*text(LONG[name])))]
        while took[-1] > 100 and len(took) < 3:
            took.append(await longest_task(page, snapshot(*text(LONG[name]), seq=len(took) + 1)))
        say(f"{name}, {len(LONG[name]):,} characters: longest task over 50 ms: {took}")
        # A pattern that goes back takes seconds on such texts; what is laid out at once takes less than this anywhere.
        assert min(took) <= 250


async def test_code_of_any_length_is_whole(browser: Browser) -> None:
    lines = [f"line {number} = {'x' * (number % 90)}" for number in range(3_000)]
    lines[1_500] = "long " * 4_000
    async with standalone(browser) as page:
        await shown(page, "```\n" + "\n".join(lines) + "\n```", 1)
        assert await page.locator(".ag-code code").text_content() == "\n".join(lines)


MARKDOWN = """# Title ##
A line with **bold**, _slanted_, `code`, ~~gone~~ and a [link](http://a.example/ "named").
two spaces{two}
backslash\\
end

| left | right |
|:--|--:|
| a \\| b | 2 |

1. one
2. two
   - deep

- [x] done

````md
```py
x = 1
```
````

> quoted

---
https://b.example/path.""".replace("{two}", "  ")


async def test_text_that_grows_ends_as_text_that_is_whole(browser: Browser) -> None:
    async with standalone(browser) as page:
        whole = await shown(page, MARKDOWN, 1)
        for tag in (
            "<h3>Title</h3>",
            "<strong>",
            "<em>",
            "<s>",
            "<br>",
            "<th>",
            "<td>a | b</td>",
            "<li>",
            "<blockquote>",
        ):
            assert tag in whole, tag
        assert 'title="http://a.example/"' in whole
        assert await page.locator(".ag-code code").text_content() == "```py\nx = 1\n```"
        for step in (1, 3, 17):
            await tell(page, snapshot(*text(MARKDOWN[:step]), seq=100 * step))
            patches: list[dict[str, Any]] = [
                {"op": "patch", "now": 0, "parts": {"t": {"put": [["p0", None, {}, None, MARKDOWN[at : at + step]]]}}}
                for at in range(step, len(MARKDOWN), step)
            ]
            await page.evaluate(
                "([patches, seq]) => patches.forEach((patch, at) => receive({ ...patch, seq: seq + at + 1 }))",
                [patches, 100 * step * 1],
            )
            await page.wait_for_function(f"(whole) => ({SHOWN})() === whole", arg=whole, timeout=10_000)


async def test_a_table_that_is_cut_goes_on_under_its_heading(browser: Browser) -> None:
    rows = "\n".join(f"|row {number}|x|" for number in range(1_000))
    async with standalone(browser) as page:
        await shown(page, f"|name|value|\n|--|--|\n{rows}\n\nafter", 1)
        tables = page.locator(".ag-prose table")
        assert await tables.count() > 1
        assert set(await page.locator(".ag-prose tr:first-child th:first-child").all_inner_texts()) == {"name"}
        assert await page.locator(".ag-prose td:first-child").count() == 1_000
        assert await page.locator(".ag-prose tr:only-child").count() == 0


async def test_text_from_right_to_left_begins_at_the_right(browser: Browser) -> None:
    async with standalone(browser) as page:
        await shown(page, "שלום עולם\n\n- פריט\n\nHello", 1)
        left = [await page.locator(".ag-prose p").nth(at).evaluate(FIRST) for at in (0, 1)]
        assert left[0] > 500 > 100 > left[1]
        assert await page.locator(".ag-prose ul").evaluate("list => getComputedStyle(list).direction") == "rtl"
