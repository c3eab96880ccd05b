"""Deletes rows that are older than the retention period of the settings."""

from __future__ import annotations

import asyncio
import logging
import time

from sqlalchemy import Connection, delete

from stations.settings import Settings
from stations.store.access import Database, DatabaseFailed
from stations.store.tables import forecasts, hours, reports

log = logging.getLogger("stations.store")

DAY = 24 * 3600
PAUSE_SECONDS = 600


def first_kept(now: float, days: float) -> int | None:
    """The time (Unix seconds) from which rows are kept; None if all are kept."""
    return int(now - days * DAY) if days else None


async def tidy(database: Database, settings: Settings) -> None:
    """Delete old rows at intervals until cancelled."""
    while True:
        now = time.time()
        try:
            deleted = await database.write(
                delete_old, first_kept(now, settings.reports_days), first_kept(now, settings.hours_days)
            )
        except DatabaseFailed as error:
            log.error("%s", error)
        else:
            if deleted:
                log.info("Deleted %d rows that are older than the settings keep", deleted)
        await asyncio.sleep(PAUSE_SECONDS)


def delete_old(connection: Connection, reports_before: int | None, hours_before: int | None) -> int:
    """Delete reports, and hours with their forecasts, before these times; returns the number of rows."""
    deleted = 0
    if reports_before is not None:
        deleted += connection.execute(delete(reports).where(reports.c.hour < reports_before)).rowcount
    if hours_before is not None:
        for table in (forecasts, hours):
            deleted += connection.execute(delete(table).where(table.c.hour < hours_before)).rowcount
    return deleted
