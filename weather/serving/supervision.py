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
from tornado.ioloop import IOLoop

from weather.serving import run_folder

log = logging.getLogger("bentoml.weather")

PR_SET_PDEATHSIG = 1


class Signals:
    """Signal handlers of the supervisor, in front of those that circus installs.

    - SIGTERM, SIGINT: the second one ends the lame-duck period of the workers.
    - SIGHUP because the terminal was closed: as SIGTERM, or ignored after ``nohup``. circus would
      replace the workers and keep the port.
    - any other SIGHUP: call ``reload``, then circus replaces the workers.
    """

    def __init__(self, reload: Callable[[], None]) -> None:
        self.reload = reload
        self.stopping = False
        self.terminal = has_terminal()
        self.ignores_hangup = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
        self.circus: dict[int, Callable[[int, FrameType | None], object]] = {}

    def install(self) -> None:
        """Take over from circus, which must have installed its handlers."""
        for number, handler in (
            (signal.SIGTERM, self.stop),
            (signal.SIGINT, self.stop),
            (signal.SIGHUP, self.hang_up),
        ):
            circus = signal.getsignal(number)
            if callable(circus):
                self.circus[number] = circus
                signal.signal(number, handler)

    def stop(self, number: int, frame: FrameType | None) -> None:
        """Stop the workers; at the second call at once."""
        if self.stopping:
            log.info("Stopping without waiting any longer")
            for worker in psutil.Process().children():
                with suppress(psutil.NoSuchProcess):  # it has just ended
                    worker.terminate()
        self.stopping = True
        self.circus[number](number, frame)

    def hang_up(self, number: int, frame: FrameType | None) -> None:
        """Stop, or replace the workers."""
        closed = self.terminal and not has_terminal()
        self.terminal = self.terminal and not closed
        if not closed:
            self.reload()
            self.circus[number](number, frame)
        elif self.ignores_hangup:
            log.info("The terminal was closed; the service goes on, since it runs under nohup")
        elif not self.stopping:
            self.stop(signal.SIGTERM, frame)


def supervise(reload: Callable[[], None]) -> None:
    """Install ``Signals`` when the supervisor's event loop runs: by then circus has installed its own."""
    IOLoop.current().add_callback(Signals(reload).install)


def has_terminal() -> bool:
    """Whether this process has a controlling terminal."""
    try:
        os.close(os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY))
    except OSError:
        return False
    return True


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
