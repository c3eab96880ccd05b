"""Counts kept in memory and written to the Prometheus client in bulk.

With several processes the client writes each count to a shared file at once, which takes 5 µs. So
counts are buffered and written by a timer, and before this process answers ``/metrics``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

WRITE_SECONDS = 0.25
"""Maximum age of another worker's counts when it is scraped."""


class WriteBuffer:
    """Calls every registered writer ``WRITE_SECONDS`` after the first count that is not written yet."""

    def __init__(self) -> None:
        self.writers: list[Callable[[], None]] = []
        self.timer: asyncio.TimerHandle | None = None

    def schedule(self) -> None:
        """There is something to write; call this within an event loop."""
        if self.timer is None:
            self.timer = asyncio.get_running_loop().call_later(WRITE_SECONDS, self.write)

    def write(self) -> None:
        """Write everything now."""
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None
        for write in self.writers:
            write()


buffer = WriteBuffer()
"""The buffer of this process."""


class BufferedHistogram:
    """A histogram series whose values are written in bulk."""

    def __init__(self, series: Any) -> None:
        self.series = series
        self.values: list[float] = []
        buffer.writers.append(self.write)

    def __call__(self, value: float) -> None:
        """Observe one value."""
        self.values.append(value)
        buffer.schedule()

    def write(self) -> None:
        """Pass the buffered values to the Prometheus client."""
        if self.values:
            observe_many(self.series, self.values)
            self.values.clear()


def observe_many(series: Any, values: Sequence[float] | NDArray[Any]) -> None:
    """Observe many values of a histogram series; the result is that of one ``observe`` each."""
    # Upper bounds are inclusive (``le``). NaN, from a foreign model, is in no bucket, as in the client.
    buckets = np.searchsorted(series._upper_bounds, values, side="left")
    for bucket, count in zip(series._buckets, np.bincount(buckets).tolist(), strict=False):
        if count:
            bucket.inc(count)
    series._sum.inc(float(np.sum(values)))
