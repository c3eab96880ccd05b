"""Behaviour of the real service, one per test."""

from __future__ import annotations

import json
import math
import re
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import numpy as np
import pytest
from markupsafe import escape

from loadtest.serving import served
from loadtest.stations import observation
from tests.conftest import EXAMPLE, OLD_KEY
from tests.fixtures import pair
from tests.fixtures.contract import FIRST, SECOND, beyond, with_token
from tests.waiting import until
from weather.contract.fields import TITLE
from weather.contract.manifest import Manifest
from weather.contract.variables import BINARY, FEATURES, LABELS, LIMITS, WeatherVariables
from weather.model.classifier import Classifier


def forecast(client: httpx.Client, record: dict[str, float]) -> dict[str, object]:
    answer = client.post("/predict", json=record)
    assert answer.status_code == 200, answer.text
    found: dict[str, object] = answer.json()
    return found


def assert_problem(answer: httpx.Response, status: int) -> dict[str, object]:
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/json"
    problem: dict[str, object] = answer.json()
    assert problem.keys() == {"error", "detail"}
    assert isinstance(problem["error"], str)
    assert isinstance(problem["detail"], list)
    assert "Traceback" not in answer.text
    return problem


def test_an_observation_gets_a_forecast(client: httpx.Client) -> None:
    answer = forecast(client, EXAMPLE)
    assert answer.keys() == {"prediction", "probability"}
    assert answer["prediction"] in LABELS


def test_the_forecasts_are_the_models(client: httpx.Client) -> None:
    """The model is computed a second time, in float64, by tests/fixtures/pair.py."""
    for record in [EXAMPLE, *(observation() for _ in range(50))]:
        expected = pair.probability(record)
        answer = forecast(client, record)
        assert answer["probability"] == pytest.approx(expected, abs=2e-5)
        if abs(expected - pair.THRESHOLD) > 1e-4:
            assert answer["prediction"] == LABELS[expected > pair.THRESHOLD]


def test_answers_vary_with_each_input(client: httpx.Client) -> None:
    """Defect 1 of the old system: it fitted the scaler to each row and always answered the same."""
    base = forecast(client, EXAMPLE)["probability"]
    for name in FEATURES:
        low, high = LIMITS[name]
        step = 1.0 if name in BINARY else (high - low) / 20
        changed = [min(EXAMPLE[name] + step, high), max(EXAMPLE[name] - step, low)]
        answers = {forecast(client, {**EXAMPLE, name: value})["probability"] for value in changed}
        assert answers - {base}, name


def test_concurrent_requests_get_the_same_answers_as_sequential_ones(client: httpx.Client) -> None:
    """Defect 2 of the old system: its threads shared a scaler that each of them modified."""
    records = [observation() for _ in range(300)]
    alone = [forecast(client, r) for r in records]
    with ThreadPoolExecutor(32) as pool:
        together = list(pool.map(lambda r: forecast(client, r), records))
    assert len({a["probability"] for a in alone}) > 200
    for one, other in zip(alone, together, strict=True):
        assert one["prediction"] == other["prediction"]
        assert one["probability"] == pytest.approx(other["probability"], abs=2e-6)


def test_concurrent_requests_share_batches(client: httpx.Client) -> None:
    def batches_of_several_rows() -> float:
        with ThreadPoolExecutor(32) as pool:
            list(pool.map(lambda _: forecast(client, EXAMPLE), range(100)))
        metrics = client.get("/metrics").text
        of_one = re.findall(r'adaptive_batch_size_bucket{le="1.0",.*} ([\d.]+)', metrics)
        total = re.findall(r"adaptive_batch_size_count{.*} ([\d.]+)", metrics)
        return float(total[0]) - float(of_one[0])

    assert until(batches_of_several_rows) > 0


