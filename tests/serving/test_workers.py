"""SIGKILL to a worker of the real service."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import httpx
import psutil

from loadtest.harness import worker
from loadtest.serving import Service, running
from tests.conftest import EXAMPLE
from weather.serving.workers import is_running_worker

TWO_WORKERS = {"BENTOML_CONFIG_OPTIONS": "services.rain_forecast.workers=2"}
IN_A_CONTAINER = {"BENTOML_CONTAINERIZED": "true"}


def workers(service: Service) -> list[psutil.Process]:
    return [child for child in psutil.Process(service.process.pid).children() if is_running_worker(child)]


def ready(service: Service) -> int:
    """The status of /readyz; 0 if there is no response."""
    try:
        return httpx.get(f"{service.url}/readyz", timeout=2).status_code
    except httpx.TransportError:
        return 0


def test_not_ready_while_one_of_two_workers_is_missing(
    bentoml_home: Path,
) -> None:
    with running(bentoml_home, env=TWO_WORKERS) as service:
        for _ in range(300):  # the first worker may be ready before the second
            if len(workers(service)) == 2 and ready(service) == 200:
                break
            time.sleep(0.1)
        killed = workers(service)[0]
        os.kill(killed.pid, signal.SIGKILL)
        seen = []
        for _ in range(600):
            together = len(workers(service))
            seen.append((together, ready(service)))
            if together == 2 and seen[-1][1] == 200:
                break
            time.sleep(0.05)
        assert seen[-1] == (2, 200)
        assert (1, 503) in seen
        assert (1, 200) not in seen
        assert httpx.post(f"{service.url}/predict", json=EXAMPLE).status_code == 200


def test_a_killed_worker_is_replaced_and_waiting_clients_are_answered(bentoml_home: Path) -> None:
    with running(bentoml_home) as service:
        os.kill(worker(service).pid, signal.SIGKILL)
        answer = httpx.post(f"{service.url}/predict", json=EXAMPLE, timeout=60)
        assert answer.status_code == 200
        assert ready(service) == 200


def test_in_a_container_the_service_exits_with_an_error_when_its_only_worker_dies(
    bentoml_home: Path,
) -> None:
    with running(bentoml_home, env=IN_A_CONTAINER) as service:
        os.kill(worker(service).pid, signal.SIGKILL)
        assert service.process.wait(60) != 0
        assert ready(service) == 0


def test_in_a_container_the_service_is_not_ready_when_one_of_two_workers_dies(bentoml_home: Path) -> None:
    with running(bentoml_home, env={**TWO_WORKERS, **IN_A_CONTAINER}) as service:
        for _ in range(300):
            if len(workers(service)) == 2 and ready(service) == 200:
                break
            time.sleep(0.1)
        os.kill(workers(service)[0].pid, signal.SIGKILL)
        time.sleep(0.5)
        assert {ready(service) for _ in range(20)} == {503}
