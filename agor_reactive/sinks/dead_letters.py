"""The dead-letter file: records that could not be delivered, as JSON Lines that `resend` can deliver later."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from agor_reactive.errors import UsageError
from agor_reactive.sinks.record import Record

__all__ = ["DeadLetter", "DeadLetters", "missing_line_end", "read_dead_letters"]

_log = logging.getLogger("agor_reactive.sinks")


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A record that was not delivered: why, after how many attempts, and when, in epoch seconds."""

    record: Record
    reason: str
    attempts: int
    at: float


class DeadLetters:
    """Appends dead letters to a file, readable by its owner only, because prompts and replies are in it."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)

    def append(self, letter: DeadLetter) -> None:
        """Write one letter. Raises `OSError`."""
        record = letter.record
        line: dict[str, Any] = {"key": record.key, "kind": record.kind, "data": record.data}
        line |= {"reason": letter.reason, "attempts": letter.attempts, "at": letter.at}
        number = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        with open(number, "a+b") as file:
            # A line that a crash cut ends here, so that it costs itself only.
            file.write(missing_line_end(file) + json.dumps(line).encode("ascii") + b"\n")


def missing_line_end(file: IO[bytes]) -> bytes:
    """What ends the last line of a file opened for reading and appending: a line feed, or nothing."""
    if not file.seek(0, os.SEEK_END):
        return b""
    file.seek(-1, os.SEEK_END)
    return b"" if file.read(1) == b"\n" else b"\n"


def read_dead_letters(path: str | os.PathLike[str]) -> Iterator[DeadLetter]:
    """The letters of a file, oldest first. A damaged line is logged and left out. Raises `UsageError` for no file."""
    try:
        lines = Path(path).read_bytes().splitlines()
    except OSError as error:
        raise UsageError(f"{os.fspath(path)} cannot be read: {error.strerror}") from None
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            found = json.loads(line)
            record = Record(str(found["key"]), str(found["kind"]), dict(found["data"]))
            yield DeadLetter(record, str(found["reason"]), int(found["attempts"]), float(found["at"]))
        except (ValueError, TypeError, KeyError) as error:
            _log.warning("line %d of %s is no dead letter (%s)", number, os.fspath(path), type(error).__name__)
