"""One observation in a request, with BentoML's adaptive batching in the same process.

BentoML's batching expects a body that is a batch. Here the input model parses one flat record and
passes it to the dispatcher as one row, and the output model writes one forecast. The wrapper service
that BentoML's documentation recommends needs a second process (docs/performance.md compares them).
"""

from __future__ import annotations

from codecs import BOM_UTF8

from bentoml import IODescriptor
from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import Response

from weather.contract.faults import faults
from weather.contract.variables import Forecast, WeatherVariables
from weather.http.problems import bad_request


class Observation(WeatherVariables, IODescriptor):  # type: ignore[misc]
    """``WeatherVariables`` as a request body."""

    # BentoML's clients then send the record itself, not {"observations": record}.
    __root_input__ = True

    @classmethod
    async def from_http_request(cls, request: Request, _: object) -> WeatherVariables:
        """Parse one record.

        Raises:
            Problem: 400, with every fault of the record.
        """
        try:
            return WeatherVariables.model_validate_json((await request.body()).removeprefix(BOM_UTF8))
        except ValidationError as error:
            raise bad_request(faults(error)) from None


class SingleForecast(Forecast, IODescriptor):  # type: ignore[misc]
    """``Forecast`` as a response body."""

    @classmethod
    async def to_http_response(cls, obj: Forecast, _: object) -> Response:
        """Write one ASGI message; BentoML's own response class sends two."""
        return Response(obj.model_dump_json(), media_type="application/json")
