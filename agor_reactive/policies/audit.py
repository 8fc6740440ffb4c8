"""The audit of a policy: a JSON line for each decision."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

from agor_reactive.errors import UsageError
from agor_reactive.models.base import thaw
from agor_reactive.policies.judging import Decided
from agor_reactive.transport.redaction import scrub

__all__ = ["Audit", "AuditFile"]

Audit = Callable[[Decided], Any]
"""Takes every decision. What it raises stops the policy."""


class AuditFile:
    """Appends a JSON object per decision to a file that only its owner can read. Keys and tokens are removed.

    Fields: those of `Decided`, with `at` as ISO text. Raises `UsageError` if the file cannot be opened.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        try:
            descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        except OSError as error:
            raise UsageError(f"The audit file {self.path} cannot be written: {error.strerror}.") from None
        self._file: IO[bytes] = open(descriptor, "ab", buffering=0)  # noqa: SIM115 - closed by `close`

    def __call__(self, decided: Decided) -> None:
        """Write one line; it is in the file when this returns."""
        when = datetime.fromtimestamp(decided.at, UTC).isoformat(timespec="milliseconds")
        record = {**asdict(decided), "tool_input": thaw(decided.tool_input), "at": when}
        line = (json.dumps(scrub(record), default=str) + "\n").encode("ascii")
        while line:
            line = line[self._file.write(line) :]

    def close(self) -> None:
        """Close the file. Idempotent."""
        self._file.close()
