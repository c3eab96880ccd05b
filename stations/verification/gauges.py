"""The current scores as gauges for Prometheus."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterable

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from sqlalchemy import Connection, func, select

from stations import metrics
from stations.settings import Settings
from stations.store.access import Database, DatabaseFailed
from stations.store.queue import queue_length
from stations.store.tables import forecasts
from stations.verification import sums
from stations.verification.live import ALL, IDLE_TIMES
from stations.verification.scores import scores

log = logging.getLogger("stations.verification")

WEEK = 7 * sums.DAY

GAUGES: dict[str, tuple[str, tuple[str, ...]]] = {
    "stations_score": ("Scores of verified forecasts", ("station", "score", "window")),
    "stations_verified_hours": ("Verified forecasts", ("station", "window")),
    "stations_expected_brier": (
        "Brier score that the probabilities not yet verified promise: an estimate",
        (),
    ),
    "stations_last_forecast_timestamp_seconds": ("When the last forecast was stored", ()),
}
"""The description of each gauge, and its labels."""


def gauge(name: str, value: float | None = None) -> GaugeMetricFamily:
    """One of ``GAUGES``, with its value if it has no labels."""
    about, labels = GAUGES[name]
    return GaugeMetricFamily(name, about, value=value, labels=labels or None)


class Gauges(Collector):
    """Collects scores and the length of the queue, which are calculated at intervals."""

    def __init__(self, database: Database, settings: Settings) -> None:
        self.database = database
        self.settings = settings
        self.families: list[GaugeMetricFamily] = []

    def collect(self) -> Iterable[GaugeMetricFamily]:
        """The latest metric families, for Prometheus' registry."""
        return self.families

    async def run(self) -> None:
        """Calculate the gauges at intervals until cancelled."""
        while True:
            start = time.monotonic()
            try:
                await self.database.read(self.update, time.time())
            except DatabaseFailed as error:
                log.error("%s", error)
            took = time.monotonic() - start
            await asyncio.sleep(max(self.settings.scores_seconds, IDLE_TIMES * took))

    def update(self, connection: Connection, now: float) -> None:
        """Calculate new metric families, and replace the old ones all at once."""
        score = gauge("stations_score")
        hours = gauge("stations_verified_hours")
        for window, since in (("ever", 0.0), ("7d", now - WEEK)):
            verified = sums.read(connection, now, since)
            names = sorted(set(verified.station.tolist()))
            parts = {ALL: verified}
            if len(names) <= self.settings.station_gauges:
                parts |= {name: verified.of(name) for name in names}
            for name, part in parts.items():
                hours.add_metric([name, window], float(part.values[:, 0].sum()))
                for formula, value in scores(part).items():
                    if value is not None:
                        score.add_metric([name, formula, window], value)
        families = [score, hours]
        waiting = sums.total(sums.unverified(connection).values())
        if waiting.hours:
            families.append(gauge("stations_expected_brier", waiting.error / waiting.hours))
        last = connection.scalar(select(func.max(forecasts.c.issued)))
        if last is not None:
            families.append(gauge("stations_last_forecast_timestamp_seconds", last))
        self.families = families
        metrics.queue_length.set(queue_length(connection))
