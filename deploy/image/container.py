"""A container of the service as it is meant to run: nothing to write but /tmp, no rights, limits."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

from loadtest.serving import free_port

CONFINED = (
    "--read-only",
    "--tmpfs=/tmp",
    "--cap-drop=all",
    "--security-opt=no-new-privileges",
    "--memory=1g",
    "--pids-limit=200",
)
MAX_SECONDS = 180
"""Until it is ready. It takes some seconds (the tests print it); a busy machine may need longer."""


@dataclass(frozen=True)
class Container:
    """A running container."""

    engine: str
    name: str
    url: str

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run a command in it, as its own user."""
        line = [self.engine, "exec", self.name, *command]
        return subprocess.run(line, capture_output=True, text=True, timeout=MAX_SECONDS, check=False)

    def state(self, field: str) -> str:
        """A field of what the engine knows about it, as a template (.State.Status)."""
        return output(self.engine, "inspect", "--format", f"{{{{{field}}}}}", self.name)

    def megabytes(self) -> float:
        """Resident memory of the service, which is one process."""
        status = self.run("cat", "/proc/1/status").stdout
        return int(status.partition("VmRSS:")[2].split()[0]) * 1024 / 1e6

    def signal(self, name: str) -> None:
        output(self.engine, "kill", "--signal", name, self.name)

    def ended(self) -> int:
        """The exit code, once it has ended."""
        return int(output(self.engine, "wait", self.name))

    def readiness(self) -> int:
        """The status of /readyz; 0 while nobody answers."""
        return status(f"{self.url}/readyz")

    def wait_until_ready(self) -> float:
        """The seconds it took.

        Raises:
            AssertionError: it did not become ready in MAX_SECONDS; with its log.
        """
        start = time.monotonic()
        while self.readiness() != 200:
            assert time.monotonic() < start + MAX_SECONDS, output(self.engine, "logs", self.name)
            time.sleep(0.02)
        return time.monotonic() - start


@contextmanager
def started(engine: str, image: str, *flags: str) -> Iterator[Container]:
    """Start a container on a free loopback port, and remove it in the end."""
    port = free_port()
    address = ["--network=host", "--env=BENTOML_HOST=127.0.0.1", f"--env=BENTOML_PORT={port}"]
    name = f"rain-forecast-{os.getpid()}-{port}"
    output(engine, "run", "--detach", "--name", name, *CONFINED, *address, *flags, image)
    try:
        yield Container(engine, name, f"http://127.0.0.1:{port}")
    finally:
        # podman would wait for the end of the lame-duck period
        output(engine, "rm", "--force", *(["--time=0"] if engine == "podman" else []), name)


def output(*command: str) -> str:
    """What a command wrote to its standard output, or with a failing one's reason an AssertionError."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=MAX_SECONDS, check=False)
    assert done.returncode == 0, f"{' '.join(command)}: {done.stderr}"
    return done.stdout.strip()


def status(url: str) -> int:
    """Of a GET.

    Raises:
        OSError: nobody answered.
    """
    try:
        with urlopen(url, timeout=MAX_SECONDS) as answer:
            return int(answer.status)
    except HTTPError as error:
        return error.code
    except (URLError, OSError):
        return 0
