"""From which probability on the forecast says Rain."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from weather.training.scores import heidke
from weather.training.verification import Interval, day_sums, day_weights, interval

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

CANDIDATES = np.arange(1, 100) / 100

HSS, ONSET = "hss", "onset"
RULES = (HSS, ONSET)

Rule = str | float
"""``hss``: the highest Heidke skill score over all hours; ``onset``: the highest over the hours in which
it does not rain yet; a number: the cost of a needless precaution divided by the loss that it prevents."""


def parse_rule(text: str) -> Rule:
    """A rule as it is given on the command line.

    Raises:
        ValueError: it is neither one of RULES nor a number between 0 and 1.
    """
    if text in RULES:
        return text
    try:
        ratio = float(text)
    except ValueError:
        ratio = np.nan
    if not 0 < ratio < 1:
        raise ValueError(f"{text!r} is neither {', '.join(RULES)} nor a cost-loss ratio between 0 and 1")
    return ratio


def threshold(rule: Rule, probability: Floats, y: Bools, rain_now: Bools) -> float:
    """The threshold by ``rule`` for held-out probabilities float64[n].

    A precaution of cost C against a loss L pays where p L > C: with calibrated probabilities the
    best threshold is C / L itself (Murphy 1977, Monthly Weather Review 105).

    Raises:
        ValueError: by the rule ``onset``, and no dry hour is followed by rain.
    """
    if isinstance(rule, float):
        return rule
    one_day = np.zeros(len(y), "datetime64[D]")
    return float(_best(_counts(rule, probability, y, rain_now, one_day)[..., 0]))


def threshold_interval(
    rule: Rule, probability: Floats, y: Bools, rain_now: Bools, day: NDArray[np.datetime64]
) -> Interval:
    """The 95 % interval of ``threshold`` by block bootstrap of days; a given ratio has none."""
    if isinstance(rule, float):
        return rule, rule
    drawn = _counts(rule, probability, y, rain_now, day) @ day_weights(day).T
    return interval(_best(drawn))


def _counts(
    rule: Rule, probability: Floats, y: Bools, rain_now: Bools, day: NDArray[np.datetime64]
) -> Floats:
    """float64[4, candidates, days]: hits, false alarms, misses and negatives at each candidate."""
    asked = ~rain_now if rule == ONSET else np.ones(len(y), bool)
    rain, dry = y & asked, ~y & asked
    if not rain.any():
        raise ValueError("no dry hour is followed by rain, so there is no threshold for onset")
    hits, false_alarms = (
        np.stack([day_sums(((probability > t) & kind)[None].astype(float), day)[0] for t in CANDIDATES])
        for kind in (rain, dry)
    )
    wet_hours, dry_hours = (day_sums(kind[None].astype(float), day)[0] for kind in (rain, dry))
    return np.stack([hits, false_alarms, wet_hours - hits, dry_hours - false_alarms])


def _best(counts: Floats) -> Floats:
    """The candidates with the highest HSS, of counts float64[4, candidates, ...]."""
    return np.asarray(CANDIDATES[np.nan_to_num(heidke(*counts), nan=-1.0).argmax(axis=0)])
