"""A recorded log, opened: its sessions, events and states, at any time of it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agor_reactive.core.snapshot import SessionState
from agor_reactive.errors import AmbiguousId, NotFound, UsageError
from agor_reactive.logs import frames
from agor_reactive.logs.changes import Diff, diff
from agor_reactive.logs.files import Damage
from agor_reactive.logs.folding import Fold, started, stepped
from agor_reactive.logs.index import Index
from agor_reactive.logs.index_file import load_index, wants_index
from agor_reactive.logs.reading import Damages, Part, Record, concerns, open_parts, raw_event, record_lists, records
from agor_reactive.logs.records import FormatError
from agor_reactive.logs.remote import is_remote
from agor_reactive.models.wire import RawEvent

__all__ = ["Log", "LoggedMirror", "open"]


@dataclass(frozen=True, slots=True)
class LoggedMirror:
    """One session as the log has it: from `began` to `ended` (epoch seconds, the last record that concerns it).

    `number` counts the mirrors of a log; a session that was mirrored twice has two. `events`: how many events of the
    wire name the session meanwhile.
    """

    number: int
    session_id: str
    hydration: str
    began: float
    ended: float
    events: int


class Log:
    """The records of one or several files, read from the files each time: nothing of them is kept in memory.

    `damage` says what could not be read, so far: it is complete once the log has been read to its end. A log of one
    session needs no `session_id`; ids may be shortened as elsewhere. Methods raise `UsageError` where one must be
    named, `NotFound` and `AmbiguousId` for ids, and nothing for damage.
    """

    def __init__(self, parts: Sequence[Part]) -> None:
        self._parts = tuple(parts)
        self._damages = Damages()
        self._mirrors: tuple[LoggedMirror, ...] | None = None
        self._index: Index | None = None

    @property
    def paths(self) -> tuple[Path, ...]:
        """The files on this machine, in order of time; one at an address is missing here."""
        return tuple(Path(part.path) for part in self._parts if not is_remote(part.path))

    @property
    def header(self) -> dict[str, Any]:
        """The first file's header: package, daemon, time of start."""
        return dict(self._parts[0].header)

    @property
    def damage(self) -> tuple[Damage, ...]:
        """What could not be read, as far as the log has been read; at most a thousand of them."""
        return tuple(self._damages.found)

    # ------------------------------------------------------------------------------------------------------- records

    def records(self) -> Iterator[Record]:
        """Every record as it is in the file, a dict of the caller's."""
        self._damages = Damages()
        return records(self._parts, self._damages)

    def events(self, session_id: str | None = None) -> Iterator[RawEvent]:
        """The events of the wire in order of receipt, all or those of one session. `at` is the time of receipt."""
        wanted = self._session(session_id) if session_id is not None else None
        for record in self.records():
            if record["kind"] == "event":
                raw = raw_event(record)
                if raw is not None and (wanted is None or concerns(raw, wanted)):
                    yield raw

    @property
    def mirrors(self) -> tuple[LoggedMirror, ...]:
        """Every mirror of the log, in order of their beginning. The first access reads the whole log."""
        if self._mirrors is None:
            self._mirrors = tuple(_scan(self.records(), self._complain))
        return self._mirrors

    @property
    def sessions(self) -> tuple[str, ...]:
        """The ids of the sessions that were mirrored, each once. The first access reads the whole log."""
        return tuple(dict.fromkeys(mirror.session_id for mirror in self.mirrors))

    def mirror(self, session_id: str | None = None) -> LoggedMirror:
        """The newest mirror of a session."""
        wanted = self._only(session_id)
        return [mirror for mirror in self.mirrors if mirror.session_id == wanted][-1]

    # -------------------------------------------------------------------------------------------------------- states

    def fold(self, session_id: str | None = None) -> SessionState:
        """The last state of a session: equal to that of the live mirror when the recording ended."""
        return self._fold(session_id, None)

    def fold_all(self) -> dict[str, SessionState]:
        """The last state of every session, in one pass: session id to state, that of its newest mirror."""
        return {state.session_id: state for _, state in sorted(self.fold_mirrors().items())}

    def fold_mirrors(self) -> dict[int, SessionState]:
        """The last state of every mirror by its number, in one pass."""
        folded = Fold(self._complain).take_lists(self._lists())
        return {number: mirror.flush() for number, mirror in folded.items()}

    def states(
        self, session_id: str | None = None, *, since: float | None = None, until: float | None = None
    ) -> Iterator[tuple[float, SessionState]]:
        """Every state of a session with the time of the record that made it, epoch seconds. One mirror: the newest.

        With `since` only those after that time, with `until` up to it.
        """
        mirror = self.mirror(session_id)
        wanted = _Only(mirror.session_id)
        return stepped(self.records(), self._complain, mirror.number, wanted, since=since, until=until)

    def at(self, t: float, session_id: str | None = None) -> SessionState:
        """The state at `t`, epoch seconds. Raises `UsageError` for a time before the session's beginning.

        For a log of more than half a megabyte the first call builds an index, which is kept beside the log; after that
        any time costs about the same. Rows of such a state are read from the log when they are looked at.
        """
        return self._fold(session_id, t)

    def between(self, t1: float, t2: float, session_id: str | None = None) -> Iterator[RawEvent]:
        """The events received from `t1` on and before `t2`, epoch seconds."""
        return (event for event in self.events(session_id) if t1 <= event.at < t2)

    def diff(self, t1: float, t2: float, session_id: str | None = None) -> Diff:
        """What changed in a session from `t1` to `t2`, epoch seconds."""
        if t2 < t1:
            raise UsageError("the second time comes before the first")
        return diff(self.at(t1, session_id), self.at(t2, session_id))

    def to_frame(self, of: str = "tasks", session_id: str | None = None, *, library: str = "pandas") -> Any:
        """The last state as a data frame: a row per task, message or tool call (`of`: ``tasks messages tools``).

        `library` is ``pandas`` or ``polars``; `MissingExtra` if it is not installed. Times are UTC, durations seconds.
        """
        return frames.to_frame(self.fold(session_id), of, library)

    # --------------------------------------------------------------------------------------------------------- inside

    def _keyframes(self) -> Index | None:
        if self._index is None and wants_index(self._parts):
            self._index = load_index(self._parts, self._complain)
        return self._index

    def _lists(self) -> Iterator[list[Record]]:
        self._damages = Damages()
        return record_lists(self._parts, self._damages)

    def _fold(self, session_id: str | None, until: float | None) -> SessionState:
        wanted = _Only(self._session(session_id) if session_id is not None else None)
        if until is not None and (index := self._keyframes()) is not None:
            folded = index.at(until, self._complain, self._damages, wanted).mirrors
        else:
            folded = Fold(self._complain, wanted).take_lists(self._lists(), until)
        if session_id is None and wanted.others:
            raise self._several()
        if folded:
            return folded[max(folded)].flush()
        if until is not None and self.mirrors:
            raise UsageError(f"the log of session {self._only(session_id)} begins after that time")
        raise NotFound("the log holds no session")

    def _several(self) -> UsageError:
        return UsageError(f"the log holds {len(self.sessions)} sessions, name one: {', '.join(self.sessions[:10])}")

    def _only(self, session_id: str | None) -> str:
        """The full id of the session named, or of the only one."""
        if session_id is not None:
            return self._session(session_id)
        if not self.sessions:
            raise NotFound("the log holds no session")
        if len(self.sessions) > 1:
            raise self._several()
        return self.sessions[0]

    def _session(self, session_id: str) -> str:
        """The full id."""
        wanted = session_id.strip().lower()
        if wanted in self.sessions:
            return wanted
        found = [one for one in self.sessions if wanted and one.startswith(wanted)]
        if not found:
            raise NotFound(f"the log holds no session {session_id!r}")
        if len(found) > 1:
            raise AmbiguousId(f"{session_id!r} fits several sessions of the log", matches=tuple(found))
        return found[0]

    def _complain(self, record: Record, reason: str) -> None:
        self._damages.add(Damage(", ".join(part.path for part in self._parts), 0, f"record {record['n']}: {reason}"))

    def __enter__(self) -> Log:
        return self

    def __exit__(self, *error: object) -> None:
        """Nothing to release: files are open only while they are read."""

    def __repr__(self) -> str:
        return f"Log({', '.join(repr(part.path) for part in self._parts)})"


