"""Shows exactly what a tool is given: a person approves what they read, so no character may hide another.

Prose of models and output of tools go through `plain`, which obeys control codes. Input of tools goes through `exact`,
which shows them: what would move the cursor, reorder the text or take no room becomes a visible mark.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

__all__ = ["DATA_LIMIT", "NOTHING", "Excerpt", "cut_text", "exact", "exact_line", "exact_text"]

DATA_LIMIT = 100_000
"""Characters of an input or result; longer ones are cut."""

BLANKS, LINES = 40, 8
"""A run of more blanks, or of more empty lines, is shown as its length: it would push what follows out of sight."""

_OTHER = re.compile("[^\n -~]+")
_RUNS = re.compile(rf"[ \t]{{{BLANKS + 1},}}|\n(?:[ \t]*\n){{{LINES + 1},}}")
# Invisible although Unicode counts them as letters, marks or symbols: fillers, joiners, vowels without a glyph,
# variation selectors, the empty Braille pattern. Everything else that is invisible is not `str.isprintable`.
_INVISIBLE = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180d\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)


class Excerpt(NamedTuple):
    """The beginning of a text on one line, and how many characters of it follow."""

    text: str = ""
    left_out: int = 0

    def within(self, room: int, width: Callable[[str], int] = len) -> str:
        """Return the text in at most `room` cells as `width` counts them; a cut says how many characters follow.

        >>> Excerpt("rm -rf build dist", 10).within(20)
        'rm -rf buil… 16 more'
        """
        if not self.left_out and len(self.text) <= room and width(self.text) <= room:
            return self.text
        kept = self.text[: max(0, room)]
        while kept and width(cut := self._cut(kept)) > room:
            kept = kept[: -max(1, (width(cut) - room) // 2)]
        return self._cut(kept)

    def _cut(self, kept: str) -> str:
        left_out = len(self.text) - len(kept) + self.left_out
        return f"{kept}… {left_out:,} more" if left_out else kept


NOTHING = Excerpt()


def exact(text: str) -> str:
    """Return the text with a mark for everything that would hide, move or reorder text. Keeps the lines.

    Control characters become control pictures, other invisible characters their code points, long runs of blanks or
    empty lines their length. Tabs become four blanks at most. Linear in the length of the text.

    >>> exact("rm -rf ~ #\\rls"), exact("ls \\x1b]x; rm"), exact("a\\u202eb"), exact("ls" + " " * 1600 + "; rm")
    ('rm -rf ~ #␍ls', 'ls ␛]x; rm', 'a<U+202E>b', 'ls<1,600 blanks>; rm')
    """
    if not text.isascii() or not text.isprintable():
        text = _OTHER.sub(_marked, text)
    return _RUNS.sub(_counted, text).expandtabs(4)


def _marked(found: re.Match[str]) -> str:
    run = found[0]
    if run.isprintable() and _INVISIBLE.search(run) is None:
        return run
    return "".join(map(_mark, run))


def _mark(character: str) -> str:
    code = ord(character)
    if character == "\t":
        return character
    if code < 0x20:
        return chr(0x2400 + code)
    if code == 0x7F:
        return "\u2421"
    if character.isprintable() and _INVISIBLE.match(character) is None:
        return character
    return f"<U+{code:04X}>"


def _counted(found: re.Match[str]) -> str:
    run = found[0]
    lines = run.count("\n") - 1
    return f"<{len(run):,} blanks>" if lines < 0 else f"\n<{lines:,} empty lines>\n"


def exact_line(text: str, limit: int = 400) -> Excerpt:
    """Return the text on one line as `exact` shows it, its line ends as marks; at most `limit` characters of it.

    >>> exact_line("cd /tmp\\nrm -rf x").text
    'cd /tmp␊rm -rf x'
    """
    shown = exact(text[:DATA_LIMIT].strip(" \t\n")).replace("\n", "\u240a")
    left_out = max(0, len(text) - DATA_LIMIT)
    return Excerpt(shown[:limit], max(0, len(shown) - limit) + left_out)


def exact_text(text: str, limit: int = DATA_LIMIT, *, lines: int | None = None) -> str:
    """Return the text as `exact` shows it, at most `limit` characters and so many `lines` of it; a cut is counted."""
    read = text[: 10 * limit]
    return cut_text(exact(read), limit, lines=lines, left_out=len(text) - len(read))


def cut_text(text: str, limit: int, *, lines: int | None = None, left_out: int = 0) -> str:
    """Return the text, at most `limit` characters and `lines` of it. A cut says how many characters follow.

    `left_out` counts those that were left out before.
    """
    kept = text[:limit]
    if lines is not None:
        kept = "\n".join(kept.split("\n", lines)[:lines])
    left_out += len(text) - len(kept)
    return f"{kept}\n… {left_out:,} more characters" if left_out else kept
