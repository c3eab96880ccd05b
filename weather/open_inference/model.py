"""The served model as both transports see it: its name and version, its readiness, and inference."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from weather.contract.variables import Forecast, WeatherVariables
from weather.http.admission import InFlight
from weather.http.limits import BULK, ENDPOINTS, SINGLE
from weather.http.problems import Problem
from weather.open_inference.inputs import InputTensor, observations
from weather.open_inference.outputs import Forecasts, OutputTensor, chosen, tensors


@dataclass(frozen=True)
class InferenceModel:
    """One model that is served, and the ways to its forecasts that the other endpoints take too.

    A request keeps the one that it began with, also while another model takes its place.
    """

    name: str
    version: str
    tag: str
    """The classifier's, as ``GET /model`` has it."""

    calibrated: bool
    optional: frozenset[str]
    """Fields that the model can do without."""

    in_flight: InFlight

    check_ready: Callable[[], Awaitable[None]]
    """Raises a ``Problem`` with 503 while no forecast can be had."""

    single: Callable[[WeatherVariables], Awaitable[Forecast]]
    """Through adaptive batching, as ``/predict``."""

    bulk: Callable[[NDArray[np.float64]], Awaitable[Forecasts]]
    """In chunks, as ``/predict_batch``."""

    def check(self, name: str, version: str = "") -> None:
        """Refuse another model, and another version than the one that is served; "" stands for any.

        Raises:
            Problem: 404.
        """
        if name != self.name:
            raise Problem(404, f"there is no such model here; the model is {self.name}")
        if version not in ("", self.version):
            raise Problem(
                404, f"{self.name} has no such version here; it is served in version {self.version}"
            )

    async def ready(self) -> bool:
        """Whether forecasts can be had."""
        try:
            await self.check_ready()
        except Problem:
            return False
        return True

    def admit(self, size: int) -> None:
        """Refuse a large request before it is parsed, which costs as much as its forecasts.

        Raises:
            Problem: 429.
        """
        self.in_flight.check(BULK if size > ENDPOINTS[SINGLE].max_bytes else SINGLE)

    async def infer(self, inputs: Sequence[InputTensor], requested: Sequence[str]) -> list[OutputTensor]:
        """The requested outputs, all if none is named.

        Raises:
            Problem: 400 for what breaks the contract, 429 when as many are in flight as may be, and
                what the other endpoints raise.
        """
        wanted = chosen(requested, self.calibrated)
        asked = observations(inputs, self.optional)
        if isinstance(asked, WeatherVariables):
            with self.in_flight.slot(SINGLE):
                forecast = await self.single(asked)
            return tensors(Forecasts([forecast.prediction], [forecast.probability]), wanted)
        with self.in_flight.slot(BULK):
            return tensors(await self.bulk(asked), wanted)
