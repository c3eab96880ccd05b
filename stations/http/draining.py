"""The lame-duck period: SIGTERM first makes the service not ready, and stops it some time later."""

from __future__ import annotations

import asyncio
import logging
import signal
import threading
from types import FrameType

log = logging.getLogger("stations")


class Draining:
    """After SIGTERM ``draining`` is true for ``seconds``; then the server's own handler stops it.

    uvicorn stops listening at once, while balancers go on sending until their next look at ``/readyz``.
    A second SIGTERM ends the period early.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.draining = False

    def watch(self) -> None:
        """Put our handler before the server's; signals can be handled in the main thread only."""
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
