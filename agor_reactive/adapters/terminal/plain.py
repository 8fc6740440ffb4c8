"""Text of others made harmless to show: without terminal codes, as a terminal would have left it. Pure, knows no rich.

Snapshots keep text as it came; only what is shown goes through here. A code that was split over two chunks is whole
again in the joined text; one that is still cut off at the end is left out until the rest comes.
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
# What may neither move the cursor nor reorder what is read: C0 and C1 but tab and newline, DEL, direction overrides.
_UNSEEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]")
_SUSPECT = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff\t]")
_OVERWRITTEN = re.compile(r"^[^\n]*\r(?=[^\n])", re.MULTILINE)
_LINE_ENDS = re.compile("\r+\n|[\u2028\u2029]")
_SURROGATES = re.compile("[\ud800-\udfff]")
_BLANKS = re.compile(r"\s+")


def plain(text: str) -> str:
    """The text as it reads once its control codes are obeyed or gone.

    >>> plain("\\x1b[31mred\\x1b[0m"), plain("\\x1b[?25l"), plain("Work\\rDone")
    ('red', '', 'Done')
    """
    if _SUSPECT.search(text) is None:
        return text
    text = _LINE_ENDS.sub("\n", _CODE.sub("", text))
    text = _UNSEEN.sub("", _OVERWRITTEN.sub("", text))
    # Half of a pair that JSON let through cannot be encoded for any terminal.
    return _SURROGATES.sub("\ufffd", text).expandtabs(4)


def one_line(text: str, limit: int = 400) -> str:
    """The text on one line, cut to about `limit` characters."""
    line = _BLANKS.sub(" ", plain(text[: limit * 4])).strip()
    return line if len(line) <= limit else line[: limit - 1] + "…"
