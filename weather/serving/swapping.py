"""Another pair is served without a restart: loaded and checked beside the old one, then assigned."""

from __future__ import annotations

import asyncio
import logging
import signal
import threading
from collections.abc import Callable
from typing import Any, get_args

from weather.http.settings import read_settings
from weather.model.loading import NotServable, Reason
from weather.serving import run_folder
from weather.serving.hangup import HangUp
from weather.serving.latest import POLL_SECONDS, Latest
from weather.serving.served import Served, load_beside
from weather.telemetry.metrics import families, register_model

log = logging.getLogger("bentoml.weather")


RESULTS = ("swapped", *get_args(Reason), "error")
"""Of an attempt to serve another pair: it is served, why it was refused, or an exception that the log has."""


class Swapping:
    """Serves the classifiers that ``requested`` names.

    ``instance`` is an object of the class in ``service.py``. Its attribute ``served`` is the one truth
    about what is served: requests take it once, when they begin.
    """

    def __init__(self, instance: Any) -> None:
        self.instance = instance
        self.requested = requests(instance.served.tag)
        self.counts = {result: families()["model_swaps"].labels(result) for result in RESULTS}
        self.task = asyncio.create_task(self.run())

    def stop(self) -> None:
        """Serve what is served until the end."""
        self.task.cancel()

    async def run(self) -> None:
        """Look for a request twice a second."""
        while True:
            tag = self.requested()
            if tag is not None:
                try:
                    await self.swap(tag)
                except Exception:
                    log.exception("%s could not be served", tag)
                    self.counts["error"].inc()
            await asyncio.sleep(POLL_SECONDS)

    async def swap(self, tag: str) -> None:
        """Load, check and serve a pair; one that fails stays out."""
        old: Served = self.instance.served
        if tag == old.tag and old.classifier is not None:
            log.info("%s is the latest, and is served already", tag)
            return
        try:
            new = await asyncio.to_thread(load_beside, tag)
        except NotServable as reason:
            log.error("%s is not served: %s", tag, reason)
            self.counts[reason.reason].inc()
            return
        register_model(new.classifier, new.scaler, new.model, replaced=(old.scaler, old.model))
        self.instance.served = new
        self.counts["swapped"].inc()
        log.info("%s is served now, %s no more", new.tag, old.tag)
        folder = run_folder.current()
        if folder is not None:
            try:
                folder.keep(new.tags)
            except OSError as reason:
                log.error("A worker that is started later will load %s: %s", old.tag, reason)


def requests(served: str) -> Callable[[], str | None]:
    """Where requests for another classifier come from, as a function that names it if there is a new one.

    A worker of `bentoml serve` reads what the supervisor has written. A single process looks into the
    store itself.
    """
    folder = run_folder.current()
    if folder is not None:
        return Written(folder).poll
    latest = Latest(served, read_settings().follow_latest)
    # Programs that embed the app may run it in another thread, where signals can't be handled.
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGHUP, HangUp(latest.request, lambda: signal.raise_signal(signal.SIGTERM)))
    return latest.poll


class Written:
    """Requests that the supervisor writes into the run folder."""

    def __init__(self, folder: run_folder.RunFolder) -> None:
        self.folder = folder
        self.last = 0

    def poll(self) -> str | None:
        """The classifier of a request that was not returned before."""
        at, tag = self.folder.requested()
        if at == self.last:
            return None
        self.last = at
        return tag
