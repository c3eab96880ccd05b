"""The probability threshold from which the forecast says Rain."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from weather.training.scores import heidke
from weather.training.verification import Interval, day_weights, interval

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
    if not (y & asked).any():
        raise ValueError("no dry hour is followed by rain, so there is no threshold for onset")
    days, block = np.unique(day, return_inverse=True)
    below = np.searchsorted(CANDIDATES, probability)  # how many candidates are below the probability
    cells = (len(CANDIDATES) + 1, len(days))
    warned, silent = [], []
    for kind in (y & asked, ~y & asked):
        hours = np.zeros(cells)
        np.add.at(hours, (below[kind], block[kind]), 1)
        warned.append(hours[::-1].cumsum(axis=0)[-2::-1])
        silent.append(hours.sum(axis=0) - warned[-1])
    return np.stack([*warned, *silent])


def _best(counts: Floats) -> Floats:
    """The candidates with the highest HSS, of counts float64[4, candidates, ...]."""
    return np.asarray(CANDIDATES[np.nan_to_num(heidke(*counts), nan=-1.0).argmax(axis=0)])
