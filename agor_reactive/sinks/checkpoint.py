"""The checkpoint: which records were delivered, kept in memory or in a file that outlasts the process.

A file has a header line, ``{"checkpoint": 1, "since": …}``, and a line ``[key, time]`` for each delivered record. It is
written anew with the newest keys when it has twice as many as are kept.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import IO

from agor_reactive.errors import UsageError

__all__ = ["KEPT", "Checkpoint"]

KEPT = 10_000
"""How many keys are kept. A record is known as delivered while no more than so many were delivered after it."""


class Checkpoint:
    """The keys of the newest delivered records. Without `path` they are kept in memory only.

    `since` is a time, in epoch seconds: ask the source for history from there after a restart. Every record delivered
    after it is known here, so none is delivered twice, and none is missing unless `kept` later ones were delivered
    before it. Raises `UsageError` for a file that is no checkpoint or cannot be written.
    """

    def __init__(
        self, path: str | os.PathLike[str] | None = None, *, kept: int = KEPT, clock: Callable[[], float] = time.time
    ) -> None:
        self.path = None if path is None else Path(path)
        self.since = clock()
        self._kept = kept
        self._clock = clock
        self._keys: dict[str, float] = {}
        self._lines = 0
        self._file: IO[bytes] | None = None
        if self.path is not None:
            try:
                self._load(self.path)
                self._rewrite(self.path)
            except OSError as error:
                raise UsageError(f"the checkpoint {self.path} cannot be used: {error.strerror or error}") from None

    def __contains__(self, key: str) -> bool:
        return key in self._keys

    def __len__(self) -> int:
        return len(self._keys)

    def add(self, keys: Iterable[str]) -> None:
        """Note records as delivered. Raises `OSError`; the keys are then known in this process only."""
        now = self._clock()
        added = dict.fromkeys(keys, now)
        self._keys |= added
        self._evict()
        if self.path is None or self._file is None:
            return
        self._lines += len(added)
        if self._lines > 2 * self._kept:
            self._rewrite(self.path)
            return
        self._file.write(b"".join(_line([key, at]) for key, at in added.items()))
        self._file.flush()  # not to the disk: after a crash of the machine, what is missing is delivered again

    def _evict(self) -> None:
        while len(self._keys) > self._kept:
            del self._keys[next(iter(self._keys))]
            # An item that was evicted had happened before the oldest key that remains was delivered.
            self.since = next(iter(self._keys.values()))

    def close(self) -> None:
        """Close the file. Idempotent."""
        if self._file is not None:
            file, self._file = self._file, None
            file.close()

    def _load(self, path: Path) -> None:
        with contextlib.suppress(FileNotFoundError):
            lines = path.read_bytes().splitlines()
            if lines:
                try:
                    self.since = float(json.loads(lines[0])["since"])
                except (ValueError, TypeError, KeyError):
                    raise UsageError(f"{path} is not a checkpoint; name another file") from None
            for line in lines[1:]:
                with contextlib.suppress(ValueError, TypeError):  # the last line, if a crash cut it
                    key, at = json.loads(line)
                    self._keys[str(key)] = float(at)
        self._evict()

    def _rewrite(self, path: Path) -> None:
        """Replace the file by one with the header and the kept keys. The old one stays whole until then."""
        self.close()
        fresh = path.with_name(f"{path.name}.new")
        with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(_line({"checkpoint": 1, "since": self.since}))
            file.write(b"".join(_line([key, at]) for key, at in self._keys.items()))
            file.flush()
            os.fsync(file.fileno())
        os.replace(fresh, path)
        self._lines = len(self._keys)
        self._file = open(path, "ab")  # noqa: SIM115 - closed by `close`


def _line(value: object) -> bytes:
    return json.dumps(value).encode("ascii") + b"\n"
