from __future__ import annotations

import numpy as np
import pytest

from weather.training import thresholds
from weather.training.scores import heidke
from weather.training.thresholds import HSS, ONSET, parse_rule, threshold, threshold_interval

RNG = np.random.default_rng(1)
N = 4000
WET = RNG.random(N) < 0.1
P = np.where(WET, RNG.uniform(0.6, 0.9, N), RNG.beta(1, 8, N))
Y = RNG.random(N) < P
DAY = np.datetime64("2020-01-01") + np.arange(N) // 24


def hss(t: float, hours: slice | np.ndarray[tuple[int], np.dtype[np.bool_]]) -> float:
    warned, y = P[hours] > t, Y[hours]
    table = [
        np.array(np.sum(cell), np.float64) for cell in (warned & y, warned & ~y, ~warned & y, ~warned & ~y)
    ]
    return float(heidke(*table))


def test_it_has_the_highest_hss_of_all_hours() -> None:
    found = threshold(HSS, P, Y, WET)
    assert hss(found, slice(None)) == max(hss(t, slice(None)) for t in thresholds.CANDIDATES)


def test_for_onset_it_has_the_highest_hss_of_the_dry_hours() -> None:
    found = threshold(ONSET, P, Y, WET)
    assert hss(found, ~WET) == max(hss(t, ~WET) for t in thresholds.CANDIDATES)
    assert found < threshold(HSS, P, Y, WET)


def test_a_cost_loss_ratio_is_the_threshold_that_costs_least() -> None:
    """Of calibrated probabilities: a precaution costs 1, rain without one 5."""
    assert threshold(0.2, P, Y, WET) == 0.2
    expense = [np.sum(t < P) + 5 * np.sum((t >= P) & Y) for t in thresholds.CANDIDATES]
    assert thresholds.CANDIDATES[int(np.argmin(expense))] == pytest.approx(0.2, abs=0.05)


def test_the_interval_is_that_of_the_threshold_of_resampled_days() -> None:
    low, high = threshold_interval(HSS, P, Y, WET, DAY)
    assert low <= threshold(HSS, P, Y, WET) <= high
    assert 0 < high - low < 0.5
    few = slice(0, 480)
    wide = threshold_interval(HSS, P[few], Y[few], WET[few], DAY[few])
    assert wide[1] - wide[0] > high - low, "fewer days say less"
    onset = threshold_interval(ONSET, P, Y, WET, DAY)
    assert onset[0] <= threshold(ONSET, P, Y, WET) <= onset[1]
    assert threshold_interval(0.2, P, Y, WET, DAY) == (0.2, 0.2)


def test_without_an_onset_there_is_no_threshold_for_it() -> None:
    with pytest.raises(ValueError, match="no dry hour is followed by rain"):
        threshold(ONSET, P, Y & WET, WET)


def test_rules_as_they_are_typed() -> None:
    assert parse_rule("hss") == HSS
    assert parse_rule("onset") == ONSET
    assert parse_rule("0.25") == 0.25
    for text in ("0", "1", "-0.1", "2", "nan", "best", ""):
        with pytest.raises(ValueError, match="neither hss, onset nor a cost-loss ratio between 0 and 1"):
            parse_rule(text)
