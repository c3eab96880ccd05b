"""The log of forecasts: what it holds, when there is none, and the drift report made of it."""

from __future__ import annotations

import json
from pathlib import Path

import httpx
import numpy as np
import pytest

from loadtest.serving import served
from tests.conftest import EXAMPLE, run_cli
from weather import observations
from weather.artifacts import Manifest
from weather.forecast_log import FIELDS, ForecastLog
from weather.variables import FEATURES


def logged_to(folder: Path, rate: str = "1") -> dict[str, str]:
    return {
        "WEATHER_FORECAST_LOG_RATE": rate,
        "BENTOML_CONFIG_OPTIONS": f"services.rain_forecast.monitoring.options.log_path={folder}",
    }


@pytest.fixture(scope="module")
def held_out(manifest: Manifest) -> observations.Samples:
    samples = observations.samples(observations.new_york_2013(), manifest.horizon_hours)
    return samples.where(samples.fold == manifest.split["test_fold"])


@pytest.fixture(scope="module")
def logs(
    bentoml_home: Path, held_out: observations.Samples, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Path]:
    """Of held-out rows as they are, and with one feature shifted."""
    folders = {}
    for name, offset in (("", 0.0), ("temp_c", 8.0)):
        rows = held_out.x.copy()
        if name:
            rows[:, FEATURES.index(name)] += offset
        records = [dict(zip(FEATURES, map(float, row), strict=True)) for row in rows]
        folder = folders[name] = tmp_path_factory.mktemp("monitoring")
        with served(bentoml_home, env=logged_to(folder)) as url, httpx.Client(timeout=30) as client:
            assert client.post(f"{url}/predict", json=EXAMPLE).status_code == 200
            answer = client.post(f"{url}/predict_batch", json={"observations": records})
            assert answer.status_code == 200
    return folders


def lines(folder: Path) -> list[dict[str, object]]:
    return [json.loads(line) for file in folder.rglob("data*.log") for line in file.read_text().splitlines()]


def test_the_log_has_the_schema_and_nothing_else(
    logs: dict[str, Path], held_out: observations.Samples
) -> None:
    found = lines(logs[""])
    assert len(found) == len(held_out) + 1
    for line in found:
        assert line.keys() == set(FIELDS)
    assert {name: found[0][name] for name in FEATURES} == EXAMPLE
    assert found[0]["prediction"] == "Rain"
    assert str(found[0]["model"]).startswith("weather-classifier:")
    assert "+00:00" in str(found[0]["timestamp"])


def test_held_out_rows_have_not_drifted_and_the_report_counts_bad_lines(
    logs: dict[str, Path], held_out: observations.Samples, tmp_path: Path
) -> None:
    bad = tmp_path / "data.bad.log"
    bad.write_text('{"temp_c": 1\nnot json\n[]\n{"temp_c": "warm"}\n')
    outcomes = tmp_path / "outcomes.csv"
    table = np.column_stack([held_out.x, held_out.y])
    np.savetxt(outcomes, table, delimiter=",", header=",".join((*FEATURES, "rain")), comments="", fmt="%.8g")
    report = tmp_path / "report.md"
    done = run_cli(
        "drift", "--log", logs[""], bad, "--outcomes", outcomes, "--out", report, "--json", "--fail-on-drift"
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
        assert (tmp_path / picture).read_bytes().startswith(b"\x89PNG")


def test_a_shifted_feature_is_the_one_that_is_named(logs: dict[str, Path]) -> None:
    done = run_cli("drift", "--log", logs["temp_c"], "--json", "--fail-on-drift")
    assert done.returncode == 3, done.stderr
    assert [name for name in json.loads(done.stdout)["drifted"] if name in FEATURES] == ["temp_c"]


def test_by_default_nothing_is_written(bentoml_home: Path, tmp_path: Path) -> None:
    with served(bentoml_home, env=logged_to(tmp_path, "0")) as url:
        assert httpx.post(f"{url}/predict", json=EXAMPLE).status_code == 200
    assert not list(tmp_path.iterdir())


def test_a_log_that_cannot_be_written_fails_no_forecast(bentoml_home: Path, tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.touch()
    with served(bentoml_home, env=logged_to(blocked)) as url:
        for _ in range(3):
            assert httpx.post(f"{url}/predict", json=EXAMPLE).status_code == 200


def test_the_rate_is_a_share(monkeypatch: pytest.MonkeyPatch) -> None:
    written = []
    monkeypatch.setattr("bentoml.monitor", lambda name: written.append(name))
    log = ForecastLog(0.0, "model")
    log.write(np.zeros((3, 7), np.float32), ["Rain"] * 3, [0.5] * 3)
    assert written == []
