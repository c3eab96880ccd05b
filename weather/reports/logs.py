"""Logged forecasts, read back."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from weather.contract.variables import FEATURES, LABELS, LIMITS, POSITIVE
from weather.training.observations import BadData
from weather.training.words import counted

MIN_ROWS = 100
"""With fewer, ten bins have a PSI near 0.1 without any drift."""


@dataclass(frozen=True)
class Log:
    """What the logs hold: ``table`` has the seven features, ``probability`` (NaN where the model gives
    none), ``rain`` (the decision), ``time`` (UTC) and ``model``; and of the challenger, where it answered,
    ``challenger`` (its tag, else an empty text), ``challenger_probability`` and ``challenger_rain``.
    """

    table: pd.DataFrame
    malformed: int

    @property
    def x(self) -> NDArray[np.float64]:
        """float64[n, 7], in the contract's order; NaN where an optional value was not given."""
        return np.asarray(self.table[list(FEATURES)], np.float64)

    @property
    def probability(self) -> NDArray[np.float64]:
        """The logged probabilities; empty where the model gives none."""
        return np.asarray(self.table["probability"].dropna(), np.float64)


def read_log(paths: Sequence[Path], optional: Collection[str], min_rows: int = MIN_ROWS) -> Log:
    """The lines of log files, or of all ``data*`` files below folders; malformed lines are counted.

    Features of ``optional`` may be null.

    Raises:
        BadData: there is no file, one can't be read, or fewer than ``min_rows`` lines are good.
    """
    files: list[Path] = []
    for path in paths:
        files += sorted(p for p in path.rglob("data*") if p.is_file()) if path.is_dir() else [path]
    if not files:
        raise BadData("there is no log file (data*) in the folder that was given")
    good: list[dict[str, object]] = []
    malformed = 0
    for file in files:
        try:
            lines = file.read_bytes().splitlines()
        except OSError as error:
            raise BadData(f"{file} can't be read: {error}") from error
        for line in lines:
            try:
                good.append(_record(line, optional))
            except (ValueError, KeyError, TypeError):
                malformed += 1
    if len(good) < min_rows:
        raise BadData(
            f"{counted(len(good), 'good line')} and {counted(malformed, 'malformed line')}: "
            f"at least {counted(min_rows, 'good one')} {'is' if min_rows == 1 else 'are'} needed"
        )
    return Log(pd.DataFrame(good), malformed)


def _record(line: bytes, optional: Collection[str]) -> dict[str, object]:
    raw = json.loads(line)
    record: dict[str, object] = {}
    for name, (low, high) in LIMITS.items():
        if raw[name] is None and name in optional:
            record[name] = np.nan
            continue
        record[name] = value = float(raw[name])
        if not low <= value <= high:
            raise ValueError(name)
    record["probability"], record["rain"] = _forecast(raw["probability"], raw["prediction"])
    record["time"] = pd.to_datetime(raw["timestamp"], utc=True)
    record["model"] = str(raw["model"])
    answered = raw.get("challenger_prediction") is not None
    record["challenger"] = str(raw["challenger_model"]) if answered else ""
    record["challenger_probability"], record["challenger_rain"] = (
        _forecast(raw["challenger_probability"], raw["challenger_prediction"])
        if answered
        else (np.nan, False)
    )
    return record


def _forecast(probability: Any, prediction: Any) -> tuple[float, bool]:
    chance = np.nan if probability is None else float(probability)
    if prediction not in LABELS or chance < 0 or chance > 1:
        raise ValueError("prediction")
    return chance, prediction == POSITIVE
