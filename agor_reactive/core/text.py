"""Text that grows by chunks, shared by successive snapshots.

`str + str` for every chunk on a held snapshot is quadratic. Here the chunks live in one append-only list that all
successors share; each `Run` knows how many of them are its own. The string is joined on first read and kept.
"""

from __future__ import annotations

import re

__all__ = ["EMPTY", "Run", "whole_text"]


class _Chunks(list[str]):
    """The shared list, and the longest prefix of it that has been joined, with whether it has half characters."""

    __slots__ = ("joined",)

    joined: tuple[str, int, bool]  # one attribute, so that two threads that join at once never mix theirs


_HALF = re.compile("[\ud800-\udfff]")


def whole_text(text: str) -> str:
    """Text that can be encoded: halves that stand side by side are one character, others are U+FFFD."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


class Run:
    """An immutable stretch of chunks. Numbered chunks of it are those from `start` up to, not including, `end`.

    `size` is what it holds: its characters, and one more for each chunk, so that empty chunks count, too.
    """

    __slots__ = ("_chunks", "_count", "_text", "end", "size", "start")

    start: int
    end: int
    size: int
    _chunks: _Chunks
    _count: int
    _text: str | None

    def __init__(self, start: int = 0, chunks: tuple[str, ...] = ()) -> None:
        self.start = start
        self._count = count = len(chunks)
        self.end = start + count
        self.size = count + sum(map(len, chunks))
        self._chunks = _Chunks(chunks)
        self._text = None

    def __len__(self) -> int:
        """How many chunks, numbered or not."""
        return self._count

    def append(self, chunk: str, step: int) -> Run:
        """A successor with one more chunk; `step` is 1 for a numbered chunk, 0 for one without a number.

        Constant time for the newest of a line; a second successor of the same run copies (and is still right), and so
        does the first of an empty one, which many lines may share.
        """
        count = self._count
        chunks = self._chunks
        if count and len(chunks) == count:
            chunks.append(chunk)
            mine = chunks[count] is chunk  # unless another thread was faster
        else:
            mine = False
        if not mine:
            chunks = _Chunks((*chunks[:count], chunk))
        new: Run = _new(Run)
        new.start = self.start
        new.end = self.end + step
        new.size = self.size + len(chunk) + 1
        new._chunks = chunks
        new._count = count + 1
        new._text = None
        return new

    def extend(self, chunk: str) -> None:
        """Add one numbered chunk in place.

        Only for the successor that `append` or `Run()` has made and that no snapshot has yet: its list is already
        longer than any older run of the same list, so no other run can append there.
        """
        self._chunks.append(chunk)
        self._count += 1
        self.size += len(chunk) + 1
        self.end += 1

    def joined_with(self, later: Run) -> Run:
        """A run of both, when `later` begins where this one ends."""
        new: Run = _new(Run)
        new.start = self.start
        new.end = later.end
        new.size = self.size + later.size
        new._chunks = _Chunks((*self.chunks, *later.chunks))
        new._count = self._count + later._count
        new._text = None
        return new

    @property
    def chunks(self) -> list[str]:
        """The chunks, as a list of the caller's own."""
        return self._chunks[: self._count]

    def chunks_from(self, at: int) -> list[str]:
        """The chunks from the one at that place on, as a list of the caller's own."""
        return self._chunks[at : self._count]

    @property
    def text(self) -> str:
        """All chunks joined. A character that was cut between two chunks is whole again; a half of one is U+FFFD."""
        text = self._text
        if text is None:
            chunks, count = self._chunks, self._count
            joined, joined_count, halves = getattr(chunks, "joined", ("", 0, False))
            if joined_count <= count:
                more = "".join(chunks[joined_count:count])
                halves = halves or (not more.isascii() and _HALF.search(more) is not None)
                text = joined + more
                chunks.joined = (text, count, halves)
            else:
                text = "".join(chunks[:count])
            if halves:
                text = whole_text(text)
            self._text = text
        return text


_new = object.__new__

EMPTY = Run()
