"""SIGTERM on the real service: first not ready but serving, then stopped with exit code 0."""

from __future__ import annotations

import signal
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path

import httpx
import pytest

from loadtest.harness import worker
from loadtest.serving import PROJECT, running
from tests.conftest import EXAMPLE
from tests.end_to_end.test_wire import connected
from tests.waiting import PATIENCE, until

LONG = {"WEATHER_LAME_DUCK_SECONDS": "600"}
"""A period that no test waits for: a second SIGTERM to the worker ends it."""


IN_PROGRESS = 'bentoml_service_request_in_progress{endpoint="/predict_batch"'


def until_not_ready(url: str) -> httpx.Response:
    def not_ready() -> httpx.Response | None:
        answer = httpx.get(f"{url}/readyz")
        return None if answer.status_code == 200 else answer

    return until(not_ready)


def test_after_sigterm_it_is_not_ready_and_exits_with_0_when_the_period_is_over(bentoml_home: Path) -> None:
    # On a busy machine a period may be over before this process comes to ask; the next one is longer.
    lengths = (1.5 * 4**number for number in count())

    def seen_not_ready() -> bool:
        seconds = next(lengths)
        with running(bentoml_home, env={"WEATHER_LAME_DUCK_SECONDS": str(seconds)}) as service:
            start = time.monotonic()
            service.process.send_signal(signal.SIGTERM)
            try:
                until_not_ready(service.url)
                asked_in_time = True
            except httpx.TransportError:
                asked_in_time = False
            assert service.process.wait(PATIENCE) == 0
            assert time.monotonic() - start >= seconds
        return asked_in_time

    until(seen_not_ready)


@pytest.mark.slow("waits for a lame duck")
def test_in_its_period_it_still_serves_until_a_second_sigterm_to_the_worker(bentoml_home: Path) -> None:
    with running(bentoml_home, env=LONG) as service, httpx.Client(base_url=service.url) as client:
        process = worker(service)
        assert "connection" not in client.post("/predict", json=EXAMPLE).headers
        service.process.send_signal(signal.SIGTERM)
        refused = until_not_ready(service.url)
        assert refused.status_code == 503
        assert refused.json() == {"error": "the service is shutting down", "detail": []}
        answer = client.post("/predict", json=EXAMPLE)
        assert answer.status_code == 200
        assert answer.headers["connection"] == "close"
        assert client.get("/livez").status_code == 200
        process.send_signal(signal.SIGTERM)
        assert service.process.wait(PATIENCE) == 0


@pytest.mark.slow("waits for a lame duck")
def test_requests_in_flight_at_the_end_are_completed(bentoml_home: Path) -> None:
    """A bulk request whose body arrives after SIGTERM, without a lame-duck period."""
    head = b"POST /predict_batch HTTP/1.1\r\nHost: x\r\nContent-Type: text/csv\r\nContent-Length: %d\r\n\r\n"
    names = b",".join(name.encode() for name in EXAMPLE)
    row = b",".join(str(value).encode() for value in EXAMPLE.values())
    body = names + b"\n" + (row + b"\n") * 5000
    with running(bentoml_home, env={"WEATHER_LAME_DUCK_SECONDS": "0"}) as service:
        with connected(service.url) as client, connected(service.url) as idle:
            client.send(head % len(body) + body[:1000])
            until(lambda: IN_PROGRESS in httpx.get(f"{service.url}/metrics").text)
            idle.send(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
            assert idle.answer("GET").status == 200
            service.process.send_signal(signal.SIGTERM)
            assert idle.closed(), "as soon as the worker begins to stop"
            client.send(body[1000:])
            answer = client.answer()
        assert answer.status == 200
        assert len(answer.body.splitlines()) == 1 + 5000
        assert service.process.wait(PATIENCE) == 0


@pytest.mark.slow("two services behind HAProxy")
def test_clients_behind_a_load_balancer_with_readiness_probes_lose_no_request(bentoml_home: Path) -> None:
    with (
        running(bentoml_home, env=LONG) as one,
        running(bentoml_home) as two,
        httpx.Client() as client,
    ):
        process = worker(one)

        def ask(number: int) -> int:
            if number == 100:
                one.process.send_signal(signal.SIGTERM)
                until_not_ready(one.url)
            url = one.url if number < 100 else two.url
            return client.post(f"{url}/predict", json=EXAMPLE).status_code

        with ThreadPoolExecutor(8) as pool:
            codes = list(pool.map(ask, range(300)))
        assert codes == [200] * 300
        process.send_signal(signal.SIGTERM)
        assert one.process.wait(PATIENCE) == 0


def test_the_image_sets_the_documented_period() -> None:
    assert 'WEATHER_LAME_DUCK_SECONDS\n    value: "5"' in (PROJECT / "bentofile.yaml").read_text()
