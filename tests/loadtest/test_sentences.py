"""Load tests that have nothing to load say so in one sentence."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys

import pytest

from loadtest import harness
from loadtest.serving import PROJECT, free_port
from tests.waiting import PATIENCE


def run(module: str, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    """A command of the load tests."""
    return subprocess.run(
        [sys.executable, "-m", module, *arguments],
        cwd=PROJECT,
        env={**os.environ, **env},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


def test_a_dead_target_is_named_with_the_reason() -> None:
    url = f"http://127.0.0.1:{free_port()}"
    done = run("loadtest.run", "--url", url, "--seconds", "1")
    assert done.returncode == 2
    assert done.stderr.splitlines() == [f"nothing can be loaded at {url}: connection refused"]


def test_what_listens_can_be_loaded() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        assert harness.unreachable(f"http://127.0.0.1:{server.getsockname()[1]}") == ""


@pytest.mark.parametrize("module", ["loadtest.run", "stations.demo"])
def test_a_service_that_does_not_start_is_a_sentence_at_the_end(module: str) -> None:
    done = run(module, WEATHER_LAME_DUCK_SECONDS="x")
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert done.stderr.splitlines()[-1] == (
        "bentoml serve ended with exit code 1: The service can't start: WEATHER_LAME_DUCK_SECONDS is 'x': "
        "give seconds from 0 to 600"
    )


def test_stations_on_a_taken_port_are_a_sentence() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = run("stations", STATIONS_PORT=str(port), STATIONS_HOST="127.0.0.1")
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert re.fullmatch(rf"can't listen on 127.0.0.1 port {port}: Address already in use", line)
