"""Scores from sums, by the definitions of the forecast service's ``train_import.py evaluate``.

Terms and formulas follow the WWRP/WGNE Joint Working Group on Forecast Verification Research, "Forecast
Verification: Issues, Methods and FAQ", and Wilks, *Statistical Methods in the Atmospheric Sciences*. With
hits a, false alarms b, misses c and correct negatives d:

| score | formula |
|---|---|
| ``pod``, ``far`` | a / (a + c), b / (a + b) |
| ``hss`` | 2 (ad − bc) / ((a + c)(c + d) + (a + b)(b + d)) |
| ``brier`` | mean of (p − o)² |
| ``bss_persistence`` | 1 − BS / BS_ref; persistence: the rain frequency after wet and after dry hours |
| ``bss_climatology`` | 1 − BS / BS_ref; climatology: the rain frequency of these hours |

``tests/stations/test_scores.py`` compares them with the forecast service's own code.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from stations.verification.sums import FIELDS, Sums, Unverified

Floats = NDArray[np.float64]

SCORES = ("pod", "far", "hss", "brier", "bss_climatology", "bss_persistence")

RESAMPLES = 2000
LEVEL = 0.95

MIN_DAYS = 5
MIN_RAIN_HOURS = 10
"""Intervals need at least this many days, hours followed by rain, and hours not followed by rain."""


def scores(sums: Sums) -> dict[str, float | None]:
    """Every score; None where it is undefined."""
    total = sums.values.sum(axis=0)
    return {name: _known(value) for name, value in _scores(total, total).items()}


def intervals(sums: Sums) -> dict[str, tuple[float, float]] | None:
    """Percentile intervals by block bootstrap: whole days are drawn with replacement, all stations' together.

    Neither neighbouring hours nor neighbouring stations are independent, so drawing single hours would give
    intervals that are much too narrow (Wilks, moving blocks). None if there are too few data.
    """
    total = sums.values.sum(axis=0)
    days, block = np.unique(sums.day, return_inverse=True)
    rain, dry = total[FIELDS.index("rain")], total[0] - total[FIELDS.index("rain")]
    if len(days) < MIN_DAYS or min(rain, dry) < MIN_RAIN_HOURS:
        return None
    daily = np.stack([np.bincount(block, column) for column in sums.values.T], axis=1)
    weights = np.random.default_rng(2013).multinomial(len(days), np.full(len(days), 1 / len(days)), RESAMPLES)
    tails = [(1 - LEVEL) / 2, (1 + LEVEL) / 2]
    bounds = {}
    for name, values in _scores((weights @ daily).T.astype(np.float64), total).items():
        finite = values[np.isfinite(values)]
        if len(finite):
            low, high = np.quantile(finite, tails)
            bounds[name] = (float(low), float(high))
    return bounds


def summary(sums: Sums, unverified: Unverified, with_intervals: bool = True) -> dict[str, Any]:
    """The JSON form of a station's scores, or of all stations'."""
    total = dict(zip(FIELDS, sums.values.sum(axis=0).tolist(), strict=True))
    return {
        "hours": int(total["hours"]),
        "hours_followed_by_rain": int(total["rain"]),
        "scores": scores(sums),
        "intervals": intervals(sums) if with_intervals else None,
        "not_yet_verified": {
            "hours": unverified.hours,
            "estimate": True,
            "brier": unverified.error / unverified.hours if unverified.hours else None,
            "rain_frequency": unverified.rain / unverified.hours if unverified.hours else None,
        },
    }


def _scores(sums: Floats, reference: Floats) -> dict[str, Floats]:
    """Scores of ``sums``, float64[9] or [9, k]; the references' frequencies are those of ``reference``."""
    n, known, wet, rain, rain_after_wet, hits, false_alarms, misses, error = sums
    negatives = n - hits - false_alarms - misses
    error = np.where(known == n, error, np.nan)
    frequency = dict(zip(FIELDS, reference, strict=True))
    climatology = _ratio(frequency["rain"], frequency["hours"])
    after_wet = _ratio(frequency["rain_after_wet"], frequency["wet"])
    after_dry = _ratio(frequency["rain"] - frequency["rain_after_wet"], frequency["hours"] - frequency["wet"])
    # Without any wet (dry) hours their frequency is undefined, but it is multiplied by 0 hours.
    persistence_error = _squares(np.nan_to_num(after_wet), wet, rain_after_wet) + _squares(
        np.nan_to_num(after_dry), n - wet, rain - rain_after_wet
    )
    return {
        "pod": _ratio(hits, hits + misses),
        "far": _ratio(false_alarms, hits + false_alarms),
        "hss": _ratio(
            2 * (hits * negatives - false_alarms * misses),
            (hits + misses) * (misses + negatives) + (hits + false_alarms) * (false_alarms + negatives),
        ),
        "brier": _ratio(error, n),
        "bss_climatology": 1 - _ratio(error, _squares(climatology, n, rain)),
        "bss_persistence": 1 - _ratio(error, persistence_error),
    }


def _squares(p: Floats, hours: Floats, rain: Floats) -> Floats:
    """Sum of (p - o)^2 over hours of which ``rain`` were followed by rain, for one p."""
    return rain * (1 - p) ** 2 + (hours - rain) * p**2


def _ratio(numerator: Floats, denominator: Floats) -> Floats:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.divide(numerator, denominator)


def _known(value: Floats) -> float | None:
    return float(value) if np.isfinite(value) else None
