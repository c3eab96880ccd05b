"""The start-up check: each kind of wrong model is refused, each correct one accepted."""

from __future__ import annotations

import hashlib
import json
import math
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import bentoml
import httpx
import pytest
import yaml

from loadtest.serving import served
from tests.conftest import EXAMPLE, run_cli
from weather.contract import names
from weather.contract.manifest import Manifest
from weather.contract.variables import LABELS, WeatherVariables
from weather.model.classifier import Classifier, golden_faults
from weather.model.loading import NotServable, load


def golden(manifest: Manifest) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = [row.model_dump() for row in manifest.golden]
    return rows


def test_unchanged_golden_rows_have_no_fault(classifier: Classifier, manifest: Manifest) -> None:
    assert len(manifest.golden) > 0
    assert golden_faults(classifier, golden(manifest)) == []


@pytest.mark.parametrize("number", [0, 5, -1])
def test_another_decision_is_a_fault_that_names_the_row(
    classifier: Classifier, manifest: Manifest, number: int
) -> None:
    rows = golden(manifest)
    right = rows[number]["prediction"]
    (wrong,) = set(LABELS) - {right}
    rows[number]["prediction"] = wrong
    assert golden_faults(classifier, rows) == [f"golden row {number % len(rows)}: {right} instead of {wrong}"]


@pytest.mark.parametrize("difference", [2e-4, -2e-4, 0.01, 0.5, math.nan])
def test_another_probability_is_a_fault(
    classifier: Classifier, manifest: Manifest, difference: float
) -> None:
    rows = golden(manifest)
    rows[3]["probability"] += difference
    (fault,) = golden_faults(classifier, rows)
    assert fault.startswith("golden row 3: 0.")


@pytest.mark.parametrize("difference", [5e-5, -5e-5])
def test_a_difference_of_rounding_is_no_fault(
    classifier: Classifier, manifest: Manifest, difference: float
) -> None:
    rows = golden(manifest)
    for row in rows:
        row["probability"] += difference
    assert golden_faults(classifier, rows) == []


def test_a_model_that_lost_its_calibration_is_a_fault(old_home: Path, manifest: Manifest) -> None:
    folder = latest(old_home, names.CLASSIFIER)
    uncalibrated = Classifier((folder / names.COMPILED_FILE).read_bytes())
    rows = golden(manifest)
    for row in rows:
        (row["prediction"],) = (
            f.prediction for f in uncalibrated.forecast([WeatherVariables(**row["observation"])])
        )
    assert [fault.partition(": ")[2][:4] for fault in golden_faults(uncalibrated, rows)] == ["None"] * len(
        rows
    )


def latest(home: Path, name: str) -> Path:
    """The folder of the latest version of a model."""
    return home / "models" / name / (home / "models" / name / "latest").read_text()


def loaded(home: Path) -> Classifier:
    """What the service loads from a store."""
    scaler, classifier = (
        bentoml.Model.from_path(str(latest(home, name))) for name in (names.SCALER, names.CLASSIFIER)
    )
    return load(scaler, classifier)


@pytest.fixture
def home(bentoml_home: Path, tmp_path: Path) -> Path:
    """A copy of the store, to be changed."""
    return shutil.copytree(bentoml_home, tmp_path / "home")


def change_metadata(home: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """Change the classifier's metadata in the store."""
    file = latest(home, names.CLASSIFIER) / "model.yaml"
    model = yaml.safe_load(file.read_text())
    change(model["metadata"])
    file.write_text(yaml.safe_dump(model))


def change_manifest(home: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """Change the classifier's manifest in the store, as if it had been imported like this."""
    file = latest(home, names.CLASSIFIER) / names.MANIFEST_FILE
    manifest = json.loads(file.read_text())
    change(manifest)
    file.write_text(json.dumps(manifest))
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    change_metadata(home, lambda metadata: metadata["sha256"].update({names.MANIFEST_FILE: digest}))


def test_an_unchanged_pair_is_loaded(home: Path) -> None:
    change_manifest(home, lambda manifest: None)
    assert loaded(home).calibrated


def test_a_pair_without_a_manifest_is_loaded(old_home: Path) -> None:
    assert not loaded(old_home).calibrated


def test_a_manifest_without_golden_rows_is_loaded(home: Path) -> None:
    change_manifest(home, lambda manifest: manifest.pop("golden"))
    assert loaded(home).calibrated


@pytest.mark.parametrize("name", [names.COMPILED_FILE, "svc.onnx", "manifest.json"])
def test_a_changed_file_is_refused_by_name(home: Path, name: str) -> None:
    file = latest(home, names.CLASSIFIER) / name
    file.write_bytes(file.read_bytes() + b"\n")
    with pytest.raises(NotServable, match=rf"^{name} in weather-classifier:\w+ has changed since"):
        loaded(home)


def test_a_forecast_that_differs_from_the_manifest_is_refused(home: Path) -> None:
    def change(manifest: dict[str, Any]) -> None:
        manifest["golden"][2]["probability"] += 2e-4

    change_manifest(home, change)
    with pytest.raises(
        NotServable, match=r"differ from those at training: golden row 2: 0\.\d+ instead of 0\.\d+$"
    ):
        loaded(home)


def test_every_differing_row_is_named(home: Path) -> None:
    rows: list[dict[str, Any]] = []

    def change(manifest: dict[str, Any]) -> None:
        rows.extend(manifest["golden"])
        for row in rows:
            row["probability"] = 1 - row["probability"]

    change_manifest(home, change)
    with pytest.raises(NotServable) as caught:
        loaded(home)
    assert rows
    assert str(caught.value).count("golden row ") == len(rows)


@pytest.fixture(scope="module")
def mixed_home(bentoml_home: Path, old_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store whose latest scaler is not the one that the latest classifier was imported with."""
    home = shutil.copytree(bentoml_home, tmp_path_factory.mktemp("mixed") / "home")
    shutil.rmtree(home / "models" / names.SCALER)
    shutil.copytree(old_home / "models" / names.SCALER, home / "models" / names.SCALER)
    return home


def test_the_scaler_of_another_classifier_is_refused(mixed_home: Path) -> None:
    with pytest.raises(
        NotServable, match=r"was imported with weather-scaler:\w+, not weather-scaler:\w+; import"
    ):
        loaded(mixed_home)


def test_the_service_is_not_ready_with_the_scaler_of_another_classifier(
    mixed_home: Path, tmp_path: Path
) -> None:
    output = tmp_path / "log"
    with output.open("wb") as log, served(mixed_home, ready=False, log=log) as url:
        assert httpx.get(f"{url}/readyz").status_code == 503
        answer = httpx.post(f"{url}/predict", json=EXAMPLE)
        assert answer.status_code == 503
        assert (
            answer.json()["error"] == "the model failed its start-up check; the service's log has the reason"
        )
        assert "rain_forecast_golden_check_passed 0.0" in httpx.get(f"{url}/metrics").text
    assert "The service stays not ready: weather-classifier:" in output.read_text()


def test_importing_the_pair_again_makes_the_store_servable(mixed_home: Path, tmp_path: Path) -> None:
    home = shutil.copytree(mixed_home, tmp_path / "home")
    done = run_cli("import", home=home)
    assert done.returncode == 0, done.stderr
    assert loaded(home).calibrated
