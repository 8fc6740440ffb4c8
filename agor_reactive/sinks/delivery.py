"""Delivers what a source emits to a sink: `deliver`. Queue, batches, retries, dead letters, and a stop that drains."""

from __future__ import annotations

import asyncio
import logging
import random as _random
import threading
from collections import deque
from collections.abc import AsyncIterable, Awaitable, Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Literal, Self

from reactivex import Observable

from agor_reactive.calls.backoff import Backoff
from agor_reactive.errors import UsageError
from agor_reactive.sinks.attempts import Attempts
from agor_reactive.sinks.checkpoint import Checkpoint
from agor_reactive.sinks.dead_letters import DeadLetters
from agor_reactive.sinks.protocol import Sink, SinkClosed
from agor_reactive.sinks.record import Record, record_of

__all__ = ["BACKOFF", "Delivery", "OnDrop", "WhenFull", "deliver"]

_log = logging.getLogger("agor_reactive.sinks")

BACKOFF = Backoff(first=0.5, most=60.0, jitter=(0.5, 1.0))
"""The waits between two attempts to write a batch, unless the destination asks for another one."""

TICKS = 3
"""Loop ticks that a stop leaves to the source: one to fold, one to publish the snapshot, one in reserve."""

OnDrop = Callable[[Record, str], Any]
WhenFull = Literal["drop_oldest", "drop_newest"]


@dataclass(frozen=True, slots=True)
class _Limits:
    batch: int
    queue: int
    when_full: WhenFull
    drain: float | None


class Delivery:
    """A delivery under way: from one source to one sink, in order, each record at least once.

    `delivered` counts records that the sink has written, `duplicates` those left out because their key was known,
    `dropped` those that were given up (the queue was full, the sink refused or failed too often, the drain ran out of
    time); each is named on the log and in `on_drop`, and is in the dead-letter file if there is one. `error` says why
    the delivery ended early.
    """

    def __init__(
        self,
        source: Observable[Any] | AsyncIterable[Any],
        attempts: Attempts,
        limits: _Limits,
        *,
        key: Callable[[Any], str] | None,
        checkpoint: Checkpoint,
    ) -> None:
        self._source = source
        self._attempts = attempts
        self._limits = limits
        self._key = key
        self._checkpoint = checkpoint
        self._queue: deque[Record] = deque()
        self._known: set[str] = set()  # keys in the queue or being written
        self._changed = asyncio.Event()
        self._ended = False
        self._failure: Exception | None = None
        try:
            self._loop = asyncio.get_running_loop()
        except RuntimeError:
            raise UsageError("deliver needs a running event loop; call it in a coroutine") from None
        self._thread = threading.get_ident()
        self._unsubscribe: Callable[[], object] = lambda: None
        self._feeding: asyncio.Task[None] | None = None
        self._running: asyncio.Task[None] | None = None
        self.duplicates = 0

    @property
    def delivered(self) -> int:
        """How many records the sink has written."""
        return self._attempts.delivered

    @property
    def dropped(self) -> int:
        """How many records were given up."""
        return self._attempts.dropped

    @property
    def pending(self) -> int:
        """How many records are queued or being written."""
        return len(self._known)

    @property
    def error(self) -> Exception | None:
        """Why the delivery ended early: the source's error, or a `SinkClosed`."""
        return self._failure

    # ------------------------------------------------------------------------------------------------------ the source

    def _start(self) -> None:
        self._running = self._loop.create_task(self._run(), name="agor delivery")
        if isinstance(self._source, Observable):
            subscription = self._source.subscribe(self._received, self._source_failed, self._source_ended)
            self._unsubscribe = subscription.dispose
        else:
            self._feeding = self._loop.create_task(self._feed(self._source), name="agor delivery source")
            self._unsubscribe = self._feeding.cancel

    def _received(self, item: Any) -> None:
        """An item of an Observable, which cannot be made to wait."""
        if threading.get_ident() != self._thread:
            self._loop.call_soon_threadsafe(self._put, item)
        else:
            self._put(item)

    def _put(self, item: Any) -> None:
        if self._ended:
            return
        try:
            record = record_of(item, self._key)
        except Exception as error:  # noqa: BLE001 - the source would not notice that its items are lost
            self._unsubscribe()
            self._source_failed(error)
            return
        if self._is_known(record):
            return
        if len(self._queue) >= self._limits.queue:
            is_oldest = self._limits.when_full == "drop_oldest"
            loser = self._queue.popleft() if is_oldest else record
            self._known.discard(loser.key)
            self._attempts.drop(loser, "the queue is full")
            if not is_oldest:
                return
        self._add(record)

    async def _feed(self, source: AsyncIterable[Any]) -> None:
        """Take items of an async iterable, no faster than they are delivered."""
        try:
            async for item in source:
                record = record_of(item, self._key)
                if self._is_known(record):
                    continue
                while len(self._queue) >= self._limits.queue and not self._ended:
                    await self._change()
                if self._ended:
                    return
                self._add(record)
            self._source_ended()
        except Exception as error:  # noqa: BLE001 - raised by `wait` and by the end of the context
            self._source_failed(error)

    def _is_known(self, record: Record) -> bool:
        known = record.key in self._known or record.key in self._checkpoint
        self.duplicates += known
        return known

    def _add(self, record: Record) -> None:
        self._queue.append(record)
        self._known.add(record.key)
        self._changed.set()

    def _source_ended(self) -> None:
        self._loop.call_soon_threadsafe(self._end)

    def _source_failed(self, error: Exception) -> None:
        self._failure = self._failure or error
        self._source_ended()

    def _end(self) -> None:
        self._ended = True
        self._changed.set()

    async def _change(self) -> None:
        self._changed.clear()
        await self._changed.wait()

    # -------------------------------------------------------------------------------------------------------- the sink

    async def _run(self) -> None:
        batch: list[Record] = []
        try:
            while True:
                while not self._queue and not self._ended:
                    await self._change()
                if not self._queue:
                    return
                batch = [self._queue.popleft() for _ in range(min(self._limits.batch, len(self._queue)))]
                self._changed.set()  # there is room again
                while batch:
                    await self._attempts.write(batch, self._settled)
        except SinkClosed as error:
            self._failure = self._failure or error
            self._unsubscribe()
            self._give_up(batch, str(error))
        except asyncio.CancelledError:
            self._give_up(batch, "the delivery was stopped before this was delivered")
            raise
        finally:
            self._end()
            await self._attempts.close()
            self._checkpoint.close()

    def _settled(self, records: list[Record], delivered: bool) -> None:
        """These need not be written again. What was dropped is not in the checkpoint, unless a dead letter holds it."""
        for record in records:
            self._known.discard(record.key)
        if delivered:
            try:
                self._checkpoint.add(record.key for record in records)
            except OSError as error:
                _log.error("the checkpoint cannot be written (%s); a restart delivers again", error.strerror)

    def _give_up(self, batch: list[Record], reason: str) -> None:
        for record in [*batch, *self._queue]:
            self._attempts.drop(record, reason)
        batch.clear()
        self._queue.clear()
        self._known.clear()

    # --------------------------------------------------------------------------------------------------------- the end

    async def wait(self) -> None:
        """Wait until the source has completed and everything is delivered or dropped. Raises what ended it early."""
        if self._running is not None:
            await asyncio.shield(asyncio.wait([self._running]))
        if self._failure is not None:
            raise self._failure

    async def stop(self, *, drain: float | None = None) -> None:
        """Unsubscribe from the source, deliver what is queued, and close the sink. Idempotent.

        What the source is about to emit still counts: a snapshot is published in the loop tick after its change. What
        is not delivered within `drain` seconds (default: that of `deliver`) is dropped. The retries of a sink that is
        unavailable go on until then.
        """
        if not self._ended:
            for _ in range(TICKS):
                await asyncio.sleep(0)
        self._unsubscribe()
        self._end()
        if self._running is None:
            return
        limit = self._limits.drain if drain is None else drain
        try:
            await asyncio.wait([self._running], timeout=limit)
        finally:  # also when this is cancelled: what is pending becomes dead letters
            self._running.cancel()
            await asyncio.wait([self._running])
        if self._feeding is not None:
            await asyncio.wait([self._feeding])
        if not self._running.cancelled() and (error := self._running.exception()) is not None:
            raise error

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        await self.stop()
        if error is None and self._failure is not None:
            raise self._failure

    def __repr__(self) -> str:
        return f"<Delivery {self.delivered} delivered, {self.pending} pending, {self.dropped} dropped>"


