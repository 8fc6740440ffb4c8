"""The records of a log's files, in order, with what could not be read named beside them.

Nothing here raises for damage: a record that is no JSON, of no known kind, out of order or missing is reported as
`Damage`, and reading goes on.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

import orjson

from agor_reactive.errors import UsageError
from agor_reactive.logs.files import Damage, Frame, lines
from agor_reactive.logs.records import FORMAT, KINDS
from agor_reactive.models.wire import UNREADABLE, CutText, RawEvent

__all__ = ["Part", "Place", "Record", "open_parts", "raw_event", "records", "session_of"]

Record = dict[str, Any]

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


def records(
    parts: Sequence[Part], damages: Damages, *, begin: Place | None = None, places: list[Place] | None = None
) -> Iterator[Record]:
    """Every whole record in order, headers left out. `begin` skips what comes before that place.

    Places passed on the way are added to `places`. Between two logs there is an ``end`` record in any case: a mirror of
    one gets no events of the next.
    """
    n, base = (begin.n, begin.base) if begin is not None else (0, 0)
    log_id = parts[begin.part].log_id if begin is not None else parts[0].log_id
    most, last = base, 0.0
    for at in range(begin.part if begin is not None else 0, len(parts)):
        part = parts[at]
        if part.log_id != log_id:
            log_id, n, base = part.log_id, 0, most
            yield {"n": 0, "t": last, "kind": "end"}
        name = part.path
        here = begin.frame if begin is not None and at == begin.part else None
        damage: list[Damage] = []
        frames: list[Frame] = []
        header = here is None
        for number, line in lines(name, damage, begin=here, frames=frames):
            if places is not None and frames:
                places.extend(Place(at, frame, n, base) for frame in frames)
                frames.clear()
            if header:
                header = not line.strip()
                continue
            try:
                record = _json(line)
                found = record["n"]
                if found != n + 1:
                    if type(found) is not int or found <= n:
                        damages.add(Damage(name, number, f"record {found!r} comes after record {n}; skipped"))
                        continue
                    damages.add(Damage(name, number, f"{found - n - 1} records before this one are missing"))
                n = found
                if record["kind"] not in KINDS or type(record["t"]) not in _NUMBERS:
                    damages.add(Damage(name, number, "not a record of this format; skipped"))
                    continue
            except (ValueError, TypeError, KeyError, RecursionError):
                if line.strip():
                    damages.add(Damage(name, number, "not a record; skipped"))
                continue
            last = record["t"]
            if "mirror" in record:
                try:
                    record["mirror"] += base
                    most = max(most, record["mirror"])
                except TypeError:
                    damages.add(Damage(name, number, "the number of its mirror is none; skipped"))
                    continue
            yield record
        for one in damage:
            damages.add(one)


def _json(line: bytes) -> Any:
    try:
        return orjson.loads(line)
    except ValueError:
        # The text of a stream may end in half a character, and an integer may have more than 64 bits.
        return json.loads(line)


_NUMBERS: Final = frozenset({float, int})


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
