"""The bar of a long read: in a terminal it shows how far it is and leaves no trace, elsewhere it writes nothing."""

from __future__ import annotations

import io
import sys

import pytest

from agor_reactive.cli.bars import bar


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_has_a_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setenv("TERM", "xterm")
    with bar("sessions") as on_page:
        assert on_page is not None
        on_page(10, 40)
        on_page(40, None)
    assert "Reading sessions" in screen.getvalue()


def test_a_pipe_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    pipe = io.StringIO()
    monkeypatch.setattr(sys, "stderr", pipe)
    with bar("sessions") as on_page:
        assert on_page is None
    assert pipe.getvalue() == ""
