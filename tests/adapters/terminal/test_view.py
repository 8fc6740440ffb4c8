"""What a snapshot looks like in a terminal, on states that were folded from events."""

from __future__ import annotations

import io
import re

import pytest
from rich.cells import cell_len
from rich.console import Console
from rich.markdown import Markdown

from agor_reactive.adapters.terminal import SessionView
from agor_reactive.adapters.terminal.layout import Layouts
from agor_reactive.adapters.terminal.prose import LongText, prose
from agor_reactive.core import SessionState
from agor_reactive.core import events as e
from agor_reactive.models import LinkStatus
from tests.core.build import (
    Mirror,
    chunk,
    end,
    error,
    hydrated,
    message_row,
    raw,
    saved,
    session_row,
    start,
    task_row,
    thinking,
)

CODES = re.compile(r"\x1b\[[0-9;]*m")


def drawn(
    state: SessionState,
    *,
    height: int | None = None,
    width: int = 80,
    encoding: str = "utf-8",
    colour: bool = False,
    layouts: Layouts | None = None,
) -> list[str]:
    """The lines of the view, as they would be written."""
    buffer = io.TextIOWrapper(io.BytesIO(), encoding=encoding, newline="\n")
    console = Console(
        file=buffer,
        width=width,
        height=height or 24,
        force_terminal=colour,
        color_system="truecolor" if colour else None,
        legacy_windows=False,
        _environ={},
    )
    console.print(SessionView(state, height=height, hint="a hint", layouts=layouts), end="")
    buffer.flush()
    raw_bytes = buffer.buffer.getvalue()  # type: ignore[attr-defined]
    return raw_bytes.decode(encoding).split("\n")[:-1]


def body(state: SessionState, **options: object) -> str:
    return "\n".join(drawn(state, **options))  # type: ignore[arg-type]


def running(**fields: object) -> Mirror:
    """A session at work on one prompt."""
    title = {"title": "Stock", "model_config": {"mode": "alias", "model": "swift-1"}}
    return hydrated(
        "eager",
        [task_row("t1", full_prompt="Count the teapots", **fields)],
        session=session_row(["t1"], status="running", **title),
    )


def test_the_heading_tells_title_status_connection_and_model() -> None:
    first = drawn(running().state)[0]
    assert first.startswith("Stock  ● running")
    assert first.rstrip().endswith("live · swift-1")


def test_a_session_without_a_title_is_called_by_its_id() -> None:
    assert drawn(Mirror().state)[0].startswith("Session 01a20fce")


def test_a_task_shows_its_prompt_status_and_how_long_it_took() -> None:
    done = hydrated(tasks=[task_row("t1", "completed", full_prompt="Count", duration_ms=2593)]).state
    assert re.search(r"▌ Count +✓ completed 2\.6 s", body(done))
    slow = hydrated(tasks=[task_row("t1", "failed", started_at="2026-11-25T00:00:00Z", second=0)])
    times = {"started_at": "2026-11-25T00:00:00Z", "completed_at": "2026-11-25T00:03:05Z"}
    slow.feed(saved("tasks", task_row("t1", "failed", **times), "patched"))
    assert "✗ failed 3 m 05 s" in body(slow.state)


def test_a_reply_is_shown_as_markdown_while_it_is_written_and_after() -> None:
    mirror = running()
    mirror.feed(start("m1", task_id="t1"), chunk("m1", "## Found\n\n- **two** teapots\n- one", 0, task_id="t1"))
    shown = drawn(mirror.state)
    assert "  Found" in shown
    assert "   • two teapots" in shown
    assert "   • one▍" in shown
    mirror.feed(saved("messages", message_row("m1", "t1", 1, content=[{"type": "text", "text": "## Found\n\nAll."}])))
    assert "▍" not in body(mirror.state)
    assert "  All." in drawn(mirror.state)


