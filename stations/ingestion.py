"""Checks and stores converted reports, for all protocols."""

from __future__ import annotations

import time
from collections.abc import Sequence

from sqlalchemy import Connection

from stations import metrics
from stations.forwarding.forwarder import Forwarder
from stations.reports import Report, refused, text_of
from stations.settings import Settings
from stations.store.access import Database
from stations.store.reading import elevations, station_names
from stations.store.retention import first_kept
from stations.store.writing import Stored


class Ingestion:
    """Stores reports and wakes the forwarder; holds the known stations and their elevations."""

    def __init__(self, database: Database, forwarder: Forwarder, settings: Settings) -> None:
        self.database = database
        self.forwarder = forwarder
        self.settings = settings
        self.elevation: dict[str, float] = {}
        self.stations: set[str] = set()

    async def start(self) -> None:
        """Read stations and elevations from the database."""
        self.elevation, self.stations = await self.database.read(_known)

    def check(self, report: Report) -> Report:
        """Return the report if it can be stored.

        Raises:
            Refused: it is older than the retention period, or there are too many stations.
        """
        oldest = first_kept(time.time(), self.settings.reports_days)
        if oldest is not None and report.hour < oldest:
            raise refused(
                "time",
                f"time is before {text_of(oldest)}: reports are kept for {self.settings.reports_days:g} days "
                "and an older one could not be merged with its hour (STATIONS_REPORTS_DAYS)",
            )
        if report.station not in self.stations and len(self.stations) >= self.settings.max_stations:
            raise refused("station", f"there are {self.settings.max_stations:,} stations, which is the limit")
        return report

    async def store(self, batch: Sequence[Report]) -> list[Stored]:
        """Store reports and return the outcome of each; all are on disk when this returns.

        Raises:
            TooManyPending, DatabaseFailed: no report is stored.
        """
        outcomes = await self.database.store(batch)
        for report, outcome in zip(batch, outcomes, strict=True):
            self.stations.add(report.station)
            metrics.reports.labels(report.source, outcome).inc()
        self.forwarder.ring()
        return outcomes


def _known(connection: Connection) -> tuple[dict[str, float], set[str]]:
    return elevations(connection), station_names(connection)
