"""Sums over verified forecasts by station and day, from which every score is calculated."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import ColumnElement, Connection, Integer, and_, case, cast, func, select

from stations.contract import RAIN
from stations.reports import HOUR
from stations.store.tables import forecasts

DAY = 24 * HOUR
BINS = 10
"""Equal bins of the probability in the reliability table."""

FIELDS = (
    "hours", "probabilities", "wet", "rain", "rain_after_wet", "hits", "false_alarms", "misses", "error",
)  # fmt: skip
"""Hours; those with a probability; with rain now; followed by rain; both; the contingency table without
its correct negatives; the sum of (probability - outcome)^2."""


@dataclass(frozen=True)
class Sums:
    """``values`` float64[n, 9], in the order of FIELDS; ``station`` str[n] and ``day`` int[n]."""

    station: NDArray[np.str_]
    day: NDArray[np.int64]
    values: NDArray[np.float64]

    def of(self, station: str) -> Sums:
        """The rows of one station."""
        here = self.station == station
        return Sums(self.station[here], self.day[here], self.values[here])


@dataclass(frozen=True)
class Bin:
    """A row of the reliability table."""

    forecast: float
    observed: float
    hours: int


@dataclass(frozen=True)
class Unverified:
    """Forecasts without a verdict yet: their number, sum of p and sum of p (1 - p)."""

    hours: int
    rain: float
    error: float


def verified(now: float, since: float = 0) -> ColumnElement[bool]:
    """Forecasts of hours from ``since`` on, whose horizon is over and observed without a gap."""
    over = forecasts.c.hour + forecasts.c.horizon_hours * HOUR <= now
    return and_(forecasts.c.rained.is_not(None), over, forecasts.c.hour >= since)


def read(connection: Connection, now: float, since: float = 0, station: str | None = None) -> Sums:
    """The sums of all stations, or of one."""
    p = forecasts.c.probability
    outcome, warned = cast(forecasts.c.rained, Integer), cast(forecasts.c.rain, Integer)
    wet = cast(forecasts.c[RAIN] > 0.5, Integer)
    day = (forecasts.c.hour // DAY).label("day")
    columns = {
        "hours": func.count(),
        "probabilities": func.count(p),
        "wet": func.sum(wet),
        "rain": func.sum(outcome),
        "rain_after_wet": func.sum(wet * outcome),
        "hits": func.sum(warned * outcome),
        "false_alarms": func.sum(warned * (1 - outcome)),
        "misses": func.sum((1 - warned) * outcome),
        "error": func.coalesce(func.sum((p - outcome) * (p - outcome)), 0.0),
    }
    query = (
        select(forecasts.c.station, day, *(columns[name].label(name) for name in FIELDS))
        .where(verified(now, since))
        .group_by(forecasts.c.station, day)
        .order_by(forecasts.c.station, day)
    )
    if station is not None:
        query = query.where(forecasts.c.station == station)
    rows = connection.execute(query).all()
    return Sums(
        np.array([row[0] for row in rows], np.str_),
        np.array([row[1] for row in rows], np.int64),
        np.array([row[2:] for row in rows], np.float64).reshape(len(rows), len(FIELDS)),
    )


def reliability(connection: Connection, now: float, station: str | None = None) -> Sequence[Bin]:
    """Mean forecast and observed frequency in equal bins of the probability; empty bins are left out."""
    p = forecasts.c.probability
    # The uppermost bin includes 1.
    place = cast(case((p >= 1, BINS - 1), else_=func.floor(p * BINS)), Integer).label("bin")
    query = (
        select(place, func.avg(p), func.avg(cast(forecasts.c.rained, Integer)), func.count())
        .where(verified(now), p.is_not(None))
        .group_by(place)
        .order_by(place)
    )
    if station is not None:
        query = query.where(forecasts.c.station == station)
    return [Bin(float(f), float(o), int(n)) for _, f, o, n in connection.execute(query)]


def unverified(connection: Connection, station: str | None = None) -> dict[str, Unverified]:
    """Forecasts with a probability and without a verdict, by station."""
    p = forecasts.c.probability
    query = (
        select(forecasts.c.station, func.count(), func.sum(p), func.sum(p * (1 - p)))
        .where(forecasts.c.rained.is_(None), p.is_not(None))
        .group_by(forecasts.c.station)
    )
    if station is not None:
        query = query.where(forecasts.c.station == station)
    rows = connection.execute(query)
    return {name: Unverified(int(count), float(rain), float(error)) for name, count, rain, error in rows}


def total(parts: Iterable[Unverified]) -> Unverified:
    """All of them together."""
    every = list(parts)
    return Unverified(sum(u.hours for u in every), sum(u.rain for u in every), sum(u.error for u in every))
