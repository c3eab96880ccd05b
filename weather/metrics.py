"""What the service tells Prometheus of its forecasts, beside what BentoML counts of requests.

Everything is counted once a batch, on whole arrays. ``docs/observability.md`` says what each answers.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from weather.variables import FEATURES

SECONDS = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0)
BINS = 10
"""Equal bins of the probability."""


@cache
def families() -> dict[str, Any]:
    """The metrics of this process, by name without the prefix.

    Made at the first call, not at import: prometheus_client decides at its own import whether there
    are several processes, and BentoML says so only when it starts them.
    """
    from prometheus_client import Counter, Gauge, Histogram

    made: list[Any] = [
        Histogram(
            "rain_forecast_queue_wait_seconds", "Wait of a batch's oldest row in the queue", buckets=SECONDS
        ),
        Histogram("rain_forecast_compute_seconds", "Time of the classifier for a batch", buckets=SECONDS),
        Histogram(
            "rain_forecast_probability",
            "Probability of rain that was forecast",
            buckets=[n / BINS for n in range(1, BINS + 1)],
        ),
        Counter("rain_forecast_forecasts", "Forecasts by decision", ["prediction"]),
        Counter("rain_forecast_inputs_out_of_range", "Inputs outside the training range", ["feature"]),
        # A killed worker's gauges stay until the service starts anew; both are the same in all workers.
        Gauge(
            "rain_forecast_model_info",
            "The models that are served; always 1",
            ["scaler", "classifier", "horizon_hours"],
            multiprocess_mode="livemax",
        ),
        Gauge(
            "rain_forecast_golden_check_passed",
            "1 when the golden rows came out as at training, 0 when they did not or there are none",
            multiprocess_mode="livemin",
        ),
    ]
    return {family._name.removeprefix("rain_forecast_"): family for family in made}


class BatchMetrics:
    """Counts the batches of one classifier; the labelled series are looked up once."""

    def __init__(self, manifest: Mapping[str, Any]) -> None:
        family = families()
        self.seconds = family["compute_seconds"]
        self.rain = family["forecasts"].labels("Rain")
        self.dry = family["forecasts"].labels("No_Rain")
        self.sum = family["probability"]._sum
        self.bins = family["probability"]._buckets
        ranges = {feature["name"]: feature for feature in manifest.get("features", ())}
        # Without a manifest (the old system's artifacts) the range is not known: nothing is outside.
        self.low = np.array([ranges[n]["minimum"] if ranges else -np.inf for n in FEATURES], np.float32)
        self.high = np.array([ranges[n]["maximum"] if ranges else np.inf for n in FEATURES], np.float32)
        self.outside = [family["inputs_out_of_range"].labels(name) for name in FEATURES] if ranges else []

    def __call__(
        self,
        rows: NDArray[np.float32],
        rain: NDArray[np.bool_],
        probability: NDArray[np.float32] | None,
        seconds: float,
    ) -> None:
        """Count one batch: float32[n, 7], bool[n], float32[n] or None, seconds of computing."""
        self.seconds.observe(seconds)
        wet = int(np.count_nonzero(rain))
        if wet:
            self.rain.inc(wet)
        if wet < len(rain):
            self.dry.inc(len(rain) - wet)
        if probability is not None:
            self.sum.inc(float(probability.sum()))
            # A probability at the end of a bin belongs to it: Prometheus' bins are (low, high].
            counts = np.bincount(np.ceil(probability * BINS).astype(np.intp).clip(1, BINS) - 1)
            for number in np.flatnonzero(counts).tolist():
                self.bins[number].inc(int(counts[number]))
        if self.outside:
            outside = (rows < self.low) | (rows > self.high)
            if outside.any():
                for series, count in zip(self.outside, outside.sum(axis=0).tolist(), strict=True):
                    if count:
                        series.inc(count)


def describe(scaler: str, classifier: str, manifest: Mapping[str, Any], passed: bool) -> None:
    """Say which models are served, and whether the golden rows came out right."""
    horizon = str(manifest.get("horizon_hours", "unknown"))
    families()["model_info"].labels(scaler, classifier, horizon).set(1)
    families()["golden_check_passed"].set(int(passed))
