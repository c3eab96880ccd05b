from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest
from scipy.stats import bootstrap  # type: ignore[import-untyped]

from weather.training.verification import (
    Reference,
    Verification,
    calibration_error,
    day_sums,
    interval,
    reliability,
)


def verified(y: list[int], decision: list[int], p: list[float]) -> Verification:
    n = len(y)
    return Verification(
        y=np.array(y, bool),
        decision=np.array(decision, bool),
        probability=np.array(p),
        climatology=np.full(n, 0.5),
        persistence=np.full(n, 0.25),
        day=np.arange(n).astype("datetime64[D]"),
    )


def random(hours: int, seed: int = 0) -> Verification:
    """Forecasts with some skill; each hour is a day of its own."""
    rng = np.random.default_rng(seed)
    y = rng.random(hours) < 0.3
    p = np.clip(0.3 + 0.3 * (y - 0.3) + rng.normal(0, 0.1, hours), 0, 1)
    reference = np.full(hours, 0.3)
    return Verification(y, p > 0.4, p, reference, reference, np.arange(hours).astype("datetime64[D]"))


def test_brier_and_its_skill() -> None:
    scores = verified([1, 0], [1, 0], [0.8, 0.4]).scores()
    assert scores["brier"] == pytest.approx((0.04 + 0.16) / 2)
    assert scores["bss_climatology"] == pytest.approx(1 - 0.1 / 0.25)
    assert scores["bss_persistence"] == pytest.approx(1 - 0.2 / (0.75**2 + 0.25**2))


def test_a_perfect_forecast_has_perfect_scores() -> None:
    scores = verified([1, 0, 0], [1, 0, 0], [1, 0, 0]).scores()
    assert [scores[s] for s in ("pod", "far", "csi", "bias", "hss", "pss", "brier")] == [1, 0, 1, 1, 1, 1, 0]


def test_undefined_scores_are_nan_and_the_rest_stands() -> None:
    scores = verified([0, 0], [0, 0], [0.1, 0.1]).scores()
    assert np.isnan(scores["pod"])
    assert scores["brier"] == pytest.approx(0.01)
    assert np.isnan(verified([0, 0], [0, 0], [0.1, 0.1]).intervals()["pod"]).all()


def test_a_model_without_probabilities_is_judged_by_its_decisions() -> None:
    scores = verified([1, 0], [1, 0], [np.nan, np.nan]).scores()
    assert scores["hss"] == 1
    assert np.isnan(scores["brier"])


def test_intervals_are_by_day_and_hold_the_score() -> None:
    hourly = random(2400)
    copies = np.repeat(np.arange(100), 24)
    low, high = hourly.intervals()["hss"]
    assert low < hourly.scores()["hss"] < high
    wide_low, wide_high = hourly.where(copies).intervals()["hss"]
    assert wide_high - wide_low > 2 * (high - low), "24 copies of a day are one day's evidence"


def test_intervals_are_those_of_scipys_bootstrap_of_days() -> None:
    daily = replace(random(2400), day=(np.arange(2400) // 24).astype("datetime64[D]"))
    error = (daily.probability - daily.y) ** 2
    reference = (daily.persistence - daily.y) ** 2
    theirs = bootstrap(
        tuple(day_sums(np.stack([error, reference]), daily.day)),
        lambda a, b, axis: 1 - a.sum(axis=axis) / b.sum(axis=axis),
        paired=True,
        n_resamples=2000,
        method="percentile",
        rng=1,
    ).confidence_interval
    assert daily.intervals()["bss_persistence"] == pytest.approx(tuple(theirs), abs=0.005)


def test_a_gain_is_paired_day_by_day() -> None:
    """Two forecasts with the same hard and easy days: their difference is known much better than either."""
    one = random(2400)
    other = replace(one, probability=np.clip(one.probability + 0.02, 0, 1))
    gain, (low, high) = one.gain(other, "bss_persistence")
    assert gain == one.scores()["bss_persistence"] - other.scores()["bss_persistence"]
    assert low < gain < high
    alone_low, alone_high = one.intervals()["bss_persistence"]
    assert high - low < (alone_high - alone_low) / 3
    assert one.gain(one, "hss") == (0.0, (0.0, 0.0))
    back, (back_low, back_high) = other.gain(one, "bss_persistence")
    assert (back, back_low, back_high) == pytest.approx((-gain, -high, -low))


def test_joining_the_parts_of_a_verification_gives_it_back() -> None:
    whole = random(50)
    mask = np.arange(50) < 20
    joined = Verification.join([whole.where(mask), whole.where(~mask)])
    for field in fields(Verification):
        np.testing.assert_array_equal(getattr(joined, field.name), getattr(whole, field.name))


def test_interval_holds_the_middle_95_percent_of_what_is_finite() -> None:
    values = np.append(np.linspace(0, 1, 1001), np.nan)
    assert interval(values) == pytest.approx((0.025, 0.975))


def test_persistence_is_calibrated_on_training_rows() -> None:
    reference = Reference.of(np.array([1, 1, 0, 0, 0, 0], bool), np.array([1, 0, 1, 0, 0, 0], bool))
    assert reference.climatology == pytest.approx(1 / 3)
    assert reference.after_wet == 0.5
    assert reference.after_dry == 0.25
    assert reference.persistence(np.array([True, False])).tolist() == [0.5, 0.25]


def test_reliability_bins_hold_equal_numbers() -> None:
    p = np.linspace(0, 1, 100)
    points = reliability(p, p > 0.5, bins=4)
    assert [n for _, _, n in points] == [25] * 4
    assert [f for _, f, _ in points] == [0, 0, 1, 1]


def test_calibration_error_is_the_mean_distance_from_the_frequency() -> None:
    y = np.tile([True, False, False, False], 50)
    assert calibration_error(np.full(200, 0.25), y, bins=2) == pytest.approx(0)
    p = np.repeat([0.1, 0.6], 100)
    assert calibration_error(p, y, bins=2) == pytest.approx((0.15 + 0.35) / 2)
