"""Keyframes of a log, from which its state at any time is a jump and a short fold. `index_file` keeps them.

A keyframe has the state but for the rows, and which record each row came from. Rows are read from the log when somebody
looks at them. So the index is small, and building a state from it costs the same whatever its rows contain.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, Final, NamedTuple

import orjson

from agor_reactive.core.entries import MessageEntry, TaskEntry
from agor_reactive.core.events import FetchAnswered
from agor_reactive.core.parse import ROW_TOPICS
from agor_reactive.core.state_data import state_from_data, state_to_data
from agor_reactive.logs.folding import Complain, Fold, MirrorFold, started
from agor_reactive.logs.reading import Damages, Part, Place, Record, record_lists
from agor_reactive.logs.records import decoded
from agor_reactive.models.json_text import json_bytes

__all__ = ["Index", "Keyframe", "LoggedMessage", "LoggedTask", "Row", "RowReader", "build_index", "facts_of"]

SPACING: Final = 5_000
"""Records between two keyframes; more in long logs, so that there are about `MOST` of them."""
MOST: Final = 200
_KEPT_LISTS: Final = 4


class Row(NamedTuple):
    """A row in the state from keyframe `begin` on and before `end`, and the number of the record it is from."""

    entry: Any
    n: int
    begin: int
    end: int


class Keyframe(NamedTuple):
    """The state after record `n`. `t`: the latest time up to there. `mirrors`: by number, the state without rows."""

    n: int
    t: float
    place: Place
    mirrors: dict[int, bytes]


@dataclass(slots=True)
class Index:
    """The keyframes of a log, and the rows of each mirror's tasks and messages."""

    parts: Sequence[Part]
    keyframes: list[Keyframe] = field(default_factory=list)
    rows: dict[int, tuple[list[Row], list[Row]]] = field(default_factory=dict)

    def at(self, t: float, complain: Complain, damages: Damages, wanted: Callable[[Record], bool]) -> Fold:
        """The fold up to `t`, begun at the last keyframe before it."""
        fold = Fold(complain, wanted)
        at = bisect_right(self.keyframes, t, key=lambda keyframe: keyframe.t) - 1
        begin: Place | None = None
        after = 0
        if at >= 0:
            keyframe = self.keyframes[at]
            begin, after = keyframe.place, keyframe.n
            for number, data in keyframe.mirrors.items():
                state = orjson.loads(data)
                if wanted({"session_id": state["status"]["session_id"]}):
                    rows = self.rows.get(number, ((), ()))
                    kept = tuple([row.entry for row in each if row.begin <= at < row.end] for each in rows)
                    mirror = MirrorFold(number, state_from_data(state, (kept[0], kept[1])))
                    fold.put(mirror)
                    if state["over"]:
                        fold.release(mirror)
        fold.take_lists(_after(record_lists(self.parts, damages, begin=begin), after), t)
        return fold


def _after(found: Iterable[list[Record]], n: int) -> Iterator[list[Record]]:
    for records in found:
        if records[0]["n"] > n:
            yield records
        elif records[-1]["n"] > n:
            yield [record for record in records if record["n"] > n]


# ------------------------------------------------------------------------------------------------ rows, read when used


class RowReader:
    """Reads single rows of a log by the number of their record."""

    def __init__(self, parts: Sequence[Part]) -> None:
        self._parts = parts
        self.places: list[Place] = []
        self._lists: OrderedDict[int, dict[int, Record]] = OrderedDict()

    def __call__(self, model: Any, n: int, row_id: str) -> Any:
        """An entry with the row, as the fold had it."""
        record = self._record(n)
        if record["kind"] == "event":
            return model.from_payload(record["payload"])
        if record["kind"] == "mirror":
            state = started(record).state
            rows = state.tasks.entries if model is TaskEntry else state.messages_by_task.entries
            return rows.get(row_id)
        rows = decoded(record).rows
        found = rows.tasks if model is TaskEntry else rows.messages
        return model.of(next(row for row in found if row.row_id == row_id))

    def _record(self, n: int) -> Record:
        at = bisect_right(self.places, n - 1, key=lambda place: place.n) - 1
        known = self._lists.get(at)
        if known is None or n not in known:
            known = {}
            for records in record_lists(self._parts, Damages(), begin=self.places[at] if at >= 0 else None):
                known.update((record["n"], record) for record in records)
                if records[-1]["n"] >= n:
                    break
            self._lists[at] = known
            if len(self._lists) > _KEPT_LISTS:
                self._lists.popitem(last=False)
        self._lists.move_to_end(at)
        return known[n]


def _deferred(name: str) -> Any:
    """A slot of an entry that is read from the log on first access."""
    slot = f"_{name}"

    def get(self: Any) -> Any:
        read = self._read
        if read is not None:
            known = read(self.base, self.n, self.row_id)
            self._payload, self._validated = (known.payload, known.validated) if known is not None else ({}, None)
            self._read = None
        return getattr(self, slot)

    return property(get, lambda self, value: setattr(self, slot, value))


