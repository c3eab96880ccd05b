"""``python -m stations`` as a child process, for the demo, tests and load tests."""

from __future__ import annotations

import http.client
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from loadtest.serving import free_port

PROJECT = Path(__file__).resolve().parents[2]
START_SECONDS = 180
STOP_SECONDS = 30


class NotStarted(RuntimeError):
    """The service did not start; the message says why."""


@dataclass(frozen=True)
class Stations:
    """A running service."""

    url: str
    process: subprocess.Popen[bytes]

    def kill(self) -> None:
        """Send SIGKILL and wait for the end of the process."""
        self.process.kill()
        self.process.wait()


@contextmanager
def running(
    database: str,
    forecast_url: str,
    env: Mapping[str, str] | None = None,
    port: int | None = None,
    log: IO[bytes] | None = None,
) -> Iterator[Stations]:
    """Start the service, wait until it is ready, yield it, and stop it.

    Raises:
        NotStarted: it was not ready within START_SECONDS, or ended before.
    """
    port = port or free_port()
    settings = {
        "STATIONS_HOST": "127.0.0.1",
        "STATIONS_PORT": str(port),
        "STATIONS_DATABASE": database,
        "STATIONS_FORECAST_URL": forecast_url,
    }
    with tempfile.TemporaryFile() as own:
        process = subprocess.Popen(
            [sys.executable, "-m", "stations"],
            cwd=PROJECT,
            env={**os.environ, **settings, **(env or {})},
            stdout=log or own,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            _await_ready(port, process, own)
            yield Stations(f"http://127.0.0.1:{port}", process)
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _await_ready(port: int, process: subprocess.Popen[bytes], output: IO[bytes]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            output.seek(0)
            written = output.read().decode(errors="replace").strip()
            last = f": {written.splitlines()[-1]}" if written else ""
            raise NotStarted(f"stations ended with exit code {process.returncode}{last}")
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        try:
            connection.request("GET", "/readyz")
            if connection.getresponse().status == 200:
                return
        except OSError:
            pass
        finally:
            connection.close()
        time.sleep(0.05)
    raise NotStarted(f"stations was not ready within {START_SECONDS} s")
