"""A log of sampled forecasts, written by ``bentoml.monitor`` and read by ``train_import.py drift``.

Off by default (WEATHER_FORECAST_LOG_RATE): then nothing is written and no file is opened. A line has
the inputs, the forecast, the time and the model's tag; nothing about the client.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from datetime import UTC, datetime
from math import isnan

import bentoml
import numpy as np
from numpy.typing import NDArray

from weather.contract.variables import FEATURES, LABELS, Forecast, WeatherVariables, as_rows

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

FIELDS = (*(name for name, _, _ in SCHEMA), "timestamp")

log = logging.getLogger("bentoml.weather")


class ForecastLog:
    """Writes each forecast with probability ``rate``; stops after the first failure to write."""

    def __init__(self, rate: float, model: str) -> None:
        self.rate = rate
        self.model = model
        self.random = np.random.default_rng()
        logger = logging.getLogger("bentoml_monitor_data")
        if keep_schema_fields not in logger.filters:
            logger.addFilter(keep_schema_fields)

    def single(self, observations: Sequence[WeatherVariables], forecasts: Sequence[Forecast]) -> None:
        """Log a batch of single requests."""
        self.write(
            as_rows(observations),
            [forecast.prediction for forecast in forecasts],
            [forecast.probability for forecast in forecasts],
        )

    async def bulk(
        self, rows: NDArray[np.float64], decisions: Sequence[bool], probabilities: Sequence[float | None]
    ) -> None:
        """Log a bulk request, in chunks."""
        for first in range(0, len(rows), CHUNK):
            part = slice(first, first + CHUNK)
            self.write(rows[part], [LABELS[decision] for decision in decisions[part]], probabilities[part])
            await asyncio.sleep(0)

    def write(
        self, rows: NDArray[np.float64], labels: Sequence[str], probabilities: Sequence[float | None]
    ) -> None:
        """Draw the sample and pass it to the monitor; a failure here does not fail the forecast."""
        if not self.rate:
            return
        drawn: list[int] = np.flatnonzero(self.random.random(len(rows)) < self.rate).tolist()
        if not drawn:
            return
        # JSON has no NaN: a missing value is null.
        values = [[None if isnan(value) else value for value in row] for row in rows[drawn].tolist()]
        records = [
            (*row, probabilities[i], labels[i], self.model) for row, i in zip(values, drawn, strict=True)
        ]
        try:
            with bentoml.monitor(NAME) as monitor:
                for column, (name, role, kind) in zip(zip(*records, strict=True), SCHEMA, strict=True):
                    monitor.log_batch(column, name, role, kind)
        except Exception:
            self.rate = 0
            log.exception("The forecast log failed; no more forecasts are logged")


def keep_schema_fields(record: logging.LogRecord) -> bool:
    """A logging filter that removes what BentoML's monitor adds: request and trace ids, local time."""
    if isinstance(record.msg, dict):
        record.msg["timestamp"] = datetime.now(UTC).isoformat(timespec="milliseconds")
        record.msg = {name: record.msg.get(name) for name in FIELDS}
    return True
