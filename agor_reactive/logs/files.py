"""The files of a log: lines appended so that what was flushed can be read, and read however the file ends.

``.zst`` and ``.gz`` compress; everything else is plain JSON Lines. Each flush ends a block, so a file cut anywhere
(power loss, disk full, a killed process) gives every line up to the last flush; what is missing is named, not raised.
Files are made readable by their owner only.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, Any, Final, NamedTuple, Protocol

from agor_reactive.errors import MissingExtra, UsageError
from agor_reactive.logs.remote import fetched, is_remote

__all__ = ["FRAME", "MAX_LINE", "Chunk", "Damage", "Frame", "LineWriter", "chunks", "create", "lines", "suffix_of"]

MAX_LINE: Final = 64 * 2**20
"""Bytes of one line that are read; a longer one is skipped and reported. A daemon sends at most a few megabytes."""

FRAME: Final = 2**20
"""Bytes of lines that are compressed together."""

_BLOCK: Final = 2**17
_COMPRESSED_BLOCK: Final = 2**13
"""Bytes read at once: so few that what is decoded of them is still in the processor's cache when it is folded."""
_GZIP: Final = b"\x1f\x8b\x08"
_ZSTD: Final = b"\x28\xb5\x2f\xfd"


@dataclass(frozen=True, slots=True)
class Damage:
    """Something of a log that could not be read: in which file, at which line (from 1; 0: the file as a whole), why."""

    path: str
    line: int
    reason: str

    def __str__(self) -> str:
        at = f", line {self.line}" if self.line else ""
        return f"{self.path}{at}: {self.reason}"


def suffix_of(path: str | os.PathLike[str]) -> str:
    """``".zst"``, ``".gz"`` or ``""``: how the file is compressed, by its name."""
    suffix = Path(path).suffix.lower()
    return suffix if suffix in (".zst", ".gz") else ""


class _Compressor(Protocol):
    """What zlib and zstandard have in common."""

    def compress(self, data: bytes, /) -> bytes: ...
    def flush(self, mode: int = ..., /) -> bytes: ...


class LineWriter:
    """Appends lines to one file. `size`: bytes written to it so far. Used by one thread at a time.

    A compressed file is a row of frames (gzip members) of about `FRAME` bytes of lines each: a reader can begin at any.
    """

    def __init__(self, path: Path, file: IO[bytes], new_frame: Callable[[], _Compressor] | None, block: int) -> None:
        self.path = path
        self.size = 0
        self._file = file
        self._new_frame = new_frame
        self._compressor = new_frame() if new_frame is not None else None
        self._in_frame = 0
        self._block = block

    def write(self, data: bytes) -> None:
        """Append whole lines. Raises OSError."""
        if self._new_frame is None or self._compressor is None:
            self._put(data)
            return
        if self._in_frame > FRAME:
            self._put(self._compressor.flush())
            self._compressor = self._new_frame()
            self._in_frame = 0
        self._in_frame += len(data)
        self._put(self._compressor.compress(data))

    def flush(self) -> None:
        """Hand everything to the operating system, readable as it is. Raises OSError."""
        if self._compressor is not None:
            self._put(self._compressor.flush(self._block))
        self._file.flush()

    def close(self) -> None:
        """End the file. Raises OSError; the file is closed then, too."""
        try:
            if self._compressor is not None:
                self._put(self._compressor.flush())
        finally:
            self._file.close()

    def _put(self, data: bytes) -> None:
        self._file.write(data)
        self.size += len(data)


def create(path: str | os.PathLike[str]) -> LineWriter:
    """A new file, mode 600. Raises `UsageError` if it exists or cannot be made, `MissingExtra` without zstandard."""
    path = Path(path)
    suffix = suffix_of(path)
    new_frame: Any = None
    block = 0
    if suffix == ".gz":
        new_frame, block = partial(zlib.compressobj, 6, zlib.DEFLATED, 31), zlib.Z_SYNC_FLUSH
    elif suffix == ".zst":
        zstandard = _zstandard()
        new_frame, block = (
            zstandard.ZstdCompressor(level=3, write_checksum=True).compressobj,
            zstandard.COMPRESSOBJ_FLUSH_BLOCK,
        )
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o600)
    except FileExistsError:
        raise UsageError(f"{path} exists already. A log is never overwritten: name another file.") from None
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror or error}") from None
    return LineWriter(path, os.fdopen(handle, "wb"), new_frame, block)


def _zstandard() -> Any:
    try:
        import zstandard
    except ImportError:
        raise MissingExtra("Reading and writing .zst logs needs zstandard: pip install 'agor-reactive[logs]'") from None
    return zstandard


class Frame(NamedTuple):
    """Where a reader can begin: bytes into the file, and how many lines have ended before that."""

    offset: int
    lines: int
    partial: bytes


