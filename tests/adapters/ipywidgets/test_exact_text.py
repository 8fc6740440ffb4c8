"""What a tool is given is shown exactly: no character of it can hide another, in any view."""

from __future__ import annotations

import io
import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console

from agor_reactive.adapters.presentation.exact import Excerpt, cut_text, exact, exact_line, exact_text
from agor_reactive.adapters.presentation.transcript import transcript
from agor_reactive.adapters.terminal import LineView, SessionView
from agor_reactive.core import SessionState
from tests.core.build import hydrated, message_row, saved, session_row, task_row

HIDING = [
    ("rm -rf ~ #\rls", "rm -rf ~ #␍ls"),
    ("ls \x1b]x; rm -rf ~", "ls ␛]x; rm -rf ~"),
    ("ls \x1b[8mrm -rf ~\x1b[0m", "ls ␛[8mrm -rf ~␛[0m"),
    ("ls \x9d0;x", "ls <U+009D>0;x"),
    ("ls\x08\x08rm", "ls␈␈rm"),
    ("ls\x00\x7f", "ls␀␡"),
    ("cat \u202egpj.sh", "cat <U+202E>gpj.sh"),
    ("cat \u2066x\u2069", "cat <U+2066>x<U+2069>"),
    ("cu\u200brl \ufeffx\u00ad", "cu<U+200B>rl <U+FEFF>x<U+00AD>"),
    ("ls\u00a0-l\u3000x", "ls<U+00A0>-l<U+3000>x"),
    ("ls\u3164\u2800\u115f\uffa0", "ls<U+3164><U+2800><U+115F><U+FFA0>"),
    ("ls\ufe0f\U000e0141\U000e0100", "ls<U+FE0F><U+E0141><U+E0100>"),
    ("ls \ud83d", "ls <U+D83D>"),
    ("ls\u2028rm\u0085rm", "ls<U+2028>rm<U+0085>rm"),
    ("ls" + " " * 1600 + "; rm -rf ~", "ls<1,600 blanks>; rm -rf ~"),
    ("ls" + "\t" * 50 + "; rm", "ls<50 blanks>; rm"),
]
PLAIN = ["pytest -q", "ünïcödé 漢字 🫖", "a\n  b\n\nc", "שלום עולם", "e\u0301", " " * 40 + "x"]


@pytest.mark.parametrize(("given_", "shown"), HIDING)
def test_what_hides_text_is_shown(given_: str, shown: str) -> None:
    assert exact(given_) == shown
    assert exact_line(given_).text == shown


@pytest.mark.parametrize("text", PLAIN)
def test_text_that_hides_nothing_is_unchanged(text: str) -> None:
    assert exact(text) == text


def test_many_empty_lines_are_counted() -> None:
    assert exact("ls" + "\n" * 200 + "rm") == "ls\n<199 empty lines>\nrm"
    assert exact("ls" + "\n \t " * 100 + "\nrm") == "ls\n<100 empty lines>\nrm"
    assert exact("a\n\n\nb") == "a\n\n\nb"


HOSTILE = st.lists(
    st.one_of(st.sampled_from("ab ;#\n\t\r\x1b]\x07\u202e\u200b\u00a0\u3164"), st.characters(), st.just(" " * 60)),
    max_size=40,
).map("".join)


