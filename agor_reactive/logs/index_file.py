"""The index of a log as a file beside it (``run.jsonl.zst.index``).

It is a cache: built by the first `Log.at` of a larger log, kept where the folder can be written, and built again when
the log or this package changed, or it cannot be read.
"""

from __future__ import annotations

import contextlib
import logging
import os
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import orjson

from agor_reactive._version import __version__
from agor_reactive.logs.files import Frame
from agor_reactive.logs.folding import Complain
from agor_reactive.logs.index import Index, Keyframe, LoggedMessage, LoggedTask, Row, RowReader, build_index, facts_of
from agor_reactive.logs.reading import Damages, Part, Place
from agor_reactive.logs.remote import is_remote

__all__ = ["load_index", "wants_index"]

_log = logging.getLogger("agor_reactive")

FORMAT: Final = 1
_WORTH_IT: Final = 500_000
"""Bytes of a log from which on an index is built; below, folding from the beginning is as quick."""


def wants_index(parts: Sequence[Part]) -> bool:
    """Whether the log is one log, and large enough for an index to be worth it."""
    if len({part.log_id for part in parts}) > 1 or any(is_remote(part.path) for part in parts):
        return False
    return sum(os.path.getsize(part.path) for part in parts) > _WORTH_IT


def load_index(parts: Sequence[Part], complain: Complain) -> Index:
    """The index of a log: read from beside it if it is there and right, else built, and kept if that is possible."""
    path = Path(f"{parts[0].path}.index")
    with contextlib.suppress(FileNotFoundError):
        try:
            return _read(path, parts)
        except FileNotFoundError:
            raise
        except Exception as error:  # noqa: BLE001 - a cache: whatever is wrong with it, it is made anew
            _log.debug("the index %s is built again: %s", path, error)
    stamp = _stamp(parts)
    index, reader = build_index(parts, complain, Damages())
    if stamp == _stamp(parts):  # else the log is still being written: the index would be stale already
        try:
            _write(path, index, reader, stamp)
        except OSError as error:
            _log.debug("the index %s is not kept: %s", path, error)
    return index


def _stamp(parts: Sequence[Part]) -> list[Any]:
    """What changes when a log changes."""
    facts = [(part.part, os.stat(part.path)) for part in parts]
    return [FORMAT, __version__, parts[0].log_id, *([part, stat.st_size, stat.st_mtime_ns] for part, stat in facts)]


def _write(path: Path, index: Index, reader: RowReader, stamp: list[Any]) -> None:
    deflate = zlib.compressobj(9, zlib.DEFLATED, 31)
    fresh = path.with_name(f"{path.name}.{os.getpid()}")
    handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_BINARY", 0), 0o600)
    try:
        with os.fdopen(handle, "wb") as file:
            for line in _lines(index, reader, stamp):
                file.write(deflate.compress(orjson.dumps(line) + b"\n"))
            file.write(deflate.flush())
        fresh.replace(path)
    except BaseException:
        fresh.unlink(missing_ok=True)
        raise


def _lines(index: Index, reader: RowReader, stamp: list[Any]) -> Iterator[Any]:
    yield stamp
    yield [_place(place) for place in reader.places]
    yield {
        str(number): [[[*facts_of(row.entry), row.n, row.begin, row.end] for row in rows] for rows in each]
        for number, each in index.rows.items()
    }
    yield [[frame.n, frame.t, _place(frame.place), list(frame.mirrors)] for frame in index.keyframes]
    for frame in index.keyframes:
        for data in frame.mirrors.values():
            yield orjson.Fragment(data)


def _place(place: Place) -> list[Any]:
    frame = place.frame
    return [place.part, frame.offset, frame.lines, frame.partial.decode("latin-1"), place.n, place.base]


def _read_place(data: Sequence[Any]) -> Place:
    part, offset, lines, partial, n, base = data
    return Place(part, Frame(offset, lines, partial.encode("latin-1")), n, base)


def _read(path: Path, parts: Sequence[Part]) -> Index:
    lines = zlib.decompress(path.read_bytes(), 31).splitlines()
    if orjson.loads(lines[0]) != _stamp(parts):
        raise ValueError("the log has changed since")
    reader = RowReader(parts)
    reader.places = list(map(_read_place, orjson.loads(lines[1])))
    index = Index(parts)
    for number, each in orjson.loads(lines[2]).items():
        tasks, messages = (
            [Row(kind(reader, row[4], row[:4]), *row[4:]) for row in rows]
            for kind, rows in zip((LoggedTask, LoggedMessage), each, strict=True)
        )
        index.rows[int(number)] = (tasks, messages)
    states = iter(lines[4:])  # each is read when its keyframe is used
    for n, t, place, numbers in orjson.loads(lines[3]):
        index.keyframes.append(Keyframe(n, t, _read_place(place), {number: next(states) for number in numbers}))
    return index
