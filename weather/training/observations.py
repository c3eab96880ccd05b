"""Hourly observations and how they are cleaned, wherever they come from (``sources.py``)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from weather.contract.faults import accepted
from weather.contract.variables import FEATURES, LIMITS
from weather.training.units import doubt, impossible, likely_unit
from weather.training.words import counted, share

RAIN_NOW = "current_weather_condition"

MAX_GAP_HOURS = 12
"""A value is carried forward for so many hours at most: pressure's longest gap at the three New York
stations is 11 h, and a front passes in less than a day."""


FOREIGN = 0.01
"""A column counts as in another unit if this share of its values is impossible in the contract's unit and
usual in the other."""


class BadData(ValueError):
    """The observations can't be used; the message says which column or row and why."""


@dataclass(frozen=True)
class Missing:
    """The share of hours in which a feature was missing as delivered, in dry and in rainy hours."""

    dry: float
    rainy: float


@dataclass(frozen=True)
class Observations:
    """Cleaned hourly observations, sorted by station and hour.

    ``table`` has the columns ``station``, ``hour`` (UTC, whole hours, unique within a station)
    and the seven features in the contract's units; features are NaN where no value was within
    reach. ``notes`` are sentences on what cleaning did, for the report. ``missing`` has the features
    that were missing in some rows, not in all.
    """

    name: str
    digest: str
    table: pd.DataFrame
    notes: list[str]
    missing: dict[str, Missing]


def cleaned(
    name: str,
    digest: str,
    table: pd.DataFrame,
    notes: list[str],
    columns: Mapping[str, str] | None = None,
) -> Observations:
    """Of rows that repeat a station's hour keep the first; impossible values count as missing; a missing
    value is the last one that the station measured, as a live station would have it.

    ``columns`` has the source's names of the features. A column that may be in another unit gets a note.

    Raises:
        BadData: most values of a column are impossible, so it has another unit. Zeros don't count: they are
            how the old system wrote that there is no pressure.
    """
    columns = columns or {}
    table = table.dropna(subset=["hour"]).sort_values(["station", "hour"], kind="stable")
    repeated = table.duplicated(["station", "hour"])
    if repeated.any():
        notes.append(f"{counted(repeated.sum(), 'row')} repeated a station's hour; the first was kept.")
    table = table[~repeated].reset_index(drop=True)
    for feature, (low, high) in LIMITS.items():
        outside = table[feature].notna() & ~table[feature].between(low, high)
        column = columns.get(feature, feature)
        known = table.loc[table[feature].notna() & (table[feature] != 0), feature]
        wrong = outside[known.index]
        foreign = impossible(feature, known)
        if wrong.mean() > 0.5 or foreign.mean() > FOREIGN:
            unit = likely_unit(feature, known)
            raise BadData(
                f"{name}: {wrong.sum():,} of {counted(len(known), 'value')} of {column} are impossible: "
                f"{f'are they {unit}' if unit else 'is it another unit'}? Give {accepted(feature)}"
            )
        if sentence := doubt(feature, column, known[~wrong]):
            notes.append(sentence)
        if outside.any():
            notes.append(
                f"{counted(outside.sum(), 'value')} of {feature} outside {low:g} … {high:g} "
                "counted as missing."
            )
            table.loc[outside, feature] = np.nan
    rainy = table[RAIN_NOW] > 0.5
    missing: dict[str, Missing] = {}
    for feature in FEATURES:
        absent = table[feature].isna()
        if not absent.any() or feature == RAIN_NOW:
            continue
        if absent.all():
            notes.append(f"{feature} was missing in every row.")
            continue
        missing[feature] = Missing(float(absent[~rainy].mean()), float(absent[rainy].mean()))
        table[feature] = _carried_forward(table, feature)
        filled = absent.sum() - table[feature].isna().sum()
        notes.append(
            f"{feature} was missing in {counted(absent.sum(), 'row')} ({share(absent.mean())}); "
            f"the last value was carried forward for up to {MAX_GAP_HOURS} h in {filled:,} of them."
        )
    return Observations(name, digest, table, notes, missing)


def _carried_forward(table: pd.DataFrame, feature: str) -> pd.Series[float]:
    """The last value of the same station that is at most MAX_GAP_HOURS old."""
    by_station = table["station"]
    value = table[feature].groupby(by_station).ffill()
    measured = table["hour"].where(table[feature].notna()).groupby(by_station).ffill()
    return value.where(table["hour"] - measured <= pd.Timedelta(hours=MAX_GAP_HOURS))
