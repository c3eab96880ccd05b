from __future__ import annotations

import numpy as np
import pytest

from weather.training import verification
from weather.training.verification import (
    Counts,
    Reference,
    Verification,
    best_threshold,
    csi,
    far,
    hss,
    pod,
    pss,
    reliability,
)

# Finley's tornado forecasts of 1884, the standard worked example (Wilks, "Forecast Verification").
FINLEY = Counts(*(np.array(float(n)) for n in (28, 72, 23, 2680, 1, 2, 4)))


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


def test_scores_of_finleys_tornado_forecasts() -> None:
    assert pod(FINLEY) == pytest.approx(0.549, abs=5e-4)
    assert far(FINLEY) == pytest.approx(0.720, abs=5e-4)
    assert csi(FINLEY) == pytest.approx(0.228, abs=5e-4)
    assert verification.bias(FINLEY) == pytest.approx(1.96, abs=5e-3)
    assert hss(FINLEY) == pytest.approx(0.355, abs=5e-4)
    assert pss(FINLEY) == pytest.approx(0.523, abs=5e-4)


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


def test_a_model_without_probabilities_is_judged_by_its_decisions() -> None:
    scores = verified([1, 0], [1, 0], [np.nan, np.nan]).scores()
    assert scores["hss"] == 1
    assert np.isnan(scores["brier"])


def test_intervals_are_by_day_and_hold_the_score() -> None:
    rng = np.random.default_rng(0)
    y = rng.random(2400) < 0.3
    p = np.clip(0.3 + 0.3 * (y - 0.3) + rng.normal(0, 0.1, 2400), 0, 1)
    hourly = Verification(
        y, p > 0.4, p, np.full(2400, 0.3), np.full(2400, 0.3), np.arange(2400).astype("datetime64[D]")
    )
    repeated = Verification(
        *(
            np.repeat(getattr(hourly, f)[:100], 24)
            for f in ("y", "decision", "probability", "climatology", "persistence", "day")
        )
    )
    low, high = hourly.intervals()["hss"]
    assert low < hourly.scores()["hss"] < high
    wide_low, wide_high = repeated.intervals()["hss"]
    assert wide_high - wide_low > 2 * (high - low), "24 copies of a day are one day's evidence"


def test_the_threshold_maximises_hss() -> None:
    p = np.array([0.1, 0.2, 0.3, 0.4])
    y = np.array([False, False, True, True])
    assert 0.2 <= best_threshold(p, y) < 0.3


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
