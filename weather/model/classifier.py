"""Runs the compiled graph: raw observations in, decisions and probabilities out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from time import perf_counter
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from weather.contract.optional import NONE, record_type
from weather.contract.variables import LABELS, Forecast, WeatherVariables, as_rows

INPUT = "observations"
RAIN = "rain"
PROBABILITY = "probability"

CHUNK = 256
"""Rows computed at once: the kernel matrix of 4,096 rows is 100 MB, and takes twice as long per row."""

GOLDEN_TOLERANCE = 1e-4
"""Accepted difference of a golden row's probability: processors and library versions round differently."""


DTYPES = {"tensor(float)": np.float32, "tensor(double)": np.float64}
"""What a compiled graph computes its first step in. Trees need float64: a float32 observation can
land on the other side of a threshold once it is scaled.
"""


def session(model: bytes) -> onnxruntime.InferenceSession:
    """An ONNX Runtime session with one thread: a worker has one core, more threads are slower."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


class Classifier:
    """Scaler, classifier, calibration and threshold as one ONNX graph (made by ``importing.compiler``)."""

    def __init__(self, model: bytes) -> None:
        self._session = session(model)
        self._outputs = [output.name for output in self._session.get_outputs()]
        self._dtype = DTYPES[self._session.get_inputs()[0].type]
        self.on_batch: Callable[..., None] | None = None  # see metrics.BatchMetrics

    @property
    def calibrated(self) -> bool:
        """Whether the model has a calibrated probability."""
        return PROBABILITY in self._outputs

    def __call__(self, rows: NDArray[np.float64]) -> tuple[NDArray[np.bool_], NDArray[np.float32] | None]:
        """Forecast n observations.

        ``rows`` is float64[n, features] in the contract's units and order, not scaled. Returns the
        decisions, bool[n], and the probabilities, float32[n], or None if the model is not calibrated.
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
        """Like ``__call__``, but lists of Python values; probabilities are rounded to six decimals."""
        start = perf_counter()
        decisions, probability = self(rows)
        if self.on_batch is not None:
            self.on_batch(rows, decisions, probability, perf_counter() - start)
        if probability is None:
            return decisions.tolist(), [None] * len(decisions)
        return decisions.tolist(), probability.astype(np.float64).round(6).tolist()

    def forecast(self, observations: Sequence[WeatherVariables]) -> list[Forecast]:
        """One forecast per observation, in order."""
        return [
            Forecast(prediction=LABELS[decision], probability=probability)
            for decision, probability in zip(*self.decide(as_rows(observations)), strict=True)
        ]


def golden_faults(
    classifier: Classifier, golden: Iterable[Mapping[str, Any]], optional: frozenset[str] = NONE
) -> list[str]:
    """Forecast the manifest's golden rows; one sentence for each with an unexpected result.

    Rows may lack the fields of ``optional``.
    """
    faults = []
    for number, row in enumerate(golden):
        forecast = classifier.forecast([record_type(optional)(**row["observation"])])[0]
        if forecast.prediction != row["prediction"]:
            faults.append(f"golden row {number}: {forecast.prediction} instead of {row['prediction']}")
        elif (
            forecast.probability is None
            or not abs(forecast.probability - row["probability"]) <= GOLDEN_TOLERANCE
        ):
            faults.append(f"golden row {number}: {forecast.probability} instead of {row['probability']}")
    return faults
