"""A sample of the forecasts, written by ``bentoml.monitor`` for ``train_import.py drift``.

Off unless WEATHER_FORECAST_LOG_RATE says otherwise; then nothing is written and no file opened.
A line has the seven inputs, the forecast, the time and the model's tag: nothing of who asked.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from datetime import UTC, datetime

import bentoml
import numpy as np
from numpy.typing import NDArray

from weather.contract.variables import FEATURES, LABELS, Forecast, WeatherVariables, as_rows

NAME = "rain_forecast"
CHUNK = 64
"""Lines written between two looks at other requests."""

SCHEMA: tuple[tuple[str, str, str], ...] = (
    *((name, "feature", "numerical") for name in FEATURES),
    ("probability", "prediction", "numerical"),
    ("prediction", "prediction", "categorical"),
    ("model", "prediction", "categorical"),
)
"""Name, role and type of each column, as BentoML's monitor wants them."""

FIELDS = (*(name for name, _, _ in SCHEMA), "timestamp")

log = logging.getLogger("bentoml.weather")


class ForecastLog:
    """Writes each forecast with probability ``rate``; after a failure it writes none any more."""

    def __init__(self, rate: float, model: str) -> None:
        self.rate = rate
        self.model = model
        self.random = np.random.default_rng()
        logger = logging.getLogger("bentoml_monitor_data")
        if only_schema not in logger.filters:
            logger.addFilter(only_schema)

    def single(self, observations: Sequence[WeatherVariables], forecasts: Sequence[Forecast]) -> None:
        """Log a batch of single requests."""
        self.write(
            as_rows(observations),
            [forecast.prediction for forecast in forecasts],
            [forecast.probability for forecast in forecasts],
        )

    async def bulk(
        self, rows: NDArray[np.float64], rain: Sequence[bool], chances: Sequence[float | None]
    ) -> None:
        """Log a bulk request, in chunks."""
        for first in range(0, len(rows), CHUNK):
            part = slice(first, first + CHUNK)
            labels = [LABELS[wet] for wet in rain[part]]
            self.write(rows[part], labels, chances[part])
            await asyncio.sleep(0)

    def write(
        self, rows: NDArray[np.float64], labels: Sequence[str], chances: Sequence[float | None]
    ) -> None:
        """Draw the sample and hand it to the monitor; a forecast never fails because of its log."""
        if not self.rate:
            return
        drawn: list[int] = np.flatnonzero(self.random.random(len(rows)) < self.rate).tolist()
        if not drawn:
            return
        records = [
            (*row, chances[i], labels[i], self.model)
            for row, i in zip(rows[drawn].tolist(), drawn, strict=True)
        ]
        try:
            with bentoml.monitor(NAME) as monitor:
                for column, (name, role, kind) in zip(zip(*records, strict=True), SCHEMA, strict=True):
                    monitor.log_batch(column, name, role, kind)
        except Exception:
            self.rate = 0
            log.exception("Forecasts are not logged any more")


def only_schema(record: logging.LogRecord) -> bool:
    """A logging filter: BentoML's monitor adds ids of request and trace, and local time."""
    if isinstance(record.msg, dict):
        record.msg["timestamp"] = datetime.now(UTC).isoformat(timespec="milliseconds")
        record.msg = {name: record.msg.get(name) for name in FIELDS}
    return True
