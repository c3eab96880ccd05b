"""BentoML's documented way to batch single records: a wrapper service in front of a batching service.

Each runs in a process of its own, with the optimisations that need no subclass.
"""

import bentoml
import numpy as np
from numpy.typing import NDArray

from benchmarks.peers.model import compiled_classifier
from weather.contract.variables import LABELS, Forecast, WeatherVariables

TUNED = {
    "workers": 1,
    "logging": {"access": {"enabled": False}},
    "tracing": {"excluded_urls": "/.*"},
}


@bentoml.service(name="batched_classifier", **TUNED)  # type: ignore[arg-type]
class Batching:
    """The classifier, batched."""

    def __init__(self) -> None:
        self.classifier = compiled_classifier()

    @bentoml.api(batchable=True, max_batch_size=256, max_latency_ms=1000)  # type: ignore[untyped-decorator]
    async def classify(self, rows: NDArray[np.float32]) -> NDArray[np.float32]:
        """Decisions and probabilities of scaled rows, as columns."""
        rain, probability = self.classifier(np.asarray(rows, np.float32))
        assert probability is not None
        return np.stack([rain.astype(np.float32), probability], axis=1)


@bentoml.service(name="wrapper", **TUNED)  # type: ignore[arg-type]
class Wrapper:
    """The typed single record; its row goes to the batching service."""

    batching = bentoml.depends(Batching)

    @bentoml.api(input_spec=WeatherVariables)  # type: ignore[untyped-decorator]
    async def predict(self, **observation: float) -> Forecast:
        """One row as a batch of one."""
        row = np.array([list(observation.values())], np.float32)
        ((rain, probability),) = await self.batching.to_async.classify(row)  # type: ignore[attr-defined]
        return Forecast(prediction=LABELS[bool(rain)], probability=float(probability))
