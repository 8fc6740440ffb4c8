"""Writes records to files in a separate thread: encoding, redaction, compression, flushes and rotation.

What is handed over is never changed afterwards (payloads and states are immutable by contract), so that the event loop
does no more than put it into a queue.
"""

from __future__ import annotations

import logging
import os
import queue
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple

from agor_reactive._version import __version__
from agor_reactive.core.snapshot import SessionState
from agor_reactive.core.state_data import state_to_data
from agor_reactive.logs.blanking import blanked
from agor_reactive.logs.files import LineWriter, create, suffix_of
from agor_reactive.logs.records import FORMAT, encoded
from agor_reactive.models.json_text import json_bytes
from agor_reactive.models.wire import CutText, RawEvent
from agor_reactive.transport.redaction import redact, scrub

__all__ = ["Options", "RecordWriter", "header_of"]

_log = logging.getLogger("agor_reactive")

FLUSH_EVERY: Final = 1.0
"""Seconds after which what was written can be read by others."""


@dataclass(frozen=True, slots=True)
class Options:
    """How a log is written.

    `redact_text`: prompts and replies are blanked, keeping their lengths. `rotate_bytes`, `rotate_seconds`: a new file
    begins after so much; 0 for never. `max_buffered`: records that may wait for the disk; what comes then is dropped,
    and the log says how many.
    """

    redact_text: bool = False
    rotate_bytes: int = 0
    rotate_seconds: float = 0.0
    max_buffered: int = 100_000


class _Event(NamedTuple):
    raw: RawEvent


class _OfMirror(NamedTuple):
    t: float
    mirror: int
    event: Any


class _Mirror(NamedTuple):
    t: float
    mirror: int
    session_id: str
    hydration: str
    revision: int
    state: SessionState | None


class _Plain(NamedTuple):
    t: float
    fields: Mapping[str, Any]


