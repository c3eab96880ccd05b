"""A Dask cluster whose scheduler and workers were started elsewhere."""

from __future__ import annotations

import importlib.metadata
import logging
from collections.abc import Iterator, Sequence
from concurrent.futures import CancelledError
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from distributed import Client

SECONDS = 30
"""To find the scheduler, and a worker."""

HELP = "a Dask scheduler, tcp://HOST:PORT or tls://HOST:PORT, whose workers compute"

TRAINING = ("numpy", "scipy", "scikit-learn", "joblib")
"""Packages whose other versions may fit another model."""


def versions(packages: Sequence[str]) -> dict[str, str]:
    """The installed versions, in the process that asks."""
    return {name: importlib.metadata.version(name) for name in packages}


@contextmanager
def connected(address: str, packages: Sequence[str] = ()) -> Iterator[Client]:
    """A client of the cluster. Its workers must have the same versions of ``packages``.

    Raises:
        ValueError: there is no scheduler, no worker, a worker with other versions or without the project,
            too many workers died at one task, or the scheduler was lost.
    """
    from distributed import Client, KilledWorker

    # A lost connection is a sentence of ours, without the tracebacks of what used it in the background.
    for name in ("distributed.client", "tornado.application"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    try:
        client: Any = Client(address, timeout=SECONDS, set_as_default=False)  # type: ignore[no-untyped-call]
    except (OSError, ValueError) as error:
        raise ValueError(f"there is no Dask scheduler at {address}: {error}") from None
    with client:
        try:
            client.wait_for_workers(1, timeout=SECONDS)
        except TimeoutError:
            raise ValueError(f"the scheduler at {address} has no worker: start one") from None
        _check(client, packages)
        try:
            yield client
        except KilledWorker as error:
            raise ValueError(f"workers died again and again, perhaps for lack of memory: {error}") from None
        except CancelledError:  # what becomes of all that a lost scheduler was asked
            raise ValueError(f"the scheduler at {address} was lost: run the command again") from None


def fits_on(address: str | None) -> Any:
    """Within this context training fits on the cluster at an address, or here without one."""
    return _fits_on(address) if address else nullcontext()


@contextmanager
def _fits_on(address: str) -> Iterator[None]:
    import joblib

    with connected(address, TRAINING) as client, joblib.parallel_config("dask", client=client):
        yield


def _check(client: Client, packages: Sequence[str]) -> None:
    here = versions(packages)
    try:
        there = client.run(versions, packages)
    except Exception as error:  # whatever a worker without our packages says
        raise ValueError(
            f"a worker lacks what it needs ({error}): start it in the project's folder, with the packages of "
            "requirements/scale.lock and PYTHONPATH=."
        ) from None
    for worker, installed in there.items():
        if installed != here:
            raise ValueError(f"the worker {worker} has {installed}, this command {here}: install the same")
