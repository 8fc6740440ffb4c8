"""Records sessions while they run: `record`."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Any, Self

from agor_reactive.client.live import Client
from agor_reactive.core.events import Disposed
from agor_reactive.errors import RecordingFailed, UsageError
from agor_reactive.logs.writing import Options, RecordWriter
from agor_reactive.models.wire import UNREADABLE, RawEvent
from agor_reactive.session.entry import SessionEntry
from agor_reactive.session.handles import SessionHandle
from agor_reactive.session.router import Router

__all__ = ["Recording", "record"]


class Recording:
    """A log being written: of some sessions, or of everything that a client mirrors.

    `paths` are its files so far; `dropped` counts records that found no room because the disk was too slow (the log
    says where, and the mirrors begin anew there); `error` says why writing stopped.
    """

    def __init__(self, router: Router, writer: RecordWriter, *, everything: bool) -> None:
        self._router = router
        self._writer = writer
        self._everything = everything
        self._numbers: dict[SessionEntry, int] = {}
        self._begun = 0
        self._sessions: dict[str, int] = {}
        self._dropped_before = 0
        self._undo: Callable[[], None] | None = None

    @property
    def paths(self) -> tuple[Path, ...]:
        """The files written so far."""
        return tuple(self._writer.paths)

    @property
    def dropped(self) -> int:
        """How many records found no room."""
        return self._writer.dropped

    @property
    def mirrors(self) -> Mapping[SessionEntry, int]:
        """The mirrors that are recorded now, and their numbers in the log."""
        return MappingProxyType(self._numbers)

    @property
    def records(self) -> int:
        """How many records were written so far."""
        return self._writer.written

    @property
    def error(self) -> str | None:
        """Why writing stopped; None while it goes on."""
        return self._writer.error

    def _start(self, entries: list[SessionEntry]) -> None:
        for entry in entries:
            self._begin(entry)
        self._undo = self._router.tap(self)

    def _begin(self, entry: SessionEntry) -> None:
        self._begun += 1  # never the number of a mirror that was released: another may still have a higher one
        number = self._numbers[entry] = self._begun
        self._sessions[entry.session_id] = self._sessions.get(entry.session_id, 0) + 1
        self._write_mirror(entry, number)

    def _write_mirror(self, entry: SessionEntry, number: int) -> None:
        self._writer.mirror(number, entry.session_id, entry.task_hydration, state=entry.state)

    # ------------------------------------------------------------------------------------- called by router and entries

    def received(self, raw: RawEvent) -> None:
        """An event of the wire, before any session folds it."""
        if not self._everything:
            payload = raw.payload
            named = (payload.get("session_id") or payload.get("sessionId")) if isinstance(payload, dict) else None
            if named not in self._sessions and raw.topic != UNREADABLE:
                return
        if self._ready():
            self._writer.event(raw)

    def started(self, entry: SessionEntry) -> None:
        """A mirror begins, before its first event."""
        if self._everything and self._ready():
            self._begin(entry)

    def applied(self, entry: SessionEntry, event: Any) -> None:
        """A mirror folds an event that is not of the wire."""
        number = self._numbers.get(entry)
        if number is not None and self._ready() and type(event) is not Disposed:
            self._writer.of_mirror(number, event)

    def ended(self, entry: SessionEntry) -> None:
        """A mirror was released; its last state counts."""
        number = self._numbers.pop(entry, None)
        if number is not None and self._ready():
            self._writer.plain(kind="release", mirror=number)

    def _ready(self) -> bool:
        """Whether there is room. After a drop: say how many are missing, and begin every mirror anew."""
        writer = self._writer
        missing = writer.dropped - self._dropped_before
        if not missing or writer.full or writer.error is not None:
            return True
        self._dropped_before = writer.dropped
        writer.plain(kind="dropped", count=missing)
        for entry, number in self._numbers.items():
            self._write_mirror(entry, number)
        return True

    # ---------------------------------------------------------------------------------------------------------- the end

    def stop(self) -> None:
        """Record nothing more. Returns at once; `close` waits until everything is written."""
        if self._undo is not None:
            self._undo()
            self._undo = None
            self._ready()
            self._writer.close()
            self._numbers.clear()

    def close(self) -> None:
        """Stop recording and wait until everything is written. Raises `RecordingFailed` if it could not be."""
        self.stop()
        self._writer.join()
        self._check()

    async def aclose(self) -> None:
        """`close`, without blocking the event loop."""
        self.stop()
        await asyncio.to_thread(self._writer.join)
        self._check()

    def _check(self) -> None:
        if self._writer.error is not None:
            raise RecordingFailed(self._writer.error)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        self._writer.join()
        if error is None:
            self._check()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        await asyncio.to_thread(self._writer.join)
        if error is None:
            self._check()


def record(
    target: SessionHandle | Iterable[SessionHandle] | Client,
    path: str | os.PathLike[str],
    *,
    redact_text: bool = False,
    rotate_bytes: int = 0,
    rotate_seconds: float = 0.0,
    max_buffered: int = 100_000,
    clock: Callable[[], float] = time.time,
) -> Recording:
    """Record sessions (a handle or several) or every session that a client mirrors, now and later, into a new log file.

    Starts at once; use it as a context manager, sync or async, or `close` it. ``.zst`` and ``.gz`` compress. Secrets
    are replaced, but for a key that is streamed in two chunks; `redact_text` blanks prompts and replies as well.
    `rotate_bytes` and `rotate_seconds` begin a new file (``run.2.jsonl``) after so much. Call it on the client's event
    loop. Raises `UsageError` if the file exists or cannot be made, `HandleDisposed` for a released handle; closing
    raises `RecordingFailed`.

    >>> async with agor.record(handle, "run.jsonl.zst"):   # doctest: +SKIP
    ...     await handle.ask("Fix the tests.")
    """
    for name, value in (("rotate_bytes", rotate_bytes), ("rotate_seconds", rotate_seconds)):
        if value < 0:
            raise UsageError(f"{name} is 0 or more, not {value!r}")
    if max_buffered < 1:
        raise UsageError(f"max_buffered is 1 or more, not {max_buffered!r}")
    if isinstance(target, Client):
        target.check_loop()
        router, entries = target.router, [entry for entry in target.registry.sessions if entry.started]
    else:
        entries = _entries(target)
        router = entries[0].router
    options = Options(redact_text, rotate_bytes, rotate_seconds, max_buffered)
    about = {"daemon": {"url": getattr(router.link, "url", None)}}
    recording = Recording(
        router, RecordWriter(path, options, about, clock=clock), everything=isinstance(target, Client)
    )
    recording._start(entries)
    return recording


def _entries(handles: SessionHandle | Iterable[SessionHandle]) -> list[SessionEntry]:
    """What the handles mirror, each once."""
    given = [handles] if isinstance(handles, SessionHandle) or not isinstance(handles, Iterable) else list(handles)
    found: dict[SessionEntry, None] = {}
    for handle in given:
        if not isinstance(handle, SessionHandle):
            raise UsageError(f"record takes session handles or a client, not {type(handle).__name__}")
        entry = handle.mirrored
        if entry is None:
            raise UsageError("The session's full id is not known yet; wait for ready() first.")
        found[entry] = None
    if not found:
        raise UsageError("record needs at least one session handle")
    if len({id(entry.router) for entry in found}) > 1:
        raise UsageError("record takes handles of one client; record each client into another file")
    return list(found)
