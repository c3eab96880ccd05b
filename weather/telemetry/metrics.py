"""What the service tells Prometheus beside what BentoML counts; ``docs/observability.md`` says what for.

With several processes Prometheus' client writes each count to a shared file at once, 5 µs a time. So
counts are kept here first and written in bulk, by a timer and before this process answers ``/metrics``.
"""

from __future__ import annotations

import asyncio
from collections import Counter as Count
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from weather.contract.variables import FEATURES, NEGATIVE, POSITIVE

if TYPE_CHECKING:  # a second of import that making an API key needn't wait for
    from bentoml import Model

    from weather.model.classifier import Classifier

WRITE_SECONDS = 0.25
"""How old what another worker has counted may be when it is scraped."""

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
        Counter("rain_forecast_refusals", "Requests refused without being looked into", ["reason"]),
        # A killed worker's gauges stay until the service starts anew; they are the same in all workers.
        Gauge(
            "rain_forecast_model_info",
            "The models that are served; always 1",
            ["scaler", "classifier", "horizon_hours"],
            multiprocess_mode="livemax",
        ),
        Gauge(
            "rain_forecast_model_imported_timestamp_seconds",
            "When the classifier was put into the model store",
            multiprocess_mode="livemax",
        ),
        Gauge(
            "rain_forecast_golden_check_passed",
            "1 when the golden rows came out as at training, 0 when they did not or there are none",
            multiprocess_mode="livemin",
        ),
    ]
    return {family._name.removeprefix("rain_forecast_"): family for family in made}


class Notebook:
    """Remembers who has counts to write, and has them written WRITE_SECONDS after the first."""

    def __init__(self) -> None:
        self.writers: list[Callable[[], None]] = []
        self.timer: asyncio.TimerHandle | None = None

    def noted(self) -> None:
        """Something is to be written; within an event loop."""
        if self.timer is None:
            self.timer = asyncio.get_running_loop().call_later(WRITE_SECONDS, self.write)

    def write(self) -> None:
        """Hand everything to Prometheus' client."""
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None
        for write in self.writers:
            write()


notebook = Notebook()


def observe(series: Any, values: Sequence[float] | NDArray[Any]) -> None:
    """Many observations of one histogram series, as its ``observe`` would make them one by one."""
    # A bucket has its upper bound in it: `le`. NaN, from a foreign model, is in none, as in the client.
    places = np.searchsorted(series._upper_bounds, values, side="left")
    for bucket, count in zip(series._buckets, np.bincount(places).tolist(), strict=False):
        if count:
            bucket.inc(count)
    series._sum.inc(float(np.sum(values)))


class Observed:
    """A histogram series that is written to in bulk."""

    def __init__(self, series: Any) -> None:
        self.series = series
        self.values: list[float] = []
        notebook.writers.append(self.write)

    def __call__(self, value: float) -> None:
        """Note one value."""
        self.values.append(value)
        notebook.noted()

    def write(self) -> None:
        """Hand the noted values over."""
        if self.values:
            observe(self.series, self.values)
            self.values.clear()


class Refusals:
    """Counts refusals by reason."""

    def __init__(self) -> None:
        self.counts: Count[str] = Count()
        notebook.writers.append(self.write)

    def __call__(self, reason: str) -> None:
        """Count one; ``reason`` is a word of a fixed set."""
        self.counts[reason] += 1
        notebook.noted()

    def write(self) -> None:
        """Hand the counts over."""
        for reason, count in self.counts.items():
            families()["refusals"].labels(reason).inc(count)
        self.counts.clear()


refused = Refusals()


class BatchMetrics:
    """Counts the batches of one classifier."""

    def __init__(self, manifest: Mapping[str, Any]) -> None:
        self.batches: list[tuple[NDArray[np.float64], NDArray[np.bool_], NDArray[np.float32] | None]] = []
        family = families()
        self.seconds = Observed(family["compute_seconds"])
        self.probability = family["probability"]
        self.rain = family["forecasts"].labels(POSITIVE)
        self.dry = family["forecasts"].labels(NEGATIVE)
        ranges = {feature["name"]: feature for feature in manifest.get("features", ())}
        # Without a manifest (the old system's artifacts) the range is not known: nothing is outside.
        self.low = np.array([ranges[n]["minimum"] if ranges else -np.inf for n in FEATURES])
        self.high = np.array([ranges[n]["maximum"] if ranges else np.inf for n in FEATURES])
        self.outside = [family["inputs_out_of_range"].labels(name) for name in FEATURES] if ranges else []
        notebook.writers.append(self.write)

    def __call__(
        self,
        rows: NDArray[np.float64],
        rain: NDArray[np.bool_],
        probability: NDArray[np.float32] | None,
        seconds: float,
    ) -> None:
        """Note one batch: float64[n, 7], bool[n], float32[n] or None, seconds of computing."""
        self.batches.append((rows, rain, probability))
        self.seconds(seconds)

    def write(self) -> None:
        """Hand the noted batches over."""
        if not self.batches:
            return
        batches, self.batches = self.batches, []
        rain = np.concatenate([decisions for _, decisions, _ in batches])
        wet = int(np.count_nonzero(rain))
        self.rain.inc(wet)
        self.dry.inc(len(rain) - wet)
        chances = [probability for _, _, probability in batches if probability is not None]
        if chances:
            observe(self.probability, np.concatenate(chances))
        rows = np.concatenate([rows for rows, _, _ in batches])
        outside = ((rows < self.low) | (rows > self.high)).sum(axis=0)
        if self.outside:
            for series, count in zip(self.outside, outside.tolist(), strict=True):
                series.inc(count)


def watch(classifier: Classifier | None, scaler: Model, model: Model) -> None:
    """Count what the classifier does, and say which models are served and whether they passed their
    golden rows; None for a classifier that did not.
    """
    metadata: dict[str, Any] = model.info.metadata
    manifest = metadata.get("manifest", {})
    if classifier is not None:
        classifier.count = BatchMetrics(manifest)
    horizon = str(manifest.get("horizon_hours", "unknown"))
    families()["model_info"].labels(str(scaler.tag), str(model.tag), horizon).set(1)
    families()["model_imported_timestamp_seconds"].set(model.creation_time.timestamp())
    families()["golden_check_passed"].set(int(classifier is not None and bool(manifest.get("golden"))))
