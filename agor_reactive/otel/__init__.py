"""OpenTelemetry: turns as traces and metrics by the GenAI semantic conventions. Needs the extra `[otel]`."""

from agor_reactive.errors import MissingExtra

try:
    import opentelemetry.sdk.trace  # noqa: F401
except ImportError:
    raise MissingExtra('OpenTelemetry is not installed: pip install "agor-reactive[otel]"') from None

from agor_reactive.otel.telemetry import Telemetry

__all__ = ["Telemetry"]
