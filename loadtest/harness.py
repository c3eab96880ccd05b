"""Shared by load tests that start their own service: core pinning, processes, probes."""

from __future__ import annotations

import os
import socket
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TypeVar
from urllib.error import URLError
from urllib.parse import urlsplit
from urllib.request import urlopen

import psutil

from loadtest.serving import PROJECT, NotStarted, Service
from weather.serving.workers import is_running_worker

T = TypeVar("T")

CONNECT_SECONDS = 5


def exit_code(command: Callable[[], int]) -> int:
    """Run a command and return its exit code; a failed start and Ctrl-C print a message, not a traceback."""
    try:
        return command()
    except NotStarted as reason:
        print(reason, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130


def progress(message: str) -> None:
    """Print progress to stderr, because only the result goes to stdout."""
    print(message, file=sys.stderr, flush=True)


def write_report(name: str, text: str) -> None:
    """Write a result to the folder reports/, and print its path."""
    file = PROJECT / "reports" / f"{name}-{time.strftime('%Y%m%d-%H%M%S')}.md"
    file.parent.mkdir(exist_ok=True)
    file.write_text(f"{text}\n")
    progress(f"report: {file.relative_to(PROJECT)}")


def unreachable(url: str) -> str:
    """Why the address of a service does not accept connections; empty if it does."""
    parts = urlsplit(url)
    port = parts.port or {"http": 80, "https": 443}[parts.scheme]
    try:
        socket.create_connection((str(parts.hostname), port), CONNECT_SECONDS).close()
    except OSError as error:
        reason = str(error.strerror or error).lower()
        return f"nothing can be loaded at {url}: {reason}"
    return ""


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
