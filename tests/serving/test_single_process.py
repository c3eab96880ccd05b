"""The service in one process, as the image runs it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
import httpx
import pytest
from _bentoml_impl.worker import service as worker

from loadtest.serving import PROJECT, free_port
from tests.fixtures import pair
from tests.processes import started
from tests.waiting import PATIENCE, until
from weather.contract.variables import EXAMPLE
from weather.serving import single_process


@contextmanager
def single(
    home: Path, folder: Path, *flags: str, port: int | None = None, **env: str
) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """Its URL and its process; ``folder`` is the one for temporary files."""
    port = port or free_port()
    command = (sys.executable, "-m", "weather.serving.single_process", ".", "--port", str(port), *flags)
    folder.mkdir(exist_ok=True)
    environment = {
        **os.environ,
        "BENTOML_HOME": str(home),
        "BENTOML_HOST": "127.0.0.1",
        "TMPDIR": str(folder),
        **env,
    }
    with started(
        *command, cwd=PROJECT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        yield f"http://127.0.0.1:{port}", process


def readiness(url: str) -> int:
    """The status of /readyz; 0 while nobody answers."""
    try:
        return httpx.get(f"{url}/readyz").status_code
    except httpx.TransportError:
        return 0


def sentence(process: subprocess.Popen[str], folder: Path) -> str:
    """What a refused start ended with; nothing of it is left."""
    output, errors = process.communicate(timeout=PATIENCE)
    assert process.returncode == 1, errors
    assert "Traceback" not in output + errors
    assert list(folder.iterdir()) == []
    last: str = errors.splitlines()[-1]
    assert last.startswith("Error: ")
    return last.removeprefix("Error: ")


def test_it_serves_drains_and_ends_with_0(bentoml_home: Path, tmp_path: Path) -> None:
    folder = tmp_path / "temporary"
    with single(bentoml_home, folder, WEATHER_LAME_DUCK_SECONDS="600") as (url, process):
        until(lambda: readiness(url) == 200)
        answer = httpx.post(f"{url}/predict", json=EXAMPLE)
        assert answer.json()["probability"] == pytest.approx(pair.probability(EXAMPLE), abs=1e-4)
        metrics = httpx.get(f"{url}/metrics").text
        assert 'bentoml_service_request_total{endpoint="/predict"' in metrics
        assert "rain_forecast_model_info{" in metrics
        assert "rain_forecast_queue_wait_seconds_count" in metrics

        process.send_signal(signal.SIGTERM)
        until(lambda: readiness(url) == 503)
        assert httpx.post(f"{url}/predict", json=EXAMPLE).status_code == 200
        assert process.poll() is None

        process.send_signal(signal.SIGTERM)  # the second one ends the period
        _, errors = process.communicate(timeout=PATIENCE)
        assert process.returncode == 0, errors
        assert "Traceback" not in errors
    assert list(folder.iterdir()) == []


def test_the_period_ends_by_itself(bentoml_home: Path, tmp_path: Path) -> None:
    with single(bentoml_home, tmp_path / "temporary", WEATHER_LAME_DUCK_SECONDS="0.1") as (url, process):
        until(lambda: readiness(url) == 200)
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE) == 0


def test_a_signal_during_the_start_ends_it(bentoml_home: Path, tmp_path: Path) -> None:
    folder = tmp_path / "temporary"
    with single(bentoml_home, folder) as (_, process):
        until(lambda: any(folder.iterdir()))  # made before the imports, which take seconds
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE) == 0
    assert list(folder.iterdir()) == []


SIGNAL_WHEN_A_FOLDER_IS_MADE = """
import os, signal, sys
from weather.serving import single_process

make = os.mkdir

class Callback:
    def __del__(self):
        signal.raise_signal(signal.SIGTERM)

def made(*arguments, **options):
    make(*arguments, **options)
    if sys.argv[1] == "in a callback":
        Callback()  # Python ignores an exception there, as in those of imports
    else:
        signal.raise_signal(signal.SIGTERM)

os.mkdir = made
single_process.main(["."])
"""


@pytest.mark.parametrize("where", ["at once", "in a callback"])
def test_a_signal_at_the_moment_when_a_folder_is_made_leaves_nothing(where: str, tmp_path: Path) -> None:
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    command = (sys.executable, "-c", SIGNAL_WHEN_A_FOLDER_IS_MADE, where)
    with started(*command, cwd=PROJECT, env=environment) as process:
        assert process.wait(PATIENCE) == 0
    assert list(tmp_path.iterdir()) == []


def test_a_taken_port_is_a_sentence(bentoml_home: Path, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with single(bentoml_home, tmp_path / "temporary", port=port) as (_, process):
            assert sentence(process, tmp_path / "temporary") == (
                f"can't listen on 127.0.0.1 port {port}: another program listens there; "
                "stop it or choose another port"
            )


def test_a_missing_model_is_a_sentence(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with single(home, tmp_path / "temporary") as (_, process):
        assert sentence(process, tmp_path / "temporary") == (
            f"the model store in {home} has no weather-classifier and no weather-scaler: "
            "run `make import` first"
        )


@pytest.mark.parametrize(
    ("flags", "options", "expected"),
    [
        ((), "services.rain_forecast.workers=2", "workers is 2, and this is one process: run one container"),
        (("--ssl-certfile", "missing.pem"), "", f"{PROJECT / 'missing.pem'} can't be read"),
        ((), "services.rain_forecast.ssl.certfile=/missing.pem", "/missing.pem can't be read"),
        ((), "services.rain_forecast.ssl.enabled=true", "ssl.enabled is true, and there is no certificate"),
        ((), "nonsense", "BentoML does not accept BENTOML_CONFIG_OPTIONS=nonsense: "),
    ],
)
def test_what_it_could_not_serve_is_refused(
    bentoml_home: Path, tmp_path: Path, flags: tuple[str, ...], options: str, expected: str
) -> None:
    folder = tmp_path / "temporary"
    with single(bentoml_home, folder, *flags, BENTOML_CONFIG_OPTIONS=options) as (_, process):
        assert expected in sentence(process, folder)


def test_the_worker_has_the_options_that_it_is_given() -> None:
    passed = {name for parameter in single_process.main.params for name in parameter.opts} - {
        "bento",
        "--host",
        "--port",
    }
    known = {name for parameter in worker.main.params for name in parameter.opts}
    assert passed | {"--fd", "--service-name", "--worker-id"} <= known
    (identifier,) = (each for each in worker.main.params if isinstance(each, click.Argument))
    assert identifier.name == "bento_identifier"