def test_thinking_is_one_dim_line_its_end_while_it_grows_its_beginning_after() -> None:
    mirror = running()
    mirror.feed(raw("messages thinking:start", message_id="m1", task_id="t1"))
    for word in range(60):
        mirror.feed(thinking("m1", f"thought{word} ", task_id="t1"))
    line = next(line for line in drawn(mirror.state) if "∴" in line)
    assert "thought59" in line
    assert "thought0 " not in line
    assert len(line) <= 80
    mirror.feed(raw("messages thinking:end", message_id="m1", task_id="t1"), chunk("m1", "Well.", 0, task_id="t1"))
    line = next(line for line in drawn(mirror.state) if "∴" in line)
    assert line.startswith("  ∴ thought0 ")
    assert line.rstrip().endswith("…")
    assert "\x1b[2;3m" in body(mirror.state, colour=True)


def test_tools_are_chips_executing_complete_or_failed_with_their_input() -> None:
    mirror = running()
    mirror.feed(raw("tasks tool:start", task_id="t1", tool_use_id="u1", tool_name="Bash"))
    assert "  ● Bash" in drawn(mirror.state)
    uses = [
        {"type": "tool_use", "id": "u1", "name": "Bash", "input": {"command": "pytest -q\n  tests"}},
        {"type": "tool_use", "id": "u2", "name": "Odd", "input": {"count": 3}},
        {"type": "tool_use", "id": "u3", "name": "Read", "input": {"file_path": "teapots.csv"}},
    ]
    results = [
        {"type": "tool_result", "tool_use_id": "u1", "content": "12 passed"},
        {"type": "tool_result", "tool_use_id": "u2", "content": [{"type": "text", "text": "ok"}]},
        {"type": "tool_result", "tool_use_id": "u3", "content": "no such file", "is_error": True},
    ]
    mirror.feed(saved("messages", message_row("m1", "t1", 1, content=uses)))
    mirror.feed(saved("messages", message_row("m2", "t1", 2, role="user", type="user", content=results)))
    shown = drawn(mirror.state)
    assert "  ✓ Bash pytest -q␊  tests · 1.0 s" in shown
    assert '  ✓ Odd {"count":3} · 1.0 s' in shown
    assert "  ✗ Read teapots.csv · 1.0 s · no such file" in shown
    assert sum("Bash" in line for line in shown) == 1


def test_a_stream_joined_midway_says_that_its_beginning_is_missing() -> None:
    mirror = running()
    mirror.feed(chunk("m1", "and so on", 7, task_id="t1"))
    assert "! The beginning of this reply is missing until it is saved." in body(mirror.state)
    whole = running().feed(start("m1", task_id="t1"), chunk("m1", "from the start", 0, task_id="t1"))
    assert "missing" not in body(whole)


def test_a_hole_is_told_only_when_nothing_more_is_to_come() -> None:
    mirror = running()
    mirror.feed(start("m1", task_id="t1"), chunk("m1", "one ", 0, task_id="t1"), chunk("m1", "three", 2, task_id="t1"))
    assert "missing" not in body(mirror.state)
    mirror.feed(end("m1", 3, task_id="t1"))
    assert "! A part of this reply is missing until it is saved." in body(mirror.state)


def test_a_failed_reply_and_a_failed_task_say_why() -> None:
    mirror = running()
    mirror.feed(start("m1", task_id="t1"), chunk("m1", "so far", 0, task_id="t1"), error("m1", "overloaded"))
    assert "  ✗ overloaded" in drawn(mirror.state)
    mirror.feed(saved("tasks", task_row("t1", "failed", error_message="The model\nbroke off"), "patched"))
    assert "  ✗ The model broke off" in drawn(mirror.state)


def test_permission_requests_restarts_and_strange_blocks_are_shown() -> None:
    mirror = running()
    asked = {"request_id": "r1", "tool_name": "Bash", "status": "pending"}
    mirror.feed(
        saved("messages", message_row("m1", "t1", 1, type="permission_request", role="system", content=asked)),
        saved("messages", message_row("m2", "t1", 2, type="daemon_crash", role="system", content="It was restarted.")),
        saved("messages", message_row("m3", "t1", 3, content=[{"type": "hologram"}, {"type": "text", "text": "hm"}])),
        saved("messages", message_row("m4", "t1", 4, role="user", type="user", content="And then?")),
    )
    shown = body(mirror.state)
    for line in ("? permission to use Bash: pending", "! It was restarted.", "[hologram]", "hm", "› And then?"):
        assert f"  {line}" in shown


