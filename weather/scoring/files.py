"""Files that are there as a whole or not at all."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

UNFINISHED = "_unfinished-"
"""Begins the names of files that are being written. Readers of a folder leave out what begins with ``_``."""


@contextmanager
def replaced(path: Path) -> Iterator[BinaryIO]:
    """A file to write; it gets its name once it is complete and on disk.

    Each writer has a file of its own: a part may be computed twice at a time, by a worker that was lost
    to the cluster and by the one that took over.
    """
    unfinished = path.with_name(f"{UNFINISHED}{uuid.uuid4().hex}-{path.name}")
    try:
        with unfinished.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)  # or the new name may be lost with the power
    finally:
        os.close(folder)


def write(path: Path, content: bytes) -> None:
    """Write a small file."""
    with replaced(path) as file:
        file.write(content)
