"""Writes a batch to a sink until it is written, refused or given up. Retries, back-off, dead letters."""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any

from agor_reactive.calls.backoff import Backoff
from agor_reactive.sinks.dead_letters import DeadLetter, DeadLetters
from agor_reactive.sinks.protocol import Sink, SinkClosed, SinkRefused, SinkUnavailable
from agor_reactive.sinks.record import Record

__all__ = ["Attempts"]

_log = logging.getLogger("agor_reactive.sinks")

LONGEST_WAIT = 3_600.0
"""Seconds. A destination that asks to wait longer is tried again after this time."""


class Attempts:
    """One sink and the failed attempts to write to it. `delivered` and `dropped` count records."""

    def __init__(
        self,
        sink: Sink,
        *,
        backoff: Backoff,
        most: int | None,
        dead_letters: DeadLetters | None,
        on_drop: Callable[[Record, str], Any] | None,
        sleep: Callable[[float], Awaitable[Any]],
        random: Callable[[], float],
    ) -> None:
        self._sink = sink
        self._backoff = backoff
        self._most = most
        self._dead_letters = dead_letters
        self._on_drop = on_drop
        self._sleep = sleep
        self._random = random
        self._is_open = False
        self._failed = 0
        self.delivered = 0
        self.dropped = 0

    async def write(self, batch: list[Record], settled: Callable[[list[Record], bool], None]) -> None:
        """Make one attempt, and wait after a failure. Removes from `batch` what need not be written again, and calls
        `settled` with it and whether it counts as delivered. Raises `SinkClosed`.
        """
        try:
            if not self._is_open:
                await self._sink.open()
                self._is_open = True
            await self._sink.write(tuple(batch))
        except SinkClosed as error:
            self._written(batch, error.written, settled)
            raise
        except SinkRefused as error:
            self._written(batch, error.written, settled)
            self._failed += 1
            self._drop_first(batch, 1, str(error), settled)
        except Exception as error:  # noqa: BLE001 - whatever a sink raises costs a retry, not the delivery
            known = isinstance(error, SinkUnavailable)
            self._written(batch, error.written if isinstance(error, SinkUnavailable) else 0, settled)
            self._failed += 1
            reason = str(error) if known else f"the sink raised {type(error).__name__}"
            if not known and self._failed == 1:
                _log.error("%s raised", type(self._sink).__name__, exc_info=error)
            if self._most is not None and self._failed >= self._most:
                self._drop_first(batch, len(batch), f"{reason}; {self._failed} attempts failed", settled)
                return
            await self._sleep(self._pause(error, reason))
        else:
            self._written(batch, len(batch), settled)

    def _pause(self, error: Exception, reason: str) -> float:
        asked = error.retry_after if isinstance(error, SinkUnavailable) else None
        wait = self._backoff.delay(self._failed, self._random) if asked is None else min(asked, LONGEST_WAIT)
        _log.warning("%s; attempt %d in %.1f s", reason, self._failed + 1, wait)
        return wait

    def _written(self, batch: list[Record], count: int, settled: Callable[[list[Record], bool], None]) -> None:
        if count:
            self._failed = 0
            done = batch[:count]
            del batch[:count]
            self.delivered += len(done)
            settled(done, True)

    def _drop_first(
        self, batch: list[Record], count: int, reason: str, settled: Callable[[list[Record], bool], None]
    ) -> None:
        attempts, self._failed = self._failed, 0
        for record in batch[:count]:
            kept = self.drop(record, reason, attempts=attempts)
            settled([record], kept)
        del batch[:count]

    def drop(self, record: Record, reason: str, *, attempts: int = 0) -> bool:
        """Give a record up: count it, log it, and add it to the dead letters. Returns whether it is in their file."""
        self.dropped += 1
        kept = False
        if self._dead_letters is not None:
            try:
                self._dead_letters.append(DeadLetter(record, reason, attempts, time.time()))
                kept = True
            except OSError as error:
                _log.error("%s cannot be written: %s", self._dead_letters.path, error.strerror)
        where = f"it is in {self._dead_letters.path}" if kept and self._dead_letters is not None else "it is lost"
        _log.warning("%s %s was not delivered (%s); %s", record.kind, record.key, reason, where)
        if self._on_drop is not None:
            try:
                self._on_drop(record, reason)
            except Exception:  # noqa: BLE001 - logged, with its traceback
                _log.exception("on_drop raised")
        return kept

    async def close(self) -> None:
        """Close the sink. An error is logged: what it wrote counts as delivered."""
        try:
            await self._sink.close()
        except Exception:  # noqa: BLE001 - logged, with its traceback
            _log.exception("%s could not be closed", type(self._sink).__name__)
