"""`otel`: send turns as OpenTelemetry traces and metrics, live until Ctrl-C, or those of a log."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from reactivex import Observable
from reactivex import operators as ops
from reactivex.subject import Subject

from agor_reactive import logs
from agor_reactive.cli.endings import FAULT, WELL, Stop, complain
from agor_reactive.cli.pipe import DRAIN, SessionWatch, reported, until_over
from agor_reactive.cli.reach import Reach
from agor_reactive.errors import UsageError
from agor_reactive.otel.environment import Pipeline, pipeline
from agor_reactive.otel.export import TurnRecord
from agor_reactive.otel.telemetry import Telemetry, logged_turns, session_turns
from agor_reactive.session.handles import SessionHandle
from agor_reactive.sinks import Checkpoint, Delivery, Record, deliver

__all__ = ["otel", "otel_of_log"]

ATTEMPTS = 50
"""Attempts to send one turn, about three quarters of an hour. Then it counts as refused, and the next one is tried."""
LOG_ATTEMPTS = 3
"""The same for a turn of a log. Then the command ends: a log can be sent again."""


async def otel(
    stop: Stop,
    reach: Reach,
    session_ids: Sequence[str],
    *,
    everything: bool,
    content: bool | None,
    checkpoint: Path | None,
) -> int:
    """Send turns and metrics until Ctrl-C, or until every named session is gone."""
    if everything == bool(session_ids):
        raise UsageError("name the sessions, or say --all; or give a log with --log")
    known = Checkpoint(checkpoint)
    bus: Subject[TurnRecord] = Subject()
    async with _sending(content=content) as sending, contextlib.AsyncExitStack() as ends:
        client = await ends.enter_async_context(reach.live())
        watched = SessionWatch(client, bus, partial(_turns, sending.telemetry), known.since)
        ends.callback(watched.close)  # after the delivery has ended
        delivery = await ends.enter_async_context(_delivery(bus, sending, attempts=ATTEMPTS, checkpoint=known))
        count = await watched.begin(session_ids)
        stop.graceful = True
        which = "every session" if everything else f"{count} session{'' if count == 1 else 's'}"
        complain(f"sending turns of {which} to OpenTelemetry; Ctrl-C stops")
        await until_over(stop, watched, [delivery])
    kept = "" if checkpoint is None else "the next run with this checkpoint sends them"
    return _verdict(delivery, kept or "with --checkpoint the next run would send them")


async def otel_of_log(stop: Stop, paths: Sequence[Path], session_ids: Sequence[str], *, content: bool | None) -> int:
    """Send the turns of a log, of the named sessions or of all, with the times of the log."""
    log = logs.open(paths)
    wanted = [log.mirror(one).session_id for one in session_ids] or log.sessions
    lost: list[str] = []

    def give_up(record: Record, why: str) -> None:
        lost.append(record.key)

    async with (
        _sending(content=content, measured=False) as sending,
        _delivery(
            _logged(log, wanted, lost), sending, attempts=LOG_ATTEMPTS, queue_size=1, on_drop=give_up
        ) as delivery,
    ):
        await delivery.wait()
    return _verdict(delivery, "the collector does not take them: send the log again once it does")


def _turns(telemetry: Telemetry, handle: SessionHandle, since: float) -> Observable[Any]:
    telemetry.observe_queue(handle.snapshots)  # ends with the handle
    return session_turns(handle.snapshots, since).pipe(ops.map(TurnRecord.of))


async def _logged(log: logs.Log, session_ids: Sequence[str], lost: Sequence[str]) -> AsyncIterator[TurnRecord]:
    """The turns of these sessions, until one was lost."""
    for session_id in session_ids:
        for item in logged_turns(log, session_id):
            if lost:
                return
            yield TurnRecord.of(item)


def _delivery(source: Any, sending: Pipeline, *, attempts: int, **options: Any) -> Delivery:
    # One turn a batch: what a collector refuses for good is given up alone.
    return deliver(source, sending.sink, batch_size=1, max_attempts=attempts, drain=DRAIN, **options)


@contextlib.asynccontextmanager
async def _sending(**options: Any) -> AsyncIterator[Pipeline]:
    """Make the pipeline, report what goes wrong, and send the last metrics at the end."""
    with reported("agor_reactive.sinks", "opentelemetry"), _without_headers():
        sending = pipeline(**options)
        try:
            yield sending
        finally:
            await asyncio.to_thread(sending.shutdown)


@contextlib.contextmanager
def _without_headers() -> Iterator[None]:
    """Keep the value of OTEL_EXPORTER_OTLP_HEADERS, a secret, out of the warning that it cannot be read."""
    parser = logging.getLogger("opentelemetry.util.re")

    def hide(record: logging.LogRecord) -> bool:
        record.msg, record.args = "an entry of an OTEL_EXPORTER_OTLP_*HEADERS variable is not NAME=VALUE", ()
        return True

    parser.addFilter(hide)
    try:
        yield
    finally:
        parser.removeFilter(hide)


def _verdict(delivery: Delivery, advice: str) -> int:
    """The exit code. `advice`: what becomes of turns that the collector did not take."""
    lost = f"; {delivery.dropped:,} not sent, {advice}" if delivery.dropped else ""
    complain(f"sent {delivery.delivered:,} turn{'' if delivery.delivered == 1 else 's'}{lost}")
    return FAULT if delivery.dropped else WELL
