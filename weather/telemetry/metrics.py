"""The service's Prometheus metrics, besides those of BentoML; docs/observability.md says what each is for."""

from __future__ import annotations

from collections import Counter as Count
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from weather.contract.variables import FEATURES, NEGATIVE, POSITIVE
from weather.telemetry.buffer import BufferedHistogram, buffer, observe_many

if TYPE_CHECKING:  # importing these takes a second, which ``make key`` need not wait for
    from bentoml import Model

    from weather.model.classifier import Classifier

SECONDS = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0)
BINS = 10
"""Bins of the probability, of equal width."""


@cache
def families() -> dict[str, Any]:
    """The metric families of this process, by name without the prefix.

    Created by the first call, not at import: prometheus_client decides when it is imported whether
    there are several processes, and BentoML sets that only when it starts them.
    """
    from prometheus_client import Counter, Gauge, Histogram

    made: list[Any] = [
        Histogram(
            "rain_forecast_queue_wait_seconds", "Queueing time of the oldest row of a batch", buckets=SECONDS
        ),
        Histogram("rain_forecast_compute_seconds", "Time of the classifier for a batch", buckets=SECONDS),
        Histogram(
            "rain_forecast_probability",
            f"Forecast probability of {POSITIVE}",
            buckets=[n / BINS for n in range(1, BINS + 1)],
        ),
        Counter("rain_forecast_forecasts", "Forecasts by decision", ["prediction"]),
        Counter("rain_forecast_inputs_out_of_range", "Inputs outside the training range", ["feature"]),
        Counter("rain_forecast_refusals", "Refused requests, except those with a bad body", ["reason"]),
        # The gauges of a killed worker stay until the service restarts; all workers have the same values.
        Gauge(
            "rain_forecast_model_info",
            "The served models; the value is always 1",
            ["scaler", "classifier", "horizon_hours"],
            multiprocess_mode="livemax",
        ),
        Gauge(
            "rain_forecast_model_imported_timestamp_seconds",
            "When the classifier was imported into the model store",
            multiprocess_mode="livemax",
        ),
        Gauge(
            "rain_forecast_golden_check_passed",
            "1 if the golden rows gave the expected forecasts at start-up, 0 if not or if there are none",
            multiprocess_mode="livemin",
        ),
    ]
    return {family._name.removeprefix("rain_forecast_"): family for family in made}


class RefusalCounter:
    """Counts refused requests by reason."""

    def __init__(self) -> None:
        self.counts: Count[str] = Count()
        buffer.writers.append(self.write)

    def __call__(self, reason: str) -> None:
        """Count one; ``reason`` is one word of a fixed set."""
        self.counts[reason] += 1
        buffer.schedule()

    def write(self) -> None:
        """Pass the buffered counts to the Prometheus client."""
        for reason, count in self.counts.items():
            families()["refusals"].labels(reason).inc(count)
        self.counts.clear()


count_refusal = RefusalCounter()


class BatchMetrics:
    """Metrics of the batches that one classifier computes."""

    def __init__(self, manifest: Mapping[str, Any]) -> None:
        self.batches: list[tuple[NDArray[np.float64], NDArray[np.bool_], NDArray[np.float32] | None]] = []
        family = families()
        self.seconds = BufferedHistogram(family["compute_seconds"])
        self.probability = family["probability"]
        self.positive = family["forecasts"].labels(POSITIVE)
        self.negative = family["forecasts"].labels(NEGATIVE)
        ranges = {feature["name"]: feature for feature in manifest.get("features", ())}
        # Without a manifest (the artifacts of the old system) the training range is unknown.
        self.low = np.array([ranges[n]["minimum"] if ranges else -np.inf for n in FEATURES])
        self.high = np.array([ranges[n]["maximum"] if ranges else np.inf for n in FEATURES])
        self.outside = [family["inputs_out_of_range"].labels(name) for name in FEATURES] if ranges else []
        buffer.writers.append(self.write)

    def __call__(
        self,
        rows: NDArray[np.float64],
        decisions: NDArray[np.bool_],
        probability: NDArray[np.float32] | None,
        seconds: float,
    ) -> None:
        """Count one batch: float64[n, features], bool[n], float32[n] or None, seconds of computation."""
        self.batches.append((rows, decisions, probability))
        self.seconds(seconds)

    def write(self) -> None:
        """Pass the buffered batches to the Prometheus client."""
        if not self.batches:
            return
        batches, self.batches = self.batches, []
        decisions = np.concatenate([decisions for _, decisions, _ in batches])
        positive = int(np.count_nonzero(decisions))
        self.positive.inc(positive)
        self.negative.inc(len(decisions) - positive)
        probabilities = [probability for _, _, probability in batches if probability is not None]
        if probabilities:
            observe_many(self.probability, np.concatenate(probabilities))
        rows = np.concatenate([rows for rows, _, _ in batches])
        outside = ((rows < self.low) | (rows > self.high)).sum(axis=0)
        if self.outside:
            for series, count in zip(self.outside, outside.tolist(), strict=True):
                series.inc(count)


def register_model(classifier: Classifier | None, scaler: Model, model: Model) -> None:
    """Set the gauges of the served models and count the classifier's batches.

    ``classifier`` is None if the model failed its start-up check.
    """
    metadata: dict[str, Any] = model.info.metadata
    manifest = metadata.get("manifest", {})
    if classifier is not None:
        classifier.on_batch = BatchMetrics(manifest)
    horizon = str(manifest.get("horizon_hours", "unknown"))
    families()["model_info"].labels(str(scaler.tag), str(model.tag), horizon).set(1)
    families()["model_imported_timestamp_seconds"].set(model.creation_time.timestamp())
    families()["golden_check_passed"].set(int(classifier is not None and bool(manifest.get("golden"))))
