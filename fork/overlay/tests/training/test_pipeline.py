"""From rows to artifacts: what is imported answers as scikit-learn's pipeline does."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from weather.contract.manifest import Manifest
from weather.contract.names import MODEL_FILE, SCALER_FILE
from weather.contract.variables import FEATURES, LABELS
from weather.importing.reading.artifacts import Artifacts, read
from weather.importing.compiling.compiler import compile_pair
from weather.model.classifier import Classifier, golden_faults
from weather.training.fitting import Fitted, fit
from weather.training.pipeline import train
from weather.training.samples import Samples, placeholder
from weather.training.target import OPTIONAL, THRESHOLD

@pytest.fixture(scope="module")
def data() -> Samples:
    return placeholder()


@pytest.fixture(scope="module")
def folder(data: Samples, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("trained")
    train(data, out)
    return out


@pytest.fixture(scope="module")
def trained(folder: Path) -> Artifacts:
    return read(folder / SCALER_FILE, folder / MODEL_FILE)


@pytest.fixture(scope="module")
def served(trained: Artifacts) -> Classifier:
    return Classifier(compile_pair(trained).model)


@pytest.fixture(scope="module")
def fitted(data: Samples) -> Fitted:
    return fit(data.x, data.y)[0]


def probabilities(served: Classifier, rows: NDArray[np.float64]) -> NDArray[np.float64]:
    _, found = served(rows)
    assert found is not None
    return found.astype(np.float64)


def test_training_again_gives_the_same_bytes(data: Samples, folder: Path, tmp_path: Path) -> None:
    train(data, tmp_path)
    for name in (SCALER_FILE, MODEL_FILE):
        assert (tmp_path / name).read_bytes() == (folder / name).read_bytes()


def test_the_served_model_answers_as_the_pipeline(data: Samples, served: Classifier, fitted: Fitted) -> None:
    decisions, _ = served(data.x)
    expected = fitted.probability(data.x)
    np.testing.assert_allclose(probabilities(served, data.x), expected, atol=1e-4)
    clear = np.abs(expected - THRESHOLD) > 1e-3
    assert (np.asarray(decisions) == (expected > THRESHOLD))[clear].all()
    assert {*np.asarray(decisions).tolist()} == {False, True}


@pytest.mark.parametrize("name", OPTIONAL)
def test_a_missing_value_counts_as_its_mean(name: str, data: Samples, served: Classifier) -> None:
    at = FEATURES.index(name)
    without, mean = data.x[:50].copy(), data.x[:50].copy()
    without[:, at], mean[:, at] = np.nan, data.x[:, at].mean()
    np.testing.assert_allclose(probabilities(served, without), probabilities(served, mean), atol=1e-4)


def test_the_manifest_describes_the_model(data: Samples, trained: Artifacts, served: Classifier) -> None:
    manifest = trained.manifest
    assert isinstance(manifest, Manifest)
    assert (manifest.threshold, manifest.optional) == (THRESHOLD, list(OPTIONAL))
    assert [feature.name for feature in manifest.features] == list(FEATURES)
    assert {row.prediction for row in manifest.golden} == {*LABELS}
    assert golden_faults(served, [row.model_dump() for row in manifest.golden], frozenset(OPTIONAL)) == []


def test_a_placeholder_says_so_in_its_name_and_card(trained: Artifacts) -> None:
    assert trained.manifest is not None
    assert trained.manifest.name.startswith("PLACEHOLDER")
    assert "its answers mean nothing" in trained.card.files["MODEL_CARD.md"].decode()
