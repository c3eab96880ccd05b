from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.training.test_features import hours
from weather.training import fitting
from weather.training.calibration import Sigmoid
from weather.training.features import HUMIDITY, VISIBILITY
from weather.training.fitting import EDGE, Classifier, Hyperparameters, Model, scaler_of

SETTINGS = Hyperparameters(gamma=0.02, c=0.3, vectors=40)


def chance(x: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(1 / (1 + np.exp(-6 * (x[:, HUMIDITY] - 0.75))))


@cache
def drawn(n: int) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Hours and whether rain followed, drawn with a probability that is known."""
    x = hours(n)
    return x, np.random.default_rng(5).random(n) < chance(x)


@cache
def fitted() -> Classifier:
    return Classifier(SETTINGS).fit(*drawn(4000))


def test_the_decision_estimates_twice_the_probability_minus_one() -> None:
    x, y = drawn(16_000)
    error = (1 + Classifier(SETTINGS).fit(x, y).decision(x)) / 2 - chance(x)
    assert np.sqrt((error**2).mean()) < 0.05


def test_the_decision_is_the_documented_sum() -> None:
    classifier, x = fitted(), hours(50)
    z = classifier.features(x)
    distance = ((z[:, None] - classifier.basis) ** 2).sum(axis=2)
    by_hand = np.exp(-SETTINGS.gamma * distance) @ classifier.weights + classifier.intercept
    np.testing.assert_allclose(classifier.decision(x), by_hand)


def test_half_of_the_basis_hours_are_followed_by_rain() -> None:
    x, y = drawn(4000)
    z = fitted().features(x)
    rain = [bool(y[np.flatnonzero((z == vector).all(axis=1))[0]]) for vector in fitted().basis]
    assert len(rain) == 40
    assert sum(rain) == 20


def test_with_few_rainy_hours_all_of_them_are_in_the_basis() -> None:
    x, _ = drawn(4000)
    y = np.arange(len(x)) < 7
    assert len(Classifier(SETTINGS).fit(x, y).basis) == 7 + 20


def test_the_penalty_does_not_pull_the_intercept_towards_an_even_chance() -> None:
    """With a kernel that sees no difference the forecast is the rain frequency."""
    x, _ = drawn(4000)
    y = np.arange(len(x)) % 10 == 0
    flat = Classifier(Hyperparameters(gamma=1e-6, c=0.1, vectors=10)).fit(x, y)
    np.testing.assert_allclose((1 + flat.decision(x)) / 2, 0.1, atol=0.01)


def test_fitting_twice_gives_the_same_numbers() -> None:
    again = Classifier(SETTINGS).fit(*drawn(4000))
    assert again.weights.tobytes() == fitted().weights.tobytes()
    assert again.basis.tobytes() == fitted().basis.tobytes()


def test_log_odds_are_finite_whatever_the_decision() -> None:
    classifier = Classifier(SETTINGS).fit(*drawn(4000))
    limit = 2 * np.arctanh(EDGE)
    classifier.weights = np.zeros_like(classifier.weights)
    for classifier.intercept, expected in ((1.0, limit), (5.0, limit), (-1.0, -limit), (-5.0, -limit)):
        np.testing.assert_allclose(classifier.decision_function(hours(3)), expected)


def test_in_chunks_the_decisions_are_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    x = hours(1000)
    whole = fitted().decision(x)
    monkeypatch.setattr(fitting, "CHUNK", 300)
    np.testing.assert_allclose(fitted().decision(x), whole, rtol=1e-10, atol=1e-12)


def test_a_model_applies_its_sigmoid() -> None:
    x, _ = drawn(4000)
    model = Model(scaler_of(x), fitted(), Sigmoid(slope=0.5, offset=-1.0), threshold=0.3)
    log_odds = fitted().decision_function(x)
    np.testing.assert_allclose(model.probability(x), 1 / (1 + np.exp(-(0.5 * log_odds - 1.0))))


def test_the_scaler_is_finite_whatever_of_the_visibility_is_missing() -> None:
    x = hours()
    x[:200, VISIBILITY] = np.nan
    assert scaler_of(x).mean_[VISIBILITY] == pytest.approx(np.nanmean(x[:, VISIBILITY]))
    x[:, VISIBILITY] = np.nan
    scaler = scaler_of(x)
    assert np.isfinite(scaler.mean_).all()
    assert (scaler.scale_ > 0).all()
