"""Queries for the page, API clients and exports."""

from __future__ import annotations

import csv
import io
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Row, and_, func, select, tuple_

from stations.contract import FEATURES, RAIN
from stations.reports import HOUR, text_of
from stations.store.tables import forecasts, hours, stations
from stations.store.writing import KEYS_A_QUERY, Key

CSV_COLUMNS = {
    "temp_c": "Temperature_C",
    "humidity": "Humidity",
    "wind_speed_kmph": "Wind_speed_kmph",
    "wind_bearing_degree": "Wind_bearing_degrees",
    "visibility_km": "Visibility_km",
    "pressure_millibars": "Pressure_millibars",
    "current_weather_condition": "Current_weather_condition",
}
"""The columns that ``train_import.py train --data`` reads."""

EXPORT_ROWS = 10_000


def elevations(connection: Connection) -> dict[str, float]:
    """The elevation of each station that has one, in m."""
    known = select(stations.c.station, stations.c.elevation_m).where(stations.c.elevation_m.is_not(None))
    return {row.station: row.elevation_m for row in connection.execute(known)}


def station_names(connection: Connection) -> set[str]:
    """The names of all stations."""
    return set(connection.scalars(select(stations.c.station)))


def overview(connection: Connection, limit: int) -> list[dict[str, Any]]:
    """Location, latest hour and latest forecast of each station, sorted by name."""
    # A subquery per station is one lookup in the index, whereas GROUP BY would read all hours.
    every = hours.alias()
    last = select(func.max(every.c.hour)).where(every.c.station == stations.c.station).scalar_subquery()
    here = and_(hours.c.station == stations.c.station, hours.c.hour == last)
    told = and_(forecasts.c.station == hours.c.station, forecasts.c.hour == hours.c.hour)
    query = (
        select(
            stations,
            hours.c.hour,
            hours.c[RAIN].label("raining"),
            hours.c.queued,
            hours.c.reason,
            forecasts.c.rain,
            forecasts.c.probability,
        )
        .select_from(stations)
        .outerjoin(hours, here)
        .outerjoin(forecasts, told)
        .order_by(stations.c.station)
        .limit(limit)
    )
    return [_station(row) for row in connection.execute(query)]


def _station(row: Row[Any]) -> dict[str, Any]:
    return {
        **_place(row),
        "last_hour": None if row.hour is None else text_of(row.hour),
        "raining": None if row.raining is None else row.raining == 1,
        "forecast": _short(row),
        "why_not": reason_of(row.queued, row.reason) if row.rain is None and row.hour is not None else None,
    }


def _place(row: Row[Any]) -> dict[str, Any]:
    return {name: getattr(row, name) for name in ("station", "name", "elevation_m", "latitude", "longitude")}


def _short(row: Row[Any]) -> dict[str, Any] | None:
    if row.rain is None:
        return None
    return {"prediction": prediction(row.rain), "probability": row.probability}


def reason_of(queued: bool | None, reason: str | None) -> str | None:
    """Why an hour has no forecast; None if it is unknown."""
    return reason or ("it waits for the forecast service" if queued else None)


def prediction(rain: bool) -> str:
    """The forecast as the forecast service names it."""
    return "Rain" if rain else "No_Rain"


def last_hours(connection: Connection, station: str, count: int) -> dict[str, Any] | None:
    """A station with its latest hours, oldest first; None if there is no such station."""
    place = connection.execute(select(stations).where(stations.c.station == station)).one_or_none()
    if place is None:
        return None
    newest = select(func.max(hours.c.hour)).where(hours.c.station == station).scalar_subquery()
    told = and_(forecasts.c.station == hours.c.station, forecasts.c.hour == hours.c.hour)
    query = (
        select(
            hours,
            forecasts.c.rain,
            forecasts.c.probability,
            forecasts.c.rained,
            forecasts.c.horizon_hours,
            forecasts.c.model,
            forecasts.c.request_id,
            forecasts.c.issued,
            forecasts.c.notes,
        )
        .outerjoin(forecasts, told)
        .where(hours.c.station == station, hours.c.hour > newest - count * HOUR)
        .order_by(hours.c.hour)
    )
    return {**_place(place), "hours": [_hour(row) for row in connection.execute(query)]}


def _hour(row: Row[Any]) -> dict[str, Any]:
    forecast = _forecast(row)
    return {
        "hour": text_of(row.hour),
        "reports": row.reports,
        "observation": {name: getattr(row, name) for name in FEATURES},
        "forecast": forecast,
        "why_not": None if forecast else reason_of(row.queued, row.reason),
    }