class Chunk:
    """Whole lines of a file: the number of the first, and the lines without the last one's end."""

    __slots__ = ("_line_count", "number", "text")

    def __init__(self, number: int, text: bytes) -> None:
        self.number = number
        self.text = text
        self._line_count = 0

    @property
    def line_count(self) -> int:
        """How many lines there are. A reader that finds it out anyway sets it: to count them takes 46 ns a line.

        `bytes.count` of one byte takes seven times as long (CPython 3.11).
        """
        if not self._line_count:
            self._line_count = 1 + len(self.text) - len(self.text.replace(b"\n", b""))
        return self._line_count

    @line_count.setter
    def line_count(self, count: int) -> None:
        self._line_count = count


def lines(path: str | os.PathLike[str], damage: list[Damage]) -> Iterator[tuple[int, bytes]]:
    """The whole lines of a file with their numbers, as bytes without their end; what cannot be read goes to `damage`.

    A last line without its end is damage, too: it was cut. Raises `UsageError` if the file cannot be opened.
    """
    for chunk in chunks(path, damage):
        found = chunk.text.split(b"\n")
        chunk.line_count = len(found)
        yield from enumerate(found, chunk.number)


def chunks(
    path: str | os.PathLike[str], damage: list[Damage], *, begin: Frame | None = None, frames: list[Frame] | None = None
) -> Iterator[Chunk]:
    """`lines`, many at a time.

    `begin` is a place to begin at; those passed on the way are added to `frames`.
    """
    name = str(path)
    number = begin.lines if begin is not None else 0
    rest = begin.partial if begin is not None else b""
    skipping = False
    for offset, block in _blocks(path, damage, begin.offset if begin is not None else 0):
        if block is None:  # a frame broke: the line that it ends in is lost, and the next begins in its middle
            rest, skipping = b"", True
            continue
        if offset is not None and frames is not None and not skipping:
            frames.append(Frame(offset, number, rest))
        end = block.rfind(b"\n")
        if end < 0:
            rest += block
        else:
            whole, rest = b"".join((rest, memoryview(block)[:end])), block[end + 1 :]
            left: bytes | None = whole
            if skipping:
                skipping = False
                number += 1
                damage.append(Damage(name, number, f"damaged, or longer than {MAX_LINE:,} bytes; skipped"))
                _, more, after = whole.partition(b"\n")
                left = after if more else None
            if left is not None:
                chunk = Chunk(number + 1, left)
                yield chunk
                number += chunk.line_count
        if len(rest) > MAX_LINE:
            rest, skipping = b"", True
    if skipping:
        damage.append(Damage(name, number + 1, f"damaged, or longer than {MAX_LINE:,} bytes; skipped"))
    elif rest.strip():
        damage.append(Damage(name, number + 1, "the last record is cut; the log ends before it"))


_Block = tuple[int | None, bytes | None]


def _blocks(path: str | os.PathLike[str], damage: list[Damage], begin: int) -> Iterator[_Block]:
    """The decompressed content, in blocks; with the first of each frame (of a plain file: each) its place in the file.

    The beginning of the file decides how it is read, not its name: files get renamed.
    """
    name = str(path)
    try:
        # Closed below, after the last block.
        file = fetched(os.fspath(path)) if is_remote(path) else open(path, "rb")  # noqa: SIM115
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror or error}") from None
    with file:
        try:
            magic = file.read(4)
            file.seek(begin)
            if magic.startswith(_GZIP):
                yield from _inflated(file, begin, name, damage, _GZIP, partial(zlib.decompressobj, 31), zlib.error)
            elif magic == _ZSTD:
                zstandard = _zstandard()
                new = zstandard.ZstdDecompressor().decompressobj
                yield from _inflated(file, begin, name, damage, _ZSTD, new, zstandard.ZstdError)
            else:
                while block := file.read(_BLOCK):
                    yield begin, block
                    begin += len(block)
        except OSError as error:
            damage.append(Damage(name, 0, f"reading stopped: {error.strerror or error}"))


def _inflated(
    file: IO[bytes],
    at: int,
    name: str,
    damage: list[Damage],
    magic: bytes,
    new: Callable[[], Any],
    broken: type[Exception],
) -> Iterator[_Block]:
    """The content of frames that follow each other. A damaged one is left out; reading goes on at the next.

    None in place of a block stands for what is missing there.
    """
    frame: Any = None
    begun = at
    data = b""
    while data or (data := file.read(_COMPRESSED_BLOCK)):
        begins = frame is None or frame.eof
        if begins:
            frame, begun = new(), at
        try:
            block = frame.decompress(data)
        except broken:
            damage.append(Damage(name, 0, f"the data compressed at byte {begun:,} is damaged"))
            yield None, None
            at = _next_frame(file, begun + 1, magic)
            frame, data = None, b""
            continue
        left = frame.unused_data
        yield (at if begins else None), block
        at += len(data) - len(left)
        data = left
    if frame is not None and not frame.eof:
        damage.append(Damage(name, 0, "the file ends before its compressed data does"))


def _next_frame(file: IO[bytes], at: int, magic: bytes) -> int:
    """Go to where the next frame may begin, at `at` or after it; to the end of the file if there is none."""
    file.seek(at)
    tail = b""
    while data := file.read(_BLOCK):
        found = (tail + data).find(magic)
        if found >= 0:
            at += found - len(tail)
            file.seek(at)
            return at
        at += len(data)
        tail = data[-len(magic) + 1 :]
    return at
