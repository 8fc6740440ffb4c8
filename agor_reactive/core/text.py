"""Text that grows by chunks, shared by successive snapshots.

`str + str` for every chunk on a held snapshot is quadratic. Here the chunks live in one append-only list that all
successors share; each `Run` knows how many of them are its own. The string is joined on first read and kept.
"""

from __future__ import annotations

__all__ = ["EMPTY", "Run"]


class _Store:
    """The shared list, and the longest prefix of it that somebody has joined."""

    __slots__ = ("chunks", "joined", "joined_count")

    def __init__(self, chunks: list[str]) -> None:
        self.chunks = chunks
        self.joined = ""
        self.joined_count = 0


class Run:
    """An immutable stretch of chunks. Numbered chunks of it are those from `start` up to, not including, `end`."""

    __slots__ = ("_count", "_store", "_text", "end", "start")

    start: int
    end: int

    def __init__(self, start: int = 0, chunks: tuple[str, ...] = (), *, numbered: bool = True) -> None:
        self.start = start
        self.end = start + len(chunks) if numbered else start
        self._store = _Store(list(chunks))
        self._count = len(chunks)
        self._text: str | None = None

    def __len__(self) -> int:
        """How many chunks, numbered or not."""
        return self._count

    def append(self, chunk: str, step: int) -> Run:
        """A successor with one more chunk; `step` is 1 for a numbered chunk, 0 for one without a number.

        Constant time for the newest of a line; a second successor of the same run copies (and is still right).
        """
        store = self._store
        count = self._count
        if len(store.chunks) != count:
            store = _Store(store.chunks[:count])
        store.chunks.append(chunk)
        new: Run = _new(Run)
        new.start = self.start
        new.end = self.end + step
        new._store = store
        new._count = count + 1
        new._text = None
        return new

    def joined_with(self, later: Run) -> Run:
        """A run of both, when `later` begins where this one ends."""
        new: Run = _new(Run)
        new.start = self.start
        new.end = later.end
        new._store = _Store(self.chunks + later.chunks)
        new._count = self._count + later._count
        new._text = None
        return new

    @property
    def chunks(self) -> list[str]:
        """The chunks, as a list of the caller's own."""
        return self._store.chunks[: self._count]

    @property
    def text(self) -> str:
        """All chunks joined."""
        text = self._text
        if text is None:
            store = self._store
            count = self._count
            if store.joined_count <= count:
                text = store.joined + "".join(store.chunks[store.joined_count : count])
                store.joined, store.joined_count = text, count
            else:
                text = "".join(store.chunks[:count])
            self._text = text
        return text


_new = object.__new__

EMPTY = Run()
