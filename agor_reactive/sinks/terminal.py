"""A terminal: each record as text without control codes."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from typing import IO

from agor_reactive.adapters.presentation.plain import plain
from agor_reactive.sinks.jsonl import write_to
from agor_reactive.sinks.record import Record
from agor_reactive.sinks.template import Template

__all__ = ["Terminal"]


class Terminal:
    """Prints each record as the `template` says (`Template`), to stdout or another text stream.

    Codes that move a cursor, colour or reorder text are removed, since prompts and replies may hold any.
    """

    def __init__(self, *, template: str | None = None, stream: IO[str] | None = None) -> None:
        self._stream = stream
        self._text = Template(template, escape=plain)

    async def open(self) -> None:
        """Do nothing."""

    async def write(self, records: Sequence[Record]) -> None:
        """Print the records. Raises `SinkClosed` for a closed pipe."""
        stream = self._stream if self._stream is not None else sys.stdout
        encoding = getattr(stream, "encoding", None) or "utf-8"
        for number, record in enumerate(records):
            text = self._text.of(record, written=number).rstrip() + "\n"
            # In a thread: a stalled reader must not block the event loop.
            await asyncio.to_thread(write_to, stream, text.encode(encoding, "replace").decode(encoding))

    async def close(self) -> None:
        """Do nothing: the stream belongs to others."""
