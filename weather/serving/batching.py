"""A single-record body and BentoML's adaptive batching in one process.

BentoML's batching expects a body that is a batch. Here the input model parses one flat record and
hands it to the dispatcher, and the output model writes one forecast. The wrapper service that
BentoML's documentation recommends for this needs a second process; docs/performance.md has both.
"""

from __future__ import annotations

from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import Response

from weather.contract.faults import faults
from weather.contract.variables import Forecast, WeatherVariables
from weather.http.problems import refusal
from weather.serving.bentoml_internals import IODescriptor


class Observation(WeatherVariables, IODescriptor):  # type: ignore[misc]
    """``WeatherVariables`` as the body of a request."""

    # Clients of BentoML then send the record itself, not {"observations": record}.
    __root_input__ = True

    @classmethod
    async def from_http_request(cls, request: Request, _: object) -> WeatherVariables:
        """Parse one record.

        Raises:
            Problem: 400, with every fault of the record.
        """
        try:
            return WeatherVariables.model_validate_json(await request.body())
        except ValidationError as error:
            raise refusal(faults(error)) from None


class SingleForecast(Forecast, IODescriptor):  # type: ignore[misc]
    """``Forecast`` as the body of an answer."""

    @classmethod
    async def to_http_response(cls, obj: Forecast, _: object) -> Response:
        """One ASGI message instead of the two of BentoML's IterableResponse."""
        return Response(obj.model_dump_json(), media_type="application/json")
