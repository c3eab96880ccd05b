"""A Dask cluster of processes of its own, on loopback, with ports that are free."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from subprocess import STDOUT, Popen

from distributed import Client

from loadtest.serving import PROJECT
from tests.processes import started
from tests.waiting import PATIENCE, until

LOCAL = ("--host", "127.0.0.1", "--dashboard-address", "127.0.0.1:0")


@dataclass(frozen=True)
class Cluster:
    """The scheduler's address, and the processes."""

    address: str
    scheduler: Popen[str]
    workers: list[Popen[str]]


@contextmanager
def dask_cluster(folder: Path, workers: int = 2) -> Iterator[Cluster]:
    """A scheduler and workers of one thread each.

    Without nannies: a worker that was killed does not come back. Logs are written to ``folder``.
    """
    dask = (sys.executable, "-m", "dask")
    environment = {**os.environ, "PYTHONPATH": str(PROJECT)}
    address_file = folder / "scheduler.json"
    with ExitStack() as stack:

        def run(name: str, *options: str | Path) -> Popen[str]:
            log = stack.enter_context((folder / f"{name}.log").open("wb"))
            command = (*dask, *options, *LOCAL)
            return stack.enter_context(
                started(*command, env=environment, cwd=folder, stdout=log, stderr=STDOUT)
            )

        scheduler = run("scheduler", "scheduler", "--port", "0", "--scheduler-file", address_file)
        address = until(lambda: written(address_file))
        options = ("worker", address, "--nthreads", "1", "--no-nanny", "--local-directory", folder)
        processes = [run(f"worker-{number}", *options) for number in range(workers)]
        if workers:
            wait_for_workers(address, workers)
        yield Cluster(address, scheduler, processes)


def written(address_file: Path) -> str:
    """The address in a scheduler's file; empty while the file is not complete. Dask tries to read it for a
    tenth of a second only.
    """
    try:
        return str(json.loads(address_file.read_text())["address"])
    except (FileNotFoundError, ValueError):
        return ""


def wait_for_workers(address: str, count: int) -> None:
    """Until the scheduler has so many."""
    with Client(address, timeout=PATIENCE, set_as_default=False) as client:  # type: ignore[no-untyped-call]
        client.wait_for_workers(count, timeout=PATIENCE)
