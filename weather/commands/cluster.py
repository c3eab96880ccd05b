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
"""Timeout for finding the scheduler, and a worker."""

HELP = "a Dask scheduler, tcp://HOST:PORT or tls://HOST:PORT, whose workers compute"

TRAINING = ("numpy", "scipy", "scikit-learn", "joblib")
"""Packages whose version may change the fitted model."""


def versions(packages: Sequence[str]) -> dict[str, str]:
    """The versions of packages that are installed where this runs: here, or on a worker."""
    return {name: importlib.metadata.version(name) for name in packages}


@contextmanager
def connected(address: str, packages: Sequence[str] = ()) -> Iterator[Client]:
    """Connect to a cluster whose workers have the same versions of ``packages`` as this process.

    Raises:
        ValueError: there is no scheduler or no worker, a worker has other versions or lacks the project, too
            many workers died at one task, or the connection to the scheduler was lost.
    """
    from distributed import Client, KilledWorker

    # A lost connection is reported below, in one sentence: no tracebacks of background tasks beside it.
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
        except CancelledError:  # which is how a lost scheduler ends every pending task
            raise ValueError(f"the scheduler at {address} was lost: run the command again") from None


def fits_on(address: str | None) -> Any:
    """Run the fits of this context on the cluster at ``address``, or in this process if it is None."""
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
    except Exception as error:  # a worker without the packages may raise anything
        raise ValueError(
            f"a worker lacks what it needs ({error}): start it in the project's folder, with the packages of "
            "requirements/scale.lock and PYTHONPATH=."
        ) from None
    for worker, installed in there.items():
        if installed != here:
            raise ValueError(f"the worker {worker} has {installed}, this command {here}: install the same")
