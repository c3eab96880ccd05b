"""Microseconds per row of the committed classifier, and of an SVC in three implementations."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from threadpoolctl import threadpool_limits

from benchmarks.peers.model import ARTIFACTS
from loadtest.tables import markdown_table
from weather.contract.names import MODEL_FILE, SCALER_FILE
from weather.contract.variables import FEATURES, LIMITS
from weather.importing.compiling.compiler import compile_pair
from weather.importing.reading.artifacts import Artifacts, read
from weather.importing.reading.scaler import Scaler
from weather.model.classifier import Classifier, session
from weather.training.calibration import Sigmoid
from weather.training.svc import SvcModel, to_onnx

VECTORS = 5_400
BATCHES = (1, 8, 32, 256, 1024, 4096)
SECONDS = 1.5


def observations(normal: NDArray[np.float64]) -> NDArray[np.float64]:
    """Standard normal numbers, float64[n, features], moved to the middle of the accepted ranges."""
    low, high = np.array([LIMITS[name] for name in FEATURES]).T
    return (low + high) / 2 + (high - low) / 10 * normal


def model(vectors: int = VECTORS) -> SvcModel:
    """An SVC with about ``vectors`` support vectors, fitted on labels that are mostly noise."""
    rng = np.random.default_rng(1)
    normal = rng.normal(size=(round(vectors * 1.074), len(FEATURES)))
    x, y = observations(normal), normal[:, 0] + rng.normal(0, 4, len(normal)) > 0
    scaler = StandardScaler().fit(x)
    svc = SVC(C=1, gamma=0.05).fit(scaler.transform(x), y)
    return SvcModel(scaler, svc, Sigmoid(1.0, 0.0), threshold=0.5)


def microseconds(calls: list[Callable[[], object]], rows: int) -> list[float]:
    """The median time per row of each call.

    The calls run in interleaved bursts, so that a change in the machine's speed affects all of them.
    """
    measured: list[list[float]] = [[] for _ in calls]
    end = time.perf_counter() + SECONDS
    while time.perf_counter() < end:
        for times, call in zip(measured, calls, strict=True):
            for _ in range(max(3, 256 // rows)):
                start = time.perf_counter()
                call()
                times.append(time.perf_counter() - start)
    return [float(np.median(times)) / rows * 1e6 for times in measured]


def table() -> str:
    """The Markdown table; everything runs on one thread."""
    folder = Path(ARTIFACTS)
    committed = Classifier(compile_pair(read(folder / SCALER_FILE, folder / MODEL_FILE)).model)
    trained = model()
    exported = to_onnx(trained)
    scaler = Scaler(trained.scaler.mean_, trained.scaler.scale_)
    compiled = Classifier(compile_pair(Artifacts(scaler, exported, None)).model)
    original: onnxruntime.InferenceSession = session(exported)
    rows = observations(np.random.default_rng(2).normal(size=(max(BATCHES), len(FEATURES))))
    scaled = scaler.transform(rows).astype(np.float32)

    def scikit_learn(x: NDArray[np.float64]) -> object:
        return trained.classifier.decision_function(trained.scaler.transform(x))

    lines = []
    with threadpool_limits(1):
        for n in BATCHES:
            calls: list[Callable[[], object]] = [
                partial(committed, rows[:n]),
                partial(compiled, rows[:n]),
                partial(original.run, None, {"float_input": scaled[:n]}),
                partial(scikit_learn, rows[:n]),
            ]
            lines.append([str(n), *(f"{time:.2f}" for time in microseconds(calls, n))])
    vectors = f"SVC with {len(trained.classifier.support_):,} vectors"
    header = [
        "batch",
        "committed classifier",
        f"{vectors}, compiled",
        "the same, ONNX Runtime's SVMClassifier",
        "the same, scikit-learn",
    ]
    return f"The classifier alone, one thread, µs per row (median):\n\n{markdown_table(header, lines)}"


if __name__ == "__main__":
    print(table())
