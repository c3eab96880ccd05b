"""One observation in a request, with adaptive batching in the same process.

BentoML's batching expects a body that is a batch. Here a body is one flat record, which goes to the
batching queue as one row. The wrapper service that BentoML's documentation recommends for this needs a
second process (docs/performance.md compares them).
"""

from __future__ import annotations

from codecs import BOM_UTF8

from bentoml import IODescriptor
from pydantic import ValidationError

from weather.contract.faults import faults, repeated
from weather.contract.optional import NONE, record_type
from weather.contract.repeated import quotes, repeated_keys
from weather.contract.variables import Forecast, WeatherVariables
from weather.http.problems import bad_request


class Observation(WeatherVariables, IODescriptor):  # type: ignore[misc]
    """``WeatherVariables`` as a request body, for BentoML's schema and clients."""

    # BentoML's clients then send the record itself, not {"observations": record}.
    __root_input__ = True


class SingleForecast(Forecast, IODescriptor):  # type: ignore[misc]
    """``Forecast`` as a response body, for BentoML's schema and clients."""


def parse(body: bytes, optional: frozenset[str] = NONE) -> WeatherVariables:
    """The record in a JSON body; the fields of ``optional`` may be null or absent.

    Raises:
        Problem: 400, with every fault of the record.
    """
    body = body.removeprefix(BOM_UTF8)
    try:
        record = WeatherVariables.model_validate_json(body)
    except ValidationError as error:
        if not optional:
            raise bad_request(faults(error)) from None
        try:
            record = record_type(optional).model_validate_json(body)
        except ValidationError as error:
            raise bad_request(faults(error)) from None
    if body.count(b'"') != quotes(len(record.model_fields_set)):
        raise bad_request([repeated(*path) for path in repeated_keys(body)])
    return record


def write(forecast: Forecast) -> bytes:
    """The forecast as JSON."""
    return forecast.model_dump_json().encode()
