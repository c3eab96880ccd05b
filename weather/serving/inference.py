"""The running service as the model of the Open Inference Protocol."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from weather.contract.names import SERVICE
from weather.contract.optional import optional_fields
from weather.contract.variables import LABELS, Forecast, WeatherVariables
from weather.http.admission import InFlight
from weather.open_inference.model import InferenceModel
from weather.open_inference.outputs import Forecasts
from weather.serving.bulk import JSON, Answers, Bulk


def inference_model(
    instance: Any,
    single: Callable[[WeatherVariables], Awaitable[Forecast]],
    bulk: Callable[[Any, Bulk], Awaitable[Answers]],
    in_flight: InFlight,
    check_ready: Callable[[], Awaitable[None]],
) -> InferenceModel:
    """The model of ``instance``, an object of the class in ``service.py``.

    ``single`` is the queue of its ``predict``, ``bulk`` its ``predict_batch`` as it was written.
    """

    async def forecast_many(rows: NDArray[np.float64]) -> Forecasts:
        answers = await bulk(instance, Bulk(rows, JSON))
        return Forecasts([LABELS[decision] for decision in answers.decisions], answers.probabilities)

    return InferenceModel(
        name=SERVICE,
        version=instance.model.tag.version,
        calibrated=instance.model.info.metadata["calibrated"],
        optional=optional_fields(instance.model.info.metadata),
        in_flight=in_flight,
        check_ready=check_ready,
        single=single,
        bulk=forecast_many,
    )
