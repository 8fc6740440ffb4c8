"""Turns for these tests, and the spans and metrics that become of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from agor_reactive.models import Message, Session, Task, row_from_wire
from agor_reactive.operators import Turn
from agor_reactive.otel import Telemetry
from tests.core.build import message_row, session_row, stamp, task_row

SECRET = "a text that is content"
USAGE = {"tokenUsage": {"inputTokens": 11, "outputTokens": 7, "totalTokens": 18, "cacheReadTokens": 5}}


def task(number: int = 1, status: str = "completed", **fields: Any) -> dict[str, Any]:
    """A task of 8 seconds that was queued for one."""
    second = number * 20
    times = {"started_at": stamp(second + 1), "completed_at": stamp(second + 9)}
    rest = {"full_prompt": SECRET, "queue_position": 1, "normalized_sdk_response": USAGE, "error_message": SECRET}
    return task_row(f"t{number}", status, second=second, **{**times, **rest, **fields})


def use(task_id: str, name: str, second: int, **fields: Any) -> dict[str, Any]:
    """The message with a use of a tool; `name` is also the id of the use."""
    block = {"type": "tool_use", "id": f"{task_id}{name}", "name": "Bash", "input": {"command": SECRET}}
    return message_row(f"{task_id}{name}1", task_id, second, content=[block], **fields)


def result(task_id: str, name: str, second: int, *, failed: bool = False) -> dict[str, Any]:
    block = {"type": "tool_result", "tool_use_id": f"{task_id}{name}", "content": SECRET, "is_error": failed}
    return message_row(f"{task_id}{name}2", task_id, second, content=[block], role="user", type="user")


def messages(number: int = 1) -> list[dict[str, Any]]:
    """Two calls of one second each, the second one failed."""
    task_id, second = f"t{number}", number * 20
    return [
        use(task_id, "a", second + 2),
        result(task_id, "a", second + 3),
        use(task_id, "b", second + 4),
        result(task_id, "b", second + 5, failed=True),
    ]


def turn(row: dict[str, Any], found: Iterable[dict[str, Any]] = ()) -> Turn:
    return Turn(row_from_wire(Task, row), tuple(row_from_wire(Message, one) for one in found))


def session(**fields: Any) -> Session:
    return row_from_wire(Session, session_row(**fields))


@dataclass
class Sent:
    """A `Telemetry` with exporters in memory."""

    content: bool | None = False
    tracers: TracerProvider = field(default_factory=TracerProvider)
    exporter: InMemorySpanExporter = field(default_factory=InMemorySpanExporter)
    reader: InMemoryMetricReader = field(default_factory=InMemoryMetricReader)

    def __post_init__(self) -> None:
        self.tracers.add_span_processor(SimpleSpanProcessor(self.exporter))
        meters = MeterProvider([self.reader], shutdown_on_exit=False)
        self.telemetry = Telemetry(tracer_provider=self.tracers, meter_provider=meters, content=self.content)

    @property
    def spans(self) -> Sequence[ReadableSpan]:
        return self.exporter.get_finished_spans()

    def named(self, start: str) -> list[ReadableSpan]:
        return [span for span in self.spans if span.name.startswith(start)]

    @property
    def metrics(self) -> dict[str, list[Any]]:
        """The points of each metric, by its name."""
        data = self.reader.get_metrics_data()
        scopes = [scope for resource in data.resource_metrics for scope in resource.scope_metrics] if data else []
        ours = [scope for scope in scopes if scope.scope.name == "agor_reactive"]  # the SDK measures itself, too
        return {metric.name: list(metric.data.data_points) for scope in ours for metric in scope.metrics}


def seconds_of(span: ReadableSpan) -> float:
    assert span.start_time is not None
    assert span.end_time is not None
    return (span.end_time - span.start_time) / 1e9


def about(span: ReadableSpan) -> dict[str, Any]:
    return dict(span.attributes or {})


def id_of(span: ReadableSpan) -> int:
    assert span.context is not None
    return int(span.context.span_id)


def parent_of(span: ReadableSpan) -> int | None:
    return None if span.parent is None else int(span.parent.span_id)
