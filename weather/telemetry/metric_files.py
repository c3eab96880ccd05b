"""Metrics shared by the workers, written so that a full disk does not kill a worker.

prometheus_client keeps the counts of each process in files, which any worker reads when it is scraped. It
maps them into memory: the first write to a page allocates its disk block, and on a full disk the kernel
kills the process with SIGBUS, without a line in the log. Here the same files are written with pwrite(2),
which fails with an ``OSError``: the log says so once, the value is kept and written when there is room
again. A write takes 3.3 µs instead of 1.8, four times per second for each series in use (``buffer.py``).
"""

from __future__ import annotations

import logging
import os
import struct
import time
from collections.abc import Sequence
from pathlib import Path
from threading import Lock
from typing import Any, ClassVar

import psutil

log = logging.getLogger("bentoml.weather")

HEADER = struct.Struct("i4x")
"""Bytes of the file in use."""

LENGTH = struct.Struct("i")
NUMBERS = struct.Struct("dd")
"""Value and timestamp of a series, after its name."""


class CountFile:
    """One file in prometheus_client's format: header, then for each series name, value and timestamp."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.descriptor = -1
        self.used = HEADER.size
        self.positions: dict[str, int] = {}
        self.pending: dict[str, tuple[float, float]] = {}
        self.failed = False

    def write(self, series: str, value: float, timestamp: float) -> None:
        """Write a value, and those that could not be written before."""
        self.pending[series] = (value, timestamp)
        try:
            if self.descriptor < 0:
                self.open()
            for name in list(self.pending):
                self.put(name, *self.pending[name])
                del self.pending[name]
        except OSError as error:
            if not self.failed:
                log.error("Metrics are not written, forecasts go on: %s: %s", self.path, error.strerror)
            self.failed = True
        else:
            if self.failed:
                log.warning("Metrics are written again: %s", self.path)
            self.failed = False

    def open(self) -> None:
        """Create the file; it appears with its header, since readers fail on an empty one.

        A file that is there already is that of an earlier worker with the same process id. It stays,
        under another name: without its counts the sum over all workers would fall.
        """
        if self.path.exists():
            self.path.rename(self.path.with_stem(f"{self.path.stem}-{time.time_ns()}"))
        part = self.path.with_suffix(".part")
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o644)
        try:
            write_all(descriptor, HEADER.pack(self.used), 0)
            part.replace(self.path)
        except OSError:
            os.close(descriptor)
            part.unlink(missing_ok=True)
            raise
        self.descriptor = descriptor

    def put(self, series: str, value: float, timestamp: float) -> None:
        """Overwrite the numbers of a series, or append the series."""
        position = self.positions.get(series)
        if position is not None:
            write_all(self.descriptor, NUMBERS.pack(value, timestamp), position)
            return
        name = series.encode()
        padded = name + b" " * (8 - (len(name) + LENGTH.size) % 8)
        entry = LENGTH.pack(len(name)) + padded + NUMBERS.pack(value, timestamp)
        write_all(self.descriptor, entry, self.used)
        used = self.used + len(entry)
        write_all(self.descriptor, HEADER.pack(used), 0)
        self.used = used
        self.positions[series] = used - NUMBERS.size


def write_all(descriptor: int, data: bytes, position: int) -> None:
    """``os.pwrite`` of all bytes.

    Raises:
        OSError: there is no room for them.
    """
    written = os.pwrite(descriptor, data, position)
    if written < len(data):  # the rest then fails with the reason
        os.pwrite(descriptor, data[written:], position + written)


class SharedValue:
    """One series of this process; takes the place of prometheus_client's ``MmapedValue``."""

    _multiprocess = True
    files: ClassVar[dict[str, CountFile]] = {}
    lock = Lock()

    def __init__(
        self,
        typ: str,
        metric_name: str,
        name: str,
        labelnames: Sequence[str],
        labelvalues: Sequence[str],
        help_text: str,
        multiprocess_mode: str = "",
        **_: object,
    ) -> None:
        from prometheus_client.mmap_dict import mmap_key

        kind = f"{typ}_{multiprocess_mode}" if typ == "gauge" else typ
        path = Path(os.environ["PROMETHEUS_MULTIPROC_DIR"]) / f"{kind}_{os.getpid()}.db"
        with self.lock:
            self.file = self.files.setdefault(kind, CountFile(path))
        self.series = mmap_key(metric_name, name, list(labelnames), list(labelvalues), help_text)
        self.set(0.0)

    def inc(self, amount: float) -> None:
        """Add to the value."""
        with self.lock:
            self.value += amount
            self.file.write(self.series, self.value, 0.0)

    def set(self, value: float, timestamp: float | None = None) -> None:
        """Set the value."""
        with self.lock:
            self.value = value
            self.file.write(self.series, value, timestamp or 0.0)

    def get(self) -> float:
        """The value."""
        return self.value

    def set_exemplar(self, exemplar: Any) -> None:
        """Exemplars are not shared, as in prometheus_client."""

    def get_exemplar(self) -> None:
        """None, as in prometheus_client."""


def install() -> None:
    """Have prometheus_client make its series of ``SharedValue``, if it shares them at all.

    The gauges of workers that were killed go: what they served then need not be what is served now.

    To be called before the first series is made. ``values.ValueClass`` is the place where integrations
    with other servers put a class of theirs, too.
    """
    from prometheus_client import values

    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        values.ValueClass = SharedValue
        for file in Path(os.environ["PROMETHEUS_MULTIPROC_DIR"]).glob("gauge_live*.db"):
            pid = int(file.stem.rpartition("_")[2].partition("-")[0])
            if pid == os.getpid() or not psutil.pid_exists(pid):
                file.unlink(missing_ok=True)
