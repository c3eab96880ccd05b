"""replay against the real service: a log of its own forecasts, sent again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import httpx
import pytest

from loadtest.run import logging_to
from loadtest.serving import free_port, served
from loadtest.stations import OBSERVATIONS
from tests.conftest import Import, run_cli
from tests.fixtures import pair
from tests.waiting import until

ROWS = 40
KEY = "the-key-for-replays"


@pytest.fixture(scope="module")
def service(bentoml_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """A running service and the log of its first ROWS forecasts."""
    folder = tmp_path_factory.mktemp("monitoring")
    with served(bentoml_home, env=logging_to(folder)) as url:
        with httpx.Client(base_url=url) as client:
            for row in OBSERVATIONS[:ROWS]:
                client.post("/predict", json=row).raise_for_status()

        def lines() -> list[str]:
            return [line for file in folder.rglob("data*.log") for line in file.read_text().splitlines()]

        until(lambda: len(lines()) == ROWS)
        log = tmp_path_factory.mktemp("log") / "data.log"
        log.write_text("\n".join(lines()) + "\n")
        yield url, log


@pytest.fixture(scope="module")
def other(imported: Import, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """A service of another model that requires a key, and the file of the key."""
    folder = tmp_path_factory.mktemp("other")
    home = imported("other", *pair.write(folder, pair.VARIANT))
    (folder / "key").write_text(KEY + "\n")
    (folder / "keys").write_text(f"replay:{hashlib.sha256(KEY.encode()).hexdigest()}\n")
    with served(home, env={"WEATHER_API_KEYS_FILE": str(folder / "keys")}) as url:
        yield url, folder / "key"


def changed(log: Path, folder: Path, **changes: object) -> Path:
    """A copy of a log whose first line was changed."""
    first, *rest = log.read_text().splitlines()
    copy = folder / "changed.log"
    copy.write_text("\n".join([json.dumps({**json.loads(first), **changes}), *rest]))
    return copy


def test_the_same_model_gives_the_logged_answers(service: tuple[str, Path]) -> None:
    url, log = service
    done = run_cli("replay", "--log", log, "--url", url, "--rate", "400", "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert (found["rows"], found["faults"], found["worst"]) == (ROWS, 0, [])
    (group,) = found["groups"]
    assert group["logged"] == group["now"]
    assert (group["rows"], group["same_prediction"]) == (ROWS, 1)
    assert group["largest_difference"] <= 1e-6
    assert "0 faults" in done.stderr


@pytest.mark.slow("many runs of the command")
@pytest.mark.parametrize("change", ["probability", "prediction"])
def test_another_answer_of_the_same_model_is_a_fault_with_its_own_exit_code(
    change: str, service: tuple[str, Path], tmp_path: Path
) -> None:
    url, log = service
    first = json.loads(log.read_text().splitlines()[0])
    value = {
        "probability": round(first["probability"] + (-2e-4 if first["probability"] > 0.5 else 2e-4), 6),
        "prediction": "Rain" if first["prediction"] == "No_Rain" else "No_Rain",
    }[change]
    wrong = changed(log, tmp_path, **{change: value})
    done = run_cli("replay", "--log", wrong, "--url", url, "--rate", "400", "--json")
    assert done.returncode == 4, done.stderr
    found = json.loads(done.stdout)
    assert found["faults"] == found["groups"][0]["beyond"] == 1
    (worst,) = found["worst"]
    assert worst["observation"] == pytest.approx({name: first[name] for name in worst["observation"]})
    assert worst["logged"][change] == value
    assert worst["now"][change] == first[change]
    if change == "probability":
        loose = run_cli("replay", "--log", wrong, "--url", url, "--rate", "400", "--tolerance", "1e-3")
        assert loose.returncode == 0, loose.stderr


def test_a_row_that_was_answered_and_is_refused_now_is_a_fault(
    service: tuple[str, Path], tmp_path: Path
) -> None:
    url, log = service
    blind = changed(log, tmp_path, visibility_km=None)
    done = run_cli("replay", "--log", blind, "--url", url, "--rate", "400")
    assert done.returncode == 4, done.stderr
    assert "1 row refused with 400: visibility_km" in done.stdout


@pytest.mark.slow("two services")
def test_another_model_is_summarised(service: tuple[str, Path], other: tuple[str, Path]) -> None:
    _, log = service
    url, key = other
    arguments = ("replay", "--log", log, "--url", url, "--rate", "400")
    refused = run_cli(*arguments)
    assert refused.returncode == 1
    assert "requires an API key" in refused.stderr
    assert "--key-file" in refused.stderr
    done = run_cli(*arguments, "--key-file", key, "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    (group,) = found["groups"]
    assert group["logged"] != group["now"]
    apart = [abs(pair.probability(row, pair.VARIANT) - pair.probability(row)) for row in OBSERVATIONS[:ROWS]]
    assert group["mean_difference"] == pytest.approx(sum(apart) / ROWS, abs=2e-6)
    assert group["largest_difference"] == pytest.approx(max(apart), abs=2e-6)
    then = [pair.probability(row) > pair.THRESHOLD for row in OBSERVATIONS[:ROWS]]
    now = [pair.probability(row, pair.VARIANT) > pair.VARIANT.threshold for row in OBSERVATIONS[:ROWS]]
    assert group["same_prediction"] == pytest.approx(sum(map(int.__eq__, then, now)) / ROWS)
    assert len(found["worst"]) == 10
    table = run_cli(*arguments, "--key-file", key).stdout
    assert group["now"] in table
    assert f"| {group['logged']} | {group['now']} | {ROWS} |" in table


@contextmanager
def reluctant(url: str, refusals: int) -> Iterator[str]:
    """A proxy that refuses each observation at first, by turns with 429, 503 and a closed connection."""
    seen: dict[bytes, int] = {}

    class Proxy(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.forward(httpx.get(url + self.path, headers={"Accept": "application/json"}))

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            seen[body] = seen.get(body, 0) + 1
            if seen[body] > refusals:
                headers = {"Content-Type": "application/json"}
                self.forward(httpx.post(url + self.path, content=body, headers=headers))
            elif seen[body] % 3 == 0:
                self.close_connection = True
            else:
                self.send_response(429 if seen[body] % 3 == 1 else 503)
                self.send_header("Retry-After", "0")
                self.send_header("Content-Length", "0")
                self.end_headers()

        def forward(self, answer: httpx.Response) -> None:
            self.send_response(answer.status_code)
            self.send_header("Content-Length", str(len(answer.content)))
            self.end_headers()
            self.wfile.write(answer.content)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", free_port()), Proxy) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.slow("waits for retries")
def test_what_is_refused_for_a_moment_is_sent_again(service: tuple[str, Path], tmp_path: Path) -> None:
    url, log = service
    few = tmp_path / "few.log"
    few.write_text("\n".join(log.read_text().splitlines()[:5]))
    with reluctant(url, refusals=3) as proxy:
        done = run_cli("replay", "--log", few, "--url", proxy, "--rate", "400", "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert (found["rows"], found["faults"], found["retries"]) == (5, 0, 15)


def test_a_log_is_replayed_at_its_pace_or_faster(service: tuple[str, Path], tmp_path: Path) -> None:
    url, log = service
    spread = tmp_path / "spread.log"
    lines = [json.loads(line) for line in log.read_text().splitlines()[:4]]
    spread.write_text(
        "\n".join(
            json.dumps({**line, "timestamp": f"2026-01-01T00:{20 * number:02}:00+00:00"})
            for number, line in enumerate(lines[:3])
        )
    )
    done = run_cli("replay", "--log", spread, "--url", url, "--speed", "2400", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["seconds"] >= 1.0, "40 minutes, 2,400 times as fast"
    assert "the last one is due 1 s after the start" in done.stderr


@pytest.mark.parametrize(
    ("options", "code", "complaint"),
    [
        (["--rate", "0"], 2, "a number above 0 is needed"),
        (["--rate", "1", "--speed", "2"], 2, "not allowed with"),
        (["--connections", "61"], 2, "invalid choice"),
        (["--key-file", "nowhere"], 1, "nowhere can't be read"),
        ([], 1, "can't be asked for its weather-classifier"),
    ],
)
def test_what_can_not_be_replayed_is_said_in_a_sentence(
    options: list[str], code: int, complaint: str, service: tuple[str, Path], tmp_path: Path
) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    done = run_cli("replay", "--log", service[1], "--url", url, *options, cwd=tmp_path)
    assert done.returncode == code
    assert complaint in done.stderr
    assert "Traceback" not in done.stderr
