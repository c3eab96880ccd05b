"""The graph of an SVC that was made elsewhere, and what is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from weather.model.classifier import session
from weather.training.calibration import Sigmoid
from weather.training.svc import SvcModel, to_onnx

X = np.random.default_rng(3).normal(size=(60, 7))
Y = X[:, 0] + X[:, 3] ** 2 > 0.5


def fitted(**options: Any) -> SvcModel:
    scaler = StandardScaler().fit(X)
    return SvcModel(scaler, SVC(**options).fit(scaler.transform(X), Y), Sigmoid(1.5, -0.25), threshold=0.4)


def test_the_graph_gives_the_models_probability_and_decision() -> None:
    model = fitted(gamma=0.1)
    scaled = model.scaler.transform(X).astype(np.float32)
    label, probabilities = session(to_onnx(model)).run(None, {"float_input": scaled})
    np.testing.assert_allclose(probabilities[:, 1], model.probability(X), atol=1e-5)
    assert (label == (model.probability(X) > 0.4)).all()
    assert 0 < label.sum() < len(label)


@pytest.mark.parametrize("options", [{"kernel": "linear", "gamma": 0.1}, {"gamma": "scale"}])
def test_what_it_would_write_wrongly_is_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="kernel 'rbf' and gamma a number"):
        to_onnx(fitted(**options))
