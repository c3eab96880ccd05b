"""Queries of the forwarder: queued hours and the hours before them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, func, select

from stations.contract import FEATURES
from stations.reports import HOUR
from stations.store.tables import hours


def queued(connection: Connection, limit: int) -> list[Mapping[str, Any]]:
    """Queued hours, newest first, because after an outage current forecasts matter most."""
    waiting = select(hours).where(hours.c.queued).order_by(hours.c.hour.desc()).limit(limit)
    return [dict(row) for row in connection.execute(waiting).mappings()]


def queue_length(connection: Connection) -> int:
    """The number of hours that wait for a forecast."""
    return connection.scalar(select(func.count()).select_from(hours).where(hours.c.queued)) or 0


def earlier(
    connection: Connection, queue: Sequence[Mapping[str, Any]], carry_hours: int
) -> dict[tuple[str, int], list[Mapping[str, Any]]]:
    """For each queued hour that lacks a value, up to ``carry_hours`` hours before it, newest first."""
    pending: dict[tuple[str, int], list[Mapping[str, Any]]] = {}
    for row in queue:
        if any(row[name] is None for name in FEATURES):
            before = (
                select(hours)
                .where(hours.c.station == row["station"])
                .where(hours.c.hour < row["hour"])
                .where(hours.c.hour >= row["hour"] - carry_hours * HOUR)
                .order_by(hours.c.hour.desc())
            )
            pending[row["station"], row["hour"]] = [dict(r) for r in connection.execute(before).mappings()]
    return pending
