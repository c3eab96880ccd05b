"""Signals to the supervisor, and what becomes of workers when it is gone.

The supervisor is the process of ``bentoml serve``; it starts the workers, each in a session of its own.
"""

from __future__ import annotations

import ctypes
import logging
import os
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from types import FrameType

import psutil
from tornado.ioloop import IOLoop, PeriodicCallback

from weather.serving import run_folder
from weather.serving.hangup import HangUp

log = logging.getLogger("bentoml.weather")

PR_SET_PDEATHSIG = 1


class Signals:
    """Signal handlers of the supervisor, in front of those that circus installs.

    SIGTERM, SIGINT: the second one ends the lame-duck period of the workers. SIGHUP: see ``HangUp``;
    circus would replace the workers, also when the terminal was closed.
    """

    def __init__(self, reload: Callable[[], None]) -> None:
        self.stopping = False
        self.hang_up = HangUp(reload, self.terminal_closed)
        self.circus: dict[int, Callable[[int, FrameType | None], object]] = {}

    def install(self) -> None:
        """Take over from circus, which must have installed its handlers."""
        for number in (signal.SIGTERM, signal.SIGINT):
            circus = signal.getsignal(number)
            if callable(circus):
                self.circus[number] = circus
                signal.signal(number, self.stop)
        signal.signal(signal.SIGHUP, self.hang_up)

    def stop(self, number: int, frame: FrameType | None) -> None:
        """Stop the workers; at the second call at once."""
        if self.stopping:
            log.info("Stopping without waiting any longer")
            for worker in psutil.Process().children():
                with suppress(psutil.NoSuchProcess):  # it has just ended
                    worker.terminate()
        self.stopping = True
        self.circus[number](number, frame)

    def repeat(self) -> None:
        """Tell circus once more to stop.

        It drops a signal that comes while it looks after its workers. While it stops it drops all others.
        """
        if self.stopping:
            self.circus[signal.SIGTERM](signal.SIGTERM, None)

    def terminal_closed(self) -> None:
        """As the first SIGTERM."""
        if not self.stopping:
            self.stop(signal.SIGTERM, None)


def supervise(reload: Callable[[], None], poll: Callable[[], None], seconds: float) -> None:
    """Install ``Signals``, and call ``poll`` every ``seconds``, when the supervisor's event loop runs.

    By then circus has installed its own handlers.
    """
    loop = IOLoop.current()
    signals = Signals(reload)
    loop.add_callback(signals.install)
    for function in (poll, signals.repeat):
        loop.add_callback(PeriodicCallback(function, 1000 * seconds).start)


def follow_supervisor() -> None:
    """Stop this worker when its supervisor is killed; requests in flight are completed.

    A supervisor that gets SIGKILL can't stop its workers, which would keep the port.
    """
    folder = run_folder.current()
    if folder is None or sys.platform != "linux":
        return
    signal.signal(signal.SIGINT, signal.default_int_handler)  # `make serve &` in a script has it ignored
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGINT)
    if os.getppid() != folder.supervisor:  # it ended before
        signal.raise_signal(signal.SIGINT)
