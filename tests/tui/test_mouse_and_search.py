"""The mouse does what keys do; a search goes through what is loaded."""

from __future__ import annotations

import pytest
from textual.events import MouseScrollDown, MouseScrollUp
from textual.widgets import Input

from agor_reactive.tui.units import plain_text
from tests.tui.world import Seen, insert_message, inside, plant_tasks

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def click(app: Seen, text: str) -> None:
    """Click the first place on the screen that shows this text."""
    await app.shows(text)
    await app.pilot.pause()  # it may be about to move
    for y, strip in enumerate(app.strips()):
        x = strip.text.find(text)
        if x >= 0:
            assert await app.pilot.click(offset=(x + 1, y))
            return
    raise AssertionError(f"{text!r} is not on the screen\n{app.screen()}")


def found(app: Seen) -> list[str]:
    """The texts on the screen that are marked as found."""
    marked = app.transcript.get_component_rich_style("transcript--found")
    strips = app.strips()
    return [
        segment.text
        for strip in strips
        for segment in strip
        if segment.style is not None and segment.style.bgcolor == marked.bgcolor and segment.text.strip()
    ]


def chosen(app: Seen) -> str:
    """The number in the reply that a search has chosen."""
    unit = app.transcript.sheet.unit(app.transcript.selected) if app.transcript.selected else None
    return plain_text(unit).rpartition(" ")[2] if unit is not None else ""


AROUND = (("n", "2"), ("n", "29"), ("N", "2"), ("N", "20"), ("n", "2"))


async def test_the_mouse_is_enough(app: Seen) -> None:
    await app.open(0, size=(120, 40))
    await click(app, "Session number 1")
    await app.until(lambda: app.pane.handle and app.pane.handle.session_id == app.app.sessions.list.cursor, "open")
    await app.shows("No prompts yet")
    await app.send("May I? [permission]")
    await app.send("Cancel this one")
    await app.shows("asks to use Read", "queued 1 Cancel this one")
    # On its text, a click does nothing; its button is at the right.
    await click(app, "Cancel this one")
    await app.pilot.pause()
    assert "queued 1 Cancel this one" in app.screen()
    await click(app, "cancel ✕")
    await app.hides("queued 1")
    await click(app, "Approve (a)")
    await app.shows("approved by you", "✓ completed")

    # A click opens a block, another one folds it.
    assert "Result" not in app.screen()
    await click(app, "✓ Read src/inventory/stock.py")
    await app.shows("Result")
    await click(app, "✓ Read src/inventory/stock.py")
    await app.hides("Result")

    # The wheel scrolls and leaves the end; the end is followed again once it is reached.
    await app.send("More [tools:0] [chunks:300]")
    await app.until(lambda: app.transcript.max_scroll_y > 30, "there is enough to scroll")
    await app.until(lambda: app.pane.state and app.pane.state.active_task is None, "it has ended")
    at = (app.transcript.region.x + 5, app.transcript.region.y + 5)
    end = app.transcript.scroll_y
    await app.pilot._post_mouse_events([MouseScrollUp] * 5, offset=at, button=0)
    await app.until(lambda: app.transcript.scroll_y < end and not app.transcript.following, "it has scrolled up")
    await app.pilot._post_mouse_events([MouseScrollDown] * 30, offset=at, button=0)
    await app.until(lambda: app.transcript.following, "it is at its end")


async def test_dragging_selects_text_and_ctrl_c_copies_it(app: Seen) -> None:
    await app.open(2, size=(120, 40), tasks=3, text="The teapot was sold twice.")
    lines = app.screen().splitlines()
    y = next(y for y, line in enumerate(lines) if "The teapot was sold twice." in line)
    x = lines[y].index("The teapot")
    await app.pilot.mouse_down(offset=(x, y))
    await app.pilot.hover(offset=(x + 9, y))
    await app.pilot.mouse_up(offset=(x + 9, y))
    await app.pilot.press("ctrl+c")
    await app.until(lambda: app.app.clipboard == "The teapot", "it is copied")