def test_the_queue_is_shown_in_order_and_shortened() -> None:
    waiting = [task_row(f"q{n}", "queued", second=n, queue_position=n, full_prompt=f"later {n}") for n in range(1, 6)]
    state = hydrated(tasks=[task_row("t1", full_prompt="now"), *waiting]).state
    shown = drawn(state)
    assert [line for line in shown if "queued" in line] == [f"○ queued {n} later {n}" for n in (1, 2, 3)]
    assert "  and 2 more" in shown


def test_the_foot_tells_of_errors_and_of_reconnecting_else_the_hint() -> None:
    mirror = running()
    assert drawn(mirror.state)[-1] == "a hint"
    mirror.feed(e.LinkChanged(LinkStatus("reconnecting", attempt=3, next_try_in=2.0, reason="refused", epoch=1)))
    assert drawn(mirror.state)[-1] == "! Reconnecting, attempt 3, next try in 2.0 s: refused. May be outdated."
    gone = running().feed(raw("sessions removed"))
    assert drawn(gone)[-1].startswith("✗ ")
    assert drawn(gone)[-1].endswith(". Not retried automatically.")


@pytest.mark.parametrize("size", [(80, 24), (40, 10), (120, 50), (10, 4)])
def test_a_bounded_view_fills_its_height_keeps_the_newest_and_never_overflows(size: tuple[int, int]) -> None:
    width, height = size
    mirror = running()
    text = "".join(f"paragraph {n} of a long reply that goes on and on\n\n" for n in range(100)) + "the last words"
    mirror.feed(start("m1", task_id="t1"), chunk("m1", text, 0, task_id="t1"))
    shown = drawn(mirror.state, width=width, height=height)
    assert len(shown) == height
    assert all(len(line.rstrip()) <= width for line in shown)
    if height >= 10:
        assert any("the last words" in line for line in shown)
        assert shown[2].startswith("… Count the teapots")


def test_a_short_session_keeps_the_foot_at_the_bottom() -> None:
    shown = drawn(running().state, height=24)
    assert len(shown) == 24
    assert shown[-1] == "a hint"


def test_a_long_session_costs_a_screen_not_its_length() -> None:
    tasks = [task_row(f"t{n:04}", "completed", second=n, full_prompt=f"prompt {n}") for n in range(1000)]
    said = {task["task_id"]: [message_row(f"m{task['task_id']}", task["task_id"], 1)] for task in tasks}
    state = hydrated("eager", tasks, messages=said).state
    layouts = Layouts()
    shown = drawn(state, height=24, layouts=layouts)
    assert any("content of mt0999" in line for line in shown)
    assert 0 < len(layouts._kept) < 24


def test_what_did_not_change_is_not_laid_out_again() -> None:
    mirror, layouts = running(), Layouts()
    mirror.feed(saved("messages", message_row("m1", "t1", 1, content="said")))
    drawn(mirror.state, layouts=layouts)
    kept = layouts._kept["t1", "m1/text"][2]
    mirror.feed(start("m2", task_id="t1"), chunk("m2", "more", 0, task_id="t1"))
    drawn(mirror.state, layouts=layouts)
    assert layouts._kept["t1", "m1/text"][2] is kept
    drawn(mirror.state, width=60, layouts=layouts)
    assert layouts._kept["t1", "m1/text"][2] is not kept


