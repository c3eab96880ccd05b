"""SIGHUP: a request to load the latest models, or news that the terminal was closed."""

from __future__ import annotations

import logging
import os
import signal
from collections.abc import Callable
from types import FrameType

log = logging.getLogger("bentoml.weather")


class HangUp:
    """A handler of SIGHUP.

    - The terminal was closed: calls ``stop``; after ``nohup`` nothing.
    - Any other SIGHUP: calls ``reload``.
    """

    def __init__(self, reload: Callable[[], None], stop: Callable[[], None]) -> None:
        self.reload = reload
        self.stop = stop
        self.terminal = has_terminal()
        self.ignores_terminal = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN

    def __call__(self, _: int, __: FrameType | None) -> None:
        closed = self.terminal and not has_terminal()
        self.terminal = self.terminal and not closed
        if not closed:
            self.reload()
        elif self.ignores_terminal:
            log.info("The terminal was closed; the service goes on, since it runs under nohup")
        else:
            self.stop()


def has_terminal() -> bool:
    """Whether this process has a controlling terminal."""
    try:
        os.close(os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY))
    except OSError:
        return False
    return True
