"""Markdown cut into pieces."""

from __future__ import annotations

import pytest

from agor_reactive.tui.pieces import MOST, pieces_of

PARAGRAPH = "word " * 100 + "\n\n"
FENCED = "```python\n" + "x = 1\n\n" * 100 + "```\n\n"
LIST = "".join(f"- item {number} of some words\n\n" for number in range(40))


def joined(text: str) -> str:
    return "\n\n".join(piece.text for piece in pieces_of(text))


@pytest.mark.parametrize("text", [PARAGRAPH * 3, FENCED + PARAGRAPH, LIST, PARAGRAPH + LIST + PARAGRAPH, "a", "a\n\nb"])
def test_pieces_are_the_text(text: str) -> None:
    assert joined(text) == text.strip("\n")


def test_code_and_lists_stay_whole() -> None:
    assert len(pieces_of(FENCED)) == 1
    assert len(pieces_of(LIST)) == 1
    assert len(pieces_of(PARAGRAPH * 3)) == 3


def test_a_growing_text_changes_its_last_piece_only() -> None:
    text = (PARAGRAPH + FENCED + PARAGRAPH + LIST) * 4
    before = pieces_of(text[:1])
    for end in range(1, len(text), 97):
        now = pieces_of(text[:end])
        assert now[: len(before) - 1] == before[:-1]
        before = now


@pytest.mark.parametrize(
    "text", ["a" * 1_000_000, "```\n" + "x = 1\n" * 100_000, "a b " * 100_000, "\n" * 100_000, "- a\n" * 100_000]
)
def test_no_piece_is_long(text: str) -> None:
    pieces = pieces_of(text)
    assert all(len(piece.text) <= MOST * 1.1 for piece in pieces)


def test_long_code_is_cut_into_blocks_of_code() -> None:
    pieces = pieces_of("````md\n" + "x = 1\n" * 2_000 + "````\n\nafter")
    assert len(pieces) > 2
    assert all(piece.text.startswith("````md\n") and "\n````" in piece.text for piece in pieces)
    assert [piece.apart for piece in pieces[:2]] == [True, False]
