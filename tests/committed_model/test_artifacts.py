"""The files in artifacts/: they belong together, and the old system's lines of code run on them."""

from __future__ import annotations

import pickle

import httpx
import numpy as np
import onnx
import onnxruntime
import pytest

from tests.conftest import MODEL, SCALER
from weather.contract.manifest import Manifest
from weather.contract.variables import FEATURES
from weather.importing.compiling.compiler import compile_pair
from weather.importing.reading.artifacts import Artifacts
from weather.importing.understanding.probes import probe_rows
from weather.model.classifier import Classifier


def test_the_card_and_the_manifest_are_of_the_files(committed_artifacts: Artifacts) -> None:
    manifest = committed_artifacts.manifest
    assert manifest is not None
    card = committed_artifacts.card.files["MODEL_CARD.md"].decode()
    assert manifest.data["sha256"] in card
    model = manifest.metrics["cross_validation"]["model"]
    persistence = manifest.metrics["cross_validation"]["persistence"]
    assert model["bss_persistence"]["value"] > 0
    assert model["hss"]["value"] >= persistence["hss"]["value"]
    assert f"{model['bss_persistence']['value']:+.3f}" in card


def test_the_card_comes_with_its_pictures(committed_artifacts: Artifacts) -> None:
    card = committed_artifacts.card
    pictures = {path.name for path in MODEL.parent.glob("*.svg")}
    assert card.files.keys() == {"MODEL_CARD.md", *pictures}
    assert card.note == f"model card with {len(pictures)} pictures"


def test_the_old_apps_inference_lines_give_our_label(committed_manifest: Manifest) -> None:
    """Its own lines, but for ``transform`` in the place of ``fit_transform``."""
    with SCALER.open("rb") as file:
        scaler = pickle.load(file)
    sess = onnxruntime.InferenceSession(str(MODEL))
    input_name = sess.get_inputs()[0].name
    label_name = sess.get_outputs()[0].name
    for row in committed_manifest.golden:
        x = np.array([row.observation[name] for name in FEATURES])
        x = scaler.transform(x.reshape(1, 7))
        pred = sess.run([label_name], {input_name: x.astype(np.float32)})[0]
        assert ("Rain" if pred[0] > 0.5 else "No_Rain") == row.prediction


def test_compiling_keeps_labels_and_probabilities(committed_artifacts: Artifacts) -> None:
    scaler, manifest = committed_artifacts.scaler, committed_artifacts.manifest
    assert scaler is not None
    assert manifest is not None
    rows = probe_rows(scaler, manifest, onnx.load_from_string(committed_artifacts.model))
    scaled = scaler.transform(rows).astype(np.float32)
    original = onnxruntime.InferenceSession(committed_artifacts.model)
    label, score = original.run(None, {original.get_inputs()[0].name: scaled})
    rain, probability = Classifier(compile_pair(committed_artifacts).model)(rows)
    assert probability is not None
    np.testing.assert_allclose(probability, score[:, 1], atol=1e-3)
    clear = np.abs(score[:, 1] - manifest.threshold) > 1e-3
    assert (rain == (label > 0.5))[clear].all()


def test_the_golden_rows_are_served(committed_url: str, committed_manifest: Manifest) -> None:
    for row in committed_manifest.golden:
        answer = httpx.post(f"{committed_url}/predict", json=row.observation).json()
        assert answer["prediction"] == row.prediction
        assert answer["probability"] == pytest.approx(row.probability, abs=1e-4)
