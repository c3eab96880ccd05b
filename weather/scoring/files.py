"""Writes files atomically."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

UNFINISHED = "_unfinished-"
"""Prefix of the names of incomplete files. Readers of a folder ignore names that begin with ``_``."""


@contextmanager
def replaced(path: Path) -> Iterator[BinaryIO]:
    """A file to write; it gets its final name once it is complete and on disk.

    Each writer has its own temporary file, because two workers may compute the same part at the same time:
    one that has lost its connection to the cluster, and the one that replaces it.
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