def _forecast(row: Row[Any]) -> dict[str, Any] | None:
    if row.rain is None:
        return None
    return {
        "prediction": prediction(row.rain),
        "probability": row.probability,
        "horizon_hours": row.horizon_hours,
        "rained": row.rained,
        "model": row.model,
        "request_id": row.request_id,
        "issued": text_of(row.issued),
        "notes": row.notes,
    }


def newest_forecasts(connection: Connection, names: Collection[str] | None) -> list[dict[str, Any]]:
    """The newest forecast of these stations, or of all, with the station's name."""
    told = forecasts.alias()
    last = select(func.max(told.c.hour)).where(told.c.station == stations.c.station).scalar_subquery()
    here = and_(forecasts.c.station == stations.c.station, forecasts.c.hour == last)
    query = select(forecasts, stations.c.name).select_from(stations).join(forecasts, here)
    if names is None:
        return [dict(row) for row in connection.execute(query).mappings()]
    result: list[dict[str, Any]] = []
    wanted = sorted(names)
    for first in range(0, len(wanted), KEYS_A_QUERY):
        part = query.where(stations.c.station.in_(wanted[first : first + KEYS_A_QUERY]))
        result.extend(dict(row) for row in connection.execute(part).mappings())
    return result


def forecasts_of(connection: Connection, keys: Iterable[Key]) -> dict[Key, dict[str, Any]]:
    """The forecast of each hour, or the reason why it has none, ``why_not``."""
    result: dict[Key, dict[str, Any]] = {}
    wanted = sorted(set(keys))
    for first in range(0, len(wanted), KEYS_A_QUERY):
        told = and_(forecasts.c.station == hours.c.station, forecasts.c.hour == hours.c.hour)
        query = (
            select(hours.c.station, hours.c.hour, hours.c.queued, hours.c.reason, *_TOLD)
            .outerjoin(forecasts, told)
            .where(tuple_(hours.c.station, hours.c.hour).in_(wanted[first : first + KEYS_A_QUERY]))
        )
        for row in connection.execute(query):
            # The stored forecast of a queued hour is outdated: the hour has changed since.
            forecast = None if row.queued else _forecast(row)
            result[row.station, row.hour] = {
                "forecast": forecast,
                "why_not": None if forecast else reason_of(row.queued, row.reason),
            }
    return result


_TOLD = [
    forecasts.c[name]
    for name in ("rain", "probability", "rained", "horizon_hours", "model", "request_id", "issued", "notes")
]


def export(connection: Connection, after: Key) -> tuple[list[dict[str, Any]], Key | None]:
    """The next rows of the export, and the key after which to continue; None if these were the last.

    Values are the inputs of the hour's forecast, with values carried forward and without assumed ones, so
    that ``evaluate`` gives the model the same inputs. Hours without a forecast have their own values.
    """
    told = and_(forecasts.c.station == hours.c.station, forecasts.c.hour == hours.c.hour)
    query = (
        select(hours, *(forecasts.c[name].label(f"asked_{name}") for name in FEATURES), forecasts.c.assumed)
        .outerjoin(forecasts, told)
        .where(tuple_(hours.c.station, hours.c.hour) > after)
        .order_by(hours.c.station, hours.c.hour)
        .limit(EXPORT_ROWS)
    )
    rows = [_exported(dict(row)) for row in connection.execute(query).mappings()]
    last = (rows[-1]["station"], rows[-1]["hour"]) if len(rows) == EXPORT_ROWS else None
    return rows, last


def _exported(row: Mapping[str, Any]) -> dict[str, Any]:
    assumed = row["assumed"] or ()
    values = {
        name: row[name] if row[name] is not None or name in assumed else row[f"asked_{name}"]
        for name in FEATURES
    }
    return {"station": row["station"], "hour": row["hour"], **values}


def csv_lines(rows: Sequence[Mapping[str, Any]], header: bool) -> Iterator[str]:
    """Rows of ``export`` in the CSV format of ``train_import.py train --data``."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    if header:
        writer.writerow(["Timestamp", "Location", *CSV_COLUMNS.values()])
    for row in rows:
        writer.writerow([text_of(row["hour"]), row["station"], *(_cell(row[name]) for name in FEATURES)])
    yield text.getvalue()


def _cell(value: float | None) -> str:
    """The shortest text that is read back as the same number."""
    return "" if value is None else repr(value)
