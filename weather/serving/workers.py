"""Whether all of the service's worker processes live."""

from __future__ import annotations

import os

import psutil

WORKER = "_bentoml_impl.worker.service"
"""The module that BentoML's supervisor runs in each worker."""


def missing(expected: int) -> bool:
    """Whether fewer than ``expected`` children of this process's parent are workers that live.

    BentoML restarts a killed worker after some seconds, in a container not at all, and the others
    stay ready all the while.
    """
    siblings = psutil.Process(os.getppid()).children()
    return sum(map(works, siblings)) < expected


def works(process: psutil.Process) -> bool:
    """Whether a process is a worker that has not ended."""
    try:
        return process.status() != psutil.STATUS_ZOMBIE and WORKER in process.cmdline()
    except psutil.NoSuchProcess:
        return False
