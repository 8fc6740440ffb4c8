"""Text of others, as it may be shown in a terminal."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agor_reactive.adapters.presentation.plain import one_line, plain


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b[?25l", ""),
        ("\x1b[?1049h\x1b[2J\x1b[Hhome", "home"),
        ("Work\rDone", "Done"),
        ("10%\r50%\r100%\nnext", "100%\nnext"),
        ("line\r\nnext\r\r\n", "line\nnext\n"),
        ("kept\r", "kept"),
        ("\x1b]0;a title\x07text", "text"),
        ("\x1b]8;;http://x.test\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x9b31mc1\x9bm", "c1"),
        ("\x1bPq#0\x1b\\sixel", "sixel"),
        ("\x1b]never ended\nbut the next line is safe", "\nbut the next line is safe"),
        ("bell\x07 back\x08space \x00nul \x7fdel", "bell backspace nul del"),
        ("a\tb", "a   b"),
        ("user\u202egnp.exe", "usergnp.exe"),
        ("half \ud83d pair", "half \ufffd pair"),
        ("no codes: [31m stays", "no codes: [31m stays"),
        ("\x1b", ""),
        ("\x1b[3", ""),
        ("ünïcödé 漢字 🫖", "ünïcödé 漢字 🫖"),
    ],
)
def test_control_codes_are_obeyed_or_gone(raw: str, shown: str) -> None:
    assert plain(raw) == shown


@given(st.text(st.sampled_from("ab\x1b[]?;0123mhHlJK\r\n\t\x07\x9b\x9d\\ \u202e"), max_size=40))
def test_nothing_that_moves_a_cursor_is_left_whatever_the_text(text: str) -> None:
    shown = plain(text)
    assert not any((ord(c) < 32 and c != "\n") or 127 <= ord(c) < 160 or c == "\u202e" for c in shown)
    assert plain(shown) == shown


def test_a_long_text_on_one_line_is_cut() -> None:
    assert one_line("one\n  two\t three") == "one two three"
    assert len(one_line("word " * 500, 80)) == 80
    assert one_line("\x1b[1m" * 20 + "late") == "late"


@pytest.mark.parametrize("end", ["x", "\n", ""])
def test_a_long_run_of_carriage_returns_is_read_once(end: str) -> None:
    text = plain("\r" * 300_000 + end)  # took two minutes when each of them was tried as the beginning of a line's end
    assert text == end
    assert plain("a\r\r\nb") == "a\nb"