class _Only:
    """Wants the ``mirror`` records of one session: the one named, else the first there is. `others`: there are more."""

    def __init__(self, session_id: str | None) -> None:
        self._session_id = session_id
        self.others = False

    def __call__(self, record: Record) -> bool:
        found = record.get("session_id")
        if self._session_id is None and isinstance(found, str):
            self._session_id = found
        self.others = self.others or found != self._session_id
        return found == self._session_id


@dataclass(slots=True)
class _Seen:
    """What a scan has found of a mirror."""

    session_id: str
    hydration: str
    began: float
    ended: float
    events: int = 0
    over: bool = False


def _scan(found: Iterator[Record], complain: Callable[[Record, str], None]) -> list[LoggedMirror]:
    known: dict[int, _Seen] = {}
    for record in found:
        kind, t = record["kind"], record["t"]
        if kind == "event":
            raw = raw_event(record)
            for seen in known.values():
                if raw is not None and not seen.over and concerns(raw, seen.session_id):
                    seen.events += 1
                    seen.ended = t
        elif kind == "end":
            for seen in known.values():
                seen.over = True
        elif kind == "mirror" and record["mirror"] not in known:
            try:
                mirror = started(record)
            except FormatError as error:
                complain(record, str(error))
            else:
                known[mirror.number] = _Seen(mirror.session_id, record["hydration"], t, t)
        elif record.get("mirror") in known:
            seen = known[record["mirror"]]
            seen.ended, seen.over = t, seen.over or kind == "release"
    return [
        LoggedMirror(number, seen.session_id, seen.hydration, seen.began, seen.ended, seen.events)
        for number, seen in sorted(known.items())
    ]


def open(paths: str | os.PathLike[str] | Sequence[str | os.PathLike[str]]) -> Log:
    """Open a log: a file, the parts of a rotated one, or several logs to be read as one.

    An address (``https://``, ``s3://``, ``gs://``) is read through fsspec, extra ``[dask]``.
    Raises `UsageError` for a file that cannot be read, is no log, or is of a newer format.
    """
    if isinstance(paths, (str, os.PathLike)):
        paths = [paths]
    return Log(open_parts(paths))
