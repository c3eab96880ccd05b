"""Requests as bytes, with the forecasts that are correct responses to them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import repeat
from typing import Any

from pydantic import ValidationError

from loadtest.serving import PROJECT
from loadtest.stations import observation
from weather.contract.variables import Forecast, WeatherVariables
from weather.importing.compiling.compiler import compile_pair
from weather.importing.reading.artifacts import read
from weather.model.classifier import Classifier

ROUNDING = 5e-5
"""Accepted difference of two probabilities: the committed model rounds a row in a batch otherwise than the
same row alone, by up to 2e-5.
"""


@dataclass(frozen=True)
class Request:
    """A request as bytes, and the forecasts that are correct responses: one per model version.

    With the tags of these ``models``, the forecast must be that of the model which the response names.
    """

    data: bytes
    expected: tuple[Forecast, ...]
    models: tuple[str, ...] = ()

    def accepts(self, body: bytes, model: str = "") -> bool:
        """Whether ``body`` is an expected forecast, of that model, up to rounding."""
        try:
            forecast = Forecast.model_validate_json(body)
        except ValidationError:
            return False
        pairs = zip(self.models or repeat(model), self.expected, strict=False)
        return any(equal(forecast, expected) for tag, expected in pairs if tag == model)


def equal(one: Forecast, other: Forecast) -> bool:
    """Whether two forecasts are the same up to ``ROUNDING``."""
    if one.probability is None or other.probability is None:
        return one == other
    return one.prediction == other.prediction and abs(one.probability - other.probability) <= ROUNDING


def predict_request(record: dict[str, Any], *classifiers: Classifier, models: Sequence[str] = ()) -> Request:
    """``POST /predict`` of a record; the forecast of any of the classifiers for this row alone is correct.

    With the classifiers' tags, ``models``, it must be that of the classifier which the response names.
    """
    body = json.dumps(record).encode()
    headers = (
        "POST /predict HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    forecasts = [classifier.forecast([WeatherVariables(**record)])[0] for classifier in classifiers]
    return Request(headers.encode() + body, tuple(forecasts), tuple(models))


def committed_classifier() -> Classifier:
    """The committed artifacts, compiled here."""
    artifacts = PROJECT / "artifacts"
    return Classifier(compile_pair(read(artifacts / "model-scaler.pkl", artifacts / "svc.onnx")).model)


def committed_requests(count: int = 500) -> list[Request]:
    """Varied observations, each with the committed classifier's forecast for it alone."""
    classifier = committed_classifier()
    return [predict_request(observation(), classifier) for _ in range(count)]
