"""OpenTelemetry: turns as traces and metrics by the GenAI semantic conventions. Needs the extra `[otel]`."""

from agor_reactive.otel.telemetry import Telemetry

__all__ = ["Telemetry"]
