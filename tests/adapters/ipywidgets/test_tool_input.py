"""What a tool is given is on the page exactly: see `test_exact_text.py` beside this file for the other views."""

from __future__ import annotations

import pytest

from agor_reactive.adapters.page.document import DocumentBuilder
from tests.adapters.ipywidgets.test_exact_text import EVIL, SHOWN, asking


@pytest.mark.parametrize("pending", [True, False])
def test_the_page_shows_the_whole_command_of_a_call_and_of_a_request(pending: bool) -> None:
    parts = DocumentBuilder().build(asking(EVIL, pending=pending), {"t1"}, {}).parts["t1"]
    assert parts["tool/u1"].fields["brief"] == SHOWN
    assert parts["tool/u1"].fields["name"] == parts["request/r1"].fields["name"] == "Ba<U+200B>sh"
    assert parts["request/r1"].text == f"command: {SHOWN}"


def test_the_page_counts_what_it_leaves_out() -> None:
    parts = DocumentBuilder().build(asking("x" * 5_000), {"t1"}, {}).parts["t1"]
    brief = parts["tool/u1"].fields["brief"]
    kept, _, count = brief.partition("… ")
    assert len(kept) + int(count.removesuffix(" more").replace(",", "")) == 5_000
    assert len(brief) == 120
    assert parts["request/r1"].text == "command: " + "x" * 5_000