class LoggedTask(TaskEntry):
    """A task of a log, read when somebody looks at it."""

    __slots__ = ("_payload", "_read", "_validated", "n")

    base = TaskEntry
    payload = _deferred("payload")
    validated = _deferred("validated")

    def __init__(self, read: RowReader, n: int, facts: Sequence[str]) -> None:
        self._read: RowReader | None = read
        self.n = n
        self.task_id, self.session_id, self.status, self.created_at = facts

    @property
    def row_id(self) -> str:
        return self.task_id

    @property
    def facts(self) -> tuple[Any, ...]:
        return (self.task_id, self.session_id, self.status, self.created_at)


class LoggedMessage(MessageEntry):
    """A message of a log, read when somebody looks at it."""

    __slots__ = ("_payload", "_read", "_validated", "n")

    base = MessageEntry
    payload = _deferred("payload")
    validated = _deferred("validated")

    def __init__(self, read: RowReader, n: int, facts: Sequence[Any]) -> None:
        self._read: RowReader | None = read
        self.n = n
        self.message_id, self.session_id, self.task_id, self.index = facts

    @property
    def row_id(self) -> str:
        return self.message_id


def facts_of(entry: Any) -> tuple[Any, ...]:
    """What the index keeps of a row."""
    if isinstance(entry, TaskEntry):
        return (entry.task_id, entry.session_id, entry.status, entry.created_at)
    return (entry.message_id, entry.session_id, entry.task_id, entry.index)


# ------------------------------------------------------------------------------------------------------------ building


class _IndexingFold(Fold):
    """A fold that knows of each row which record it came from."""

    def __init__(self, complain: Complain) -> None:
        super().__init__(complain)
        # By the identity of what an entry holds. A later payload may get the identity of one that was dropped: it then
        # overwrites the number.
        self.sources: dict[int, int] = {}
        self._n = 0

    def take(self, records: list[Record]) -> None:
        sources = self.sources
        for record in records:
            if record["kind"] == "event" and record.get("topic") in ROW_TOPICS:
                sources[id(record.get("payload"))] = record["n"]
        super().take(records)

    def put(self, mirror: MirrorFold) -> None:
        super().put(mirror)
        rows: Iterable[Any] = chain(mirror.state.tasks.entries.values(), mirror.state.messages_by_task.entries.values())
        for entry in rows:
            self.sources[_identity(entry)] = self._n

    def _begin(self, record: Record) -> None:
        self._n = record["n"]
        super()._begin(record)

    def _decoded(self, record: Record) -> Any:
        event = super()._decoded(record)
        if isinstance(event, FetchAnswered):
            for row in chain(event.rows.tasks, event.rows.messages):
                self.sources[id(row)] = record["n"]
        return event


def _identity(entry: Any) -> int:
    """The identity of what an entry holds."""
    payload = entry.payload
    return id(entry.validated if payload is None else payload)


class _Builder:
    def __init__(self, parts: Sequence[Part], complain: Complain) -> None:
        self.reader = RowReader(parts)
        self.index = Index(parts)
        self.fold = _IndexingFold(complain)
        self._open: dict[int, tuple[dict[str, tuple[Any, Row]], dict[str, tuple[Any, Row]]]] = {}

    def build(self, damages: Damages) -> Index:
        spaced = 0
        latest = 0.0
        places = self.reader.places
        for records in record_lists(self.index.parts, damages, places=places):
            self.fold.take(records)
            n = records[-1]["n"]
            latest = max(latest, *(record["t"] for record in records))
            if n - spaced >= max(SPACING, n // MOST) and places:
                spaced = n
                self._keyframe(n, latest, places[-1])
        return self.index

    def _keyframe(self, n: int, t: float, place: Place) -> None:
        at = len(self.index.keyframes)
        mirrors: dict[int, bytes] = {}
        for number, mirror in self.fold.mirrors.items():
            state = mirror.flush()
            data = state_to_data(state, rows=False)
            mirrors[number] = json_bytes(data | {"over": not self.fold.is_open(mirror)})
            tasks, messages = self._open.setdefault(number, ({}, {}))
            into = self.index.rows.setdefault(number, ([], []))
            self._rows(at, tasks, state.tasks.entries, into[0], LoggedTask)
            self._rows(at, messages, state.messages_by_task.entries, into[1], LoggedMessage)
        self.index.keyframes.append(Keyframe(n, t, place, mirrors))

    def _rows(self, at: int, known: dict[str, Any], entries: Any, into: list[Row], kind: Any) -> None:
        """Note which rows are new since the last keyframe, and which ended with it."""
        for row_id, (_, place) in list(known.items()):
            if entries.get(row_id) is None:
                into[place] = into[place]._replace(end=at)
                del known[row_id]
        for row_id, entry in entries.items():
            before = known.get(row_id)
            if before is not None and before[0] is entry:
                continue
            if before is not None:
                into[before[1]] = into[before[1]]._replace(end=at)
            n = self.fold.sources[_identity(entry)]
            known[row_id] = (entry, len(into))
            into.append(Row(kind(self.reader, n, facts_of(entry)), n, at, _FOREVER))


_FOREVER: Final = 1 << 40


def build_index(parts: Sequence[Part], complain: Complain, damages: Damages) -> tuple[Index, RowReader]:
    """Read the whole log and make its index."""
    builder = _Builder(parts, complain)
    return builder.build(damages), builder.reader
