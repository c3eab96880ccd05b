"""The metrics of the real service."""

from __future__ import annotations

import math
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from prometheus_client import Histogram
from prometheus_client.parser import text_string_to_metric_families

from loadtest.serving import served
from tests.conftest import EXAMPLE
from tests.fixtures import pair
from tests.fixtures.contract import NUMERIC
from tests.waiting import until
from weather.contract.variables import FEATURES, LIMITS, NEGATIVE, POSITIVE
from weather.telemetry import buffer

UNUSUAL = {**EXAMPLE, NUMERIC[0]: LIMITS[NUMERIC[0]][1]}
"""Its first field is accepted, but not in the training data."""


def samples(url: str) -> dict[tuple[str, str], float]:
    """The value of each of our series, by name and label values."""
    text = httpx.get(f"{url}/metrics").text
    return {
        (sample.name.removeprefix("rain_forecast_"), ",".join(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name.startswith("rain_forecast_")
    }


def change_of(
    url: str, records: list[dict[str, float]], path: str = "/predict"
) -> dict[tuple[str, str], float]:
    """By how much each series changed while the records were forecast."""
    before = samples(url)
    if path == "/predict":
        for record in records:
            assert httpx.post(f"{url}{path}", json=record).status_code == 200
    else:
        assert httpx.post(f"{url}{path}", json={"observations": records}).status_code == 200
    return {key: value - before.get(key, 0) for key, value in samples(url).items()}


def untrained(name: str) -> bool:
    """Whether the example's value is out of the range of the model's training data."""
    values = pair.ROWS[:, FEATURES.index(name)]
    return not values.min() <= EXAMPLE[name] <= values.max()


@pytest.mark.parametrize("path", ["/predict", "/predict_batch"])
def test_forecasts_probabilities_and_inputs_out_of_range_are_counted(url: str, path: str) -> None:
    change = change_of(url, [EXAMPLE] * 3 + [UNUSUAL], path)
    assert change["forecasts_total", POSITIVE] + change["forecasts_total", NEGATIVE] == 4
    assert change["probability_count", ""] == 4
    assert 0 < change["probability_sum", ""] < 4
    above = math.ceil(10 * pair.probability(EXAMPLE)) / 10
    assert change["probability_bucket", str(above)] >= 3
    assert change.get(("probability_bucket", str(round(above - 0.1, 1))), 0) <= 1
    # A fork's example may be out of the range of the random rows.
    assert change["inputs_out_of_range_total", NUMERIC[0]] == 3 * untrained(NUMERIC[0]) + 1
    assert change["inputs_out_of_range_total", NUMERIC[1]] == 4 * untrained(NUMERIC[1])
    assert change["compute_seconds_count", ""] == (4 if path == "/predict" else 1)
    assert change["queue_wait_seconds_count", ""] == (4 if path == "/predict" else 0)


def test_the_models_and_the_golden_check_are_reported(url: str) -> None:
    found = samples(url)
    (info,) = [labels for name, labels in found if name == "model_info"]
    assert "weather-scaler:" in info
    assert "weather-classifier:" in info
    assert str(pair.HORIZON_HOURS) in info.split(",")
    assert found["golden_check_passed", ""] == 1


def test_request_durations_have_buckets_below_a_millisecond(client: httpx.Client) -> None:
    client.post("/predict", json=EXAMPLE)
    assert 'endpoint="/predict",http_response_code="200",le="0.0005"' in client.get("/metrics").text


def test_unknown_paths_and_fields_create_no_series(url: str) -> None:
    before = samples(url).keys()
    for number in range(20):
        httpx.get(f"{url}/scan-{number}")
        httpx.post(f"{url}/predict", json={**EXAMPLE, f"field_{number}": 1})
    assert samples(url).keys() == before


def test_refusals_are_counted_by_reason(url: str) -> None:
    def refusals() -> dict[str, float]:
        return {labels: value for (name, labels), value in samples(url).items() if name == "refusals_total"}

    before = refusals()
    assert httpx.post(f"{url}/predict", content=b"{}").status_code == 415
    assert httpx.post(f"{url}/predict", json={"a": "x" * 100_000}).status_code == 413
    assert httpx.post(f"{url}/predict", json={}).status_code == 400
    after = refusals()
    changed = {reason: count - before.get(reason, 0) for reason, count in after.items()}
    assert {reason: count for reason, count in changed.items() if count} == {"media_type": 1, "too_large": 1}


@pytest.mark.parametrize("values", [[0.0, 0.1, 0.10001, 0.5, 1.0, 7.0], [0.5, math.nan]])
def test_observe_many_equals_single_observations(values: list[float]) -> None:
    one_by_one, at_once = (Histogram(name, "-", buckets=(0.1, 0.5, 1.0), registry=None) for name in "ab")
    for value in values:
        one_by_one.observe(value)
    buffer.observe_many(at_once, values)
    theirs, ours = (
        {
            f"{sample.name[1:]} {sample.labels}": sample.value
            for sample in next(iter(series.collect())).samples
        }
        for series in (one_by_one, at_once)
    )
    for found in (theirs, ours):
        found.pop("_created {}", None)  # when the series was made; a program may leave it out
    assert len(ours) == 6
    assert ours == pytest.approx(theirs, nan_ok=True)


@pytest.mark.slow("starts two workers")
def test_the_counts_of_two_workers_are_added(bentoml_home: Path) -> None:
    two = {"BENTOML_CONFIG_OPTIONS": "services.rain_forecast.workers=2"}
    with served(bentoml_home, env=two) as url, ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda _: httpx.post(f"{url}/predict", json=EXAMPLE), range(200)))
        assert {answer.status_code for answer in answers} == {200}
        decision = answers[0].json()["prediction"]
        until(lambda: samples(url)["forecasts_total", decision] == 200)  # the other worker's come a bit later
        found = samples(url)
    assert found["forecasts_total", decision] == found["probability_count", ""] == 200
    assert found["golden_check_passed", ""] == 1


def test_promtool_accepts_our_metrics(client: httpx.Client) -> None:
    if shutil.which("promtool") is None:
        pytest.skip("promtool is not installed")
    client.post("/predict", json=EXAMPLE)
    done = subprocess.run(
        ["promtool", "check", "metrics"],
        input=client.get("/metrics").content,
        capture_output=True,
        check=False,
    )
    complaints = [line for line in done.stderr.decode().splitlines() if line.startswith("rain_forecast_")]
    assert not complaints
    assert b"error while linting" not in done.stderr
