"""The service's Prometheus metrics, besides those of BentoML; docs/observability.md says what each is for."""

from __future__ import annotations

from collections import Counter as Count
from collections.abc import Callable, Mapping
from functools import cache, partial
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from weather.contract.variables import FEATURES, NEGATIVE, POSITIVE
from weather.model.manifest import manifest_of
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
        Counter("rain_forecast_model_swaps", "Attempts to serve another pair, by result", ["result"]),
        # All workers have the same values but for the moment of a swap.
        Gauge(
            "rain_forecast_model_info",
            "1 for the served models, 0 for those that were served before",
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
            "1 if the golden rows gave the expected forecasts at the check, 0 if not or if there are none",
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


class TrainingRange:
    """The range of each feature in training, and the counters of inputs outside of it.

    Without a manifest (the artifacts of the old system) the ranges are unknown, and nothing is counted.
    ``family`` is a counter with the label ``feature``.
    """

    def __init__(self, manifest: Mapping[str, Any], family: Any) -> None:
        ranges = {feature["name"]: feature for feature in manifest.get("features", ())}
        self.low = np.array([ranges[name]["minimum"] for name in FEATURES if ranges])
        self.high = np.array([ranges[name]["maximum"] for name in FEATURES if ranges])
        self.outside = [family.labels(name) for name in FEATURES if ranges]

    def count(self, rows: NDArray[np.float64]) -> None:
        """Count the inputs of n rows, float64[n, features]."""
        if self.outside:
            outside = ((rows < self.low) | (rows > self.high)).sum(axis=0)
            for series, count in zip(self.outside, outside.tolist(), strict=True):
                series.inc(count)


class BatchMetrics:
    """Metrics of the batches that are computed, whichever model is served at the time."""

    def __init__(self) -> None:
        self.batches: list[
            tuple[TrainingRange, NDArray[np.float64], NDArray[np.bool_], NDArray[np.float32] | None]
        ] = []
        family = families()
        self.seconds = BufferedHistogram(family["compute_seconds"])
        self.probability = family["probability"]
        self.positive = family["forecasts"].labels(POSITIVE)
        self.negative = family["forecasts"].labels(NEGATIVE)
        buffer.writers.append(self.write)

    def of(self, manifest: Mapping[str, Any]) -> Callable[..., None]:
        """``count`` for the classifier with this manifest."""
        return partial(self.count, TrainingRange(manifest, families()["inputs_out_of_range"]))

    def count(
        self,
        trained: TrainingRange,
        rows: NDArray[np.float64],
        decisions: NDArray[np.bool_],
        probability: NDArray[np.float32] | None,
        seconds: float,
    ) -> None:
        """Count one batch: float64[n, features], bool[n], float32[n] or None, seconds of computation."""
        self.batches.append((trained, rows, decisions, probability))
        self.seconds(seconds)

    def write(self) -> None:
        """Pass the buffered batches to the Prometheus client."""
        if not self.batches:
            return
        batches, self.batches = self.batches, []
        decisions = np.concatenate([decisions for _, _, decisions, _ in batches])
        positive = int(np.count_nonzero(decisions))
        self.positive.inc(positive)
        self.negative.inc(len(decisions) - positive)
        probabilities = [probability for *_, probability in batches if probability is not None]
        if probabilities:
            observe_many(self.probability, np.concatenate(probabilities))
        for trained, group in groupby(batches, key=itemgetter(0)):
            trained.count(np.concatenate([rows for _, rows, _, _ in group]))


@cache
def batch_metrics() -> BatchMetrics:
    """Those of this process, as ``families``."""
    return BatchMetrics()


def register_model(
    classifier: Classifier | None, scaler: Model, model: Model, replaced: tuple[Model, Model] | None = None
) -> None:
    """Set the gauges of the served models and count the classifier's batches.

    ``classifier`` is None if the model failed its start-up check; ``replaced`` are the scaler and model
    that were served before.
    """
    manifest = manifest_of(model)
    if classifier is not None:
        classifier.on_batch = batch_metrics().of(manifest)
    if replaced is not None:
        model_info(*replaced).set(0)
    model_info(scaler, model).set(1)
    families()["model_imported_timestamp_seconds"].set(model.creation_time.timestamp())
    families()["golden_check_passed"].set(int(classifier is not None and bool(manifest.get("golden"))))


def model_info(scaler: Model, model: Model) -> Any:
    """The series of a pair."""
    horizon = str(manifest_of(model).get("horizon_hours", "unknown"))
    return families()["model_info"].labels(str(scaler.tag), str(model.tag), horizon)
