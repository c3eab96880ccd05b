"""The forecast log of the real service: its content, and when it is off."""

from __future__ import annotations

import json
from pathlib import Path

import httpx
import numpy as np
import pytest

from loadtest.run import logging_to
from loadtest.serving import PROJECT, served
from loadtest.stations import OBSERVATIONS
from tests.conftest import EXAMPLE
from tests.fixtures.contract import NUMERIC
from weather.contract.variables import FEATURES
from weather.reports.logs import MIN_ROWS, read_log
from weather.telemetry.forecast_log import SCHEMA


def lines(folder: Path) -> list[dict[str, object]]:
    return [json.loads(line) for file in folder.rglob("data*.log") for line in file.read_text().splitlines()]


def test_the_log_has_the_fields_of_the_schema_only(bentoml_home: Path, tmp_path: Path) -> None:
    with served(bentoml_home, env=logging_to(tmp_path)) as url:
        headers = {"X-Request-ID": "who-asked", "User-Agent": "someone"}
        answer = httpx.post(f"{url}/predict", json=EXAMPLE, headers=headers).json()
        exact = {**EXAMPLE, NUMERIC[-1]: EXAMPLE[NUMERIC[-1]] + 0.123456789}
        httpx.post(f"{url}/predict", json=exact)
        bulk = httpx.post(f"{url}/predict_batch", json={"observations": OBSERVATIONS}).json()
    found = lines(tmp_path)
    assert found.pop(1)[NUMERIC[-1]] == exact[NUMERIC[-1]], "as it was sent"
    assert len(found) == 1 + len(OBSERVATIONS)
    for line, record, forecast in zip(
        found, [EXAMPLE, *OBSERVATIONS], [answer, *bulk["forecasts"]], strict=True
    ):
        assert line.keys() == {*(name for name, _, _ in SCHEMA), "timestamp"}
        assert {name: line[name] for name in FEATURES} == record
        assert {name: line[name] for name in forecast} == forecast
        assert str(line["model"]).startswith("weather-classifier:")
        assert "+00:00" in str(line["timestamp"])


def test_the_rate_is_the_share_that_is_logged(bentoml_home: Path, tmp_path: Path) -> None:
    environment = {**logging_to(tmp_path), "WEATHER_FORECAST_LOG_RATE": "0.5"}
    with served(bentoml_home, env=environment) as url:
        httpx.post(f"{url}/predict_batch", json={"observations": OBSERVATIONS}).raise_for_status()
    assert 350 < len(lines(tmp_path)) < 650  # nine standard deviations


def logs() -> set[Path]:
    """In the project's folder, where BentoML writes by default; not in environments and reports, which other
    commands may fill and empty meanwhile.
    """
    folders = [path for path in PROJECT.iterdir() if path.is_dir() and not path.name.startswith(".")]
    return {log for folder in folders if folder.name != "reports" for log in folder.rglob("data*.log")}


def test_by_default_nothing_is_written(url: str) -> None:
    before = logs()
    assert httpx.post(f"{url}/predict", json=EXAMPLE).status_code == 200
    assert logs() == before


def test_forecasts_succeed_when_the_log_cannot_be_written(bentoml_home: Path, tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.touch()
    output = tmp_path / "output"
    with output.open("wb") as log, served(bentoml_home, env=logging_to(blocked), log=log) as url:
        for _ in range(3):
            assert httpx.post(f"{url}/predict", json=EXAMPLE).status_code == 200
    assert output.read_text().count("no more forecasts are logged") == 1


@pytest.mark.slow("a service and a report")
def test_a_missing_value_is_null_in_the_log_and_the_drift_report_reads_it(
    committed_home: Path, tmp_path: Path
) -> None:
    missing = {name: value for name, value in EXAMPLE.items() if name != "visibility_km"}
    with served(committed_home, env=logging_to(tmp_path)) as url:
        assert httpx.post(f"{url}/predict", json=missing).status_code == 200
        records = [missing] * (MIN_ROWS - 2) + [EXAMPLE]
        assert httpx.post(f"{url}/predict_batch", json={"observations": records}).status_code == 200
    found = lines(tmp_path)
    assert [line["visibility_km"] for line in found] == [None] * (MIN_ROWS - 1) + [EXAMPLE["visibility_km"]]
    log = read_log([tmp_path], ["visibility_km"])
    assert log.malformed == 0
    assert np.isnan(log.table["visibility_km"]).sum() == MIN_ROWS - 1