def test_control_codes_are_shown_nowhere_and_stay_in_the_state() -> None:
    """Case B32, in every place that shows what others wrote."""
    nasty = "\x1b[31mred\x1b[0m\x1b[?25l Work\rDone"
    mirror = hydrated(
        "eager",
        [task_row("t1", full_prompt=nasty), task_row("q1", "queued", second=1, queue_position=1, full_prompt=nasty)],
        session=session_row(["t1"], title=nasty, status=nasty),
    )
    mirror.feed(
        raw("tasks tool:start", task_id="t1", tool_use_id="u1", tool_name=nasty),
        saved("messages", message_row("m1", "t1", 1, content=[{"type": "text", "text": nasty}, {"type": nasty}])),
        saved("messages", message_row("m2", "t1", 2, content=f"```\n{nasty}\n```\n\n&#27;[31mentity &#x9b;1m")),
        chunk("m3", "split \x1b[3", 0, task_id="t1"),
    )
    half = body(mirror.state, colour=True)
    assert "split" in half
    mirror.feed(chunk("m3", "1mcode\x1b[0", 1, task_id="t1"), chunk("m3", "m", 2, task_id="t1"), error("m3", nasty))
    mirror.feed(saved("tasks", task_row("t1", "failed", error_message=nasty, full_prompt=nasty), "patched"))
    for shown in (half, body(mirror.state, colour=True), body(mirror.state, colour=True, height=24)):
        clean = CODES.sub("", shown)
        assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f]", clean)
        assert "Done" in clean
        # Tools are an exception: their codes are shown, not obeyed.
        assert "Work" not in clean.replace("␛[31mred␛[0m␛[?25l Work␍Done", "")
    assert "split code" in CODES.sub("", body(mirror.state))
    assert mirror.state.tasks[0].full_prompt == nasty
    assert mirror.state.streaming_messages["m3"].text == "split \x1b[31mcode\x1b[0m"


def test_markup_of_rich_and_emoji_codes_are_only_text() -> None:
    text = "[bold]not bold[/bold] [link=http://x.test]x[/link] :teapot: [/nonsense"
    mirror = hydrated(tasks=[task_row("t1", full_prompt=text)], session=session_row(["t1"], title=text))
    shown = drawn(mirror.state, width=120)
    assert shown[0].startswith(text)
    assert any(text in line for line in shown[2:])


def test_links_and_images_show_where_they_lead_and_nothing_is_made_of_them() -> None:
    mirror = running()
    mirror.feed(saved("messages", message_row("m1", "t1", 1, content="[here](http://a.test/x) ![pic](http://b.test)")))
    shown = body(mirror.state, colour=True)
    assert "http://a.test/x" in CODES.sub("", shown)
    assert "\x1b]8" not in shown


def test_an_old_code_page_gets_signs_that_it_has() -> None:
    mirror = running()
    mirror.feed(start("m1", task_id="t1"), chunk("m1", "counting", 0, task_id="t1"))
    shown = body(mirror.state, encoding="ascii")
    assert "| Count the teapots" in shown
    assert "counting_" in shown


def test_without_colour_no_code_is_written() -> None:
    assert "\x1b" not in body(running().state)


def test_a_text_of_600_kb_is_shown_whole_and_without_markdown() -> None:
    text = "```python\n" + "x = [1, 2, 3]  # comment\n" * 25_000 + "```"
    whole = prose(text)
    assert isinstance(whole, LongText)
    assert isinstance(prose(text[:1_000]), Markdown)
    assert whole.text == text


def test_long_text_is_wrapped_where_it_is_too_wide_and_keeps_one_of_many_blank_lines() -> None:
    console = Console(file=io.StringIO(), width=20)
    console.print(LongText("one\n\n\n  \ntwo words " + "wide " * 6 + "\n世界" + "\u4e16" * 12))
    shown = console.file.getvalue().split("\n")  # type: ignore[attr-defined]
    assert shown[:3] == ["one", "", "two words wide wide "]
    assert all(cell_len(line) <= 20 for line in shown)
    assert "".join(shown).count("\u4e16") == 13


@pytest.mark.parametrize("style", ["", "italic"])
@pytest.mark.parametrize("text", ["word " * 500, "\U0001f600" * 500], ids=["words", "one word"])
def test_no_part_of_a_long_line_has_a_line_end_inside(text: str, style: str) -> None:
    """rich cuts such a part at each of its line ends, and copies what follows: a long one takes quadratic time."""
    parts = list(Console(file=io.StringIO(), width=20).render(LongText(text, style)))
    assert [part.text for part in parts if "\n" in part.text and part.text != "\n"] == []
    assert "".join("".join(part.text for part in parts).split()) == "".join(text.split())
    assert {bool(part.style and part.style.italic) for part in parts if part.text.strip()} == {style == "italic"}
