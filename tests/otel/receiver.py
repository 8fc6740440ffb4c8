"""An OTLP receiver on loopback: an HTTP server that reads the published protobufs, and answers as a test decides."""

from __future__ import annotations

import gzip
import threading
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

__all__ = ["ReceivedSpan", "Receiver", "receiving"]


@dataclass(frozen=True)
class ReceivedSpan:
    """One span. Times are epoch seconds; `attributes` and those of events and links are plain values."""

    name: str
    trace_id: str
    span_id: str
    parent_id: str
    began: float
    ended: float
    failed: bool
    attributes: dict[str, Any]
    events: list[tuple[str, float, dict[str, Any]]]
    links: list[tuple[str, dict[str, Any]]]
    resource: dict[str, Any]


@dataclass
class Receiver:
    """What was received. `plan` has the statuses of the next requests for traces; 200 when empty."""

    plan: deque[int] = field(default_factory=deque)
    spans: list[ReceivedSpan] = field(default_factory=list)
    metrics: dict[str, Any] = field(default_factory=dict)
    """The newest data of each metric, by its name."""
    bodies: list[bytes] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    refused: int = 0
    port: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def named(self, start: str) -> list[ReceivedSpan]:
        """The spans whose name begins so, in order of their start."""
        return sorted((span for span in self.spans if span.name.startswith(start)), key=lambda span: span.began)

    def take(self, path: str, headers: dict[str, str], body: bytes) -> tuple[int, bytes]:
        if headers.get("content-encoding") == "gzip":
            body = gzip.decompress(body)
        if path == "/v1/traces":
            status = self.plan.popleft() if self.plan else 200
            if status != 200:
                self.refused += 1
                return status, b""
            self.spans += _spans(ExportTraceServiceRequest.FromString(body))
            answer = ExportTraceServiceResponse().SerializeToString()
        elif path == "/v1/metrics":
            for resource in ExportMetricsServiceRequest.FromString(body).resource_metrics:
                for scope in resource.scope_metrics:
                    self.metrics |= {metric.name: metric for metric in scope.metrics}
            answer = ExportMetricsServiceResponse().SerializeToString()
        else:
            return 404, b""
        self.bodies.append(body)
        self.headers.append(headers)
        return 200, answer


def _spans(request: ExportTraceServiceRequest) -> Iterator[ReceivedSpan]:
    for resource in request.resource_spans:
        for scope in resource.scope_spans:
            for span in scope.spans:
                yield ReceivedSpan(
                    span.name,
                    span.trace_id.hex(),
                    span.span_id.hex(),
                    span.parent_span_id.hex(),
                    span.start_time_unix_nano / 1e9,
                    span.end_time_unix_nano / 1e9,
                    span.status.code == span.status.STATUS_CODE_ERROR,
                    values(span.attributes),
                    [(event.name, event.time_unix_nano / 1e9, values(event.attributes)) for event in span.events],
                    [(link.span_id.hex(), values(link.attributes)) for link in span.links],
                    values(resource.resource.attributes),
                )


def values(pairs: Iterable[Any]) -> dict[str, Any]:
    """Attributes of the protobufs as plain values."""
    return {pair.key: getattr(pair.value, pair.value.WhichOneof("value")) for pair in pairs}


@contextmanager
def receiving(plan: Iterable[int] = ()) -> Iterator[Receiver]:
    """The receiver, on an ephemeral port."""
    receiver = Receiver(deque(plan))

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            status, answer = receiver.take(self.path, headers, body)
            self.send_response(status)
            self.send_header("Content-Type", "application/x-protobuf")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        receiver.port = server.server_port
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield receiver
        finally:
            server.shutdown()
            thread.join()
