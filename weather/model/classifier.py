"""The compiled graph, run: raw observations in, decisions and probabilities out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from time import perf_counter
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from weather.contract.variables import LABELS, Forecast, WeatherVariables, as_rows

INPUT = "observations"
RAIN = "rain"
PROBABILITY = "probability"

CHUNK = 256
"""Rows computed at once: the kernel matrix of 4,096 rows would be 100 MB and twice as slow a row."""


DTYPES = {"tensor(float)": np.float32, "tensor(double)": np.float64}
"""What a compiled graph computes its first step in. Trees need float64: a float32 observation can
land on the other side of a threshold once it is scaled.
"""


def session(model: bytes) -> onnxruntime.InferenceSession:
    """An ONNX Runtime session of one thread: a worker has one core, and more threads on it only
    take turns.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


class Classifier:
    """Scaler, classifier, calibration and threshold in one ONNX graph (see ``compiler``)."""

    def __init__(self, model: bytes) -> None:
        self._session = session(model)
        self._outputs = [output.name for output in self._session.get_outputs()]
        self._dtype = DTYPES[self._session.get_inputs()[0].type]
        self.count: Callable[..., None] | None = None  # see metrics.BatchMetrics

    @property
    def calibrated(self) -> bool:
        """Whether the model carries a calibrated probability."""
        return PROBABILITY in self._outputs

    def __call__(self, rows: NDArray[np.float64]) -> tuple[NDArray[np.bool_], NDArray[np.float32] | None]:
        """Forecast n hours.

        ``rows`` is float64[n, 7] in the contract's units and order, unscaled. Returns the
        decision, bool[n], and the probability of rain, float32[n], or None if uncalibrated.
        """
        rows = rows.astype(self._dtype, copy=False)
        if len(rows) <= CHUNK:
            answers = self._session.run(self._outputs, {INPUT: rows})
        else:
            chunks = [rows[i : i + CHUNK] for i in range(0, len(rows), CHUNK)]
            parts = [self._session.run(self._outputs, {INPUT: chunk}) for chunk in chunks]
            answers = [np.concatenate(part) for part in zip(*parts, strict=True)]
        return answers[0], answers[1] if len(answers) > 1 else None

    def decide(self, rows: NDArray[np.float64]) -> tuple[list[bool], list[float] | list[None]]:
        """As ``__call__``, in Python's own types: decisions, and probabilities to six decimals."""
        start = perf_counter()
        rain, probability = self(rows)
        if self.count is not None:
            self.count(rows, rain, probability, perf_counter() - start)
        if probability is None:
            return rain.tolist(), [None] * len(rain)
        return rain.tolist(), probability.astype(np.float64).round(6).tolist()

    def forecast(self, observations: Sequence[WeatherVariables]) -> list[Forecast]:
        """One forecast for each observation, in order."""
        return [
            Forecast(prediction=LABELS[wet], probability=chance)
            for wet, chance in zip(*self.decide(as_rows(observations)), strict=True)
        ]


def golden_faults(classifier: Classifier, golden: Iterable[Mapping[str, Any]]) -> list[str]:
    """Recompute the manifest's golden rows; one sentence for each that comes out otherwise.

    Probabilities may differ by 1e-4: other processors and library versions round otherwise.
    """
    faults = []
    for number, row in enumerate(golden):
        forecast = classifier.forecast([WeatherVariables(**row["observation"])])[0]
        if forecast.prediction != row["prediction"]:
            faults.append(f"golden row {number}: {forecast.prediction} is not {row['prediction']}")
        elif forecast.probability is None or not abs(forecast.probability - row["probability"]) <= 1e-4:
            faults.append(f"golden row {number}: {forecast.probability} is not {row['probability']}")
    return faults
