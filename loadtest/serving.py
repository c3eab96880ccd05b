"""The real service as a child process on a free loopback port, for load tests and tests."""

from __future__ import annotations

import os
import random
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO
from urllib.error import URLError
from urllib.request import urlopen

import psutil

PROJECT = Path(__file__).parent.parent
START_SECONDS = 180
STOP_SECONDS = 60


def free_port() -> int:
    """A free loopback port, reserved for this process while it runs.

    It is below the range that Linux uses for outgoing connections, one of which could take it before the
    service does. It is reserved because a service takes seconds until it listens, and meanwhile another
    process could choose the same port.
    """
    while True:
        port = random.randrange(16384, 32768)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            reserve(port)
            return port


def reserve(port: int) -> None:
    """Reserve a port against other calls of ``free_port``, in all processes of this machine.

    The reservation is the name of an abstract Unix socket, which Linux removes when this process ends.

    Raises:
        OSError: it is reserved already.
    """
    if sys.platform == "linux":
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as reservation:
            reservation.bind(f"\0free-port-{port}")
            reservation.detach()  # stays open until this process ends


class NotStarted(RuntimeError):
    """A service did not start; the message says why."""


@dataclass(frozen=True)
class Service:
    """A running ``bentoml serve``."""

    url: str
    process: subprocess.Popen[bytes]


@contextmanager
def store(*arguments: str) -> Iterator[Path]:
    """A temporary BENTOML_HOME with the committed artifacts; ``arguments`` are passed to ``import``."""
    with tempfile.TemporaryDirectory() as home:
        subprocess.run(
            [sys.executable, "train_import.py", "import", *arguments],
            cwd=PROJECT,
            env={**os.environ, "BENTOML_HOME": home, "BENTOML_DO_NOT_TRACK": "True"},
            check=True,
            stdout=subprocess.DEVNULL,
        )
        yield Path(home)


@contextmanager
def served(
    bentoml_home: Path,
    what: str = ".",
    cwd: Path = PROJECT,
    ready: bool = True,
    env: Mapping[str, str] | None = None,
    log: IO[bytes] | None = None,
) -> Iterator[str]:
    """Like ``running``, but yields only the URL."""
    with running(bentoml_home, what, cwd, ready, env, log) as service:
        yield service.url


@contextmanager
def running(
    bentoml_home: Path,
    what: str = ".",
    cwd: Path = PROJECT,
    ready: bool = True,
    env: Mapping[str, str] | None = None,
    log: IO[bytes] | None = None,
    flags: Sequence[str] = (),
    trust: ssl.SSLContext | None = None,
    port: int | None = None,
) -> Iterator[Service]:
    """Start ``bentoml serve``, yield it, stop it and all its children.

    ``ready=False`` waits for /livez only. ``log`` takes the service's output, ``flags`` are added
    to the command line; ``trust`` is wanted when they are for TLS. ``port`` is a free one by default.

    Raises:
        NotStarted: the service did not come up in START_SECONDS.
    """
    port = port or free_port()
    url = f"{'https' if trust else 'http'}://127.0.0.1:{port}"
    address = ("--host", "127.0.0.1", "--port", str(port))
    with tempfile.TemporaryDirectory() as home, ExitStack() as files:
        # What a service writes goes to a home of its own; the store's folders are linked into it.
        for folder in ("models", "bentos"):
            (Path(home) / folder).symlink_to(bentoml_home.resolve() / folder)
        output = Path(home) / "output"
        log = log or files.enter_context(output.open("wb"))
        process = subprocess.Popen(
            [sys.executable, "-m", "bentoml", "serve", what, *address, *flags],
            cwd=cwd,
            # TMPDIR: a service that is killed leaves its sockets and batches there.
            env={
                **os.environ,
                "BENTOML_HOME": home,
                "TMPDIR": home,
                "BENTOML_DO_NOT_TRACK": "True",
                **(env or {}),
            },
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            _await(f"{url}/{'readyz' if ready else 'livez'}", process, trust, output)
            yield Service(url, process)
        finally:
            stop(process)


def stop(process: subprocess.Popen[bytes]) -> int:
    """Send SIGTERM, after STOP_SECONDS SIGKILL to it and its workers; returns the exit code."""
    family = family_of(process)
    process.send_signal(signal.SIGTERM)
    try:
        return process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        return -signal.SIGKILL
    finally:
        kill(family)
        process.wait()


def family_of(process: subprocess.Popen[bytes]) -> list[psutil.Process]:
    """A service's processes; its workers have their own sessions, and could outlive it."""
    try:
        supervisor = psutil.Process(process.pid)
        return [supervisor, *supervisor.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def kill(family: Sequence[psutil.Process]) -> None:
    """Send SIGKILL to the processes that are still alive."""
    for member in family:
        with suppress(psutil.NoSuchProcess):
            member.kill()


def last_line(file: Path) -> str:
    """The last line of a process's output; empty if there is none."""
    lines = file.read_text(errors="replace").split("\n") if file.exists() else []
    return next((f": {line.strip()}" for line in reversed(lines) if line.strip()), "")


def _await(url: str, process: subprocess.Popen[bytes], trust: ssl.SSLContext | None, output: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            ended = f"bentoml serve ended with exit code {process.returncode}"
            raise NotStarted(ended + last_line(output))
        try:
            with urlopen(url, timeout=START_SECONDS, context=trust):
                return
        except (URLError, OSError):
            time.sleep(0.1)
    raise NotStarted(f"{url} did not answer within {START_SECONDS} s")
