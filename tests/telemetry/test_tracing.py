"""One setting sends traces to an OpenTelemetry collector, by OTLP over HTTP."""

from __future__ import annotations

import gzip
import http.server
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, Span

from loadtest.serving import served
from tests.conftest import EXAMPLE
from tests.waiting import until
from weather.telemetry import model_version

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


@contextmanager
def collector() -> Iterator[tuple[str, list[ResourceSpans]]]:
    """A test double for an OpenTelemetry collector (there is no Python package of one): decodes what it
    receives with OpenTelemetry's own protocol definitions and rejects other paths.
    """
    received: list[ResourceSpans] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
            known = self.path == "/v1/traces" and self.headers["Content-Type"] == "application/x-protobuf"
            if known:
                received.extend(ExportTraceServiceRequest.FromString(body).resource_spans)
            self.send_response(200 if known else 404)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *arguments: object) -> None:
            """Keep the test's output readable."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", received
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_the_collector_receives_the_span_as_part_of_the_clients_trace(bentoml_home: Path) -> None:
    with collector() as (address, received):
        environment = {"OTEL_EXPORTER_OTLP_ENDPOINT": address, "OTEL_BSP_SCHEDULE_DELAY": "100"}
        with served(bentoml_home, env=environment) as url:
            headers = {"traceparent": f"00-{TRACE}-{PARENT}-01"}
            answer = httpx.post(f"{url}/predict", json=EXAMPLE, headers=headers)
            assert answer.status_code == 200
            # Spans within it end before it does, and may be sent before.
            (root,) = until(lambda: [s for s in spans(received) if s.parent_span_id.hex() == PARENT])
    assert "/predict" in root.name
    assert root.kind == Span.SPAN_KIND_SERVER
    model = {found.value.string_value for found in root.attributes if found.key == model_version.ATTRIBUTE}
    assert model == {answer.headers["X-Model-Version"]}
    services = {
        attribute.value.string_value
        for found in received
        for attribute in found.resource.attributes
        if attribute.key == "service.name"
    }
    assert services == {"rain_forecast"}


def spans(received: list[ResourceSpans]) -> list[Span]:
    """The spans of the test's trace."""
    return [
        span
        for found in received
        for scope in found.scope_spans
        for span in scope.spans
        if span.trace_id.hex() == TRACE
    ]
