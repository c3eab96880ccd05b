"""Metrics of the challenger; there are none without one."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from weather.telemetry.buffer import observe_many
from weather.telemetry.metrics import TrainingRange

DIFFERENCES = (0.001, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
"""Buckets of the absolute difference of two probabilities."""


@cache
def challenger_families() -> dict[str, Any]:
    """The metric families of this process, by name without the prefix; see ``metrics.families``."""
    from prometheus_client import Counter, Gauge, Histogram

    prefix = "rain_forecast_challenger_"
    made: list[Any] = [
        Gauge(
            f"{prefix}loaded",
            "1 while the challenger computes, 0 if it failed",
            ["challenger"],
            multiprocess_mode="livemin",
        ),
        Counter(f"{prefix}dropped", "Rows that the challenger did not compute", ["reason"]),
        Counter(f"{prefix}forecasts", "Rows that the challenger computed, by decision", ["decision"]),
        Histogram(
            f"{prefix}probability_difference",
            "Absolute difference of its probability from the one that was answered",
            buckets=DIFFERENCES,
        ),
        Gauge(
            f"{prefix}probability_difference_max",
            "Largest of these differences since the start",
            multiprocess_mode="max",
        ),
        Counter(f"{prefix}inputs_out_of_range", "Inputs outside its training range", ["feature"]),
    ]
    return {family._name.removeprefix(prefix): family for family in made}


class ChallengerMetrics:
    """How the challenger ``tag`` compares with what is served."""

    def __init__(self, tag: str) -> None:
        family = challenger_families()
        self.loaded = family["loaded"].labels(tag)
        self.dropped = family["dropped"]
        self.forecasts = family["forecasts"]
        self.difference = family["probability_difference"]
        self.largest = family["probability_difference_max"]
        self.outside = family["inputs_out_of_range"]
        self.max = 0.0
        self.trained: TrainingRange | None = None

    def start(self, manifest: Mapping[str, Any]) -> None:
        """It computes from now on."""
        self.trained = TrainingRange(manifest, self.outside)
        self.loaded.set(1)

    def count(
        self,
        rows: NDArray[np.float64],
        answered: tuple[NDArray[np.bool_], NDArray[np.float64]],
        computed: tuple[NDArray[np.bool_], NDArray[np.float64]],
    ) -> None:
        """Count n rows: what was answered and what the challenger computed.

        Both are decisions, bool[n], and probabilities, float64[n], NaN without calibration.
        """
        same = int(np.count_nonzero(answered[0] == computed[0]))
        self.forecasts.labels("same").inc(same)
        self.forecasts.labels("different").inc(len(rows) - same)
        differences = np.abs(answered[1] - computed[1])
        differences = differences[~np.isnan(differences)]
        if len(differences):
            observe_many(self.difference, differences)
            self.max = max(self.max, float(differences.max()))
            self.largest.set(self.max)
        if self.trained is not None:
            self.trained.count(rows)
