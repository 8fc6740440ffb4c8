"""What a sink is, and the errors by which it says what becomes of records that it did not write.

::

    SinkError (an AgorError)
    ├── SinkUnavailable   not now: the same records are written again later
    ├── SinkRefused       never: the record goes to the dead letters, the ones after it are tried
    └── SinkClosed        the destination is gone for good (a closed pipe): nothing more is written
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from agor_reactive.errors import AgorError
from agor_reactive.sinks.record import Record

__all__ = ["Sink", "SinkClosed", "SinkError", "SinkRefused", "SinkUnavailable"]


class Sink(Protocol):
    """A destination of records. One task calls it, one method at a time.

    `write` returns when every record is where it belongs. It raises a `SinkError` otherwise, whose `written` says how
    many of the records, counted from the first, need not be written again. Another exception counts as
    `SinkUnavailable`.
    """

    async def open(self) -> None:
        """Prepare; called once before the first `write`. Raises `SinkUnavailable`, and is then called again."""

    async def write(self, records: Sequence[Record]) -> None:
        """Write one batch, in order."""

    async def close(self) -> None:
        """Free what `open` took. Idempotent."""


class SinkError(AgorError):
    """A batch was not written as a whole. `written`: how many of its records were, counted from the first."""

    def __init__(self, message: str, *, written: int = 0) -> None:
        super().__init__(message)
        self.written = written


class SinkUnavailable(SinkError):
    """The destination takes nothing at the moment. `retry_after`: the seconds that it asks to wait, or None."""

    def __init__(self, message: str, *, written: int = 0, retry_after: float | None = None) -> None:
        super().__init__(message, written=written)
        self.retry_after = retry_after


class SinkRefused(SinkError):
    """The destination refused the record at index `written`, and would refuse it again."""


class SinkClosed(SinkError):
    """The destination is gone for good: a closed pipe, or a sink that was closed."""
