"""What the app shows, compared cell by cell with the panes kept in `panes/`.

After a change that is meant, renew them and look at what git says has changed::

    AGOR_RENEW_PANES=1 pytest tests/tui/test_panes.py
"""

from __future__ import annotations

import difflib
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from rich.cells import cell_len
from rich.style import Style

from agor_reactive.calls.backoff import Backoff
from agor_reactive.tui.app import AgorApp
from agor_reactive.tui.prompt_box import PromptBox
from tests.contract.waiting import eventually
from tests.tui.scene import NOW, plant_scene
from tests.tui.world import SIZES, Seen, all_handled, clock, daemon_with, inside, seen

PANES = Path(__file__).parent / "panes"
RENEW = os.environ.get("AGOR_RENEW_PANES") == "1"
NAMES = ("list", "conversation", "permission", "help", "lost")
LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
ATTRIBUTES = ("bold", "dim", "italic", "underline", "reverse", "strike")
STYLES = "\n--- styles: a letter for each cell; below, what it is on dark and on light ---\n"
RENEWING = "If this is meant: AGOR_RENEW_PANES=1 pytest tests/tui/test_panes.py"
STILL = 0.5
"""Seconds without a change after which a pane that is renewed is taken."""
WAIT = 10.0
"""Seconds for the app to show what a pane shows; after one that it did not show, the others are not waited for."""


def text_of(app: Seen) -> str:
    """The text on the screen, with the same port in all runs."""
    text = app.screen().replace(app.client.url, "http://127.0.0.1:33333")
    return "".join(f"{line.rstrip()}\n" for line in text.splitlines())


def styles_of(app: Seen) -> list[list[str]]:
    """The style of each cell, in words."""
    return [
        [words for segment in strip for words in [in_words(segment.style)] * cell_len(segment.text)]
        for strip in app.strips()
    ]


def in_words(style: Style | None) -> str:
    """``#1f1f1f on #fafafa bold``."""
    if style is None:
        return "none"
    colors = [color.get_truecolor().hex if color is not None else "none" for color in (style.color, style.bgcolor)]
    return " ".join([" on ".join(colors), *(name for name in ATTRIBUTES if getattr(style, name))])


def map_of(dark: list[list[str]], light: list[list[str]]) -> Iterator[str]:
    """A letter for each cell, and what the letters mean on dark and on light; a dot for what is most common."""
    pairs = [list(zip(*rows, strict=True)) for rows in zip(dark, light, strict=True)]
    found = Counter(pair for row in pairs for pair in row)
    common = found.most_common(1)[0][0]
    letters = {common: "."} | dict(zip([pair for pair in found if pair != common], LETTERS, strict=False))
    yield from ("".join(letters[pair] for pair in row) for row in pairs)
    yield ""
    yield from (f"{letter}  {dark}  |  {light}" for (dark, light), letter in letters.items())


class Panes:
    """Compares what an app shows with the panes that are kept, or renews them.

    Without `colors`, the texts in the small size only: they are the same ones.
    """

    def __init__(self, app: Seen, *, colors: bool) -> None:
        self._app = app
        self._colors = colors
        self._wait = WAIT
        self.differences: list[str] = []

    async def check(self, name: str) -> None:
        """Compare the screen in both sizes; in the small one, which it begins and ends in, also its styles."""
        for size in ("80x24", "160x50") if self._colors else ("80x24",):
            await self._app.resize(SIZES[size])
            file = PANES / f"{name}-{size}.txt"
            kept = file.read_text(encoding="utf-8") if file.exists() else ""
            kept_text = kept.partition(STYLES)[0]
            await self._settle(kept_text)
            shown = text_of(self._app)
            if not self._colors:
                kept = kept_text
            elif size == "80x24":
                shown += STYLES + await self._styles()
            if RENEW and self._colors:
                file.write_text(shown, encoding="utf-8")
            elif shown != kept:
                lines = (text.splitlines() for text in (kept, shown))
                diff = difflib.unified_diff(*lines, f"kept {file.name}", "shown", lineterm="", n=2)
                self.differences.append("\n".join(diff))
        await self._app.resize(SIZES["80x24"])

    async def _settle(self, wanted: str) -> None:
        """Wait until it shows this; to renew, until it stays the same."""
        changed, before = clock(), ""

        def settled() -> bool:
            nonlocal changed, before
            shown = text_of(self._app)
            if shown != before:
                changed, before = clock(), shown
            return clock() - changed > STILL if RENEW else shown == wanted

        try:
            await eventually(settled, self._wait, what="the screen is as it was")
        except AssertionError:
            self._wait = 0.2
        await all_handled(self._app.pilot)

    async def _styles(self) -> str:
        looks = []
        for dark in (True, False):
            self._app.app.theme = AgorApp.theme_for(dark=dark)
            await self._app.until(lambda dark=dark: self._app.is_dark() is dark, "the colors have changed")
            await all_handled(self._app.pilot)
            looks.append(styles_of(self._app))
        self._app.app.theme = AgorApp.theme_for(dark=True)
        await self._app.until(self._app.is_dark, "the colors are as before")
        return "".join(f"{line}\n" for line in map_of(*looks))


async def through_the_app(app: Seen, ids: dict[str, str], panes: Panes) -> None:
    """Show all that is compared."""
    await app.shows("Sell the last teapot")
    context = inside(app.daemon)
    context.touch_session(context.sessions.get(ids["Write the change log"]), status="running")
    await app.shows("Write the change log  running")
    context.touch_session(context.sessions.get(ids["Write the change log"]), status="idle")
    await app.shows("Finished")  # a toast
    app.app.clear_notifications()
    await app.hides("Finished")
    await panes.check("list")

    app.app.open_session(ids["Upgrade the linter"])
    await app.shows("A test sells the last teapot", "Edit src")
    await app.pilot.press("escape", "t", "g")
    await panes.check("conversation")

    app.app.open_session(ids["Sell the last teapot once"])
    app.pane.query_one(PromptBox).cursor_blink = False
    await app.shows("asks to use Bash", "Then tell the team")
    app.pane.box.write("A draft\nof two lines")
    await panes.check("permission")

    await app.pilot.press("f1")
    await app.shows("Everywhere")
    await panes.check("help")
    await app.pilot.press("escape")
    await app.hides("Everywhere")

    app.client.registry.router.link._backoff = Backoff(first=3600.0, most=3600.0, jitter=(1.0, 1.0))
    await app.daemon.stop(graceful=False)
    await app.shows("next try in")
    await panes.check("lost")


@pytest.mark.parametrize("colors", [True, False])
async def test_the_app_looks_as_it_did(colors: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if not colors:
        monkeypatch.setenv("NO_COLOR", "1")
    async with daemon_with() as daemon:
        ids = plant_scene(daemon)
        async with seen(daemon, size=SIZES["80x24"], clock=lambda: NOW) as app:
            panes = Panes(app, colors=colors)
            await through_the_app(app, ids, panes)
    assert "\n\n".join(panes.differences) == "", "\n\n".join([*panes.differences, RENEWING])


def test_no_pane_is_kept_that_is_not_compared() -> None:
    assert {file.name for file in PANES.iterdir()} == {f"{name}-{size}.txt" for name in NAMES for size in SIZES}