class RecordWriter:
    """One log being written. The methods are called from one thread, and never block on the disk.

    `dropped` counts records that found no room; `error` says why writing stopped, None while it goes on.
    """

    def __init__(
        self, path: str | os.PathLike[str], options: Options, about: Mapping[str, Any], *, clock: Callable[[], float]
    ) -> None:
        self.paths: list[Path] = []
        self.dropped = 0
        self.error: str | None = None
        self._base = Path(path)
        self._options = options
        self._about = dict(about)
        self._clock = clock
        self._log_id = uuid.uuid4().hex
        self._put = 0
        self._taken = 0
        self._n = 0
        self._queue: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._file = self._begin(1)  # here, so that a path that cannot be written fails at once
        self._thread = threading.Thread(target=self._run, name="agor log", daemon=True)
        self._thread.start()

    # --------------------------------------------------------------------------------------------- the caller's thread

    @property
    def full(self) -> bool:
        """Whether there is no room for more."""
        return self._put - self._taken >= self._options.max_buffered

    @property
    def written(self) -> int:
        """How many records were written so far."""
        return self._n

    def event(self, raw: RawEvent) -> bool:
        """An event of the wire. False if it was dropped."""
        return self._offer(_Event(raw))

    def of_mirror(self, mirror: int, event: Any) -> bool:
        """A core event of a mirror that is not of the wire. False if it was dropped."""
        return self._offer(_OfMirror(self._clock(), mirror, event))

    def mirror(
        self, mirror: int, session_id: str, hydration: str, *, state: SessionState | None = None, revision: int = 0
    ) -> bool:
        """A mirror begins: from `state`, or from nothing at `revision`. False if it was dropped."""
        return self._offer(_Mirror(self._clock(), mirror, session_id, hydration, revision, state))

    def plain(self, **fields: Any) -> bool:
        """A record of these fields. False if it was dropped."""
        return self._offer(_Plain(self._clock(), fields))

    def close(self) -> None:
        """End the log; returns at once. `join` waits until it is written."""
        self._queue.put(_Plain(self._clock(), {"kind": "end"}))
        self._queue.put(None)

    def join(self) -> None:
        """Wait until everything is written."""
        self._thread.join()

    def _offer(self, item: Any) -> bool:
        if self.error is not None or self.full:
            self.dropped += 1
            return False
        self._put += 1
        self._queue.put(item)
        return True

    # --------------------------------------------------------------------------------------------- the writer's thread

    def _run(self) -> None:
        flushed = time.monotonic()
        dirty = False
        try:
            while True:
                try:
                    item = self._queue.get(
                        timeout=max(0.0, flushed + FLUSH_EVERY - time.monotonic()) if dirty else None
                    )
                except queue.Empty:
                    item = _FLUSH
                if item is None:
                    break
                if item is not _FLUSH:
                    self._write(item)
                    self._taken += 1
                    dirty = True
                if dirty and time.monotonic() - flushed >= FLUSH_EVERY:
                    self._file.flush()
                    flushed, dirty = time.monotonic(), False
            self._file.close()
        except OSError as error:
            self._stop(f"{self._file.path} cannot be written: {error.strerror or error}")
        except Exception as error:  # noqa: BLE001 - a mistake of ours must not end silently
            _log.exception("recording stopped")
            self._stop(f"recording failed unexpectedly: an {type(error).__name__}; the log has it")

    def _stop(self, reason: str) -> None:
        self.error = reason
        _log.warning("recording stopped: %s", reason)
        try:
            self._file.close()
        except OSError as error:
            _log.debug("closing %s failed as well: %s", self._file.path, error)

    def _begin(self, part: int) -> LineWriter:
        path = self._base if part == 1 else _part(self._base, part)
        file = create(path)
        self.paths.append(path)
        self._part = part
        self._began = self._clock()
        file.write(json_bytes(header_of(self._began, self._log_id, part, self._about)) + b"\n")
        file.flush()
        return file

    def _write(self, item: Any) -> None:
        options = self._options
        if (options.rotate_bytes and self._file.size >= options.rotate_bytes) or (
            options.rotate_seconds and self._clock() - self._began >= options.rotate_seconds
        ):
            self._file.close()
            self._file = self._begin(self._part + 1)
        self._n += 1
        self._file.write(json_bytes({"n": self._n, **self._fields(item)}) + b"\n")

    def _fields(self, item: Any) -> dict[str, Any]:
        if isinstance(item, _Event):
            raw = item.raw
            payload = scrub(redact(raw.topic, raw.payload))  # `redact` leaves events of streams as they are
            fields: dict[str, Any] = {"t": raw.at, "kind": "event", "topic": raw.topic}
            if self._options.redact_text:
                payload = blanked(payload)
            elif isinstance(payload, dict) and type(payload.get("chunk")) is CutText:
                fields["cut"] = payload["chunk"].raw.encode("utf-16-le", "surrogatepass").hex()
            return {**fields, "payload": payload}
        if isinstance(item, _Mirror):
            data = state_to_data(item.state, self._clean) if item.state is not None else None
            fields = {"session_id": item.session_id, "hydration": item.hydration, "revision": item.revision}
            return {"t": item.t, "kind": "mirror", "mirror": item.mirror, **fields, "state": data}
        if isinstance(item, _OfMirror):
            return {"t": item.t, "mirror": item.mirror, **encoded(item.event, self._clean)}
        return {"t": item.t, **item.fields}

    def _clean(self, data: Any) -> Any:
        data = scrub(data)
        return blanked(data) if self._options.redact_text else data


_FLUSH: Final = object()


def _part(base: Path, part: int) -> Path:
    """``run.jsonl.zst`` → ``run.2.jsonl.zst``."""
    ends = "".join(base.suffixes[-2:]) if suffix_of(base) else base.suffix
    return base.with_name(f"{base.name.removesuffix(ends)}.{part}{ends}")


def header_of(t: float, log_id: str, part: int, about: Mapping[str, Any]) -> dict[str, Any]:
    """The first record of a file that is begun at `t`, epoch seconds."""
    header = {"agor_log": FORMAT, "kind": "header", "t": t, "log_id": log_id, "part": part}
    return {**header, "package": __version__, **about}
