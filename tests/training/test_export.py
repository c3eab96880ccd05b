"""The files of a model: golden rows, ranges, and a pair that import takes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.preprocessing import StandardScaler

from tests.training.test_cross_fitting import labelled
from tests.training.test_features import hours
from weather.contract.variables import FEATURES, LIMITS, WeatherVariables
from weather.importing.compiling.compiler import compile_pair
from weather.importing.reading.artifacts import read
from weather.model.classifier import Classifier as Compiled
from weather.model.classifier import golden_faults
from weather.training import export
from weather.training.calibration import Sigmoid
from weather.training.features import OPTIONAL, VISIBILITY
from weather.training.fitting import Classifier, Hyperparameters, Model, scaler_of
from weather.training.graph import to_onnx

FACTS = {
    "name": "a test",
    "horizon_hours": 4,
    "data": {"sha256": "0"},
    "split": {},
    "hyperparameters": {},
    "metrics": {},
    "optional": list(OPTIONAL),
}


@dataclass(frozen=True)
class ByHumidity:
    """The humidity is the probability."""

    threshold: float
    scaler: StandardScaler | None = None

    def probability(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        return x[:, FEATURES.index("humidity")]


def test_golden_rows_spread_from_the_lowest_to_the_highest_probability() -> None:
    rows = export.golden_rows(ByHumidity(0.5), labelled())
    probabilities = [row.probability for row in rows]
    assert len(rows) == 12
    assert probabilities == sorted(probabilities)
    assert probabilities[0] == pytest.approx(0.3, abs=0.01)
    assert probabilities[-1] == pytest.approx(1.0, abs=0.01)
    for row in rows:
        WeatherVariables(**row.observation)
        assert row.probability == row.observation["humidity"]
        assert row.prediction == ("Rain" if row.probability > 0.5 else "No_Rain")


@pytest.mark.parametrize("threshold", [0.31, 0.5, 0.9])
def test_no_golden_row_is_near_the_threshold(threshold: float) -> None:
    """Where most hours are near it, the others are taken."""
    x = labelled().x.copy()
    near = np.flatnonzero(np.arange(len(x)) % 3 > 0)
    x[near, 1] = threshold + 0.009 * np.sign(np.arange(len(near)) % 2 - 0.5)
    rows = export.golden_rows(ByHumidity(threshold), replace(labelled(), x=x))
    assert len(rows) == 12
    assert min(abs(row.probability - threshold) for row in rows) > 0.01


def test_values_are_rounded_as_a_client_sends_them_and_within_the_limits() -> None:
    samples = labelled()
    for row in export.golden_rows(ByHumidity(0.5), samples):
        for (name, value), decimals in zip(row.observation.items(), export.DECIMALS, strict=True):
            assert value == round(value, decimals)
            assert LIMITS[name][0] <= value <= LIMITS[name][1]


def test_hours_without_visibility_are_no_golden_rows_unless_none_has_any() -> None:
    samples = labelled()
    x = samples.x.copy()
    x[::2, VISIBILITY] = np.nan
    half = replace(samples, x=x)
    rows = export.golden_rows(ByHumidity(0.5), half)
    assert all(np.isfinite(list(row.observation.values())).all() for row in rows)
    x[:, VISIBILITY] = np.nan
    assert len(export.golden_rows(ByHumidity(0.5), half)) == 12


def exported(folder: Path, x: NDArray[np.float64]) -> Model:
    seen = replace(labelled(), x=x)
    classifier = Classifier(Hyperparameters(0.01, 0.3)).fit(seen.x, seen.y)
    model = Model(scaler_of(seen.x), classifier, Sigmoid(1.0, 0.0), threshold=0.4)
    golden = export.golden_rows(model, seen)
    export.write(folder, model, to_onnx(model), seen, golden, FACTS)
    return model


@pytest.mark.parametrize("visibility", ["measured", "missing in part", "never measured"])
def test_the_files_are_imported_and_their_golden_rows_come_out(visibility: str, tmp_path: Path) -> None:
    x = hours(len(labelled()))
    if visibility != "measured":
        x[: len(x) // (2 if visibility == "missing in part" else 1), VISIBILITY] = np.nan
    model = exported(tmp_path, x)
    artifacts = read(tmp_path / "model-scaler.pkl", tmp_path / "svc.onnx")
    assert artifacts.manifest is not None
    assert artifacts.manifest.optional == ["visibility_km"]
    compiled = Compiled(compile_pair(artifacts).model)
    golden = [row.model_dump() for row in artifacts.manifest.golden]
    assert len(golden) == 12
    assert golden_faults(compiled, golden) == []
    x[:, VISIBILITY] = np.nan
    _, probability = compiled(x)
    assert probability is not None
    np.testing.assert_allclose(probability, model.probability(x), atol=1e-4)


def test_ranges_are_those_of_the_training_rows_where_a_field_was_measured(tmp_path: Path) -> None:
    x = hours(len(labelled()))
    x[:3, VISIBILITY] = np.nan
    exported(tmp_path / "some", x)
    artifacts = read(tmp_path / "some" / "model-scaler.pkl", tmp_path / "some" / "svc.onnx")
    assert artifacts.manifest is not None
    for feature, column in zip(artifacts.manifest.features, x.T, strict=True):
        assert feature.minimum == pytest.approx(np.nanmin(column), abs=1e-4)
        assert feature.maximum == pytest.approx(np.nanmax(column), abs=1e-4)
    x[:, VISIBILITY] = np.nan
    exported(tmp_path / "none", x)
    artifacts = read(tmp_path / "none" / "model-scaler.pkl", tmp_path / "none" / "svc.onnx")
    assert artifacts.manifest is not None
    assert "visibility_km" not in {feature.name for feature in artifacts.manifest.features}
