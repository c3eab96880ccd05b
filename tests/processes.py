"""Child processes that end with the test that started them, also when it fails.

All that tests start, and whatever that starts, inherits a variable by which it is found again: as a
process that changed its session and whose parent has ended is found by nothing else.
"""

from __future__ import annotations

import os
import subprocess
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path
from typing import Any

import psutil

VARIABLE = "STARTED_BY_TESTS"
SESSION = uuid.uuid4().hex
os.environ[VARIABLE] = SESSION

DEFAULT_SIGNALS = ("env", "--default-signal=INT", "--default-signal=HUP")
"""Undoes what ``make test &`` and ``nohup make test`` do to what tests start: it inherits ignored signals."""

_numbers = count()


@contextmanager
def started(
    *command: str | Path, env: Mapping[str, str] | None = None, **options: Any
) -> Iterator[subprocess.Popen[str]]:
    """A process in a session of its own; in the end it and all its descendants are killed.

    ``env`` and ``options`` are those of ``Popen``; pipes are in text mode.
    """
    mark = f"{SESSION}-{next(_numbers)}-"
    environment = {**(os.environ if env is None else env), VARIABLE: mark}
    with subprocess.Popen(
        [*DEFAULT_SIGNALS, *command], text=True, start_new_session=True, env=environment, **options
    ) as process:
        try:
            yield process
        finally:
            process.kill()
            kill_all(mark)
            process.wait()


def kill_all(mark: str = SESSION) -> list[str]:
    """Kill what was started under a mark; the command lines of what still ran."""
    killed = []
    # Until two looks in a row find none: one that is killed may have started another, which shows no
    # variables while it begins.
    unseen = 0
    while unseen < 2:
        found = running(mark)
        unseen = 0 if found else unseen + 1
        for process in found:
            with suppress(psutil.NoSuchProcess):
                killed.append(" ".join(process.cmdline()))
                process.kill()
        time.sleep(0.01)
    return killed


def running(mark: str) -> set[psutil.Process]:
    """The processes that were started under a mark and have not ended, and those that started them: one that
    changed its title, as BentoML's supervisor does, has overwritten its variables.
    """
    own = psutil.Process()
    spared = {own, *own.parents(), psutil.Process(1)}
    found: set[psutil.Process] = set()
    for process in psutil.process_iter():
        # Zombies and processes of other users have no environment to read.
        with suppress(psutil.NoSuchProcess, psutil.AccessDenied):
            if process.environ().get(VARIABLE, "").startswith(mark):
                found |= {process, *process.parents()} - spared
    return found


def lives(process: psutil.Process) -> bool:
    """Whether a process has not ended; one that nobody waits for stays as a zombie."""
    return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
