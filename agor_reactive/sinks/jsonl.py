"""JSON Lines: one record a line, into a file or a stream."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any

from agor_reactive.sinks.dead_letters import missing_line_end
from agor_reactive.sinks.protocol import SinkClosed, SinkUnavailable
from agor_reactive.sinks.record import Record

__all__ = ["JsonLines"]


class JsonLines:
    """Appends ``{"key", "kind", "data"}`` lines, in ASCII, to a file, or to an open text stream such as `sys.stdout`.

    A batch is in the file as a whole or not at all: after a full disk it is cut back and written again. A stream is
    flushed after every batch and not closed.
    """

    def __init__(self, target: str | os.PathLike[str] | IO[str]) -> None:
        self._path = Path(target) if isinstance(target, (str, os.PathLike)) else None
        self._stream: Any = None if isinstance(target, (str, os.PathLike)) else target
        self._file: IO[bytes] | None = None

    async def open(self) -> None:
        """Open the file. Raises `SinkUnavailable` if that is not possible."""
        if self._path is not None and self._file is None:
            try:
                self._file = await asyncio.to_thread(_opened, self._path)
            except OSError as error:
                raise SinkUnavailable(f"{self._path} cannot be written: {error.strerror}") from None

    async def write(self, records: Sequence[Record]) -> None:
        """Append the records. Raises `SinkUnavailable` for a full disk, `SinkClosed` for a closed pipe."""
        text = "".join(f"{_line(record)}\n" for record in records)
        if self._stream is not None:
            await asyncio.to_thread(write_to, self._stream, text)  # a stalled reader must not block the event loop
            return
        if self._file is None:
            raise SinkClosed(f"{self._path} was closed")
        try:
            await asyncio.to_thread(_append, self._file, text.encode("ascii"))
        except OSError as error:
            raise SinkUnavailable(f"{self._path} cannot be written: {error.strerror}") from None

    async def close(self) -> None:
        """Close the file. Idempotent."""
        file, self._file = self._file, None
        if file is not None:
            await asyncio.to_thread(file.close)


def _line(record: Record) -> str:
    return json.dumps({"key": record.key, "kind": record.kind, "data": record.data}, default=str)


def _opened(path: Path) -> IO[bytes]:
    # Unbuffered: what a failed write left in a buffer would be written after the batch was cut back.
    file = open(path, "a+b", buffering=0)  # noqa: SIM115 - closed by `close`
    file.write(missing_line_end(file))
    return file


def _append(file: IO[bytes], data: bytes) -> None:
    begin = file.seek(0, os.SEEK_END)
    try:
        while data:
            data = data[file.write(data) :]
    except OSError:
        with contextlib.suppress(OSError):
            file.truncate(begin)
        raise


def write_to(stream: IO[str], text: str) -> None:
    """Write and flush. Raises `SinkClosed` when the other end of the pipe is closed."""
    try:
        stream.write(text)
        stream.flush()
    except BrokenPipeError:
        raise SinkClosed("the output was closed") from None
