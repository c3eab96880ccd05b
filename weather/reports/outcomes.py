"""Logged forecasts beside what happened."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from weather.contract.variables import FEATURES
from weather.reports.logs import Log
from weather.training.observations import BadData
from weather.training.verification import reliability


@dataclass(frozen=True)
class Calibration:
    """Forecasts beside what came: Brier score, and mean forecast, rain frequency, count a bin."""

    joined: int
    ambiguous: int
    brier: float
    brier_climatology: float
    bins: list[tuple[float, float, int]]


def calibrate(log: Log, outcomes: Path) -> Calibration:
    """Join what came: a CSV with ``rain`` (0 or 1) and the columns that say of which row.

    Those are ``hour`` (UTC), when the log is of one place, or any of the features, or both. Rows of the
    file that share their keys and differ in ``rain`` are left out and counted. Brier score: mean of
    (p - o)^2 (Brier 1950, halved as is usual); climatology forecasts the frequency of rain here.

    Raises:
        BadData: the file can't be read or used, or nothing joins.
    """
    try:
        came = pd.read_csv(outcomes)
    except (OSError, UnicodeDecodeError, pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        raise BadData(f"{outcomes} can't be read as CSV: {error}") from error
    keys = [name for name in ("hour", *FEATURES) if name in came.columns]
    if "rain" not in came.columns or not keys or not came["rain"].isin([0, 1]).all():
        raise BadData(f"{outcomes} needs a column rain of 0 and 1, and hour or features to join by")
    mine = log.table.drop(columns="rain").assign(hour=log.table["time"].dt.floor("h"))
    try:
        if "hour" in keys:
            came["hour"] = pd.to_datetime(came["hour"], utc=True).dt.floor("h")
        for name in keys:
            if name != "hour":  # other tools write fewer digits
                came[name] = came[name].astype(float).round(3)
                mine[name] = mine[name].round(3)
    except (ValueError, TypeError) as error:
        raise BadData(f"{outcomes}: {error}") from error
    kinds = came.groupby(keys, dropna=False)["rain"].transform("nunique")
    both = mine.merge(came[kinds == 1].drop_duplicates(keys)[[*keys, "rain"]], on=keys)
    both = both[both["probability"].notna()]
    if both.empty:
        raise BadData(f"no logged probability joins {outcomes} by {', '.join(keys)}")
    p = np.asarray(both["probability"], np.float64)
    y = np.asarray(both["rain"] == 1, np.bool_)
    return Calibration(
        joined=len(both),
        ambiguous=int((kinds > 1).sum()),
        brier=float(((p - y) ** 2).mean()),
        brier_climatology=float(y.mean() * (1 - y.mean())),
        bins=[(float(f), float(o), int(n)) for f, o, n in reliability(p, y)],
    )
