"""Turns become spans with the times of their rows, once each, and without content unless it is asked for."""

from __future__ import annotations

import sys
from typing import Any

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from reactivex.subject import Subject

from agor_reactive.core import SessionState
from agor_reactive.errors import UsageError
from agor_reactive.otel import Telemetry
from tests.core.build import Mirror, message_row, stamp, task_row


def turn_rows(number: int, status: str = "completed") -> tuple[dict[str, Any], list[dict[str, Any]]]:
    task, second = f"t{number}", number * 20
    usage = {"tokenUsage": {"inputTokens": 11, "outputTokens": 7, "totalTokens": 18}}
    row = task_row(task, status, second=second, started_at=stamp(second + 1), completed_at=stamp(second + 9))
    messages = []
    for offset, tool in ((2, "a"), (4, "b")):
        use = {"type": "tool_use", "id": f"{task}{tool}", "name": "Bash", "input": {"command": "SECRET"}}
        result = {"type": "tool_result", "tool_use_id": f"{task}{tool}", "content": "SECRET", "is_error": tool == "b"}
        messages.append(message_row(f"{task}{tool}1", task, second + offset, content=[use]))
        messages.append(message_row(f"{task}{tool}2", task, second + offset + 1, content=[result]))
    return row | {"full_prompt": "SECRET", "queue_position": 1, "normalized_sdk_response": usage}, messages


def traced(*, content: bool = False, status: str = "completed") -> tuple[list[ReadableSpan], set[str]]:
    exporter, reader = InMemorySpanExporter(), InMemoryMetricReader()
    tracers, meters = TracerProvider(), MeterProvider([reader])
    tracers.add_span_processor(SimpleSpanProcessor(exporter))
    mirror, source = Mirror("eager"), Subject[SessionState]()
    Telemetry(tracer_provider=tracers, meter_provider=meters, content=content).observe(source, since=0.0)
    rows = [turn_rows(1), turn_rows(2, status)]
    for epoch in (1, 2):  # the second reading follows a lost connection
        mirror.up(epoch=epoch).land([row for row, _ in rows], messages={row["task_id"]: found for row, found in rows})
        source.on_next(mirror.state)
        mirror.down()
        source.on_next(mirror.state)
    data = reader.get_metrics_data()
    assert data is not None
    names = {m.name for r in data.resource_metrics for s in r.scope_metrics for m in s.metrics}
    meters.shutdown()
    return list(exporter.get_finished_spans()), names


def test_two_turns_have_two_agent_spans_with_four_tool_children_over_a_reconnect() -> None:
    spans, metrics = traced()
    agents = [s for s in spans if s.name.startswith("invoke_agent")]
    tools = [s for s in spans if s.name == "execute_tool Bash"]
    assert (len(agents), len(tools), len(spans)) == (2, 4, 6)
    parents = [t.parent.span_id for t in tools if t.parent is not None]
    assert parents == [agents[0].context.span_id] * 2 + [agents[1].context.span_id] * 2
    assert [(s.end_time or 0) - (s.start_time or 0) for s in agents] == [8_000_000_000] * 2
    assert [(s.end_time or 0) - (s.start_time or 0) for s in tools] == [1_000_000_000] * 4
    assert [(t.attributes or {}).get("error.type") for t in tools] == [None, "failed"] * 2
    assert (agents[0].attributes or {})["gen_ai.usage.input_tokens"] == 11
    assert [e.name for e in agents[0].events] == ["agor.queue.wait"]
    assert [link.context.span_id for link in agents[1].links] == [agents[0].context.span_id]
    assert agents[0].context.trace_id != agents[1].context.trace_id
    assert metrics == {
        "gen_ai.client.operation.duration",
        "gen_ai.client.token.usage",
        "gen_ai.execute_tool.duration",
    }


def test_content_is_sent_on_request_only() -> None:
    assert not any("SECRET" in span.to_json() for span in traced()[0])
    assert all("SECRET" in span.to_json() for span in traced(content=True)[0])


def test_a_failed_turn_has_its_error_type() -> None:
    agents = [s for s in traced(status="timed_out")[0] if s.name.startswith("invoke_agent")]
    assert [(s.attributes or {}).get("error.type") for s in agents] == [None, "timed_out"]


def test_without_the_extra_the_error_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry", None)
    with pytest.raises(UsageError, match=r'pip install "agor-reactive\[otel\]"'):
        Telemetry()