def deliver(
    source: Observable[Any] | AsyncIterable[Any],
    sink: Sink,
    *,
    key: Callable[[Any], str] | None = None,
    batch_size: int = 100,
    queue_size: int = 1_000,
    when_full: WhenFull = "drop_oldest",
    on_drop: OnDrop | None = None,
    max_attempts: int | None = None,
    backoff: Backoff = BACKOFF,
    dead_letters: DeadLetters | None = None,
    checkpoint: Checkpoint | None = None,
    drain: float | None = 30.0,
    sleep: Callable[[float], Awaitable[Any]] = asyncio.sleep,
    random: Callable[[], float] = _random.random,
) -> Delivery:
    """Deliver every item of `source` to `sink`, in order and at least once, until a stop or the end of the source.

    Starts at once; use the result as an async context manager, or `stop` it. Items become records (`record_of`, `key`);
    a key that was delivered before is left out. A batch has at most `batch_size` records; it is what has arrived
    while the previous one was written. While `queue_size` records are queued, an Observable loses the oldest or the
    newest (`when_full`), and an async iterable is not read. A failed write is repeated after `backoff`, or after the
    time that the destination asks for; after `max_attempts` (None: no limit) the batch goes to `dead_letters`.
    `on_drop` is called with each record that is given up, and why. `drain` is in seconds, None for no limit. Raises
    `UsageError` for sizes under 1.

    >>> async with deliver(handle.snapshots.pipe(completed_turns()), JsonLines("turns.jsonl")):   # doctest: +SKIP
    ...     await handle.ask("Fix the tests.")
    """
    for name, value in (("batch_size", batch_size), ("queue_size", queue_size), ("max_attempts", max_attempts)):
        if value is not None and value < 1:
            raise UsageError(f"{name} is 1 or more, not {value!r}")
    if when_full not in ("drop_oldest", "drop_newest"):
        raise UsageError(f"when_full is 'drop_oldest' or 'drop_newest', not {when_full!r}")
    attempts = Attempts(
        sink,
        backoff=backoff,
        most=max_attempts,
        dead_letters=dead_letters,
        on_drop=on_drop,
        sleep=sleep,
        random=random,
    )
    limits = _Limits(batch_size, queue_size, when_full, drain)
    delivery = Delivery(
        source, attempts, limits, key=key, checkpoint=Checkpoint() if checkpoint is None else checkpoint
    )
    delivery._start()
    return delivery
