"""The committed classifier behind the protocol, without BentoML."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from weather.contract.names import CLASSIFIER, SERVICE
from weather.contract.optional import NONE
from weather.contract.variables import LABELS, Forecast, WeatherVariables
from weather.http.admission import InFlight
from weather.http.limits import MAX_IN_FLIGHT
from weather.http.problems import Problem
from weather.model.classifier import Classifier
from weather.open_inference.model import InferenceModel
from weather.open_inference.outputs import Forecasts

VERSION = "v42"
TAG = f"{CLASSIFIER}:{VERSION}"

MakeModel = Callable[..., InferenceModel]


@pytest.fixture
def make_model(classifier: Classifier) -> MakeModel:
    """A model that is served, ``ready`` or not, ``calibrated`` or not."""

    def make(ready: bool = True, calibrated: bool = True) -> InferenceModel:
        async def check_ready() -> None:
            if not ready:
                raise Problem(503)

        async def single(observation: WeatherVariables) -> Forecast:
            return classifier.forecast([observation])[0]

        async def bulk(rows: NDArray[np.float64]) -> Forecasts:
            rain, probabilities = classifier.decide(rows)
            return Forecasts([LABELS[wet] for wet in rain], probabilities)

        return InferenceModel(
            SERVICE,
            VERSION,
            f"{CLASSIFIER}:{VERSION}",
            calibrated,
            NONE,
            InFlight(MAX_IN_FLIGHT),
            check_ready,
            single,
            bulk,
        )

    return make
