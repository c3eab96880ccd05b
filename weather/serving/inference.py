"""The running service as the model of the Open Inference Protocol."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from weather.contract.names import SERVICE
from weather.contract.variables import LABELS, Forecast, WeatherVariables
from weather.http.admission import InFlight
from weather.open_inference.model import InferenceModel
from weather.open_inference.outputs import Forecasts
from weather.serving.bulk import JSON, Answers, Bulk
from weather.serving.served import Served


def inference_model(
    single: Callable[[WeatherVariables, Served], Awaitable[Forecast]],
    bulk: Callable[[Bulk, Served], Awaitable[Answers]],
    in_flight: InFlight,
    check_ready: Callable[[], Awaitable[None]],
    served: Served,
) -> InferenceModel:
    """What is ``served``. ``single`` is the queue of ``predict`` in ``service.py``, ``bulk`` its
    ``predict_batch``.
    """

    async def forecast_one(observation: WeatherVariables) -> Forecast:
        return await single(observation, served)

    async def forecast_many(rows: NDArray[np.float64]) -> Forecasts:
        answers = await bulk(Bulk(rows, JSON), served)
        return Forecasts([LABELS[decision] for decision in answers.decisions], answers.probabilities)

    metadata: dict[str, Any] = served.model.info.metadata
    return InferenceModel(
        name=SERVICE,
        version=served.model.tag.version or "",
        tag=served.tag,
        calibrated=metadata["calibrated"],
        optional=served.optional,
        in_flight=in_flight,
        check_ready=check_ready,
        single=forecast_one,
        bulk=forecast_many,
    )
