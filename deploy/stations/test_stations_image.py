"""``make test-image-stations``: the image of the second service is built and run, confined."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest

from deploy.image.container import CONFINED, Container, output
from deploy.image.engines import PROJECT
from loadtest.serving import free_port
from weather.contract.version import VERSION

IMAGE = "rain-forecast-stations:test"
MAX_BYTES = 300e6

TEXT = {"Content-Type": "text/plain"}


@pytest.fixture(scope="session")
def image(engine: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "deploy.stations.build", IMAGE],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return IMAGE


@contextmanager
def started(engine: str, image: str, *flags: str) -> Iterator[Container]:
    port = free_port()
    name = f"rain-forecast-stations-{os.getpid()}-{port}"
    address = ["--network=host", "--env=STATIONS_HOST=127.0.0.1", f"--env=STATIONS_PORT={port}"]
    output(engine, "run", "--detach", "--name", name, *CONFINED, *address, *flags, image)
    try:
        container = Container(engine, name, f"http://127.0.0.1:{port}")
        container.wait_until_ready()
        yield container
    finally:
        output(engine, "rm", "--force", "--volumes", *(["--time=0"] if engine == "podman" else []), name)


@pytest.fixture(scope="session")
def container(engine: str, image: str) -> Iterator[Container]:
    with started(engine, image) as found:
        yield found


def metar(url: str) -> httpx.Response:
    text = "METAR KJFK 010051Z 18021G30KT 6SM -RA BR OVC008 11/10 A2955 RMK AO2 SLP007"
    return httpx.post(f"{url}/metar", content=text, headers=TEXT, timeout=60)


def test_it_takes_reports_without_the_forecast_service(container: Container) -> None:
    assert metar(container.url).status_code in (200, 400)  # 400 where the 1st is more than 30 days ago
    report = {"station": "a", "raining": True}
    answer = httpx.post(f"{container.url}/reports", json=report, timeout=60)
    assert answer.status_code == 200
    assert answer.json()["outcome"] == "stored"


def test_its_page_has_its_style_sheet(container: Container) -> None:
    for name in ("page.css", "icon.svg", "words.js", "stations.css", "stations.js"):
        assert httpx.get(f"{container.url}/static/{name}", timeout=60).status_code == 200, name


def test_it_is_small_and_holds_nothing_of_the_forecast_service(
    container: Container, engine: str, image: str
) -> None:
    assert int(output(engine, "image", "inspect", "--format", "{{.Size}}", image)) <= MAX_BYTES
    files = container.run("find", "/app/src", "-name", "*.py").stdout.split()
    assert "/app/src/stations/app.py" in files
    assert not [file for file in files if not file.startswith("/app/src/stations/") or "/demo/" in file]
    missing = container.run("python", "-c", "import bentoml")
    assert "ModuleNotFoundError" in missing.stderr


def test_it_runs_without_root_and_cannot_change_itself(container: Container) -> None:
    assert container.run("id", "-u").stdout.strip() == "1034"
    writable = container.run(
        "find", "/app", "(", "-user", "1034", "-o", "-perm", "-o=w", ")", "-not", "-type", "l"
    )
    assert (writable.returncode, writable.stdout) == (0, "")


def test_its_label_is_the_version(engine: str, image: str) -> None:
    label = '{{index .Config.Labels "org.opencontainers.image.version"}}'
    assert output(engine, "image", "inspect", "--format", label, image) == VERSION


def test_killed_and_started_again_it_has_its_reports(engine: str, image: str) -> None:
    with started(engine, image) as container:
        report = {"station": "kept", "raining": True}
        httpx.post(f"{container.url}/reports", json=report, timeout=60).raise_for_status()
        container.signal("KILL")
        container.ended()
        output(engine, "start", container.name)
        container.wait_until_ready()
        assert len(httpx.get(f"{container.url}/stations/kept", timeout=60).json()["hours"]) == 1


def test_after_sigterm_it_ends_with_0(engine: str, image: str) -> None:
    with started(engine, image) as container:
        container.signal("TERM")
        while container.readiness() == 200:
            pass
        assert container.ended() == 0
