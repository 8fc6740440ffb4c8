"""Folds the records of a log into states, one mirror or all of them, in one pass."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import takewhile
from operator import itemgetter
from typing import Any

from agor_reactive.core.fold import fold, fold_run, initial_state
from agor_reactive.core.snapshot import HYDRATIONS, SessionState
from agor_reactive.core.state_data import StateDataError, state_from_data
from agor_reactive.logs.reading import EVENTS, Record, Records, concerns, raw_event
from agor_reactive.logs.records import FormatError, decoded

__all__ = ["Fold", "MirrorFold", "started", "stepped"]

Complain = Callable[[Record, str], None]
"""Takes a record that could not be folded, and why."""


_PLAIN_FIELDS = 5
"""How many fields an event has in a log: n, t, kind, topic and payload. Only one with a cut text has another."""

_topic_and_payload = itemgetter("topic", "payload")


class MirrorFold:
    """One mirror while its records are folded: `waiting` are topics and payloads of events not yet in `state`."""

    __slots__ = ("number", "session_id", "state", "waiting")

    def __init__(self, number: int, state: SessionState) -> None:
        self.number = number
        self.state = state
        self.session_id = state.session_id
        self.waiting: list[Sequence[Any]] = []

    def flush(self) -> SessionState:
        """The state after everything that waits."""
        if self.waiting:
            self.state = fold_run(self.state, self.waiting)
            self.waiting = []
        return self.state


def started(record: Record) -> MirrorFold:
    """The mirror that a ``mirror`` record begins or, after something was dropped, begins anew. Raises `FormatError`."""
    try:
        number, session_id, hydration, data = (record[key] for key in ("mirror", "session_id", "hydration", "state"))
        if type(number) is not int or type(session_id) is not str or not session_id or hydration not in HYDRATIONS:
            raise FormatError("a record of kind 'mirror' lacks or misstates a field")
        if data is None:
            state = initial_state(session_id, task_hydration=hydration, revision=int(record.get("revision", 0)))
        else:
            state = state_from_data(data)
    except (KeyError, TypeError, StateDataError) as error:
        raise FormatError(f"a record of kind 'mirror' lacks or misstates a field ({error})") from None
    return MirrorFold(number, state)


def _plain(records: Records, session_id: str) -> tuple[list[Sequence[Any]], str] | None:
    """Topics and payloads, if all records are plain events of this one session and nothing else, as most are."""
    if records.kinds is not EVENTS or {*map(len, records)} != {_PLAIN_FIELDS}:
        return None
    try:
        events: list[Sequence[Any]] = [*map(_topic_and_payload, records)]
        of_session = [payload["session_id"] for _, payload in events].count(session_id)
    except (KeyError, TypeError):
        return None
    return (events, session_id) if of_session == len(events) else None


class Fold:
    """Every mirror of a log (or those whose ``mirror`` record is `wanted`) while the log is read.

    `mirrors` are all by number; `complain` takes a record that could not be folded, and why.
    """

    def __init__(self, complain: Complain, wanted: Callable[[Record], bool] | None = None) -> None:
        self.mirrors: dict[int, MirrorFold] = {}
        self._complain = complain
        self._wanted = wanted
        self._by_session: dict[str, list[MirrorFold]] = {}

    def take_lists(self, found: Iterable[list[Record]], until: float | None = None) -> dict[int, MirrorFold]:
        """Fold records up to the last, or to the first after `until`. Returns `mirrors`, whose states are right."""
        for records in found:
            if until is not None and any(record["t"] > until for record in records):
                self.take(list(takewhile(lambda record: record["t"] <= until, records)))
                break
            self.take(records)
            del records  # what is free again before the next are read is still in the processor's cache
        for mirror in self.mirrors.values():
            mirror.flush()
        return self.mirrors

    def take(self, records: list[Record]) -> None:
        """Fold these records; the state of a mirror is right after its `flush`. The hot path of every replay."""
        by_session = self._by_session
        plain = _plain(records, *by_session) if len(by_session) == 1 and type(records) is Records else None
        if plain is not None:
            for mirror in by_session[plain[1]]:
                mirror.waiting += plain[0]
                mirror.flush()
            return
        for record in records:
            if record["kind"] != "event":
                self._other(record)
                continue
            payload = record.get("payload")
            if type(payload) is dict and "cut" not in record:
                session_id = payload.get("session_id")
                if session_id is None:
                    session_id = payload.get("sessionId")
                if type(session_id) is str:
                    here = by_session.get(session_id)
                    if here:
                        topic = record.get("topic")
                        if type(topic) is str:
                            for mirror in here:
                                mirror.waiting.append((topic, payload))
                            continue
                    else:
                        continue
            self._rare(record)
        for here in by_session.values():
            for mirror in here:
                mirror.flush()

    def _rare(self, record: Record) -> None:
        """An event with a chunk cut inside a character, an unreadable one, or one that lacks a field or a session."""
        raw = raw_event(record)
        if raw is None:
            self._complain(record, "an event lacks its topic or payload; skipped")
        else:
            for mirror in [mirror for here in self._by_session.values() for mirror in here]:
                if concerns(raw, mirror.session_id):
                    mirror.waiting.append((raw.topic, raw.payload))

    def _other(self, record: Record) -> None:
        kind, by_session = record["kind"], self._by_session
        if kind == "end":
            by_session.clear()
        elif kind == "mirror":
            self._begin(record)
        elif kind != "dropped":
            known = self.mirrors.get(record["mirror"])
            if known is None:
                return
            if kind == "release":
                self.release(known)
                return
            try:
                known.state = fold(known.flush(), self._decoded(record))
            except FormatError as error:
                self._complain(record, str(error))

    def _decoded(self, record: Record) -> Any:
        return decoded(record)

    def _begin(self, record: Record) -> None:
        if self._wanted is not None and not self._wanted(record):
            return
        try:
            mirror = started(record)
        except FormatError as error:
            self._complain(record, str(error))
            return
        self.put(mirror)

    def put(self, mirror: MirrorFold) -> None:
        """Go on with this mirror, in place of the one of the same number."""
        old = self.mirrors.get(mirror.number)
        if old is not None:
            self.release(old)
        self.mirrors[mirror.number] = mirror
        self._by_session.setdefault(mirror.session_id, []).append(mirror)

    def is_open(self, mirror: MirrorFold) -> bool:
        """Whether events still reach it: it was not released, and its log has not ended."""
        return any(other is mirror for other in self._by_session.get(mirror.session_id, ()))

    def release(self, mirror: MirrorFold) -> None:
        """No more events for that one; its state stays."""
        mirror.flush()
        here = self._by_session.get(mirror.session_id, [])
        self._by_session[mirror.session_id] = [other for other in here if other is not mirror]


def stepped(
    found: Iterable[Record],
    complain: Complain,
    number: int,
    wanted: Callable[[Record], bool],
    *,
    since: float | None = None,
    until: float | None = None,
) -> Iterator[tuple[float, SessionState]]:
    """The state of one mirror after each record that changed it, with that record's time.

    With `since` only of records that come after it, with `until` up to it.
    """
    fold = Fold(complain, wanted)
    before: SessionState | None = None
    for record in found:
        if until is not None and record["t"] > until:
            break
        if since is not None and record["t"] > since:  # what comes before is folded in batches
            since, known = None, fold.mirrors.get(number)
            before = known.flush() if known is not None else None
        fold.take([record])
        mirror = fold.mirrors.get(number)
        if mirror is not None and since is None:
            after = mirror.flush()
            if after is not before:
                before = after
                yield record["t"], after
