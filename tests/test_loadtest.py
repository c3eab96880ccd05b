from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from loadtest.run import load


@contextmanager
def answering(body: bytes, status: int = 200) -> Iterator[str]:
    """A named test double: a server that gives every request the same wrong answer, which the
    real service can't be brought to do."""

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments: object) -> None:
            """Keep the test's output readable."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_a_healthy_service_passes(url: str) -> None:
    assert load(url, seconds=3, users=5) == 0


def test_wrong_answers_fail_the_run() -> None:
    with answering(b'{"prediction": "Maybe", "probability": 0.5}') as address:
        assert load(address, seconds=3, users=2) == 1


def test_errors_fail_the_run() -> None:
    with answering(b"{}", status=503) as address:
        assert load(address, seconds=3, users=2) == 1
