"""Logged forecasts beside what happened."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from weather.contract.variables import FEATURES
from weather.reports.logs import Log
from weather.training.observations import BadData
from weather.training.samples import REQUIRED, samples
from weather.training.sources import from_csv
from weather.training.verification import reliability

EXPORT_COLUMNS = {"Timestamp", "Location"}
"""Of observations, as the stations' export and the training data have them."""


@dataclass(frozen=True)
class Calibration:
    """Forecasts beside their outcomes: Brier score, and mean forecast, rain frequency, count a bin."""

    joined: int
    ambiguous: int
    brier: float
    brier_climatology: float
    bins: list[tuple[float, float, int]]


@dataclass(frozen=True)
class Joined:
    """Logged forecasts whose outcome is known: the log's columns, ``outcome`` (whether rain came) and ``day``
    (datetime64[D], the block of the bootstrap). ``ambiguous`` outcomes were left out.
    """

    table: pd.DataFrame
    ambiguous: int


def join(table: pd.DataFrame, outcomes: Path, horizon: int | None) -> Joined:
    """Join the outcomes to a log's ``table``.

    Of a CSV with ``rain`` (0 or 1: rain within the horizon) and the columns that say of which row: ``hour``
    (UTC), when the log is of one place, or any of the features, or both. Or of observations with the columns
    of the training data, as the stations export them: whether rain came is made of them for ``horizon``, and
    rows are joined by all features but the optional ones, which the service may have assumed.

    Outcomes that share their keys and differ are left out and counted. The day is that of the observation
    where the file has it, else that of the forecast.

    Raises:
        BadData: the file can't be read or used, or nothing joins.
    """
    try:
        came = pd.read_csv(outcomes)
    except (OSError, UnicodeDecodeError, pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        raise BadData(f"{outcomes} can't be read as CSV: {error}") from error
    if came.columns.isin(EXPORT_COLUMNS).sum() == len(EXPORT_COLUMNS):
        came, keys = _of_observations(outcomes, horizon), REQUIRED
    else:
        keys = [name for name in ("hour", *FEATURES) if name in came.columns]
    if "rain" not in came.columns or not keys or not came["rain"].isin([0, 1]).all():
        raise BadData(f"{outcomes} needs a column rain of 0 and 1, and hour or features to join by")
    came = came.rename(columns={"rain": "outcome"})
    mine = table.assign(hour=table["time"].dt.floor("h"))
    try:
        if "hour" in keys:
            came["hour"] = pd.to_datetime(came["hour"], utc=True).dt.floor("h")
        for name in keys:
            if name != "hour":  # other tools write fewer digits
                came[name] = came[name].astype(float).round(3)
                mine[name] = mine[name].round(3)
    except (ValueError, TypeError) as error:
        raise BadData(f"{outcomes}: {error}") from error
    kinds = came.groupby(keys, dropna=False)["outcome"].transform("nunique")
    known = came[kinds == 1].drop_duplicates(keys)
    both = mine.merge(known[[*keys, "outcome", *(["day"] if "day" in known else [])]], on=keys)
    if both.empty:
        raise BadData(f"no logged forecast joins {outcomes} by {', '.join(keys)}")
    if "day" not in both:
        both["day"] = both["time"].dt.tz_localize(None).dt.floor("D")
    return Joined(both.assign(outcome=both["outcome"] == 1), int((kinds > 1).sum()))


def _of_observations(path: Path, horizon: int | None) -> pd.DataFrame:
    if horizon is None:
        raise BadData(
            f"{path} has observations, and within how many hours rain counts is unknown: give --horizon"
        )
    hours = samples(from_csv(path), horizon)
    table = pd.DataFrame(hours.x, columns=list(FEATURES))
    return table.assign(rain=hours.y.astype(int), day=hours.day.astype("datetime64[ns]"))


def calibrate(log: Log, outcomes: Path, horizon: int) -> Calibration:
    """Logged probabilities beside their outcomes (see ``join``).

    Brier score: mean of (p - o)^2 (Brier 1950, halved as is usual); climatology forecasts the frequency of
    rain here.

    Raises:
        BadData: the file can't be read or used, or nothing joins.
    """
    joined = join(log.table[log.table["probability"].notna()], outcomes, horizon)
    p = np.asarray(joined.table["probability"], np.float64)
    y = np.asarray(joined.table["outcome"], np.bool_)
    return Calibration(
        joined=len(y),
        ambiguous=joined.ambiguous,
        brier=float(((p - y) ** 2).mean()),
        brier_climatology=float(y.mean() * (1 - y.mean())),
        bins=[(float(f), float(o), int(n)) for f, o, n in reliability(p, y)],
    )
