"""Makes received text safe to show: removes terminal control codes and applies carriage returns.

Snapshots keep text as received; only shown text passes through here. A code split over two chunks is whole in the
joined text; one that is incomplete at the end is left out until the rest arrives.
"""

from __future__ import annotations

import re

__all__ = ["one_line", "plain"]

_CODE = re.compile(
    r"""
    (?:\x1b\[|\x9b) [0-?]* [\ -/]* [@-~]?                      # colours, cursor, private modes
    | (?:\x1b[\]PX^_]|[\x90\x98\x9d-\x9f]) [^\x07\x1b\x9c\r\n]* (?:\x07|\x9c|\x1b\\)?  # titles, links, device strings
    | \x1b [\ -/]* [0-~]?                                      # everything shorter
    """,
    re.VERBOSE,
)
# C0 and C1 except tab and newline, DEL, direction overrides: they move the cursor or reorder the text on screen.
_UNSEEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]")
_SUSPECT = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff\t]")
_OVERWRITTEN = re.compile(r"^[^\n]*\r(?=[^\n])", re.MULTILINE)
_LINE_ENDS = re.compile("(?<!\r)\r+\n|[\u2028\u2029]")
_SURROGATES = re.compile("[\ud800-\udfff]")
_BLANKS = re.compile(r"\s+")


def plain(text: str) -> str:
    """Return the text without control codes; text that a carriage return overwrites is dropped.

    >>> plain("\\x1b[31mred\\x1b[0m"), plain("\\x1b[?25l"), plain("Work\\rDone")
    ('red', '', 'Done')
    """
    if _SUSPECT.search(text) is None:
        return text
    text = _LINE_ENDS.sub("\n", _CODE.sub("", text))
    text = _UNSEEN.sub("", _OVERWRITTEN.sub("", text))
    # A lone surrogate (JSON allows it) cannot be encoded.
    return _SURROGATES.sub("\ufffd", text).expandtabs(4)


def one_line(text: str, limit: int = 400) -> str:
    """Return the text on one line, at most `limit` characters; a cut ends with ``…``."""
    line = _BLANKS.sub(" ", plain(text[: limit * 4])).strip()
    return line if len(line) <= limit and len(text) <= limit * 4 else line[: limit - 1] + "…"