def test_the_forecast_equals_the_classifiers(client: httpx.Client, classifier: Classifier) -> None:
    record = observation()
    expected = classifier.forecast([WeatherVariables(**record)])[0]
    assert forecast(client, record) == {
        "prediction": expected.prediction,
        "probability": pytest.approx(expected.probability, abs=2e-6),
    }


@pytest.mark.parametrize("name", FEATURES)
def test_the_ends_of_each_range_are_accepted_and_values_just_outside_are_rejected(
    client: httpx.Client, name: str
) -> None:
    low, high = LIMITS[name]
    for end, outside in ((low, math.nextafter(low, -math.inf)), (high, math.nextafter(high, math.inf))):
        forecast(client, {**EXAMPLE, name: end})
        problem = assert_problem(client.post("/predict", json={**EXAMPLE, name: outside}), 400)
        assert problem["detail"][0]["loc"] == [name]  # type: ignore[index]


FAULTY: dict[str, str | bytes] = {
    "NaN": with_token("NaN"),
    "Infinity": with_token("Infinity"),
    "1e999": with_token("1e999"),
    "true": with_token("true"),
    "a string": with_token('"1"'),
    "null": with_token("null"),
    "a missing field": json.dumps({k: v for k, v in EXAMPLE.items() if k != FIRST}),
    "an unknown field": json.dumps({**EXAMPLE, "unknown_field": 1}),
    "an empty body": "",
    "an array": json.dumps([EXAMPLE]),
    "broken JSON": json.dumps(EXAMPLE)[:-1],
    "invalid UTF-8": b'{"field\xff": 1}',
    "deep nesting": "[" * 5000,
}


@pytest.mark.parametrize("what", FAULTY)
def test_a_bad_body_is_a_400_and_the_next_request_is_answered(client: httpx.Client, what: str) -> None:
    answer = client.post("/predict", content=FAULTY[what], headers={"Content-Type": "application/json"})
    problem = assert_problem(answer, 400)
    assert problem["detail"]
    forecast(client, EXAMPLE)


def test_a_bad_record_does_not_affect_concurrent_requests(client: httpx.Client) -> None:
    good = forecast(client, EXAMPLE)

    def ask(number: int) -> httpx.Response:
        record = {**EXAMPLE, SECOND: beyond(SECOND)} if number % 3 == 0 else EXAMPLE
        return client.post("/predict", json=record)

    with ThreadPoolExecutor(32) as pool:
        answers = list(pool.map(ask, range(300)))
    for number, answer in enumerate(answers):
        if number % 3 == 0:
            assert_problem(answer, 400)
        else:
            assert answer.json()["prediction"] == good["prediction"]


@pytest.mark.parametrize(
    "media_type",
    [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/vnd.bentoml+pickle",
        "",
    ],
)
def test_other_content_types_are_rejected(client: httpx.Client, media_type: str) -> None:
    answer = client.post("/predict", content=json.dumps(EXAMPLE), headers={"Content-Type": media_type})
    assert_problem(answer, 415)


def test_json_with_a_charset_is_accepted(client: httpx.Client) -> None:
    headers = {"Content-Type": "Application/JSON; charset=utf-8"}
    assert client.post("/predict", content=json.dumps(EXAMPLE), headers=headers).status_code == 200


def test_large_bodies_are_rejected_with_and_without_content_length(client: httpx.Client) -> None:
    headers = {"Content-Type": "application/json"}
    assert_problem(client.post("/predict", content=b" " * 20_000, headers=headers), 413)
    chunks = (b" " * 1000 for _ in range(20))
    assert_problem(client.post("/predict", content=chunks, headers=headers), 413)
    forecast(client, EXAMPLE)


def test_unknown_paths_and_methods_have_the_error_format(client: httpx.Client) -> None:
    assert_problem(client.get("/nowhere"), 404)
    refused = client.get("/predict")
    assert_problem(refused, 405)
    assert refused.headers["allow"] == "POST"


