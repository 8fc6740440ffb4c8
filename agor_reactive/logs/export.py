"""Writes a log of a past session from its rows: `export`."""

from __future__ import annotations

import contextlib
import os
import uuid
from collections.abc import AsyncIterator, Coroutine, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, overload

from agor_reactive.calls.surface import Async, Sync
from agor_reactive.errors import UsageError
from agor_reactive.logs.blanking import blanked
from agor_reactive.logs.files import LineWriter, create
from agor_reactive.logs.past import OnProgress, PastSession
from agor_reactive.logs.writing import header_of
from agor_reactive.models.json_text import json_bytes
from agor_reactive.services import Services
from agor_reactive.transport.redaction import redact, scrub

__all__ = ["Export", "export"]


@dataclass(frozen=True, slots=True)
class Export:
    """What was written.

    `tasks` and `messages` are in the log; `unreadable` rows are not. `complete` is False if the daemon gives access to
    fewer rows than it has.
    """

    path: Path
    session_id: str
    tasks: int
    messages: int
    records: int
    unreadable: int
    complete: bool


@overload
def export(
    client: Services[Sync],
    session_id: str,
    path: str | os.PathLike[str],
    *,
    redact_text: bool = False,
    on_progress: OnProgress | None = None,
) -> Export: ...
@overload
def export(
    client: Services[Async],
    session_id: str,
    path: str | os.PathLike[str],
    *,
    redact_text: bool = False,
    on_progress: OnProgress | None = None,
) -> Coroutine[Any, Any, Export]: ...
def export(
    client: Services[Any],
    session_id: str,
    path: str | os.PathLike[str],
    *,
    redact_text: bool = False,
    on_progress: OnProgress | None = None,
) -> Any:
    """Write a log of a past session from its rows into a new file: what a recording since its beginning would tell.

    Takes every client; with an async one it is awaited. Tasks, messages and tools come at the times that their rows
    name; the last state is that of the rows. Text comes as whole messages, because chunks are not kept anywhere. The
    messages of one task are in memory at a time, and the rows of all tasks. `on_progress` is called with the number of
    tasks done and of all. Raises `UsageError` if the file exists, `NotFound` for an unknown session, and what the
    daemon answers; the file is removed then.
    """
    if not isinstance(client, Services):
        raise UsageError(f"export takes a client, not {type(client).__name__}")
    past = PastSession(session_id, on_progress or (lambda done, total: None))
    file = _File(create(path), past, redact_text=redact_text)
    with file.removed_on_error():
        records = client.service("sessions")._driver.walk(past)
    return file.written(records) if isinstance(records, Iterator) else file.written_async(records)


class _File:
    """The log being written."""

    def __init__(self, writer: LineWriter, past: PastSession, *, redact_text: bool) -> None:
        self._writer = writer
        self._past = past
        self._redact_text = redact_text
        self._n = 0

    def written(self, records: Iterator[Any]) -> Export:
        with self.removed_on_error():
            for record in records:
                self._put(record)
            return self._done()

    async def written_async(self, records: AsyncIterator[Any]) -> Export:
        with self.removed_on_error():
            async for record in records:
                self._put(record)
            return self._done()

    @contextlib.contextmanager
    def removed_on_error(self) -> Iterator[None]:
        """Half a history must not pass for a whole one."""
        try:
            yield
        except BaseException:
            with contextlib.suppress(OSError):
                self._writer.close()
            with contextlib.suppress(OSError):
                self._writer.path.unlink()
            raise

    def _put(self, record: dict[str, Any]) -> None:
        if not self._n:
            about = {"daemon": {"url": None}, "source": "rows"}
            self._line(header_of(record["t"], uuid.uuid4().hex, 1, about))
        self._n += 1
        kind = record["kind"]
        if kind == "event":
            payload = redact(record["topic"], record["payload"])
            record = {**record, "payload": blanked(payload) if self._redact_text else payload}
        elif kind == "answer":
            record = {**record, "session": self._clean(record["session"])}
        self._line({"n": self._n, **record})

    def _clean(self, row: Any) -> Any:
        row = scrub(row)
        return blanked(row) if self._redact_text else row

    def _line(self, record: dict[str, Any]) -> None:
        self._writer.write(json_bytes(record) + b"\n")

    def _done(self) -> Export:
        self._writer.close()
        past = self._past
        return Export(
            self._writer.path, past.session_id, past.tasks, past.messages, self._n, past.unreadable, past.complete
        )
