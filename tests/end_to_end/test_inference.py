"""The Open Inference Protocol's REST paths of the real service, with limits and keys as elsewhere."""

from __future__ import annotations

import gzip
import json
import re
import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from loadtest.serving import running
from loadtest.stations import observation
from tests.conftest import EXAMPLE, OLD_KEY
from tests.waiting import until
from weather.contract.variables import FEATURES
from weather.http.limits import ENDPOINTS, INFER, MODEL
from weather.open_inference.binary import HEADER


def request(*hours: dict[str, float]) -> dict[str, Any]:
    """A tensor per field."""
    return {
        "inputs": [
            {
                "name": name,
                "shape": [len(hours), 1],
                "datatype": "FP64",
                "data": [hour[name] for hour in hours],
            }
            for name in FEATURES
        ]
    }


def binary(*hours: dict[str, float]) -> tuple[bytes, dict[str, str]]:
    """Body and headers of one FP32 matrix."""
    rows = np.array([[hour[name] for name in FEATURES] for hour in hours], "<f4")
    tensor = {"name": "observations", "shape": rows.shape, "datatype": "FP32"}
    head = json.dumps({"inputs": [{**tensor, "parameters": {"binary_data_size": rows.nbytes}}]}).encode()
    return head + rows.tobytes(), {HEADER: str(len(head)), "Content-Type": "application/octet-stream"}


def forecasts(answer: httpx.Response) -> list[dict[str, Any]]:
    """As ``/predict_batch`` has them."""
    assert answer.status_code == 200, answer.text
    probability, prediction = (output["data"] for output in answer.json()["outputs"])
    return [{"prediction": p, "probability": q} for p, q in zip(prediction, probability, strict=True)]


def test_forecasts_are_those_of_the_other_endpoints(client: httpx.Client) -> None:
    hours = [observation() for _ in range(200)]
    by_batch = client.post("/predict_batch", json={"observations": hours}).json()["forecasts"]
    assert forecasts(client.post(INFER, json=request(*hours))) == by_batch
    body, headers = binary(*hours)
    assert forecasts(client.post(INFER, content=body, headers=headers)) == by_batch
    one = client.post("/predict", json=hours[0]).json()
    assert forecasts(client.post(INFER, json=request(hours[0]))) == [one]
    body, headers = binary(hours[0])
    assert forecasts(client.post(INFER, content=body, headers=headers)) == [one]


def test_single_rows_share_batches_with_those_of_predict(client: httpx.Client) -> None:
    def ask(number: int) -> int:
        body = request(EXAMPLE) if number % 2 else EXAMPLE
        return client.post(INFER if number % 2 else "/predict", json=body).status_code

    def batches_of_several_rows() -> float:
        with ThreadPoolExecutor(32) as pool:
            assert set(pool.map(ask, range(600))) == {200}
        metrics = client.get("/metrics").text
        alone = re.findall(r'adaptive_batch_size_bucket{le="1.0",.*} ([\d.]+)', metrics)
        total = re.findall(r"adaptive_batch_size_count{.*} ([\d.]+)", metrics)
        return float(total[0]) - float(alone[0])

    assert until(batches_of_several_rows) > 0


@pytest.mark.parametrize(
    "path", ["/v2", "/v2/", "/v2/health/live", "/v2/health/ready", MODEL, f"{MODEL}/ready"]
)
def test_reads_by_path_and_only_by_get(client: httpx.Client, path: str) -> None:
    assert client.get(path).status_code == 200
    refused = client.post(path, json={})
    assert refused.status_code == 405
    assert set(refused.headers["allow"].split(", ")) == {"GET", "HEAD"}
    assert refused.json().keys() == {"error", "detail"}


def test_the_version_is_that_of_the_model_in_the_store(client: httpx.Client) -> None:
    version = client.get("/model").json()["version"]
    assert client.get(MODEL).json()["versions"] == [version]
    answer = client.post(f"{MODEL}/versions/{version}/infer", json=request(EXAMPLE))
    assert answer.json()["model_version"] == version
    assert client.post(f"{MODEL}/versions/1/infer", json=request(EXAMPLE)).status_code == 404
    assert client.post("/v2/models/other/infer", json=request(EXAMPLE)).status_code == 404


def test_bodies_have_a_type_and_a_size_and_may_be_compressed(client: httpx.Client) -> None:
    content = json.dumps(request(EXAMPLE)).encode()
    for headers in ({}, {"Content-Type": "application/json"}, {"Content-Type": "application/octet-stream"}):
        assert client.post(INFER, content=content, headers=headers).status_code == 200
    refused = client.post(INFER, content=content, headers={"Content-Type": "text/csv"})
    assert refused.status_code == 415
    assert refused.json()["error"] == "the Content-Type must be application/json or application/octet-stream"
    for path in (INFER, f"{MODEL}/versions/1/infer"):
        assert client.post(path, content=b" " * (ENDPOINTS[INFER].max_bytes + 1)).status_code == 413
    body, headers = binary(EXAMPLE, EXAMPLE)
    headers["Content-Encoding"] = "gzip"
    assert len(forecasts(client.post(INFER, content=gzip.compress(body), headers=headers))) == 2


def test_requests_are_counted_without_their_version(client: httpx.Client) -> None:
    version = client.get(MODEL).json()["versions"][0]
    for path in (INFER, f"{MODEL}/versions/{version}/infer", f"{MODEL}/versions/1/infer"):
        client.post(path, json=request(EXAMPLE))
    client.get(f"{MODEL}/versions/{version}/ready")
    metrics = client.get("/metrics").text
    counted = set(re.findall(r'request_total{endpoint="(/v2[^"]*)",http_response_code="(\d+)"', metrics))
    assert {(INFER, "200"), (INFER, "404"), (f"{MODEL}/ready", "200")} <= counted
    assert "versions" not in "".join(endpoint for endpoint, _ in counted)


def test_keys_are_required_for_forecasts_only(old_url: str) -> None:
    """The service of the old artifacts, which are not calibrated."""
    with httpx.Client(base_url=old_url) as client:
        version = client.get(MODEL).json()["versions"][0]
        for path in (INFER, f"{MODEL}/versions/{version}/infer"):
            assert client.post(path, json=request(EXAMPLE)).status_code == 401
            answer = client.post(path, json=request(EXAMPLE), headers={"X-API-Key": OLD_KEY})
            (output,) = answer.json()["outputs"]
            assert output["name"] == "prediction"
        for path in ("/v2", "/v2/health/ready", MODEL, f"{MODEL}/versions/{version}/ready"):
            assert client.get(path).status_code == 200


def test_in_the_lame_duck_period_it_is_not_ready_and_serves(bentoml_home: Path) -> None:
    environment = {"WEATHER_LAME_DUCK_SECONDS": "600"}
    with running(bentoml_home, env=environment) as service, httpx.Client(base_url=service.url) as client:
        service.process.send_signal(signal.SIGTERM)
        for path in ("/v2/health/ready", f"{MODEL}/ready"):
            until(lambda path=path: client.get(path).status_code == 503)  # type: ignore[misc]
            assert client.get(path).json()["error"] == "the service is shutting down"
        assert client.get("/v2/health/live").status_code == 200
        assert client.post(INFER, json=request(EXAMPLE)).status_code == 200
        service.process.send_signal(signal.SIGTERM)
