"""Signals to the supervisor of the real service, and its sudden end."""

from __future__ import annotations

import json
import os
import pty
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import httpx
import psutil
import pytest

from loadtest.serving import PROJECT, family_of, free_port, kill
from tests import old_system
from tests.conftest import run_cli
from tests.processes import DEFAULT_SIGNALS, lives
from tests.processes import started as started_program
from tests.waiting import PATIENCE, until


@dataclass(frozen=True)
class Started:
    """A `bentoml serve` that was started."""

    process: subprocess.Popen[bytes]
    url: str
    family: list[psutil.Process]

    def ready(self) -> bool:
        return status(f"{self.url}/readyz") == 200

    def workers(self) -> set[int]:
        return {child.pid for child in psutil.Process(self.process.pid).children()}

    def model(self) -> str:
        return str(httpx.get(f"{self.url}/model").json()["tags"]["classifier"])


def status(url: str) -> int:
    """0 when nobody answers."""
    try:
        return httpx.get(url).status_code
    except httpx.TransportError:
        return 0


@contextmanager
def started(home: Path, *before: str | Path, **options: Any) -> Iterator[Started]:
    """``started_anyhow``, and ready."""
    with started_anyhow(home, *before, **options) as service:
        until(service.ready)
        service.family.extend(family_of(service.process))
        yield service


@contextmanager
def started_anyhow(
    home: Path,
    *before: str | Path,
    stdin: int = subprocess.DEVNULL,
    log: IO[bytes] | int = subprocess.DEVNULL,
    env: dict[str, str] | None = None,
) -> Iterator[Started]:
    """Start the service behind the words ``before``, and end it."""
    port = free_port()
    command = (sys.executable, "-m", "bentoml", "serve", ".", "--host", "127.0.0.1", "--port", str(port))
    process = subprocess.Popen(
        [*DEFAULT_SIGNALS, *before, *command],
        cwd=PROJECT,
        env={**os.environ, "BENTOML_HOME": str(home), **(env or {})},
        stdin=stdin,
        stdout=log,
        stderr=subprocess.STDOUT,
    )
    service = Started(process, f"http://127.0.0.1:{port}", [])
    try:
        yield service
    finally:
        kill([*service.family, *family_of(process)])
        process.wait()


def free(url: str) -> bool:
    """Whether nobody listens."""
    return status(f"{url}/livez") == 0


def test_workers_end_when_the_supervisor_is_killed(bentoml_home: Path) -> None:
    with started(bentoml_home) as service:
        workers = [process for process in service.family if process.pid != service.process.pid]
        assert workers
        service.process.kill()
        service.process.wait()
        until(lambda: not any(map(lives, workers)))
        assert free(service.url)


@pytest.mark.slow("starts several services")
@pytest.mark.parametrize("before", [(), ("nohup",)])
def test_a_closed_terminal_ends_the_service_unless_nohup_says_otherwise(
    bentoml_home: Path, tmp_path: Path, before: Sequence[str]
) -> None:
    terminal, other_end = pty.openpty()
    output = tmp_path / "log"
    with (
        output.open("wb") as log,
        started(bentoml_home, "setsid", "--ctty", *before, stdin=other_end, log=log) as service,
    ):
        os.close(other_end)
        workers = service.workers()
        os.close(terminal)
        if before:
            until(lambda: "The terminal was closed" in output.read_text())
            service.process.send_signal(signal.SIGHUP)  # the second one is not a terminal's, and is obeyed
            until(lambda: "is served already" in output.read_text())
            assert service.workers() == workers
        else:
            assert service.process.wait(PATIENCE) == 0
            assert free(service.url)


@pytest.mark.slow("waits for a lame duck")
def test_a_second_ctrl_c_ends_the_lame_duck_period(bentoml_home: Path) -> None:
    with started(bentoml_home, env={"WEATHER_LAME_DUCK_SECONDS": "600"}) as service:
        service.process.send_signal(signal.SIGINT)
        until(lambda: not service.ready())
        service.process.send_signal(signal.SIGINT)
        assert service.process.wait(PATIENCE) == 0


SIGNAL_WHILE_CIRCUS_IS_BUSY = """
import signal
from bentoml._internal.utils.circus import create_standalone_arbiter
from circus.watcher import Watcher
from tornado.ioloop import IOLoop
from weather.serving.supervision import supervise

supervise(lambda: None, lambda: None, seconds=0.1)
arbiter = create_standalone_arbiter([Watcher("one", "sleep 3600")])

def free():
    arbiter._exclusive_running_command = None

def lose():
    if arbiter._exclusive_running_command is not None:  # it starts
        IOLoop.current().add_callback(lose)
        return
    arbiter._exclusive_running_command = "manage_watchers"
    signal.raise_signal(signal.SIGTERM)
    IOLoop.current().add_callback(free)

IOLoop.current().add_callback(lose)
arbiter.start()
"""


def test_a_signal_that_circus_drops_is_repeated() -> None:
    """It does while it looks after its workers, every ten seconds for an instant."""
    with started_program(sys.executable, "-c", SIGNAL_WHILE_CIRCUS_IS_BUSY, cwd=PROJECT) as process:
        assert process.wait(PATIENCE) == 0


@pytest.mark.slow("starts workers several times")
def test_workers_keep_the_models_of_the_start_until_a_hang_up_signal(
    bentoml_home: Path, tmp_path: Path
) -> None:
    """A worker that was killed comes back with the model of its siblings, not with the latest."""
    home = shutil.copytree(bentoml_home, tmp_path / "home")
    with started(home) as service:
        first = service.model()
        scaler, model = old_system.write(tmp_path)
        done = run_cli("import", "--scaler", scaler, "--model", model, "--json", home=home)
        latest = json.loads(done.stdout)["classifier"]
        assert latest != first
        before = service.workers()
        for pid in before:
            os.kill(pid, signal.SIGKILL)
        until(lambda: bool(service.workers() - before) and service.ready())
        assert service.model() == first
        service.process.send_signal(signal.SIGHUP)
        until(lambda: service.ready() and service.model() == latest)


@pytest.mark.slow("starts three services")
def test_two_services_of_one_home_have_a_metrics_folder_each_and_leave_none(bentoml_home: Path) -> None:
    run = bentoml_home / "run"
    with started(bentoml_home) as one:
        httpx.get(f"{one.url}/nowhere")
        with started(bentoml_home) as two:
            assert len(list(run.iterdir())) == 2
            assert 'endpoint="other"' in httpx.get(f"{one.url}/metrics").text
            assert 'endpoint="other"' not in httpx.get(f"{two.url}/metrics").text
            two.process.terminate()
            assert two.process.wait(PATIENCE) == 0
        assert len(list(run.iterdir())) == 1
        assert 'endpoint="other"' in httpx.get(f"{one.url}/metrics").text
        one.process.kill()
        one.process.wait()
    assert len(list(run.iterdir())) == 1
    with started(bentoml_home):
        assert len(list(run.iterdir())) == 1, "that of the killed one is gone"
