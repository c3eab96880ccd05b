"""A real Mosquitto on a free loopback port, which keeps its state in a folder."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.processes import started

BROKER = shutil.which("mosquitto", path=f"{os.environ['PATH']}:/usr/sbin")


@contextmanager
def broker(folder: Path, port: int) -> Iterator[None]:
    """Start it; it is stopped in the end, and another one on the folder goes on where it was."""
    assert BROKER is not None
    configuration = folder / "mosquitto.conf"
    configuration.write_text(
        f"listener {port} 127.0.0.1\nallow_anonymous true\npersistence true\n"
        f"persistence_location {folder}/\nautosave_on_changes true\nautosave_interval 1\n"
        f"log_dest file {folder}/log\n"
        + (f"user {os.environ.get('USER', 'root')}\n" if os.getuid() == 0 else "")
    )
    with started(BROKER, "-c", configuration):
        yield
