"""What the standard ``OTEL_*`` variables ask for: exporters, resource, sampler, limits.

The SDK and its exporters read most of them. Here are those which its automatic instrumentation reads: which exporters
there are, by which protocol, and whether the SDK is disabled.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib.metadata import entry_points
from typing import Any, Final, Literal

from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import MetricReader, PeriodicExportingMetricReader
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import TracerProvider

from agor_reactive.errors import UsageError
from agor_reactive.otel.export import SpanCollection, SpanSink
from agor_reactive.otel.telemetry import Telemetry

__all__ = ["SERVICE", "Pipeline", "pipeline"]

SERVICE: Final = "agor"
"""`service.name`, if neither OTEL_SERVICE_NAME nor OTEL_RESOURCE_ATTRIBUTES has one."""

SHUTDOWN: Final = 10
"""Seconds."""

_PROTOCOLS: Final = {"http/protobuf": "otlp_proto_http", "grpc": "otlp_proto_grpc"}

Signal = Literal["traces", "metrics"]


@dataclass(frozen=True, slots=True)
class Pipeline:
    """From turns to the collector: `telemetry` makes the spans that `sink` sends."""

    telemetry: Telemetry
    sink: SpanSink
    shutdown: Callable[[], None]
    """Sends the last metrics and ends the thread of the metrics. Blocks for `SHUTDOWN` at most. Call it once."""


def pipeline(*, content: bool | None = None, measured: bool = True) -> Pipeline:
    """The pipeline that the environment asks for; without metrics unless `measured`. Raises `UsageError`."""
    if os.environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        raise UsageError("OTEL_SDK_DISABLED is true, so nothing would be sent; unset it")
    resource = Resource.create()
    if str(resource.attributes.get(SERVICE_NAME, "")).startswith("unknown_service"):
        resource = resource.merge(Resource({SERVICE_NAME: SERVICE}))
    spans = SpanCollection()
    tracers = TracerProvider(resource=resource, shutdown_on_exit=False)
    tracers.add_span_processor(spans)
    exporters = _exporters("traces")
    readers = [_reader(one) for one in _exporters("metrics")] if measured else []
    if not exporters and not readers:
        raise UsageError("OTEL_TRACES_EXPORTER and OTEL_METRICS_EXPORTER are none, so nothing would be sent")
    meters = MeterProvider(readers, resource=resource, shutdown_on_exit=False)
    shutdown = partial(meters.shutdown, SHUTDOWN * 1_000)
    telemetry = Telemetry(tracer_provider=tracers, meter_provider=meters, content=content)
    return Pipeline(telemetry, SpanSink(telemetry, spans, exporters, measured=measured), shutdown)


def _exporters(signal: Signal) -> list[Any]:
    variable = f"OTEL_{signal.upper()}_EXPORTER"
    names = [name.strip() for name in (os.environ.get(variable) or "otlp").split(",")]
    return [_exporter(signal, variable, name) for name in names if name not in ("", "none")]


def _exporter(signal: Signal, variable: str, name: str) -> Any:
    if name == "otlp":
        variable = f"OTEL_EXPORTER_OTLP_{signal.upper()}_PROTOCOL"
        if not os.environ.get(variable):
            variable = "OTEL_EXPORTER_OTLP_PROTOCOL"
        protocol = (os.environ.get(variable) or "http/protobuf").strip()
        if protocol not in _PROTOCOLS:
            raise UsageError(f"{variable} is {protocol!r}; set it to {' or '.join(_PROTOCOLS)}")
        name = _PROTOCOLS[protocol]
    found = list(entry_points(group=f"opentelemetry_{signal}_exporter", name=name))
    if not found:
        raise UsageError(
            f"{variable} asks for the exporter {name}, which is not installed; install its package (for grpc: "
            "opentelemetry-exporter-otlp-proto-grpc), or unset it"
        )
    try:
        return found[0].load()()
    except (ValueError, OSError, RuntimeError) as error:
        raise UsageError(f"an OTEL_* variable of the exporter {name} is wrong: {error}") from None


def _reader(exporter: Any) -> MetricReader:
    if isinstance(exporter, MetricReader):
        return exporter
    try:
        return PeriodicExportingMetricReader(exporter)
    except ValueError as error:
        raise UsageError(f"an OTEL_METRIC_EXPORT_* variable is wrong: {error}") from None
