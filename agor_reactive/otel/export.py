"""`SpanSink`: delivers turns as spans, one turn after the other, each until the collector has taken it.

The SDK's own processor for batches drops what an exporter could not send. Behind `deliver`, a turn waits for a
collector that is down, and a checkpoint notes it only when it was taken.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from agor_reactive.otel.telemetry import SessionTurn, Telemetry
from agor_reactive.sinks import Record, SinkUnavailable

__all__ = ["SpanCollection", "SpanSink", "TurnRecord"]


@dataclass(frozen=True, slots=True)
class TurnRecord(Record):
    """A turn for a `SpanSink`, as rows. Its `data` is empty: spans are made of the rows."""

    item: SessionTurn | None = field(default=None, repr=False)

    @classmethod
    def of(cls, item: SessionTurn) -> TurnRecord:
        """The record of a turn; its key is the task's id."""
        return cls(item[0].id, "turn", {}, item)


class SpanCollection(SpanProcessor):
    """Collects ended spans until they are taken."""

    def __init__(self) -> None:
        self._spans: list[ReadableSpan] = []

    def on_end(self, span: ReadableSpan) -> None:
        if span.context is not None and span.context.trace_flags.sampled:
            self._spans.append(span)

    def take(self) -> list[ReadableSpan]:
        """The spans that have ended since the last call."""
        spans, self._spans = self._spans, []
        return spans


class SpanSink:
    """A sink of `TurnRecord`s. `measured`: also record metrics."""

    def __init__(
        self, telemetry: Telemetry, spans: SpanCollection, exporters: Sequence[SpanExporter], *, measured: bool = True
    ) -> None:
        self._telemetry = telemetry
        self._spans = spans
        self._exporters = exporters
        self._measured = measured
        self._made: dict[str, list[ReadableSpan]] = {}  # of turns that are not exported yet, by their key

    async def open(self) -> None:
        """Nothing to prepare."""

    async def write(self, records: Sequence[Record]) -> None:
        """Export the spans of each turn. They are made once, so that a repeated attempt counts no metric twice."""
        for number, record in enumerate(records):
            if record.key not in self._made and isinstance(record, TurnRecord) and record.item is not None:
                self._telemetry.record(*record.item, measured=self._measured)
                self._made[record.key] = self._spans.take()
            if not await asyncio.to_thread(self._export, self._made.get(record.key, [])):
                raise SinkUnavailable("the spans of a turn were not taken", written=number)
            self._made.pop(record.key, None)

    def _export(self, spans: list[ReadableSpan]) -> bool:
        if not spans:
            return True
        return all(exporter.export(spans) is SpanExportResult.SUCCESS for exporter in self._exporters)

    async def close(self) -> None:
        """Shut the exporters down, which also ends a wait for the collector."""
        for exporter in self._exporters:
            exporter.shutdown()
