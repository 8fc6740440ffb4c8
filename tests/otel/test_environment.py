"""The pipeline is what the standard variables ask for; what they get wrong is an error that names the variable."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace.export import ConsoleSpanExporter

from agor_reactive.errors import UsageError
from agor_reactive.otel import environment
from agor_reactive.otel.export import TurnRecord
from tests.otel.receiver import Receiver, receiving
from tests.otel.rows import messages, session, task, turn


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    with receiving() as found:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", found.url)
        yield found


def send() -> None:
    sending = environment.pipeline()

    async def write() -> None:
        await sending.sink.write([TurnRecord.of((turn(task(), messages()), session()))])
        await sending.sink.close()

    asyncio.run(write())
    sending.shutdown()


def test_traces_and_metrics_go_to_the_endpoint_with_the_headers_and_the_name(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20abc")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip")
    monkeypatch.setenv("OTEL_SERVICE_NAME", "teapots")
    send()
    assert len(receiver.spans) == 3
    assert {span.resource["service.name"] for span in receiver.spans} == {"teapots"}
    assert {headers.get("authorization") for headers in receiver.headers} == {"Bearer abc"}
    assert set(receiver.metrics) == {
        "gen_ai.client.operation.duration",
        "gen_ai.client.token.usage",
        "gen_ai.execute_tool.duration",
    }


def test_without_a_name_the_service_is_agor(receiver: Receiver) -> None:
    send()
    assert {span.resource["service.name"] for span in receiver.spans} == {environment.SERVICE}


def test_each_signal_has_its_exporters(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_METRICS_EXPORTER", "none")
    monkeypatch.setenv("OTEL_TRACES_EXPORTER", "console, otlp")
    (console, _) = environment._exporters("traces")
    assert isinstance(console, ConsoleSpanExporter)
    monkeypatch.setenv("OTEL_TRACES_EXPORTER", "otlp")
    send()
    assert (len(receiver.spans), receiver.metrics) == (3, {})


def test_an_exporter_that_is_a_reader_is_taken_as_it_is() -> None:
    reader = InMemoryMetricReader()
    assert environment._reader(reader) is reader


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"OTEL_SDK_DISABLED": "true"}, "OTEL_SDK_DISABLED is true, so nothing would be sent"),
        ({"OTEL_TRACES_EXPORTER": "none", "OTEL_METRICS_EXPORTER": "none"}, "are none, so nothing would be sent"),
        ({"OTEL_TRACES_EXPORTER": "zipkin9"}, "OTEL_TRACES_EXPORTER asks for the exporter zipkin9"),
        ({"OTEL_EXPORTER_OTLP_PROTOCOL": "http/json"}, "OTEL_EXPORTER_OTLP_PROTOCOL is 'http/json'; set it to http/"),
        ({"OTEL_EXPORTER_OTLP_METRICS_PROTOCOL": "udp"}, "OTEL_EXPORTER_OTLP_METRICS_PROTOCOL is 'udp'"),
        ({"OTEL_PYTHON_EXPORTER_OTLP_HTTP_CREDENTIAL_PROVIDER": "no"}, "variable of the exporter otlp_proto_http is"),
        ({"OTEL_METRIC_EXPORT_INTERVAL": "-5"}, "an OTEL_METRIC_EXPORT_\\* variable is wrong"),
    ],
)
def test_a_wrong_variable_is_named(monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], message: str) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(UsageError, match=message):
        environment.pipeline()
