"""Which classifier is the latest in the model store, asked by a signal or again and again."""

from __future__ import annotations

from pathlib import Path
from time import monotonic

import bentoml
from bentoml._internal.configuration.containers import BentoMLContainer

from weather.contract.names import CLASSIFIER

POLL_SECONDS = 0.5
"""Interval of ``Latest.poll``: it costs 1 µs while nothing is requested."""


class Latest:
    """Names the latest classifier when that is requested, and every ``seconds`` if it is another one.

    ``known`` is the tag that is served at first; with ``seconds`` 0 only ``request`` counts.
    """

    def __init__(self, known: str, seconds: float) -> None:
        self.known = known
        self.seconds = seconds
        self.requested = False
        self.due = monotonic() + seconds

    def request(self) -> None:
        """Have the next ``poll`` name the latest classifier, whichever it is; for a signal handler."""
        self.requested = True

    def poll(self) -> str | None:
        """The tag of the classifier to serve from now on, if there is any news."""
        due = self.seconds > 0 and monotonic() >= self.due
        if not self.requested and not due:
            return None
        requested, self.requested = self.requested, False
        self.due = monotonic() + self.seconds
        latest = read_latest()
        if latest is None or (latest == self.known and not requested):
            return None
        self.known = latest
        return latest


def read_latest() -> str | None:
    """The tag of the store's latest classifier; None if there is none.

    The file alone: BentoML reads the whole model for this, 20 ms of YAML.
    """
    store = BentoMLContainer.model_store.get()
    try:
        version = (Path(store._path) / bentoml.Tag(CLASSIFIER, "latest").latest_path()).read_text().strip()
    except OSError:
        return None
    return f"{CLASSIFIER}:{version}" if version else None