async def test_a_search_finds_older_and_newer_matches_and_marks_them(app: Seen) -> None:
    await app.open(3, tasks=30)
    await app.pilot.press("escape")
    while app.pane.state and app.pane.state.has_older_tasks:
        await app.pilot.press("g")
        await app.until(lambda: app.transcript.scroll_y > 0 or not app.pane.state.has_older_tasks, "older tasks")
    await app.pilot.press("G", "slash")
    # Letters are text here, whatever they do elsewhere.
    await app.write("reply NUMBER 2")
    await app.pilot.press("enter")
    await app.until(lambda: found(app), "a match is marked")
    assert set(found(app)) == {"Reply number 2"}
    await app.until(lambda: chosen(app) == "29", "the newest one is chosen")
    await app.pilot.press("enter")
    await app.until(lambda: chosen(app) == "28", "Enter finds the next older match")
    # Keys of the transcript go on from there, around the ends.
    app.transcript.focus()
    for key, expected in (*(("n", str(number)) for number in (27, 26, 25, 24, 23, 22, 21, 20)), *AROUND):
        await app.pilot.press(key)
        await app.until(lambda expected=expected: chosen(app) == expected, f"{key} goes to {expected}")
        await app.shows(f"Reply number {expected}")
    await app.pilot.press("escape")
    await app.until(lambda: not found(app), "the marks are gone")


def plant_work(app: Seen, session_id: str) -> None:
    """A task with thinking, five calls in a row, an edit of many lines and a long prompt; then as many as fill pages.

    Each part has a word that nothing else has, where it does not show while it is folded.
    """
    context = inside(app.daemon)
    (task_id,) = plant_tasks(app.daemon, session_id, 1)
    task = context.tasks.get(task_id)
    context.tasks.put({**task, "full_prompt": "Look at it.\n" * 40 + "In the prompt: quince"})
    calls = [
        {"type": "tool_use", "id": f"c{n}", "name": "Read", "input": {"file_path": "a.py", "note": f"fig-{n}"}}
        for n in range(5)
    ]
    results = [
        {"type": "tool_result", "tool_use_id": f"c{n}", "content": f"line\n{'row ' * 30}\nplum-{n}\n"} for n in range(5)
    ]
    new = "\n".join(f"row {n}" for n in range(30)) + "\ncherry"
    edit = {
        "type": "tool_use",
        "id": "e",
        "name": "Edit",
        "input": {"file_path": "a.py", "old_string": "", "new_string": new},
    }
    bodies = (
        ("assistant", [{"type": "thinking", "thinking": "Well.\n" * 20 + "I think of a medlar"}, *calls, edit]),
        ("user", [*results, {"type": "tool_result", "tool_use_id": "e", "content": "done"}]),
    )
    for index, (role, content) in enumerate(bodies):
        insert_message(context, (session_id, task_id), 1 + index, role, content)
    plant_tasks(app.daemon, session_id, 9, text="A page of text.\n\n" * 20)


async def test_a_search_opens_what_hides_the_match_also_where_it_was_not_looked_at(app: Seen) -> None:
    session_id = await app.open(5, tasks=0)
    app.pane.close()
    plant_work(app, session_id)
    app.app.open_session(session_id)
    await app.shows("Reply number 8")
    await app.pilot.press("escape")
    for word in ("plum-3", "fig-1", "medlar", "cherry", "quince", "plum-0"):
        assert word not in app.screen()
        await app.pilot.press("slash")
        app.app.query_one("#search", Input).value = ""
        await app.write(word)
        await app.pilot.press("enter")
        await app.until(lambda word=word: found(app) == [word], f"{word} is on the screen and marked")
        app.transcript.focus()
    # All are read now: the next search finds the same one again, around the ends.
    assert not app.transcript.sheet.unloaded()
    await app.pilot.press("n")
    await app.pilot.pause()
    assert found(app) == ["plum-0"]


async def test_a_search_without_a_match_says_so(app: Seen) -> None:
    await app.open(4, tasks=2)
    await app.pilot.press("escape", "slash")
    await app.write("kettle")
    await app.pilot.press("enter")
    await app.shows("No match.")
    assert found(app) == []
