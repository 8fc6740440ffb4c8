"""Which log is folded where: a first pass finds each file's log and its sessions, without folding or parsing events.

A log (all files with one id) is folded as a whole in one partition. A session that logs of several partitions hold is
merged from the rows of these.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson

from agor_reactive.errors import MissingExtra, UsageError
from agor_reactive.logs.files import Damage, chunks
from agor_reactive.logs.folding import started
from agor_reactive.logs.reading import Part, part_of
from agor_reactive.logs.records import FormatError

__all__ = ["Plan", "PlannedLog", "Scan", "make_plan", "scan_files"]

_MIRROR: Final = re.compile(rb'"kind"\s*:\s*"mirror"')
_PLAIN: Final = 8
"""About so many times as large is a log that is not compressed."""
_MERGED_AT_ONCE: Final = 1_000
"""Sessions that one partition merges."""


@dataclass(frozen=True, slots=True)
class Scan:
    """What the first pass found in a file. `part` is None if it is no log; `damage` says why."""

    path: str
    part: Part | None
    sessions: tuple[str, ...] = ()
    weight: int = 0
    damage: Damage | None = None


@dataclass(frozen=True, slots=True)
class PlannedLog:
    """The parts of one log, its sessions, and its place among all logs: a later one is newer."""

    order: int
    parts: tuple[Part, ...]
    sessions: frozenset[str]
    weight: int


@dataclass(frozen=True, slots=True)
class Plan:
    """`partitions` of logs; `spread`: sessions that several of them hold, in groups with the partitions that do."""

    files: int
    partitions: tuple[tuple[PlannedLog, ...], ...]
    spread: tuple[tuple[frozenset[str], tuple[int, ...]], ...]
    damage: tuple[Damage, ...]

    @property
    def logs(self) -> tuple[PlannedLog, ...]:
        """All logs, the oldest first."""
        return tuple(log for logs in self.partitions for log in logs)

    def elsewhere(self, partition: int) -> frozenset[str]:
        """The sessions of a partition that are merged with those of others."""
        return frozenset().union(*(ids for ids, where in self.spread if partition in where))

    def __str__(self) -> str:
        logs = self.logs
        sessions = {one for log in logs for one in log.sessions}
        several = sum(len(ids) for ids, _ in self.spread)
        split = sum(len(log.parts) > 1 for log in logs)
        lines = [
            f"1. scan   {self.files:,} files: {len(logs):,} logs ({split:,} in several files), "
            f"{len(sessions):,} sessions, {len(self.damage):,} unreadable files",
            f"2. fold   {len(self.partitions):,} partitions, each log as a whole:",
        ]
        for number, here in enumerate(self.partitions[:20]):
            weight = sum(log.weight for log in here)
            held = len({one for log in here for one in log.sessions})
            lines.append(
                f"     {number:>4}  {len(here):,} logs, {held:,} sessions, about {weight / 2**20:.1f} MiB compressed"
            )
        if len(self.partitions) > 20:
            lines.append(f"     ...   {len(self.partitions) - 20:,} more")
        lines.append(f"3. merge  {several:,} sessions that several partitions hold, in {len(self.spread):,} tasks")
        lines += [f"unreadable: {damage}" for damage in self.damage[:20]]
        return "\n".join(lines)


def scan_files(paths: Sequence[str]) -> list[Scan]:
    """The first pass over these files. Raises `MissingExtra` only."""
    return [_scan(path) for path in paths]


def _scan(path: str) -> Scan:
    damage: list[Damage] = []
    part: Part | None = None
    sessions: dict[str, None] = {}
    size = 0
    try:
        for text in (chunk.text for chunk in chunks(path, damage)):
            size += len(text)
            if part is None:
                first, _, text = text.lstrip(b"\n").partition(b"\n")
                if first:
                    part = part_of(path, first)
            at = 0
            while (found := _MIRROR.search(text, at)) is not None:
                begin, end = text.rfind(b"\n", 0, found.start()) + 1, text.find(b"\n", found.end())
                at = end if end >= 0 else len(text)
                sessions.update(dict.fromkeys(_session(text[begin:at])))
        if part is None:
            return Scan(path, None, damage=damage[0] if damage else Damage(path, 0, "the file is empty"))
    except MissingExtra:
        raise
    except UsageError as error:
        reason = str(error).removeprefix(path).removeprefix(":").strip()
        return Scan(path, None, damage=Damage(path, 0, reason))
    try:
        weight = os.path.getsize(path)
    except OSError:  # at an address
        weight = size // _PLAIN
    return Scan(path, part, tuple(sessions), weight // _PLAIN if weight >= size else weight)


def _session(line: bytes) -> Iterable[str]:
    """The session whose mirror that record begins, if it does."""
    try:
        record: Any = orjson.loads(line)
        if record["kind"] == "mirror":
            return [started(record).session_id]
    except (ValueError, TypeError, KeyError, FormatError):
        pass  # the fold reports it
    return []


def make_plan(scans: Sequence[Scan], partition_bytes: int) -> Plan:
    """Put whole logs together to partitions of about that weight, in order of time, so that neighbours merge early."""
    by_log: dict[str, list[Scan]] = {}
    for scan in scans:
        if scan.part is not None:
            by_log.setdefault(scan.part.log_id, []).append(scan)
    begun = {log_id: min(_begun(scan) for scan in found) for log_id, found in by_log.items()}
    logs = []
    for order, log_id in enumerate(sorted(by_log, key=lambda log_id: (begun[log_id], log_id))):
        found = by_log[log_id]
        parts = sorted((scan.part for scan in found if scan.part is not None), key=lambda part: (part.part, part.path))
        sessions = frozenset(one for scan in found for one in scan.sessions)
        logs.append(PlannedLog(order, tuple(parts), sessions, sum(scan.weight for scan in found)))
    partitions: list[list[PlannedLog]] = []
    weight = partition_bytes
    for log in logs:
        if weight + log.weight > partition_bytes and weight:
            partitions.append([])
            weight = 0
        partitions[-1].append(log)
        weight += log.weight
    damage = tuple(scan.damage for scan in scans if scan.damage is not None)
    return Plan(len(scans), tuple(tuple(here) for here in partitions), _spread(partitions), damage)


def _begun(scan: Scan) -> float:
    assert scan.part is not None
    return scan.part.started_at


def _spread(partitions: Sequence[Sequence[PlannedLog]]) -> tuple[tuple[frozenset[str], tuple[int, ...]], ...]:
    where: dict[str, list[int]] = {}
    for number, logs in enumerate(partitions):
        for session_id in frozenset().union(*(log.sessions for log in logs)):
            where.setdefault(session_id, []).append(number)
    # Sessions of the same partitions beside each other, so that a group reads few of them.
    several = sorted((held, session_id) for session_id, held in where.items() if len(held) > 1)
    groups = []
    for at in range(0, len(several), _MERGED_AT_ONCE):
        group = several[at : at + _MERGED_AT_ONCE]
        numbers = sorted({number for held, _ in group for number in held})
        groups.append((frozenset(session_id for _, session_id in group), tuple(numbers)))
    return tuple(groups)
