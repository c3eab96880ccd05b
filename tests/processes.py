"""Child processes that end with the test that started them, also when it fails."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from loadtest.serving import family_of, kill

HEED_SIGINT = ("env", "--default-signal=INT")
"""Undoes what a shell does to the children of ``make test &``: they inherit that SIGINT is ignored."""


@contextmanager
def started(*command: str | Path, **options: Any) -> Iterator[subprocess.Popen[str]]:
    """A process in a session of its own; in the end it and all its descendants are killed.

    ``options`` go to ``Popen``; pipes are in text mode.
    """
    with subprocess.Popen([*HEED_SIGINT, *command], text=True, start_new_session=True, **options) as process:
        try:
            yield process
        finally:
            end(process)


def end(process: subprocess.Popen[str]) -> None:
    """Kill the leader of a session, its process group, and descendants that left the group."""
    family = family_of(process)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    kill(family)
    process.wait()
