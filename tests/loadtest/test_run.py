from __future__ import annotations

import http.server
import re
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from loadtest.run import load
from tests.waiting import until

pytestmark = pytest.mark.slow("runs of Locust, some seconds each")


@contextmanager
def answering(body: bytes, status: int = 200) -> Iterator[str]:
    """A test double: a server that answers every request with the same wrong response, which the real
    service can't be made to do."""

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


EVERYONE = ("Station", "Front", "Bulk", "BadClient")

Judge = Callable[..., tuple[int, str]]


@pytest.fixture
def judged(capfd: pytest.CaptureFixture[str]) -> Judge:
    """``load``: its exit code and the verdict, of a run in which something was answered.

    On a busy machine Locust may need longer to begin than a run takes here; the next one takes twice as long.
    """

    def run(url: str, seconds: int, *arguments: Any, **options: Any) -> tuple[int, str]:
        lengths = (seconds * 2**number for number in count())

        def answered() -> tuple[int, str] | None:
            code = load(url, next(lengths), *arguments, **options)
            verdict = capfd.readouterr().out
            figures = re.findall(
                r"^(?:met|MISSED) +(?:rps|failed_share|rejected_share) +(\S+)", verdict, re.M
            )
            return (code, verdict) if any(map(float, figures)) else None

        return until(answered)

    return run


@pytest.fixture
def timeless(tmp_path: Path) -> tuple[str, str]:
    """Thresholds that a slow machine keeps too."""
    limits = tmp_path / "timeless.toml"
    limits.write_text("failed_share = 0\nrejected_share = 1\nrps = 0\n")
    return "--thresholds", str(limits)


def test_all_kinds_of_clients_pass_on_a_healthy_service(
    judged: Judge, committed_url: str, timeless: tuple[str, str], tmp_path: Path
) -> None:
    code, verdict = judged(committed_url, 6, 15, *EVERYONE, *timeless, workers=2, reports=tmp_path)
    assert code == 0, verdict
    table = (tmp_path / "load_stats.csv").read_text()
    for name in ("/predict", "/predict_batch", "/predict, invalid"):
        assert name in table
    assert (tmp_path / "report.html").exists()


@pytest.mark.parametrize("shape", ["steps", "spike", "soak"])
def test_without_class_names_only_stations_run(
    judged: Judge, committed_url: str, timeless: tuple[str, str], tmp_path: Path, shape: str
) -> None:
    code, verdict = judged(committed_url, 3, 5, *timeless, shape=shape, reports=tmp_path)
    assert code == 0, verdict
    names = [line.split(",")[1] for line in (tmp_path / "load_stats.csv").read_text().splitlines()[1:]]
    assert names == ["/predict", "Aggregated"]


def test_a_missed_threshold_fails_the_run(judged: Judge, committed_url: str, tmp_path: Path) -> None:
    limits = tmp_path / "strict.toml"
    limits.write_text("failed_share = 0\nrps = 1e9\n")
    code, verdict = judged(committed_url, 2, 2, "--thresholds", str(limits))
    assert code == 1
    assert "met    failed_share" in verdict
    assert "MISSED rps" in verdict


def test_wrong_answers_fail_the_run(judged: Judge) -> None:
    with answering(b'{"prediction": "Maybe", "probability": 0.5}') as address:
        code, verdict = judged(address, 3, 2)
    assert code == 1
    assert re.search(r"^MISSED failed_share +1 ", verdict, re.MULTILINE)


def test_answers_of_another_model_fail_unless_it_is_expected(
    judged: Judge, timeless: tuple[str, str]
) -> None:
    with answering(b'{"prediction": "Rain", "probability": 0.123456}') as address:
        # One answer in twenty is compared, so a slow machine may need a longer run.
        lengths = count(4, 4)
        assert until(lambda: judged(address, next(lengths), 20, *timeless)[0]) == 1
        assert judged(address, 2, 5, "--model", "other", *timeless)[0] == 0


def test_a_target_that_closes_every_connection_is_named_with_the_reason(
    capfd: pytest.CaptureFixture[str],
) -> None:
    with socket.socket() as bound:  # nobody listens on it, and nobody else can
        bound.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{bound.getsockname()[1]}"
        lengths = (7 * 2**number for number in count())

        def told() -> str:
            """What was written, once a run was long enough for a request and for a line of progress."""
            assert load(address, next(lengths), 2) == 1
            shown = capfd.readouterr()
            return shown.out + shown.err if " failed, last: " in shown.err else ""

        text = until(told)
    assert "status 0" not in text
    assert f"no response from {address}: " in text
    assert "refused" in text
    # Not only in the table at the end.
    assert re.search(rf"^ +\d+ s: [\d,]+ requests, [\d,]+ failed, last: .*{address}", text, re.MULTILINE)


def test_errors_fail_the_run(judged: Judge) -> None:
    with answering(b"{}", status=503) as address:
        code, verdict = judged(address, 3, 2)
    assert code == 1
    assert re.search(r"^MISSED failed_share +1 ", verdict, re.MULTILINE)


def test_refusals_count_against_their_own_threshold(judged: Judge) -> None:
    with answering(b'{"error": "busy", "detail": []}', status=429) as address:
        code, verdict = judged(address, 5, 2)
    assert code == 1
    assert "met    failed_share" in verdict
    assert "MISSED rejected_share" in verdict
