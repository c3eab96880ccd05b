"""Whether all worker processes of the service are running."""

from __future__ import annotations

import os

import psutil

WORKER = "_bentoml_impl.worker.service"
"""The module that BentoML's supervisor runs in each worker."""


def worker_missing(expected: int) -> bool:
    """Whether fewer than ``expected`` workers of this service are running.

    BentoML restarts a killed worker after some seconds, inside a container not at all, and the
    remaining workers would report ready meanwhile.
    """
    siblings = psutil.Process(os.getppid()).children()
    return sum(map(is_running_worker, siblings)) < expected


def is_running_worker(process: psutil.Process) -> bool:
    """Whether a process is a worker that has not ended."""
    try:
        return process.status() != psutil.STATUS_ZOMBIE and WORKER in process.cmdline()
    except psutil.NoSuchProcess:
        return False
