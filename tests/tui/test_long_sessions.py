"""Sessions of 5,000 tasks, replies of 2,000 chunks: the app opens, scrolls and takes keys all the same."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from textual.screen import Screen

from agor_reactive.tui.typeset import Typesetter
from agor_reactive.tui.units import Unit
from tests.tui.world import Seen, clock, daemon_with, own_clock, plant_tasks, seen


def at_rest(app: Seen) -> bool:
    """Whether all messages of the tasks on the screen, and a screen around it, are loaded and laid out."""
    top, rows = round(app.transcript.scroll_y), app.transcript.scrollable_size.height
    reading = app.pane._loading_older or app.transcript.sheet.unloaded(top - rows, 3 * rows)
    return not reading and not app.pane._painting._asked


@pytest.mark.alone
async def test_a_session_of_5000_tasks_opens_within_a_second(
    say: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    laid: list[Unit] = []
    lay = Typesetter.lay
    monkeypatch.setattr(Typesetter, "lay", lambda setter, unit: laid.append(unit) or lay(setter, unit))
    async with daemon_with(1) as daemon, seen(daemon) as app:
        await app.shows("Session number 0")
        key = app.app.sessions.list.cursor
        plant_tasks(daemon, key, 5_000)
        began, real = own_clock(), clock()
        await app.pilot.press("enter")
        await app.shows("Reply number 4999", "Prompt number 4999")
        took, real = own_clock() - began, clock() - real
        await app.until(lambda: at_rest(app), "what is on the screen and around it is loaded")
        say(
            f"a session of 5,000 tasks opens in {took:.2f} s ({real:.2f} s on this machine), {len(laid)} units laid out"
        )
        assert took < 1.0
        # What is laid out depends on the screen, not on the session: each is two lines or more.
        assert len(laid) <= app.app.size.height
        assert len(app.transcript.sheet.sections) <= 50


async def test_scrolling_up_loads_older_tasks_and_keeps_what_is_shown_in_place() -> None:
    async with daemon_with(1) as daemon, seen(daemon, size=(100, 30)) as app:
        await app.shows("Session number 0")
        plant_tasks(daemon, app.app.sessions.list.cursor, 100)
        await app.pilot.press("enter")
        await app.shows("Reply number 99")
        await app.pilot.press("escape")
        seen_numbers: set[int] = set()
        for _ in range(100):
            await app.until(lambda: at_rest(app), "what is on the screen and around it is loaded")
            seen_numbers |= {int(found) for found in re.findall(r"Prompt number (\d+)", app.screen())}
            if min(seen_numbers) <= 40:
                break
            # Older tasks that come in keep what is shown in place: then there is something above it.
            await app.until(lambda: app.transcript.scroll_y > 0, "older tasks are loaded")
            top = app.transcript.shown_lines()[:3]
            await app.pilot.press("pageup")
            await app.until(lambda top=top: app.transcript.shown_lines()[:3] != top, "the page moves")
        assert seen_numbers >= set(range(41, 100)), "tasks were passed over"
        await app.pilot.press("G")
        await app.shows("Reply number 99")
        assert app.transcript.following


async def test_text_that_grows_does_not_lay_out_the_whole_screen(monkeypatch: pytest.MonkeyPatch) -> None:
    layouts = []
    lay_out = Screen._refresh_layout
    monkeypatch.setattr(Screen, "_refresh_layout", lambda *given, **more: layouts.append(1) or lay_out(*given, **more))
    async with daemon_with(1) as daemon, seen(daemon, size=(100, 30)) as app:
        await app.shows("Session number 0")
        await app.pilot.press("enter")
        await app.send("Write [tools:0] [slow]")  # until it is stopped: it does not end while this looks
        await app.until(lambda: app.transcript.max_scroll_y > 5, "there is more than the screen shows")
        layouts.clear()
        before, painted = app.transcript.max_scroll_y, app.pane._painting.painted
        await app.until(lambda: app.pane._painting.painted > painted + 8, "it goes on")
        assert app.transcript.max_scroll_y > before
        assert app.transcript.following
        assert len(layouts) <= 2


async def test_new_text_does_not_move_what_is_read_further_up() -> None:
    async with daemon_with(1) as daemon, seen(daemon, size=(100, 30)) as app:
        await app.shows("Session number 0")
        plant_tasks(daemon, app.app.sessions.list.cursor, 10)
        await app.pilot.press("enter")
        await app.shows("Reply number 9")
        await app.until(lambda: not app.pane._loading_older, "older tasks are read")
        await app.pilot.press("escape", "pageup")
        await app.until(lambda: not app.transcript.following, "it scrolled up")
        await app.pilot.pause()
        before = app.transcript.shown_lines()
        await app.client.sessions.prompt(app.app.sessions.list.cursor, "More [tools:1] [chunks:80]")
        await app.until(lambda: app.pane.state and app.pane.state.tasks[-1].status == "completed", "it has ended")
        await app.until(lambda: len(app.transcript.sheet.sections) == 11, "the task is below")
        assert app.transcript.shown_lines() == before


@pytest.mark.alone
async def test_a_reply_of_2000_chunks_does_not_hold_keys_up(say: Callable[[str], None]) -> None:
    # As fast as the daemon can write: so the reply does not outlast the keys.
    async with daemon_with(1, speed=10_000.0) as daemon, seen(daemon) as app:
        await app.shows("Session number 0")
        await app.pilot.press("enter")
        await app.shows("No prompts yet")
        await app.send("Write a lot [tools:0] [chunks:2000]")
        await app.until(lambda: app.pane.state and app.pane.state.streaming_messages, "the reply streams")
        painted, waits = app.pane._painting.painted, []
        typed = ""
        while app.pane.state and app.pane.state.streaming_messages and len(typed) < 200:
            typed += "x"
            began = own_clock()
            app.app.simulate_key("x")
            await app.until(lambda wanted=typed: app.pane.box.text == wanted, "the key is in the box")
            waits.append(own_clock() - began)
            await app.pilot.pause(0.01)
        await app.until(lambda: app.pane.state and app.pane.state.tasks[-1].status == "completed", "it has ended")
        state = app.pane.state
        assert state is not None
        paints = app.pane._painting.painted - painted
        waits.sort()
        middle, worst = (round(waits[at] * 1000) for at in (len(waits) // 2, -1))
        say(f"{len(waits)} keys: median {middle} ms, worst {worst} ms; {paints} paints")
        assert len(waits) > 5
        assert paints < 600
        assert waits[int(len(waits) * 0.95)] < 0.25
