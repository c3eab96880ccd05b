"""SIGKILL to a worker of the real service.

BentoML's supervisor starts a new worker within a second. So that the time without it is long enough to be
looked at, the supervisor is stopped (SIGSTOP) before its worker is killed, and goes on after the look.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import psutil
import pytest

from loadtest.harness import worker
from loadtest.serving import Service, running
from tests.conftest import EXAMPLE
from tests.waiting import PATIENCE, until
from weather.serving.workers import is_running_worker

TWO_WORKERS = {"BENTOML_CONFIG_OPTIONS": "services.rain_forecast.workers=2"}
IN_A_CONTAINER = {"BENTOML_CONTAINERIZED": "true"}


def workers(service: Service) -> list[psutil.Process]:
    return [child for child in psutil.Process(service.process.pid).children() if is_running_worker(child)]


def ready(service: Service) -> int:
    """The status of /readyz; 0 if there is no response."""
    try:
        return httpx.get(f"{service.url}/readyz").status_code
    except httpx.TransportError:
        return 0


def both_ready(service: Service) -> bool:
    return len(workers(service)) == 2 and ready(service) == 200


@contextmanager
def stopped(process: psutil.Process) -> Iterator[None]:
    process.send_signal(signal.SIGSTOP)
    until(lambda: process.status() == psutil.STATUS_STOPPED)
    try:
        yield
    finally:
        process.send_signal(signal.SIGCONT)


@pytest.mark.slow("starts workers anew")
def test_not_ready_while_one_of_two_workers_is_missing(
    bentoml_home: Path,
) -> None:
    with running(bentoml_home, env=TWO_WORKERS) as service:
        until(lambda: both_ready(service))
        killed, other = workers(service)
        with stopped(psutil.Process(service.process.pid)):
            killed.kill()
            until(lambda: workers(service) == [other])
            assert {ready(service) for _ in range(10)} == {503}
            assert httpx.post(f"{service.url}/predict", json=EXAMPLE).status_code == 200
        until(lambda: both_ready(service))
        assert killed not in workers(service)
        assert httpx.post(f"{service.url}/predict", json=EXAMPLE).status_code == 200


@pytest.mark.slow("starts workers anew")
def test_a_killed_worker_is_replaced_and_waiting_clients_are_answered(bentoml_home: Path) -> None:
    with running(bentoml_home) as service:
        os.kill(worker(service).pid, signal.SIGKILL)
        answer = httpx.post(f"{service.url}/predict", json=EXAMPLE)
        assert answer.status_code == 200
        assert ready(service) == 200


@pytest.mark.slow("starts workers anew")
def test_in_a_container_the_service_exits_with_an_error_when_its_only_worker_dies(
    bentoml_home: Path,
) -> None:
    with running(bentoml_home, env=IN_A_CONTAINER) as service:
        os.kill(worker(service).pid, signal.SIGKILL)
        assert service.process.wait(PATIENCE) != 0
        assert ready(service) == 0


@pytest.mark.slow("starts workers anew")
def test_in_a_container_the_service_is_not_ready_when_one_of_two_workers_dies(bentoml_home: Path) -> None:
    with running(bentoml_home, env={**TWO_WORKERS, **IN_A_CONTAINER}) as service:
        until(lambda: both_ready(service))
        killed, other = workers(service)
        killed.kill()
        until(lambda: workers(service) == [other])
        assert {ready(service) for _ in range(10)} == {503}
