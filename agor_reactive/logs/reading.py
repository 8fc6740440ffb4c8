"""The records of a log's files, in order, with what could not be read named beside them.

Nothing here raises for damage: a record that is no JSON, of no known kind, out of order or missing is reported as
`Damage`, and reading goes on.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from operator import itemgetter
from typing import Any, Final, NamedTuple

import orjson

from agor_reactive.errors import UsageError
from agor_reactive.logs.files import Damage, Frame, chunks, lines
from agor_reactive.logs.records import FORMAT, KINDS
from agor_reactive.models.wire import UNREADABLE, CutText, RawEvent

__all__ = [
    "EVENTS",
    "Part",
    "Place",
    "Record",
    "Records",
    "open_parts",
    "part_of",
    "raw_event",
    "records",
    "session_of",
]

Record = dict[str, Any]

EVENTS: Final = frozenset({"event"})
"""The `kinds` of records that are events of the wire, all of them: as most are."""


class Records(list[Record]):
    """Records that were read together, and the kinds among them."""

    kinds: frozenset[str] = EVENTS


_MOST_DAMAGE: Final = 1_000
"""How many damages are kept in words; more are only counted."""


class Place(NamedTuple):
    """Where in a log's files a reader can begin: the part, the frame, the number of the last record before it.

    `base` is what is added to the numbers of mirrors there: they are counted through all logs that are read together.
    """

    part: int
    frame: Frame
    n: int
    base: int


@dataclass(frozen=True, slots=True)
class Part:
    """One file of a log. `log_id` is the same in all its parts; `part` counts them from 1."""

    path: str
    log_id: str
    part: int
    started_at: float
    header: Mapping[str, Any]


@dataclass(slots=True)
class Damages:
    """What could not be read: the first thousand in words, and how many in all."""

    found: list[Damage] = field(default_factory=list)
    count: int = 0

    def add(self, damage: Damage) -> None:
        self.count += 1
        if len(self.found) < _MOST_DAMAGE:
            self.found.append(damage)


def open_parts(paths: Sequence[str | os.PathLike[str]]) -> list[Part]:
    """The parts in order of time: by log, then by part. Raises `UsageError` for a file that is no such log."""
    parts = [_opened(path) for path in paths]
    if not parts:
        raise UsageError("name at least one log file")
    begun: dict[str, float] = {}
    for part in parts:
        begun[part.log_id] = min(part.started_at, begun.get(part.log_id, part.started_at))
    parts.sort(key=lambda part: (begun[part.log_id], part.log_id, part.part, part.path))
    return parts


def _opened(path: str | os.PathLike[str]) -> Part:
    name = os.fspath(path)
    damage: list[Damage] = []
    first = next((line for _, line in lines(name, damage) if line.strip()), None)
    if first is None:
        raise UsageError(str(damage[0]) if damage else f"{name}: the file is empty")
    return part_of(name, first)


def part_of(name: str, first: bytes) -> Part:
    """The part that the first line of a file describes. Raises `UsageError` if it is no header."""
    try:
        header = orjson.loads(first.removeprefix(b"\xef\xbb\xbf"))
    except ValueError:
        raise UsageError(f"{name}: the first line is no JSON; this is no log of agor_reactive") from None
    version = header.get("agor_log") if isinstance(header, dict) else None
    if type(version) is not int:
        raise UsageError(f"{name}: the first line has no field agor_log; this is no log of agor_reactive")
    if version > FORMAT:
        raise UsageError(f"{name}: format {version} is newer than this version reads ({FORMAT}). Update agor_reactive.")
    if version < 1:
        raise UsageError(f"{name}: there is no format {version}")
    log_id, part, at = header.get("log_id"), header.get("part", 1), header.get("t", 0.0)
    if not isinstance(log_id, str) or type(part) is not int or not isinstance(at, (int, float)):
        raise UsageError(f"{name}: the header is damaged (log_id, part or t)")
    return Part(name, log_id, part, float(at), header)


def records(parts: Sequence[Part], damages: Damages) -> Iterator[Record]:
    """Every whole record in order, headers left out; see `record_lists`."""
    return chain.from_iterable(record_lists(parts, damages))


def record_lists(
    parts: Sequence[Part], damages: Damages, *, begin: Place | None = None, places: list[Place] | None = None
) -> Iterator[list[Record]]:
    """Every whole record in order, headers left out, many at a time. `begin` skips what comes before that place.

    Places passed on the way are added to `places`. Between two logs there is an ``end`` record in any case: a mirror of
    one gets no events of the next.
    """
    reader = _Reader(damages)
    if begin is not None:
        reader.n, reader.base, reader.most = begin.n, begin.base, begin.base
    log_id = parts[begin.part].log_id if begin is not None else parts[0].log_id
    for at in range(begin.part if begin is not None else 0, len(parts)):
        part = parts[at]
        if part.log_id != log_id:
            log_id, reader.n, reader.base = part.log_id, 0, reader.most
            yield [{"n": 0, "t": reader.last, "kind": "end"}]
        here = begin.frame if begin is not None and at == begin.part else None
        damage: list[Damage] = []
        frames: list[Frame] = []
        header = here is None
        for chunk in chunks(part.path, damage, begin=here, frames=frames):
            if places is not None:
                places.extend(Place(at, frame, reader.n, reader.base) for frame in frames)
                frames.clear()
            number, text = chunk.number, chunk.text
            while header and text:
                first, _, text = text.partition(b"\n")
                number += 1
                header = not first.strip()
            if text:
                found = reader.together(text)
                if found is not None:
                    chunk.line_count = number - chunk.number + len(found)
                    yield found
                    del found  # see `Fold.take_lists`
                elif some := reader.one_by_one(part.path, number, text):
                    yield some
        for one in damage:
            damages.add(one)


_number, _time, _kind = itemgetter("n"), itemgetter("t"), itemgetter("kind")


class _Reader:
    """Reads records and keeps count: the number of the last one, its time, the highest number of a mirror."""

    def __init__(self, damages: Damages) -> None:
        self.n = 0
        self.base = 0
        self.most = 0
        self.last = 0.0
        self._damages = damages

    def together(self, text: bytes) -> Records | None:
        """The records of whole lines, read at once; None, and nothing counted, if one of them needs a closer look."""
        try:
            found = Records(orjson.loads(b"".join((b"[", text.replace(b"\n", b","), b"]"))))
            numbers = [*map(_number, found)]
            kinds = [*map(_kind, found)]
            times = {*map(type, map(_time, found))}
            if kinds.count("event") != len(kinds):
                found.kinds = frozenset(kinds)
        except (ValueError, TypeError, KeyError):
            return None
        last = self.n + len(found)
        if not found or numbers != [*range(self.n + 1, last + 1)] or not found.kinds <= KINDS or not times <= _NUMBERS:
            return None
        if not found.kinds <= _WITHOUT_MIRROR:
            of_mirrors = [record for record in found if record["kind"] not in _WITHOUT_MIRROR]
            if any(type(record.get("mirror")) is not int for record in of_mirrors):
                return None
            for record in of_mirrors:
                record["mirror"] += self.base
            self.most = max(self.most, *(record["mirror"] for record in of_mirrors))
        self.n = last
        self.last = found[-1]["t"]
        return found

    def one_by_one(self, name: str, number: int, chunk: bytes) -> list[Record]:
        """The records of lines some of which are damaged, which is reported."""
        found: list[Record] = []
        for at, line in enumerate(chunk.split(b"\n"), number):
            try:
                reason = self._take(_json(line), found)
            except (ValueError, TypeError, KeyError, RecursionError):
                reason = "not a record; skipped" if line.strip() else ""
            if reason:
                self._damages.add(Damage(name, at, reason))
        return found

    def _take(self, record: Record, into: list[Record]) -> str:
        """Add a record that is one; what is wrong, in words. Raises if it is none."""
        n, reason = record["n"], ""
        if type(n) is not int or n <= self.n:
            return f"record {n!r} comes after record {self.n}; skipped"
        if n != self.n + 1:
            reason = f"{n - self.n - 1} records before this one are missing"
        self.n = n
        if record["kind"] not in KINDS or type(record["t"]) not in _NUMBERS:
            return "not a record of this format; skipped"
        if record["kind"] not in _WITHOUT_MIRROR:
            if type(record.get("mirror")) is not int:
                return "the number of its mirror is missing; skipped"
            record["mirror"] += self.base
            self.most = max(self.most, record["mirror"])
        self.last = record["t"]
        into.append(record)
        return reason


def _json(line: bytes) -> Any:
    try:
        return orjson.loads(line)
    except ValueError:
        # The text of a stream may end in half a character, and an integer may have more than 64 bits.
        return json.loads(line)


_NUMBERS: Final = frozenset({float, int})
_WITHOUT_MIRROR: Final = frozenset({"event", "dropped", "end"})


def raw_event(record: Record) -> RawEvent | None:
    """The event of the wire in an ``event`` record; None if the record lacks a field."""
    topic, payload = record.get("topic"), record.get("payload")
    if type(topic) is not str:
        return None
    cut = record.get("cut")
    if cut is not None and isinstance(payload, dict):
        try:
            raw = bytes.fromhex(cut).decode("utf-16-le", "surrogatepass")
            payload["chunk"] = CutText(payload["chunk"], raw)
        except (ValueError, TypeError, KeyError):
            return None
    return RawEvent(topic, payload, record["t"])


def session_of(event: RawEvent) -> str | None:
    """The session whose event this is, as the router tells it; None if it names none (an unreadable one may)."""
    payload = event.payload
    if type(payload) is dict:
        session_id = payload.get("session_id")
        if session_id is None:
            session_id = payload.get("sessionId")
        if type(session_id) is str:
            return session_id
    return None


def concerns(event: RawEvent, session_id: str) -> bool:
    """Whether the router feeds this event to that session."""
    if event.topic == UNREADABLE:
        named = event.payload.get("session_ids") if isinstance(event.payload, dict) else None
        return not named or session_id in named
    return session_of(event) == session_id
