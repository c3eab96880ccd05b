"""What follows from the declared fields: tables by name, class words, bodies and their limit of rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Annotated, Any, get_args

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from weather.contract.declaration import Display
from weather.contract.fields import EXAMPLE as EXAMPLE
from weather.contract.fields import ClassLabel
from weather.contract.fields import WeatherVariables as WeatherVariables

MAX_ROWS = 10_000
"""Observations in one bulk request at most."""

LABELS: tuple[ClassLabel, ClassLabel] = get_args(ClassLabel)
"""``LABELS[decision]`` is the word for a decision, False or True."""

NEGATIVE, POSITIVE = LABELS

ANSWER: dict[str, Any] = {"prediction": POSITIVE, "probability": 0.83}


class Forecast(BaseModel):
    """The model's decision, and the probability of its positive class."""

    model_config = ConfigDict(frozen=True, json_schema_extra={"example": ANSWER})

    prediction: ClassLabel = Field(
        description="the model's decision at its own threshold, which need not be 0.5"
    )
    probability: float | None = Field(
        ge=0,
        le=1,
        description=f"calibrated probability of {POSITIVE}; null if the imported model has no calibration",
    )


class Observations(BaseModel):
    """The body of a bulk request."""

    model_config = ConfigDict(extra="forbid")
    observations: Annotated[list[WeatherVariables], Field(min_length=1, max_length=MAX_ROWS)]


class Forecasts(BaseModel):
    """The body of its response: one forecast per observation, in order."""

    forecasts: list[Forecast]


@dataclass(frozen=True)
class Variable:
    """One input variable, as ``WeatherVariables`` declares it."""

    name: str
    description: str
    unit: str
    low: float
    high: float
    display: Display

    @property
    def direction(self) -> bool:
        """Whether it is a direction of the compass."""
        return self.unit == "degree" and (self.low, self.high) == (0, 360)


def _variable(name: str) -> Variable:
    field = WeatherVariables.model_fields[name]
    parts: dict[str, Any] = {type(part).__name__: part for part in field.metadata}
    extra: Any = field.json_schema_extra
    low, high = float(parts["Ge"].ge), float(parts["Le"].le)
    return Variable(name, str(field.description), extra["unit"], low, high, parts["Display"])


VARIABLES: dict[str, Variable] = {name: _variable(name) for name in WeatherVariables.model_fields}
"""The input variables by name, in the order of the request contract."""

FEATURES: tuple[str, ...] = tuple(VARIABLES)
"""The model's input columns, in the order of the request contract."""

LIMITS: dict[str, tuple[float, float]] = {name: (v.low, v.high) for name, v in VARIABLES.items()}
"""The accepted range of each feature, both ends inclusive, in its unit."""

UNITS: dict[str, str] = {name: v.unit for name, v in VARIABLES.items()}
"""The unit of each feature; ``1`` for a dimensionless one."""

BINARY: frozenset[str] = frozenset(name for name, v in VARIABLES.items() if v.display.states)
"""Features that are 0 or 1 and nothing in between."""

LOW, HIGH = np.array([LIMITS[name] for name in FEATURES]).T

SWITCHES = [FEATURES.index(name) for name in FEATURES if name in BINARY]
"""The columns of BINARY."""

_values = attrgetter(*FEATURES)


def as_rows(observations: Sequence[WeatherVariables]) -> NDArray[np.float64]:
    """float64[n, features], in the order of FEATURES; NaN for None (see ``contract.optional``)."""
    return np.array([_values(o) for o in observations], np.float64)


def accepted_values(rows: NDArray[np.float64], optional: frozenset[str] = frozenset()) -> NDArray[np.bool_]:
    """Whether a record may have each value of float64[n, features], bool[n, features].

    NaN is accepted in fields of ``optional``.
    """
    accepted: NDArray[np.bool_] = (rows >= LOW) & (rows <= HIGH)
    for column in SWITCHES:
        values = rows[:, column]
        accepted[:, column] = (values == 0) | (values == 1)
    if optional and not accepted.all():
        accepted |= np.isnan(rows) & [name in optional for name in FEATURES]
    return accepted
