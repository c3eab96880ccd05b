"""A log of sampled forecasts, written by ``bentoml.monitor`` and read by ``train_import.py drift``.

Off by default (WEATHER_FORECAST_LOG_RATE): then nothing is written and no file is opened. A line has
the inputs, the forecast, the time and the model's tag; nothing about the client. With a challenger it
also has what that one would have answered.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from math import isnan

import bentoml
import numpy as np
from numpy.typing import NDArray

from weather.contract.variables import (
    FEATURES,
    LABELS,
    POSITIVE,
    Forecast,
    WeatherVariables,
    as_rows,
)

NAME = "rain_forecast"
CHUNK = 64
"""Lines written before other requests get their turn."""

SCHEMA: tuple[tuple[str, str, str], ...] = (
    *((name, "feature", "numerical") for name in FEATURES),
    ("probability", "prediction", "numerical"),
    ("prediction", "prediction", "categorical"),
    ("model", "prediction", "categorical"),
)
"""Name, role and type of each column, as BentoML's monitor expects them."""

CHALLENGER_SCHEMA: tuple[tuple[str, str, str], ...] = (
    ("challenger_probability", "prediction", "numerical"),
    ("challenger_prediction", "prediction", "categorical"),
    ("challenger_model", "prediction", "categorical"),
)
"""More columns if a challenger is set; null where it has not computed the row."""

log = logging.getLogger("bentoml.weather")


@dataclass(frozen=True)
class Answered:
    """n forecasts that were made: rows, float64[n, features], the answers to them, and the model's tag."""

    rows: NDArray[np.float64]
    decisions: Sequence[bool]
    probabilities: Sequence[float | None]
    model: str
    time: datetime = field(default_factory=partial(datetime.now, UTC))

    @classmethod
    def single(
        cls, observations: Sequence[WeatherVariables], forecasts: Sequence[Forecast], model: str
    ) -> Answered:
        """A batch of single requests, answered now."""
        decisions = [forecast.prediction == POSITIVE for forecast in forecasts]
        probabilities = [forecast.probability for forecast in forecasts]
        return cls(as_rows(observations), decisions, probabilities, model)

    def __len__(self) -> int:
        return len(self.rows)

    def part(self, first: int, size: int = CHUNK) -> Answered:
        """Those from ``first`` on, at most ``size``."""
        at = slice(first, first + size)
        return Answered(self.rows[at], self.decisions[at], self.probabilities[at], self.model, self.time)


Opinion = tuple[float | None, str | None, str | None]
"""The challenger's probability and prediction for a row, and its tag."""

NO_OPINION: Opinion = (None, None, None)


class ForecastLog:
    """Writes each forecast with probability ``rate``; stops after the first failure to write."""

    def __init__(self, rate: float, challenged: bool = False) -> None:
        self.rate = rate
        self.challenged = challenged
        self.schema = (*SCHEMA, *CHALLENGER_SCHEMA) if challenged else SCHEMA
        self.fields = (*(name for name, _, _ in self.schema), "timestamp")
        self.time = datetime.now(UTC)
        self.random = np.random.default_rng()
        logging.getLogger("bentoml_monitor_data").addFilter(self.keep_schema_fields)

    async def record(self, answered: Answered) -> None:
        """Log forecasts, in chunks."""
        for first in range(0, len(answered), CHUNK):
            self.write(answered.part(first))
            if first + CHUNK < len(answered):
                await asyncio.sleep(0)

    def write(self, answered: Answered, opinions: Sequence[Opinion] = ()) -> None:
        """Draw the sample and pass it to the monitor; a failure here does not fail the forecast."""
        if not self.rate:
            return
        drawn: list[int] = np.flatnonzero(self.random.random(len(answered)) < self.rate).tolist()
        if not drawn:
            return
        records = []
        for i, row in zip(drawn, answered.rows[drawn].tolist(), strict=True):
            # JSON has no NaN: a missing value is null.
            values = [None if isnan(value) else value for value in row]
            forecast = (answered.probabilities[i], LABELS[answered.decisions[i]], answered.model)
            opinion = (opinions[i] if opinions else NO_OPINION) if self.challenged else ()
            records.append((*values, *forecast, *opinion))
        self.time = answered.time
        try:
            with bentoml.monitor(NAME) as monitor:
                for column, (name, role, kind) in zip(zip(*records, strict=True), self.schema, strict=True):
                    monitor.log_batch(column, name, role, kind)
        except Exception:
            self.rate = 0
            log.exception("The forecast log failed; no more forecasts are logged")

    def keep_schema_fields(self, record: logging.LogRecord) -> bool:
        """A logging filter that removes what BentoML's monitor adds: request and trace ids, local time."""
        if isinstance(record.msg, dict):
            record.msg["timestamp"] = self.time.isoformat(timespec="milliseconds")
            record.msg = {name: record.msg.get(name) for name in self.fields}
        return True