@given(HOSTILE)
def test_only_visible_characters_are_left_and_every_visible_one_is_kept_in_order(text: str) -> None:
    shown = exact(text)
    assert not any(unicodedata.category(c) in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp") for c in shown if c != "\n")
    assert exact(shown) == shown
    rest = iter(shown)
    visible = [c for c in text if c.isprintable() and not c.isspace() and exact(c) == c]
    assert all(any(c == other for other in rest) for c in visible)


@given(HOSTILE, HOSTILE)
def test_different_texts_look_different_unless_only_in_blanks(one: str, other: str) -> None:
    if "<" not in one + other and not re.search("[\u2400-\u2421]", one + other) and exact(one) == exact(other):
        assert one.split() == other.split() or one.expandtabs(4) == other.expandtabs(4) or " " * 41 in one + other


@given(HOSTILE, st.integers(1, 100))
def test_a_cut_is_marked_with_how_much_is_left_out(text: str, room: int) -> None:
    whole = exact_line(text, 10_000).text
    cut = exact_line(text).within(room)
    if cut != whole:
        kept, count = re.fullmatch(r"(.*)… ([\d,]+) more", cut, re.DOTALL).groups()  # type: ignore[union-attr]
        assert whole.startswith(kept)
        assert len(kept) + int(count.replace(",", "")) == len(whole)
        assert len(cut) <= room or not kept
    assert cell_len(exact_line(text).within(room, cell_len)) <= max(room, len("… 10,000 more"))


def test_cuts_of_long_text_count_characters_and_lines() -> None:
    assert cut_text("a\nb\nc\nd", 100, lines=2) == "a\nb\n… 4 more characters"
    assert exact_text("x" * 5_000_000, 10) == "x" * 10 + "\n… 4,999,990 more characters"
    assert exact_line("x" * 500_000).left_out == 499_600
    assert Excerpt("ab", 0).within(2) == "ab"


# ------------------------------------------------------------------------------------------------------- every view

EVIL = "echo ok #\r\x1b]0;x" + " " * 1600 + "; rm -rf \u202e~"
SHOWN = "echo ok #␍␛]0;x<1,600 blanks>; rm -rf <U+202E>~"


def asking(command: str, *, pending: bool = True) -> SessionState:
    """A session with a call of a tool, and a request for it."""
    status = "awaiting_permission" if pending else "completed"
    mirror = hydrated("eager", [task_row("t1", status, full_prompt="Go")], session=session_row(["t1"]))
    given_ = {"command": command}
    use = [{"type": "tool_use", "id": "u1", "name": "Ba\u200bsh", "input": given_}]
    asked = {"request_id": "r1", "tool_name": "Ba\u200bsh", "tool_input": given_}
    asked["status"] = "pending" if pending else "approved"
    mirror.feed(
        saved("messages", message_row("m1", "t1", 1, content=use)),
        saved("messages", message_row("m2", "t1", 2, type="permission_request", role="system", content=asked)),
    )
    return mirror.state


def on_terminal(state: SessionState, *, lines: bool, width: int = 140, height: int | None = None) -> str:
    console = Console(file=io.StringIO(), width=width, color_system=None, legacy_windows=False, _environ={})
    with console.capture() as capture:
        if lines:
            LineView(console).show(state)
        else:
            console.print(SessionView(state, height=height), end="")
    return capture.get()


@pytest.mark.parametrize("pending", [True, False])
def test_every_view_shows_the_whole_command_of_a_call_and_of_a_request(pending: bool) -> None:
    state = asking(EVIL, pending=pending)
    views = {
        "terminal": on_terminal(state, lines=False),
        "screen": on_terminal(state, lines=False, height=24),
        "transcript": transcript(state),
    }
    if not pending:
        views["lines"] = on_terminal(state, lines=True)
    for name, text in views.items():
        assert text.count(SHOWN) == 2, name
        assert text.count("Ba<U+200B>sh") == 2, name


@pytest.mark.parametrize("width", [40, 80, 140])
def test_every_view_counts_what_it_leaves_out(width: int) -> None:
    state = asking("x" * 5_000)
    marked = re.compile(r"… ([\d,]+) more")
    screen = on_terminal(state, lines=False, width=width)
    call, request = (int(count.replace(",", "")) for count in marked.findall(re.sub(r"\n +", " ", screen)))
    assert next(line for line in screen.split("\n") if "Ba<" in line).count("x") + call == 5_000
    assert request == len("command: " + "x" * 5_000) - 2_000
    saved_text = transcript(state)
    assert [int(count.replace(",", "")) for count in marked.findall(saved_text)][1] == 1_009
