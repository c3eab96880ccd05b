"""Requests as bytes, with the forecasts that are right responses to them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from loadtest.serving import PROJECT
from loadtest.stations import observation
from weather.contract.variables import Forecast, WeatherVariables
from weather.importing.artifacts import read
from weather.importing.compiler import compile_pair
from weather.model.classifier import Classifier


@dataclass(frozen=True)
class Request:
    """A request as bytes, and the forecasts that are right responses: one per model version."""

    data: bytes
    expected: tuple[Forecast, ...]

    def accepts(self, body: bytes) -> bool:
        """Whether ``body`` is an expected forecast; probabilities may differ by 2e-6."""
        try:
            forecast = Forecast.model_validate_json(body)
        except ValidationError:
            return False
        return any(equal(forecast, expected) for expected in self.expected)


def equal(one: Forecast, other: Forecast) -> bool:
    """Whether two forecasts are the same up to rounding."""
    if one.probability is None or other.probability is None:
        return one == other
    return one.prediction == other.prediction and abs(one.probability - other.probability) <= 2e-6


def predict_request(record: dict[str, Any], *classifiers: Classifier) -> Request:
    """``POST /predict`` of a record; any of the classifiers' forecasts for it alone is right."""
    body = json.dumps(record).encode()
    headers = (
        "POST /predict HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    forecasts = [classifier.forecast([WeatherVariables(**record)])[0] for classifier in classifiers]
    return Request(headers.encode() + body, tuple(forecasts))


def committed_classifier() -> Classifier:
    """The committed artifacts, compiled here."""
    artifacts = PROJECT / "artifacts"
    return Classifier(compile_pair(read(artifacts / "model-scaler.pkl", artifacts / "svc.onnx")).model)


def committed_requests(count: int = 500) -> list[Request]:
    """Varied observations, each with the committed classifier's forecast for it alone."""
    classifier = committed_classifier()
    return [predict_request(observation(), classifier) for _ in range(count)]
