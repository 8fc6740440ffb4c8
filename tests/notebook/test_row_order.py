"""How rows of the table of sessions move, and do not. Without a notebook."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.notebook.browser import in_browser, until
from tests.notebook.standalone_page import standalone

if TYPE_CHECKING:
    from playwright.async_api import Browser

pytestmark = in_browser(seconds=60)


def row(title: str, when: int) -> list[Any]:
    shown = {
        "title": title,
        "status": "idle",
        "tone": "ok",
        "agent": "",
        "ref": "",
        "tasks": 0,
        "needs": [],
        "archived": False,
    }
    return [title, {**shown, "when": when}]


async def test_rows_move_to_the_top_as_they_change_but_not_under_a_mouse(browser: Browser) -> None:
    async with standalone(browser, "sessions_widget") as page:
        titles = page.locator(".ag-row .ag-prompt")

        async def notified(op: str, seq: int, *put: list[Any], gone: tuple[str, ...] = ()) -> str:
            await page.evaluate("(m) => receive(m)", {"op": op, "seq": seq, "now": 0, "put": put, "gone": gone})
            return "".join(await titles.all_text_contents())

        assert await notified("snapshot", 1, *(row(title, at) for at, title in enumerate("dcba"))) == "abcd"
        assert await notified("patch", 2, row("c", 10)) == "cabd"
        assert await notified("patch", 3, row("d", 11), row("b", 12)) == "bdca"
        await page.locator(".ag-row").nth(1).hover()
        assert await notified("patch", 4, row("a", 13), row("e", 14), gone=("c",)) == "bdae"
        await page.mouse.move(5, 5)

        async def sorted_again() -> bool:
            return "".join(await titles.all_text_contents()) == "eabd"

        await until(sorted_again, "the newest come first once the mouse is gone")
