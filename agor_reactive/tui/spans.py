"""Character spans of lines of segments: matches of a search, and other styles for them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise

from rich.segment import Segment
from rich.style import Style

__all__ = ["restyled", "spans_of", "text_of"]


def text_of(line: Iterable[Segment]) -> str:
    """Return the text of a line."""
    return "".join(segment.text for segment in line)


def spans_of(text: str, query: str) -> list[tuple[int, int]]:
    """Return where a query occurs in a text, in any case. Empty where folding the case changes the length."""
    folded, wanted = text.casefold(), query.casefold()
    found: list[tuple[int, int]] = []
    if not wanted or len(folded) != len(text):
        return found
    at = folded.find(wanted)
    while at >= 0:
        found.append((at, at + len(wanted)))
        at = folded.find(wanted, at + len(wanted))
    return found


def restyled(line: Iterable[Segment], spans: Sequence[tuple[int, int]], style: Style) -> list[Segment]:
    """Return the line with a style over these spans of its characters."""
    marks = sorted({at for span in spans for at in span})
    made: list[Segment] = []
    begin = 0
    for text, known, _ in line:
        end = begin + len(text)
        cuts = [begin, *(mark for mark in marks if begin < mark < end), end]
        for first, last in pairwise(cuts):
            inside = any(start <= first and last <= stop for start, stop in spans)
            part = text[first - begin : last - begin]
            made.append(Segment(part, (known + style if known else style) if inside else known))
        begin = end
    return made
