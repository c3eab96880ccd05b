from __future__ import annotations

import json

import pytest

from loadtest.requests import ROUNDING, predict_request
from tests.conftest import EXAMPLE
from weather.model.classifier import Classifier


def test_the_right_forecast_is_accepted_and_nothing_else(classifier: Classifier) -> None:
    request = predict_request(EXAMPLE, classifier)
    (forecast,) = request.expected
    assert forecast.probability is not None
    near = forecast.model_copy(update={"probability": forecast.probability + ROUNDING / 2})
    far = forecast.model_copy(update={"probability": forecast.probability + 2 * ROUNDING})
    assert request.accepts(forecast.model_dump_json().encode())
    assert request.accepts(near.model_dump_json().encode())
    assert not request.accepts(far.model_dump_json().encode())


def test_with_the_models_tags_the_right_forecast_is_that_of_the_model_that_the_response_names(
    classifier: Classifier,
) -> None:
    request = predict_request(EXAMPLE, classifier, models=["first"])
    body = request.expected[0].model_dump_json().encode()
    assert request.accepts(body, "first")
    assert not request.accepts(body, "second")
    assert not request.accepts(body)


@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b'{"prediction": "Maybe", "probability": 0.5}', b"\xff"])
def test_a_body_that_is_no_forecast_is_wrong(classifier: Classifier, body: bytes) -> None:
    assert not predict_request(EXAMPLE, classifier).accepts(body)


def test_the_request_is_one_complete_http_request(classifier: Classifier) -> None:
    headers, _, body = predict_request(EXAMPLE, classifier).data.partition(b"\r\n\r\n")
    assert json.loads(body) == EXAMPLE
    assert f"Content-Length: {len(body)}".encode() in headers
