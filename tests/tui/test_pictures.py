"""The app in the sizes and colours that people have. Pictures are kept under artifacts/terminal."""

from __future__ import annotations

import pytest
from rich.color import Color
from rich.style import Style

from agor_reactive.tui.app import AgorApp
from tests.tui.world import SIZES, Seen, daemon_with, seen


def luminance(color: Color) -> float:
    parts = [value / 255 for value in color.get_truecolor()]
    linear = [part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(style: Style) -> float:
    assert style.color is not None
    assert style.bgcolor is not None
    light, dark = sorted((luminance(style.color), luminance(style.bgcolor)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def faint(app: Seen) -> list[tuple[float, str]]:
    """Words that are hard to read: those with a contrast below 4.5. Behind a dialog all is dimmed."""
    found = []
    dialogs = app.app.screen.query(".dialog")
    region = dialogs.first().region if dialogs else app.app.screen.region
    for y, strip in enumerate(app.strips()):
        if not region.y <= y < region.bottom:
            continue
        for segment in strip.crop(region.x, region.right):
            words = segment.text.strip(" ─│╭╮╰╯▌▍▁▂▃▄▅▆▇█▔▕▏▎┃━▼")
            if words and segment.style is not None and not segment.style.reverse:
                ratio = contrast(segment.style)
                if ratio < 4.5:
                    found.append((round(ratio, 2), words))
    return found


async def busy_session(app: Seen) -> None:
    """A session with a long answer, edits, a run of tools, a request that waits, and two queued prompts."""
    await app.shows("Session number 7")
    rows = [row.key for row in app.app.sessions.list.rows if row.key]
    await app.client.sessions.prompt(rows[2], "Do it [say:done]")
    await app.client.sessions.prompt(rows[3], "Break [fail]")
    await app.until(lambda: len(app.app.sessions.attention) == 2, "two sessions need attention")
    app.app.open_session(rows[0])
    await app.send("Two buyers bought the last teapot.\nFind out why and write a test for it. [tools:12]")
    await app.until(lambda: app.pane.state and [t.status for t in app.pane.state.tasks] == ["completed"], "done")
    await app.send("Now make it safe [permission]")
    await app.shows("asks to use Read")
    await app.send("And write the change log")
    await app.send("Then tell the team")
    await app.shows("queued 2 Then tell the team")
    app.app.clear_notifications()
    app.pane.box.write("A prompt\nof two lines")
    await app.hides("Finished")
    await app.shows("A prompt", "of two lines")


async def look(app: Seen, name: str, found: set[str]) -> None:
    """Keep the screen in every look, and note the words that are hard to read."""
    async for kind in app.looks():
        app.keep(f"{name}-{kind}")
        found |= {f"{ratio} {words} ({name}-{kind})" for ratio, words in faint(app)}


async def test_everything_can_be_read_in_each_size_dark_and_light() -> None:
    found: set[str] = set()
    async with daemon_with(8, speed=60.0) as daemon, seen(daemon, size=SIZES["80x24"]) as app:
        await busy_session(app)
        await look(app, "session", found)
        await app.pilot.press("escape", "G", "k", "k", "pageup")
        await look(app, "transcript", found)
        await app.pilot.press("f1")
        await app.shows("Everywhere")
        await look(app, "help", found)
        await app.pilot.press("escape", "ctrl+n")
        await app.shows("New session")
        await look(app, "new", found)
        await app.pilot.press("escape", "escape", "escape", "escape")
        await app.shows("Needs attention")
        await look(app, "list", found)
    assert "\n".join(sorted(found)) == ""


def colors(app: Seen) -> set[tuple[int, int, int]]:
    """The colors on the screen."""
    return {
        color.get_truecolor()
        for strip in app.strips()
        for segment in strip
        if segment.style is not None
        for color in (segment.style.color, segment.style.bgcolor)
        if color is not None
    }


async def test_without_color_everything_is_grey_and_can_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    async with daemon_with(8, speed=60.0) as daemon, seen(daemon, size=SIZES["160x50"], dark=False) as app:
        await busy_session(app)
        for dark in (False, True):
            app.app.theme = AgorApp.theme_for(dark=dark)
            await app.until(lambda dark=dark: app.is_dark() is dark, "the colors have changed")
            assert len(colors(app)) > 2
            assert [color for color in colors(app) if len(set(color)) > 1] == []
            # What the colors said is said by signs and words.
            await app.shows("? Session", "✗ Session", "✓ Session", "awaiting permission", "● live")
            app.keep(f"grey-{'dark' if dark else 'light'}")
            assert faint(app) == []
