"""The typed contract: seven surface observations in, one forecast out."""

from __future__ import annotations

from collections.abc import Sequence
from operator import attrgetter
from typing import Annotated, Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

FINITE = {"strict": True, "allow_inf_nan": False}

MAX_ROWS = 10_000
"""Observations in one bulk request at most."""

EXAMPLE: dict[str, Any] = {
    "temp_c": 8.75,
    "humidity": 0.83,
    "wind_speed_kmph": 14.3,
    "wind_bearing_degree": 250,
    "visibility_km": 15.8,
    "pressure_millibars": 1016.5,
    "current_weather_condition": 1,
}

ClassLabel = Literal["No_Rain", "Rain"]
"""The words for the two classes: the negative class, then the positive one."""

LABELS: tuple[ClassLabel, ClassLabel] = get_args(ClassLabel)
"""``LABELS[decision]`` is the word for a decision, False or True."""

NEGATIVE, POSITIVE = LABELS

ANSWER: dict[str, Any] = {"prediction": POSITIVE, "probability": 0.83}


class WeatherVariables(BaseModel):
    """One hour's surface observations at one place.

    Strict: JSON numbers only, every field required, unknown fields refused. The limits are the
    world records with a margin (WMO: -89.2/56.7 degC, 870/1083.8 hPa, gust 408 km/h), so that a
    dead sensor's 0 mbar is refused and no real weather is.
    """

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        json_schema_extra={"example": EXAMPLE},
    )

    temp_c: Annotated[
        float,
        Field(ge=-90, le=60, **FINITE, description="air temperature", json_schema_extra={"unit": "°C"}),
    ]
    humidity: Annotated[
        float,
        Field(
            ge=0,
            le=1,
            **FINITE,
            description="relative humidity as a fraction (65 % is 0.65)",
            json_schema_extra={"unit": "1"},
        ),
    ]
    wind_speed_kmph: Annotated[
        float, Field(ge=0, le=410, **FINITE, description="wind speed", json_schema_extra={"unit": "km/h"})
    ]
    wind_bearing_degree: Annotated[
        float,
        Field(
            ge=0,
            le=360,
            **FINITE,
            description="direction the wind comes from",
            json_schema_extra={"unit": "degree"},
        ),
    ]
    visibility_km: Annotated[
        float,
        Field(ge=0, le=100, **FINITE, description="horizontal visibility", json_schema_extra={"unit": "km"}),
    ]
    pressure_millibars: Annotated[
        float,
        Field(
            ge=860,
            le=1090,
            **FINITE,
            description="pressure at mean sea level",
            json_schema_extra={"unit": "mbar"},
        ),
    ]
    current_weather_condition: Annotated[
        float,
        Field(
            ge=0,
            le=1,
            **FINITE,
            description="1 when it is raining now, else 0",
            json_schema_extra={"unit": "1", "binary": True},
        ),
    ]


class Forecast(BaseModel):
    """Whether rain is coming within the model's horizon."""

    model_config = ConfigDict(frozen=True, json_schema_extra={"example": ANSWER})

    prediction: ClassLabel = Field(
        description="the model's decision at its own threshold, which need not be 0.5"
    )
    probability: float | None = Field(
        ge=0,
        le=1,
        description="calibrated chance of rain; null when the imported model carries no calibration",
    )


class Observations(BaseModel):
    """The body of a bulk request."""

    model_config = ConfigDict(extra="forbid")
    observations: Annotated[list[WeatherVariables], Field(min_length=1, max_length=MAX_ROWS)]


class Forecasts(BaseModel):
    """The body of its answer: a forecast for each observation, in order."""

    forecasts: list[Forecast]


FEATURES: tuple[str, ...] = tuple(WeatherVariables.model_fields)
"""The model's input columns, in the order of the request contract."""


def _limits(name: str) -> tuple[float, float]:
    bounds = {type(m).__name__: m for m in WeatherVariables.model_fields[name].metadata}
    return float(bounds["Ge"].ge), float(bounds["Le"].le)


LIMITS: dict[str, tuple[float, float]] = {name: _limits(name) for name in FEATURES}
"""The accepted range of each feature, both ends inclusive, in its unit."""


def _extra(name: str) -> dict[str, Any]:
    extra: Any = WeatherVariables.model_fields[name].json_schema_extra
    return dict(extra)


UNITS: dict[str, str] = {name: str(_extra(name)["unit"]) for name in FEATURES}
"""The unit of each feature; ``1`` for a dimensionless one."""

BINARY: frozenset[str] = frozenset(name for name in FEATURES if _extra(name).get("binary"))
"""Features that are 0 or 1 in training data."""


def as_rows(observations: Sequence[WeatherVariables]) -> NDArray[np.float64]:
    """float64[n, 7], in the order of FEATURES."""
    return np.array([_values(o) for o in observations], np.float64)


_values = attrgetter(*FEATURES)
