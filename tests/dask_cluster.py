"""A Dask cluster of processes of its own, on loopback, with ports that are free."""

from __future__ import annotations

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
from tests.waiting import PATIENCE

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
            command = (*dask, *options, *LOCAL, "--scheduler-file", address_file)
            return stack.enter_context(
                started(*command, env=environment, cwd=folder, stdout=log, stderr=STDOUT)
            )

        scheduler = run("scheduler", "scheduler", "--port", "0")
        options = ("worker", "--nthreads", "1", "--no-nanny", "--local-directory", folder)
        processes = [run(f"worker-{number}", *options) for number in range(workers)]
        client = stack.enter_context(  # which waits for the file
            Client(scheduler_file=str(address_file), timeout=PATIENCE, set_as_default=False)  # type: ignore[no-untyped-call]
        )
        if workers:
            client.wait_for_workers(workers, timeout=PATIENCE)
        address = client.scheduler.address
        client.close()
        yield Cluster(address, scheduler, processes)
