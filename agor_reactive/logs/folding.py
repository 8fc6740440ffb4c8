"""Folds the records of a log into states, one mirror or all of them, in one pass."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

from agor_reactive.core import events as e
from agor_reactive.core.fold import fold_batch, initial_state
from agor_reactive.core.parse import OWN_TOPICS, parse_payload
from agor_reactive.core.snapshot import HYDRATIONS, SessionState
from agor_reactive.core.state_data import StateDataError, state_from_data
from agor_reactive.logs.reading import Record, concerns, raw_event, session_of
from agor_reactive.logs.records import FormatError, decoded
from agor_reactive.models.wire import UNREADABLE

__all__ = ["MirrorFold", "fold_records", "stepped"]

_BATCH: Final = 4_096

Complain = Callable[[Record, str], None]
"""Takes a record that could not be folded, and why."""


class MirrorFold:
    """One mirror while its records are folded. `state` is right after `flush`."""

    __slots__ = ("_waiting", "number", "session_id", "state")

    def __init__(self, number: int, state: SessionState) -> None:
        self.number = number
        self.state = state
        self.session_id = state.session_id
        self._waiting: list[Any] = []

    def take(self, event: Any) -> None:
        """Fold a core event, now or with the next ones."""
        waiting = self._waiting
        waiting.append(event)
        if len(waiting) >= _BATCH:
            self.flush()

    def flush(self) -> SessionState:
        """The state after everything taken so far."""
        if self._waiting:
            self.state = fold_batch(self.state, self._waiting)
            self._waiting = []
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


def fold_records(
    found: Iterable[Record],
    complain: Complain,
    *,
    wanted: Callable[[Record], bool] | None = None,
    until: float | None = None,
    mirrors: dict[int, MirrorFold] | None = None,
) -> dict[int, MirrorFold]:
    """Every mirror (or those whose ``mirror`` record is `wanted`) after the last record, or the last not after `until`.

    `mirrors` are those known before the first record; they are changed.
    """
    mirrors = {} if mirrors is None else mirrors
    by_session: dict[str, list[MirrorFold]] = {}
    for mirror in mirrors.values():
        by_session.setdefault(mirror.session_id, []).append(mirror)
    for record in found:
        if until is not None and record["t"] > until:
            break
        _fold_one(record, complain, wanted, mirrors, by_session)
    for mirror in mirrors.values():
        mirror.flush()
    return mirrors


def _fold_one(
    record: Record,
    complain: Complain,
    wanted: Callable[[Record], bool] | None,
    mirrors: dict[int, MirrorFold],
    by_session: dict[str, list[MirrorFold]],
) -> None:
    kind = record["kind"]
    if kind == "event":
        raw = raw_event(record)
        if raw is None:
            complain(record, "an event lacks its topic or payload; skipped")
            return
        if raw.topic == UNREADABLE:
            for mirror in [mirror for here in by_session.values() for mirror in here]:
                if concerns(raw, mirror.session_id):
                    mirror.take(e.EventUnreadable())
            return
        session_id = session_of(raw)
        here = by_session.get(session_id) if session_id is not None else None
        if here:
            for mirror in here:  # each its own event: an entry belongs to one state
                event = parse_payload(raw.topic, raw.payload, OWN_TOPICS)
                if event is not None:
                    mirror.take(event)
        return
    if kind == "mirror":
        if wanted is not None and not wanted(record):
            return
        try:
            mirror = started(record)
        except FormatError as error:
            complain(record, str(error))
            return
        old = mirrors.get(mirror.number)
        if old is not None:
            by_session[old.session_id] = [other for other in by_session.get(old.session_id, ()) if other is not old]
        mirrors[mirror.number] = mirror
        by_session.setdefault(mirror.session_id, []).append(mirror)
        return
    if kind == "end":
        by_session.clear()
        return
    known = mirrors.get(record.get("mirror", 0))
    if known is None:
        return
    if kind == "release":
        by_session[known.session_id] = [other for other in by_session.get(known.session_id, ()) if other is not known]
    else:
        try:
            known.take(decoded(record))
        except FormatError as error:
            complain(record, str(error))


def stepped(
    found: Iterable[Record], complain: Complain, number: int, wanted: Callable[[Record], bool]
) -> Iterator[tuple[float, SessionState]]:
    """The state of one mirror after each record that changed it, with that record's time."""
    mirrors: dict[int, MirrorFold] = {}
    by_session: dict[str, list[MirrorFold]] = {}
    before: SessionState | None = None
    for record in found:
        _fold_one(record, complain, wanted, mirrors, by_session)
        mirror = mirrors.get(number)
        if mirror is not None:
            after = mirror.flush()
            if after is not before:
                before = after
                yield record["t"], after