def test_welcome_for_api_clients_and_for_browsers(client: httpx.Client) -> None:
    welcome = client.get("/").json()
    assert welcome["Hello"].startswith("Welcome to weather prediction service")
    for link in welcome["links"].values():
        assert client.get(f"/{link}").status_code == (405 if link == "predict" else 200)
    page = client.get("/", headers={"Accept": "text/html"})
    assert page.headers["content-type"].startswith("text/html")
    assert f"<title>{escape(TITLE)}</title>" in page.text


def test_docs_load_swagger_ui_from_this_host_only(client: httpx.Client) -> None:
    page = client.get("/docs")
    assert page.status_code == 200
    assert "http" not in page.text.replace("http-equiv", "")
    for asset in re.findall(r'(?:src|href)="([^"]+)"', page.text):
        assert client.get("/" + asset).status_code == 200, asset


def test_the_openapi_document_is_true(client: httpx.Client) -> None:
    document = client.get("/openapi.json").json()
    operation = document["paths"]["/predict"]["post"]
    schema = document["components"]["schemas"]["WeatherVariables"]
    assert schema["additionalProperties"] is False
    assert schema["required"] == list(FEATURES)
    for name in FEATURES:
        entry = schema["properties"][name]
        assert (entry["minimum"], entry["maximum"]) == LIMITS[name]
        assert entry["unit"]
        assert entry["description"]
    example = operation["requestBody"]["content"]["application/json"]["example"]
    assert forecast(client, example)
    assert operation["responses"].keys() == {"200", "400", "413", "415", "429", "500", "503", "504"}


def test_probes_and_metrics(client: httpx.Client) -> None:
    assert client.get("/livez").status_code == 200
    assert client.get("/readyz").status_code == 200
    forecast(client, EXAMPLE)
    assert 'endpoint="/predict"' in client.get("/metrics").text


def test_a_scan_for_paths_creates_no_metric_series(client: httpx.Client) -> None:
    for number in range(50):
        assert_problem(client.get(f"/scan-{number}"), 404)
    metrics = client.get("/metrics").text
    assert 'endpoint="other"' in metrics
    assert "scan-" not in metrics


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda path: path.write_bytes(path.read_bytes()[:-1] + b"\0"), "has changed since it was imported"),
        (Path.unlink, "can't be read (No such file or directory): import the pair again"),
    ],
)
def test_a_changed_or_missing_model_is_not_ready_and_the_log_says_why(
    bentoml_home: Path, tmp_path: Path, damage: Callable[[Path], object], reason: str
) -> None:
    home = shutil.copytree(bentoml_home, tmp_path / "home")
    damage(next((home / "models" / "weather-classifier").glob("*/compiled.onnx")))
    with (tmp_path / "log").open("wb") as log, served(home, ready=False, log=log) as url:
        for answer in (httpx.get(f"{url}/readyz"), httpx.post(f"{url}/predict", json=EXAMPLE)):
            assert_problem(answer, 503)
            assert "start-up check" in answer.json()["error"]
            assert "retry-after" not in answer.headers, "to try again does not help"
        assert httpx.get(f"{url}/livez").status_code == 200
    assert reason in (tmp_path / "log").read_text()


def test_the_old_systems_artifacts_are_served_without_a_probability(old_url: str) -> None:
    with httpx.Client(base_url=old_url, headers={"X-API-Key": OLD_KEY}) as client:
        answers = [forecast(client, observation()) for _ in range(200)]
    assert {a["prediction"] for a in answers} == set(LABELS)
    assert {a["probability"] for a in answers} == {None}


def test_a_forecast_never_contradicts_the_models_threshold(client: httpx.Client, manifest: Manifest) -> None:
    for _ in range(200):
        answer = forecast(client, observation())
        probability = answer["probability"]
        assert isinstance(probability, float)
        if not np.isclose(probability, manifest.threshold, atol=2e-6):
            assert answer["prediction"] == LABELS[probability > manifest.threshold]
