"""No hour takes part in making its own forecast, and each leak would be seen."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from tests.training.test_features import hours
from weather.training import cross_fitting
from weather.training.cross_fitting import (
    CrossFit,
    Estimator,
    asked,
    best,
    cross_fit,
    nested,
    persistence,
    reference,
)
from weather.training.samples import BLOCK_HOURS, FOLDS, Samples, TooLittleData
from weather.training.thresholds import HSS, ONSET

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

WEEKS = 10
FOLD_COLUMN = 0


@cache
def labelled() -> Samples:
    """Ten weeks, assigned to the folds; the first column is the number of the fold."""
    n = WEEKS * BLOCK_HOURS
    x = hours(n)
    block = np.arange(n) // BLOCK_HOURS
    x[:, FOLD_COLUMN] = block % FOLDS
    rng = np.random.default_rng(2)
    x[:, -1] = rng.random(n) < 0.2
    y = rng.random(n) < 0.1 + 0.3 * x[:, 1] + 0.4 * x[:, -1]
    hour = np.datetime64("2020-01-06T00", "h") + np.arange(n)
    return Samples(x, y, hour, np.full(n, "A"), block)


class Witness:
    """Its log odds are the folds that it was fitted to, a bit each."""

    def fit(self, x: Floats, y: Bools) -> Witness:
        self.folds = int(np.bitwise_or.reduce(1 << x[:, FOLD_COLUMN].astype(int)))
        return self

    def decision_function(self, x: Floats) -> Floats:
        return np.full(len(x), float(self.folds))


def logistic() -> Estimator:
    made: Estimator = make_pipeline(StandardScaler(), LogisticRegression())
    return made


def nothing() -> None:
    pass


def test_every_forecast_is_by_a_classifier_of_neither_its_own_fold_nor_the_test_fold() -> None:
    samples, fits = labelled(), []
    fit = cross_fit(samples, Witness, lambda: fits.append(1))
    assert len(fits) == 15
    every = (1 << FOLDS) - 1
    for test_fold in range(FOLDS):
        expected = every & ~(1 << samples.fold) & ~(1 << test_fold)
        assert fit.log_odds[:, test_fold].tolist() == expected.tolist()
        seen, log_odds = fit.held_out(test_fold)
        assert set(seen.fold.tolist()) == set(range(FOLDS)) - {test_fold}
        assert len(log_odds) == len(seen)


@cache
def fitted() -> dict[str, CrossFit]:
    return {"logistic": cross_fit(labelled(), logistic, nothing)}


def with_other_labels(fold: int) -> Samples:
    """The samples with the labels of one fold turned round."""
    samples = labelled()
    return replace(samples, y=np.where(samples.fold == fold, ~samples.y, samples.y))


@pytest.mark.parametrize("rule", [HSS, ONSET, 0.25])
@pytest.mark.parametrize("fold", [0, 3])
def test_the_labels_of_a_fold_make_no_difference_to_its_own_forecasts(fold: int, rule: str | float) -> None:
    """Neither to classifier, sigmoid, threshold and choice, nor to climatology and persistence."""
    samples, rows = with_other_labels(fold), labelled().fold == fold
    other = {"logistic": cross_fit(samples, logistic, nothing)}
    for before, after in (
        (nested(fitted(), rule), nested(other, rule)),
        (persistence(labelled()), persistence(samples)),
    ):
        for field in ("probability", "decision", "climatology", "persistence"):
            np.testing.assert_array_equal(getattr(before, field)[rows], getattr(after, field)[rows], field)
        assert (before.probability[~rows] != after.probability[~rows]).any(), "other folds learn from it"


def known(log_odds: Floats) -> CrossFit:
    """A cross-fit with given log odds, float64[n], whatever the test fold."""
    return CrossFit(labelled(), np.repeat(log_odds[:, None], FOLDS, axis=1))


def test_the_candidate_for_a_fold_is_the_best_on_the_others() -> None:
    """One that is right everywhere but in fold 0 is chosen for fold 0, and the figures pay for it."""
    samples = labelled()
    zero, truth = samples.fold == 0, np.where(samples.y, 3.0, -3.0)
    noise = np.random.default_rng(3).normal(size=len(samples))
    candidates = {
        "right elsewhere": known(np.where(zero, -truth, truth + noise)),
        "fair": known(truth + 2 * noise),
    }
    briers = {
        name: np.mean((nested({name: fit}, HSS).probability - samples.y) ** 2)
        for name, fit in candidates.items()
    }
    assert briers["fair"] < briers["right elsewhere"], "by all folds the choice would be the other"
    assert best(candidates, 0) == "right elsewhere"
    assert (nested(candidates, HSS).decision == samples.y)[zero].mean() < 0.1


def test_a_sigmoid_that_has_seen_its_hours_would_be_steeper() -> None:
    """Nearest neighbours are sure of what they have seen: calibrated in sample they would stay sure."""

    class Neighbours:
        def fit(self, x: Floats, y: Bools) -> Neighbours:
            self.model = KNeighborsClassifier(1).fit(x, y)
            return self

        def decision_function(self, x: Floats) -> Floats:
            return np.where(self.model.predict(x), 3.0, -3.0)

    fit = cross_fit(labelled(), Neighbours, nothing)
    assert fit.sigmoids[4].slope < 0.3
    probability, _ = fit.forecast(4, HSS)
    assert probability.max() - probability.min() < 0.5


def test_persistence_and_climatology_are_those_of_the_other_folds() -> None:
    samples = labelled()
    seen = samples.where(samples.fold != 2)
    known = reference(samples, 2)
    assert known.climatology == seen.y.mean()
    assert known.after_wet == seen.y[seen.rain_now].mean()
    assert known.after_dry == seen.y[~seen.rain_now].mean()


def test_verifications_are_in_the_order_of_the_samples() -> None:
    samples = labelled()
    for verified in (nested(fitted(), HSS), persistence(samples)):
        assert (verified.y == samples.y).all()
        assert (verified.day == samples.day).all()
    assert (persistence(samples).decision == samples.rain_now).all()


def test_asked_with_the_samples_own_observations_it_is_nested() -> None:
    samples = labelled()
    again = asked(fitted(), HSS, samples.x, lambda _: logistic())
    np.testing.assert_allclose(again.probability, nested(fitted(), HSS).probability)
    assert (again.decision == nested(fitted(), HSS).decision).all()


def test_asked_with_others_calibration_and_threshold_stay() -> None:
    x = labelled().x.copy()
    x[:, 1] = 0.3
    dry = asked(fitted(), HSS, x, lambda _: logistic())
    assert dry.probability.mean() < nested(fitted(), HSS).probability.mean() - 0.05


def test_no_classifier_is_fitted_to_more_hours_than_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cross_fitting, "MAX_FIT_HOURS", 300)
    fitted_to = []

    class Counting(Witness):
        def fit(self, x: Floats, y: Bools) -> Witness:
            fitted_to.append(len(x))
            return super().fit(x, y)

    cross_fit(labelled(), Counting, nothing)
    assert fitted_to == [300] * 15


def test_too_little_data_is_refused_before_the_first_fit() -> None:
    samples = labelled()
    dry = replace(samples, y=samples.y & (samples.fold != 1))
    with pytest.raises(TooLittleData, match="fold 1"):
        cross_fit(dry, Witness, lambda: pytest.fail("fitted"))
