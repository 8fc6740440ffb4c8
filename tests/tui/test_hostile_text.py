"""Text that would colour, move, link or act if a terminal, rich or textual took it for more than text."""

from __future__ import annotations

import re

from agor_reactive.tui.prompt_box import PromptBox
from tests.tui.world import Seen, daemon_with, insert_message, inside, seen

CODES = (
    "\x1b[31mred\x1b[0m",
    "\x1b]52;c;ZXZpbA==\x07clip",
    "\x1b]8;;http://evil.example\x07link\x1b]8;;\x07",
    "\x1b[2J\x1b[Hgone",
    "\x9b2Jc1",
    "\x00\x07\x08bell",
    "over\rwritten",
    "\u202elevis\u202c",
    "\x1bP+q544e\x1b\\device",
)
MARKUP = (
    "[red]not red[/red]",
    "[@click=app.quit]press[/]",
    "[link=http://evil.example]away[/link]",
    "[/]closed",
    "[bold",
    "[on red]",
    "$primary {{x}} :smile:",
)
EVIL = (*CODES, *MARKUP)
CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def plant(app: Seen, session_id: str) -> None:
    """A task for each text, which has it in all its parts."""
    context = inside(app.daemon)
    index = 0
    for number, evil in enumerate(EVIL):
        task_id = context.ids.row()
        context.tasks.insert(
            {
                "task_id": task_id,
                "session_id": session_id,
                "status": "failed",
                "created_at": context.now(),
                "created_by": context.users.all()[0]["user_id"],
                "full_prompt": f"{evil} prompt {number}\nwith {evil}",
                "error_message": f"{evil} error",
            }
        )
        call = {"type": "tool_use", "id": f"u{number}", "name": evil, "input": {"command": evil, "file_path": evil}}
        edit = {
            "type": "tool_use",
            "id": f"e{number}",
            "name": "Edit",
            "input": {"file_path": evil, "old_string": evil, "new_string": f"{evil}!"},
        }
        results = [{"type": "tool_result", "tool_use_id": f"{key}{number}", "content": evil} for key in "ue"]
        bodies = (
            ("assistant", [{"type": "thinking", "thinking": evil}, {"type": "text", "text": f"{evil} reply"}]),
            ("assistant", [call, edit]),
            ("user", results),
            ("system", f"{evil} note"),
        )
        for role, content in bodies:
            insert_message(context, (session_id, task_id), (index := index + 1), role, content)


def check(app: Seen) -> str:
    """The screen: no character that does something, no link, no action, no colour that a text asked for."""
    strips = app.strips()
    for strip in strips:
        for segment in strip:
            assert segment.control is None
            assert CONTROL.search(segment.text) is None, repr(segment.text)
            if segment.style is not None:
                assert segment.style.link is None
                assert not any(
                    name.startswith("@") and "evil" in str(what) for name, what in segment.style.meta.items()
                )
    return "\n".join(strip.text for strip in strips)


async def test_hostile_text_is_shown_and_does_nothing() -> None:
    async with daemon_with(2, speed=60.0) as daemon, seen(daemon, size=(120, 40)) as app:
        await app.shows("Session number 1")
        context = inside(daemon)
        row = context.sessions.all()[0]
        context.touch_session(row, title=" ".join(EVIL), agentic_tool="[red]tool\x1b[31m")
        place = context.places.all()[0]
        context.places.put({**place, "name": f"{MARKUP[1]}{CODES[0]}"})
        plant(app, row["session_id"])
        await app.until(lambda: "[red]" in check(app), "the title is in the list")
        app.app.open_session(row["session_id"])
        await app.shows(f"prompt {len(EVIL) - 1}")
        await app.pilot.press("escape", "o", "t")
        for _ in range(120):
            # The input of tools is shown exactly; this is the one of the oldest task.
            if "␛[31mred" in check(app):
                break
            await app.pilot.press("pageup")
            await app.until(lambda: not app.pane._loading_older, "older tasks are read")
        assert "␛[31mred" in check(app)
        shown = ""
        for _ in range(120):
            shown += check(app)
            if app.transcript.following:
                break
            await app.pilot.press("pagedown")
        for evil in MARKUP:
            for part in ("prompt", "reply", "error", "note"):
                assert f"{evil} {part}" in re.sub(r"\s+", " ", shown), (evil, part)
        await app.pilot.press("ctrl+n")
        await app.shows("New session")
        assert MARKUP[1] in check(app)
        await app.pilot.press("escape")
        await app.hides("New session")


async def test_hostile_text_in_what_waits_for_a_person() -> None:
    evil = " ".join(EVIL)
    async with daemon_with(1, speed=60.0) as daemon, seen(daemon, size=(120, 40)) as app:
        await app.shows("Session number 0")
        session_id = app.app.sessions.list.cursor
        await app.client.sessions.prompt(session_id, f"{evil} [permission]")
        await app.shows("Asks for permission")
        await app.client.sessions.prompt(session_id, f"queued {evil}")
        check(app)
        await app.pilot.press("enter")
        await app.shows("asks to use Read", "queued 1 written")
        assert MARKUP[0] in check(app)
        box = app.pane.box
        await app.pilot.press("up")
        await app.until(lambda: MARKUP[1] in box.text, "the earlier prompt is in the box")
        assert CONTROL.search(box.text.replace("\n", "")) is None
        check(app)
        await app.pilot.press("escape", "slash")
        await app.write(MARKUP[0])
        await app.pilot.press("enter")
        await app.pilot.pause()
        check(app)
        context = inside(daemon)
        context.touch_session(context.sessions.all()[0], title=evil)
        await app.until(lambda: "[red]not" in check(app).splitlines()[1], "the title is above the transcript")


async def test_pasted_control_characters_do_not_reach_the_terminal() -> None:
    from textual import events

    async with daemon_with(1) as daemon, seen(daemon, size=(80, 24)) as app:
        await app.shows("Session number 0")
        await app.pilot.press("enter")
        await app.shows("No prompts yet")
        app.app.post_message(events.Paste("a\x1b]52;c;eA==\x07b\r\n\tc\x9b2J"))
        await app.until(lambda: app.app.query_one(PromptBox).text, "the text is in the box")
        assert app.app.query_one(PromptBox).text == "a]52;c;eA==b\n\tc2J"
        check(app)
