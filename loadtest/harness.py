"""What load tests that start their own service share: core pinning, processes, probes."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TypeVar
from urllib.error import URLError
from urllib.request import urlopen

import psutil

from loadtest.serving import Service
from weather.serving.workers import is_running_worker

T = TypeVar("T")


@contextmanager
def on_first_core(starting: AbstractContextManager[T]) -> Iterator[T]:
    """Start a service on the first core, and leave the other cores to this process."""
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(cores)})
    try:
        with starting as service:
            os.sched_setaffinity(0, cores - {min(cores)} or cores)
            yield service
    finally:
        os.sched_setaffinity(0, cores)


def worker(service: Service) -> psutil.Process:
    """The service's worker process."""
    return next(child for child in psutil.Process(service.process.pid).children() if is_running_worker(child))


def status_of(url: str) -> int:
    """The status of a GET; 0 without a response."""
    try:
        with urlopen(url, timeout=1) as response:
            return int(response.status)
    except URLError as error:
        return int(getattr(error, "code", 0))
    except OSError:
        return 0
