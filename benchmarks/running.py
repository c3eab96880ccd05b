"""Servers as child processes that run one at a time: all are started, those not being measured are stopped.

Starting a server takes longer than loading it. A process stopped by SIGSTOP takes no CPU time.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.request import urlopen

import psutil

from benchmarks.servers import PROJECT, Server, environment_of, folder_of
from loadtest.serving import free_port, stop

SERVER_CORES, CLIENT_CORES = "0", "1"
START_SECONDS = 90


@dataclass(frozen=True)
class Running:
    """A server that has been ready."""

    server: Server
    url: str
    process: psutil.Process
    start_seconds: float

    @property
    def family(self) -> list[psutil.Process]:
        """The process and its live children."""
        return [self.process, *self.process.children(recursive=True)]

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Let the server run within the context; it is stopped before and after."""
        for process in self.family:
            process.resume()
        try:
            yield
        finally:
            for process in self.family:
                process.suspend()

    def cpu_seconds(self) -> float:
        """User and system time."""
        return sum(t.user + t.system for t in (p.cpu_times() for p in self.family))

    def megabytes(self) -> float:
        """Resident memory."""
        return sum(float(p.memory_info().rss) for p in self.family) / 1e6


@contextmanager
def all_started(servers: Sequence[Server], home: Path) -> Iterator[list[Running]]:
    """Start the servers one after another; each is stopped except within ``alone``."""
    with ExitStack() as stack:
        started: list[Running] = []
        for server in servers:
            print(f"start {server.name}", file=sys.stderr)
            running = stack.enter_context(run(server, home))
            # Called before `run` ends the server, in reverse order: a stopped process can't handle SIGTERM.
            stack.callback(resume, running)
            for process in running.family:
                process.suspend()
            started.append(running)
        yield started


def resume(running: Running) -> None:
    """Let a stopped server run."""
    for process in running.family:
        process.resume()


@contextmanager
def run(server: Server, home: Path, cores: str = SERVER_CORES) -> Iterator[Running]:
    """Run the server, pinned to its cores, on a free port.

    Raises:
        RuntimeError: the server did not become ready within START_SECONDS.
    """
    port = free_port()
    environment = environment_of(server, home, port)
    argument = str(home / "mlserver") if server.is_mlserver else str(port)
    started = time.monotonic()
    process = subprocess.Popen(
        ["taskset", "-c", cores, *server.command, argument],
        cwd=folder_of(server, home),
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    url = f"http://127.0.0.1:{port}"
    try:
        while True:
            try:
                with urlopen(url + server.ready, timeout=1):
                    break
            except OSError:
                if process.poll() is not None or time.monotonic() - started > START_SECONDS:
                    raise RuntimeError(f"{server.name} did not start") from None
                time.sleep(0.05)
        yield Running(server, url, psutil.Process(process.pid), time.monotonic() - started)
    finally:
        stop(process)


def in_history(commit: str) -> bool:
    """Whether git has a commit of this project; an archive or a shallow clone lacks it."""
    if shutil.which("git") is None:
        return False
    command = ["git", "cat-file", "-e", f"{commit}^{{commit}}"]
    return subprocess.run(command, cwd=PROJECT, capture_output=True, check=False).returncode == 0


def check_out(server: Server, home: Path) -> None:
    """Have a copy of the server's commit in ``home``, and import its models with its own code."""
    folder = folder_of(server, home)
    environment = environment_of(server, home, 0)
    # A clone that shares the objects: `git worktree` would leave an entry here when a run is killed.
    subprocess.run(["git", "clone", "--quiet", "--shared", "--no-checkout", PROJECT, folder], check=True)
    subprocess.run(["git", "checkout", "--quiet", "--detach", server.commit], cwd=folder, check=True)
    subprocess.run([sys.executable, "train_import.py", "import"], cwd=folder, env=environment, check=True)
