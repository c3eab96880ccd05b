"""A forecast service that fails on demand, which the real one can't; its documents are the real one's."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from weather.http.openapi import document


@dataclass
class StandIn:
    """What it does next, and what it was asked."""

    url: str = ""
    model: str = "weather-classifier:1"
    header: bool = False
    """Whether its answers name the model."""

    failures: list[tuple[int, dict[str, str], Any]] = field(default_factory=list)
    """Status, headers and body of the next answers of /predict_batch; then it forecasts."""

    model_after: str | None = None
    """The model after the next forecast."""

    batches: list[list[dict[str, Any]]] = field(default_factory=list)
    optional: tuple[str, ...] = ()

    def contract(self) -> dict[str, Any]:
        found = document()
        schema = found["components"]["schemas"]["WeatherVariables"]
        schema["required"] = [name for name in schema["properties"] if name not in self.optional]
        return found


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    stand_in: StandIn

    def do_GET(self) -> None:
        if self.path == "/model":
            tag = f'"{self.stand_in.model}"'
            if self.headers.get("If-None-Match") == tag:
                self.send_response(304)
                self.end_headers()
                return
            facts = {"tags": {"classifier": self.stand_in.model}, "horizon_hours": 4, "threshold": 0.5}
            self.answer(200, facts, {"ETag": tag})
        else:
            self.answer(200, self.stand_in.contract(), {})

    def do_POST(self) -> None:
        rows = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["observations"]
        self.stand_in.batches.append(rows)
        if self.stand_in.failures:
            status, headers, body = self.stand_in.failures.pop(0)
            self.answer(status, body, headers)
            return
        forecasts = [{"prediction": "Rain", "probability": row["humidity"]} for row in rows]
        named = {"X-Model-Version": self.stand_in.model} if self.stand_in.header else {}
        if self.stand_in.model_after:
            self.stand_in.model, self.stand_in.model_after = self.stand_in.model_after, None
        self.answer(200, {"forecasts": forecasts}, named)

    def answer(self, status: int, body: Any, headers: dict[str, str]) -> None:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(data))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def standing_in() -> Iterator[StandIn]:
    stand_in = StandIn()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Bound", (Handler,), {"stand_in": stand_in}))
    stand_in.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield stand_in
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
