"""The real service as a child process on a free loopback port, for load tests and tests."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO
from urllib.error import URLError
from urllib.request import urlopen

PROJECT = Path(__file__).parent.parent
START_SECONDS = 90
STOP_SECONDS = 30


def free_port() -> int:
    """A loopback port that nothing listened on a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def served(
    bentoml_home: Path,
    what: str = ".",
    cwd: Path = PROJECT,
    ready: bool = True,
    env: Mapping[str, str] | None = None,
    log: IO[bytes] | None = None,
) -> Iterator[str]:
    """Start ``bentoml serve``, yield its URL, stop it and all its children.

    ``ready=False`` waits for /livez only. ``log`` takes the service's output.

    Raises:
        RuntimeError: the service did not come up in START_SECONDS.
    """
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    process = subprocess.Popen(  # noqa: S603  (our own command line)
        [sys.executable, "-m", "bentoml", "serve", what, "--host", "127.0.0.1", "--port", str(port)],
        cwd=cwd,
        env={
            **os.environ,
            "BENTOML_HOME": str(bentoml_home),
            "BENTOML_DO_NOT_TRACK": "True",
            **(env or {}),
        },
        stdout=log or subprocess.DEVNULL,
        stderr=subprocess.STDOUT if log else subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        _await(f"{url}/{'readyz' if ready else 'livez'}", process)
        yield url
    finally:
        stop(process)


def stop(process: subprocess.Popen[bytes]) -> int:
    """SIGTERM, then after STOP_SECONDS SIGKILL to the whole process group; the exit code."""
    process.send_signal(signal.SIGTERM)
    try:
        return process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        return -signal.SIGKILL
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _await(url: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"bentoml serve ended with exit code {process.returncode}")
        try:
            with urlopen(url, timeout=1):  # noqa: S310  (http to loopback)
                return
        except (URLError, OSError):
            time.sleep(0.1)
    raise RuntimeError(f"{url} did not answer within {START_SECONDS} s")
