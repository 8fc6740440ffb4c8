"""Turns are exported until they are taken: once, in order, with metrics counted once."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from reactivex import from_iterable

from agor_reactive.otel.export import SpanCollection, SpanSink, TurnRecord
from agor_reactive.sinks import Checkpoint, deliver
from tests.otel.rows import Sent, messages, task, turn


class Unsteady(SpanExporter):
    """Takes or refuses as planned; takes when the plan is over."""

    def __init__(self, *plan: bool) -> None:
        self.plan = list(plan)
        self.taken: list[str] = []
        self.attempts = 0
        self.ended = False

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        self.attempts += 1
        if self.plan and not self.plan.pop(0):
            return SpanExportResult.FAILURE
        self.taken += [str((span.attributes or {}).get("agor.task.id", "tool")) for span in spans]
        return SpanExportResult.SUCCESS

    def shutdown(self) -> None:
        self.ended = True


async def no_wait(seconds: float) -> None:
    pass


def sink_of(exporter: SpanExporter, tracers: TracerProvider | None = None) -> tuple[SpanSink, Sent]:
    spans, sent = SpanCollection(), Sent(tracers=tracers or TracerProvider())
    sent.tracers.add_span_processor(spans)
    return SpanSink(sent.telemetry, spans, [exporter]), sent


def turns(*numbers: int) -> list[TurnRecord]:
    return [TurnRecord.of((turn(task(number), messages(number)), None)) for number in numbers]


async def test_a_collector_that_fails_gets_each_turn_once_and_in_order() -> None:
    exporter = Unsteady(True, False, False, True, False)
    sink, sent = sink_of(exporter)
    checkpoint = Checkpoint()
    async with deliver(
        from_iterable(turns(1, 2, 3, 2)), sink, batch_size=2, checkpoint=checkpoint, sleep=no_wait
    ) as delivery:
        await delivery.wait()
    assert exporter.taken == ["tool", "tool", "t1", "tool", "tool", "t2", "tool", "tool", "t3"]
    assert (delivery.delivered, delivery.duplicates, exporter.attempts) == (3, 1, 6)
    assert exporter.ended
    assert {"t1", "t2", "t3"} == {key for key in ("t1", "t2", "t3") if key in checkpoint}
    (point,) = sent.metrics["gen_ai.client.operation.duration"]
    assert (point.count, point.sum) == (3, 24.0)


async def test_a_turn_that_is_refused_for_good_is_given_up_alone() -> None:
    exporter = Unsteady(False, False, False)
    sink, _ = sink_of(exporter)
    dropped: list[str] = []
    async with deliver(
        from_iterable(turns(1, 2)),
        sink,
        batch_size=1,
        max_attempts=3,
        on_drop=lambda record, why: dropped.append(record.key),
        sleep=no_wait,
    ) as delivery:
        await delivery.wait()
    assert (dropped, exporter.taken[-1]) == (["t1"], "t2")


@pytest.mark.parametrize("record", [turns(1)[0], TurnRecord.of((turn(task(completed_at=None)), None))])
async def test_a_turn_without_spans_counts_as_sent(record: TurnRecord) -> None:
    exporter = Unsteady(False)
    sink, _ = sink_of(exporter, TracerProvider(sampler=ALWAYS_OFF))
    await sink.write([record])
    assert exporter.attempts == 0
