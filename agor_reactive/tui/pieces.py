"""Cuts Markdown into pieces that can be laid out one by one, so that a growing text costs its last piece only."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

__all__ = ["Piece", "pieces_of"]

ENOUGH: Final = 400
"""Characters after which a piece ends with its paragraph."""

MOST: Final = 3_000
"""Characters of a piece: laying out so much takes less than 60 ms, also of code."""

_FENCE: Final = re.compile(r" {0,3}(`{3,}|~{3,})([^`\n]*)")
# What may belong to the block before it although a blank line stands between: items of lists, quotes, rows, indents.
_CONTINUES: Final = re.compile(r"\s|[-*+>|]|\d{1,9}[.)]")


class Piece(NamedTuple):
    """A part of a text. `apart`: a blank line stands before it."""

    text: str
    apart: bool = True


def pieces_of(text: str) -> tuple[Piece, ...]:
    """Cut a text at blank lines outside code blocks; long code and long paragraphs are cut between lines, or anywhere.

    The pieces of a text are those of its beginning, but for the last one.
    """
    found: list[Piece] = []
    lines: list[str] = []
    size = 0
    fence: tuple[str, str] | None = None  # the marks that end the open code block, and the line that began it
    apart = True
    blank = False

    def cut(*, next_apart: bool) -> None:
        nonlocal size, apart
        body = "\n".join(lines).strip("\n")
        if body.strip():
            found.append(Piece(body, apart))
        lines.clear()
        size, apart = 0, next_apart

    for whole in text.split("\n"):
        for line in _short(whole):
            if fence is None and blank and size >= ENOUGH and line.strip() and not _CONTINUES.match(line):
                cut(next_apart=True)
            elif size + len(line) > MOST and lines:
                if fence is None:
                    cut(next_apart=blank)
                else:
                    lines.append(fence[0])
                    cut(next_apart=False)
                    lines.append(fence[1])
            mark = _FENCE.match(line)
            if mark is not None:
                if fence is None:
                    fence = (mark[1], line)
                elif mark[1].startswith(fence[0]) and not mark[2].strip():
                    fence = None
            blank = not line.strip()
            lines.append(line)
            size += len(line) + 1
    cut(next_apart=True)
    return tuple(found)


def _short(line: str) -> list[str]:
    if len(line) <= MOST:
        return [line]
    return [line[at : at + MOST] for at in range(0, len(line), MOST)]
