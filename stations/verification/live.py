"""The current scores as JSON."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from sqlalchemy import Connection

from stations.store.access import Database
from stations.verification import sums
from stations.verification.scores import summary

ALL = "all"

IDLE_TIMES = 20
"""Scores are calculated again after this many times the calculation's duration: at most 5 % of a core."""


class Scores:
    """The scores of all stations, calculated as often as their cost allows."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.lock = asyncio.Lock()
        self.last: dict[str, Any] = {}
        self.until = 0.0

    async def everything(self) -> dict[str, Any]:
        """The result of the function ``everything``, from the cache while that is recent enough."""
        async with self.lock:
            start = time.monotonic()
            if start >= self.until:
                self.last = await self.database.read(everything, time.time())
                self.until = time.monotonic() + IDLE_TIMES * (time.monotonic() - start)
            return self.last


def everything(connection: Connection, now: float) -> dict[str, Any]:
    """Scores of all stations together and of each; intervals and reliability only of all together."""
    verified = sums.read(connection, now)
    waiting = sums.unverified(connection)
    none = sums.Unverified(0, 0.0, 0.0)
    names = sorted({*verified.station.tolist(), *waiting})
    together = summary(verified, sums.total(waiting.values()))
    return {
        ALL: together | _table(connection, now, None),
        "stations": {
            name: summary(verified.of(name), waiting.get(name, none), with_intervals=False) for name in names
        },
    }


def one(connection: Connection, now: float, station: str) -> dict[str, Any]:
    """Scores of one station."""
    verified = sums.read(connection, now, station=station)
    waiting = sums.unverified(connection, station)
    return summary(verified, sums.total(waiting.values())) | _table(connection, now, station)


def _table(connection: Connection, now: float, station: str | None) -> dict[str, Any]:
    return {"reliability": [vars(part) for part in sums.reliability(connection, now, station)]}
