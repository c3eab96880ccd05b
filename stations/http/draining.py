"""The lame-duck period: after SIGTERM the service reports that it is not ready, and stops later."""

from __future__ import annotations

import asyncio
import logging
import signal
import threading
from types import FrameType

log = logging.getLogger("stations")


class Draining:
    """Sets ``draining`` after SIGTERM, and calls the server's own signal handler ``seconds`` later.

    uvicorn alone would stop listening at once, while load balancers send requests until their next check of
    ``/readyz``. A second SIGTERM ends the period early.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.draining = False

    def watch(self) -> None:
        """Install the handler in front of the server's; does nothing outside of the main thread."""
        if threading.current_thread() is not threading.main_thread():
            return
        loop = asyncio.get_running_loop()
        stop = signal.getsignal(signal.SIGTERM)

        def drain(number: int, frame: FrameType | None) -> None:
            if not callable(stop):
                return
            if self.draining:
                stop(number, frame)
                return
            self.draining = True
            log.info("Not ready any more; stopping in %g s", self.seconds)
            loop.call_soon_threadsafe(loop.call_later, self.seconds, stop, number, frame)

        signal.signal(signal.SIGTERM, drain)
