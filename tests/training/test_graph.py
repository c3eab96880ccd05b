"""svc.onnx computes what fitting.py computes, in float32, also at the edges."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray

from tests.training.test_features import hours
from weather.contract.variables import FEATURES, LIMITS
from weather.model.classifier import session
from weather.training.calibration import Sigmoid
from weather.training.features import BEARING, PRESSURE, VISIBILITY
from weather.training.fitting import EDGE, Classifier, Hyperparameters, Model, scaler_of
from weather.training.graph import to_onnx

Floats = NDArray[np.float64]

TOLERANCE = 1e-4
"""Of a probability; the golden rows of the service's start-up check have the same."""


@cache
def model() -> Model:
    x = hours(3000)
    y = np.random.default_rng(6).random(3000) < x[:, 1] ** 4
    classifier = Classifier(Hyperparameters(gamma=0.01, c=0.3)).fit(x, y)
    return Model(scaler_of(x), classifier, Sigmoid(1.1, -0.2), threshold=0.35)


def answers(model: Model, x: Floats) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Label and both probabilities, as the old app would get them."""
    scaled = model.scaler.transform(x).astype(np.float32)
    label, probabilities = session(to_onnx(model)).run(None, {"float_input": scaled})
    return label, probabilities


def assert_the_same(model: Model, x: Floats) -> None:
    label, probabilities = answers(model, x)
    expected = model.probability(x)
    np.testing.assert_allclose(probabilities[:, 1], expected, atol=TOLERANCE)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-6)
    clear = np.abs(expected - model.threshold) > TOLERANCE
    assert ((label == 1) == (expected > model.threshold))[clear].all()


def anywhere(n: int) -> Floats:
    """Rows all over the contract's ranges."""
    low, high = np.array([LIMITS[name] for name in FEATURES]).T
    return np.random.default_rng(7).uniform(low, high, (n, len(FEATURES)))


def without_visibility(x: Floats) -> Floats:
    x = x.copy()
    x[:, VISIBILITY] = np.nan
    return x


def test_the_graph_gives_the_models_answers() -> None:
    assert_the_same(model(), hours(2000))
    label, _ = answers(model(), hours(2000))
    assert label.dtype == np.int64
    assert 0 < label.sum() < len(label)


def test_also_at_the_contracts_limits_and_beyond_the_training_range() -> None:
    assert_the_same(model(), anywhere(2000))
    corners = np.array([LIMITS[name] for name in FEATURES]).T
    assert_the_same(model(), corners)
    assert_the_same(model(), np.array(np.meshgrid(*corners.T)).reshape(len(FEATURES), -1).T)


def test_a_missing_visibility_is_estimated_as_in_numpy() -> None:
    for x in (hours(2000), anywhere(2000)):
        assert_the_same(model(), without_visibility(x))
    fog = hours(500)
    fog[:, VISIBILITY] = 1.0
    difference = answers(model(), fog)[1] - answers(model(), without_visibility(fog))[1]
    assert np.abs(difference).max() > 0.01, "a test of visibility needs a model that uses it"


def test_a_known_visibility_is_never_replaced_by_the_estimate() -> None:
    """Even by one that is far outside the range, as a careless extrapolation gives."""
    wild = replace(model().classifier.features, intercept=10 * model().classifier.features.high[3])
    classifier = Classifier(model().classifier.parameters)
    vars(classifier).update(vars(model().classifier) | {"features": wild})
    assert_the_same(replace(model(), classifier=classifier), anywhere(500))
    assert_the_same(replace(model(), classifier=classifier), without_visibility(anywhere(500)))


def test_nan_in_any_other_field_is_not_answered_with_a_number() -> None:
    for column, name in enumerate(FEATURES):
        if column != VISIBILITY:
            x = hours(3)
            x[1, column] = np.nan
            _, probabilities = answers(model(), x)
            assert np.isnan(probabilities).any(axis=1).tolist() == [False, True, False], name


@pytest.mark.parametrize("decision", [1.0, -1.0, EDGE, -EDGE, np.nextafter(1, 2), -1.5, 40.0, -40.0])
def test_decisions_at_the_edge_and_beyond_give_finite_probabilities(decision: float) -> None:
    classifier = Classifier(model().classifier.parameters)
    vars(classifier).update(vars(model().classifier))
    classifier.weights, classifier.intercept = np.zeros_like(classifier.weights), decision
    edge = replace(model(), classifier=classifier)
    assert_the_same(edge, hours(5))
    label, probabilities = answers(edge, hours(5))
    assert np.isfinite(probabilities).all()
    assert (label == (decision > 0)).all()


def test_float32_is_enough_for_pressures_and_full_circles() -> None:
    x = np.repeat(hours(1), 4, axis=0)
    x[:, PRESSURE] = 1013.25, 1013.25001, 1013.3, 1013.2
    x[:, BEARING] = 0, 360, 180, 180
    assert_the_same(model(), x)
    _, probabilities = answers(model(), x)
    assert probabilities[0, 1] == pytest.approx(probabilities[1, 1], abs=1e-5)


def test_features_without_any_range_are_left_out() -> None:
    x = without_visibility(hours(3000))
    x[:, PRESSURE] = 1010.0
    y = np.random.default_rng(6).random(3000) < x[:, 1] ** 4
    classifier = Classifier(Hyperparameters(gamma=0.01, c=0.3)).fit(x, y)
    flat = Model(scaler_of(x), classifier, Sigmoid(1, 0), threshold=0.35)
    assert_the_same(flat, x)
    assert_the_same(flat, anywhere(500))


def test_the_label_is_the_decision_at_the_models_threshold() -> None:
    x = hours(500)
    for threshold in (0.1, 0.5, 0.9):
        strict = replace(model(), threshold=threshold)
        label, probabilities = answers(strict, x)
        assert (label == (probabilities[:, 1] > np.float32(threshold))).all()


def test_the_file_is_small_and_the_same_each_time(tmp_path: Path) -> None:
    content = to_onnx(model())
    assert len(content) < 40_000
    assert content == to_onnx(model())
    graph = onnx.load_from_string(content).graph
    assert [output.name for output in graph.output] == ["label", "probabilities"]
