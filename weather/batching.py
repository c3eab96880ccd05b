"""A single-record body and BentoML's adaptive batching in one process.

BentoML batches arguments along their first dimension. So the input model below parses one flat
record and hands the dispatcher a batch of one; the output model unwraps the batch of one that
comes back. The wrapper service that BentoML's documentation recommends for this needs a second
process and reached a third of the throughput (DESIGN, measured).
"""

from __future__ import annotations

from typing import Any

from _bentoml_sdk.io_models import IODescriptor
from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import Response

from weather.problems import noted, refusal
from weather.variables import Forecast, WeatherVariables, faults


class Observation(WeatherVariables, IODescriptor):  # type: ignore[misc]
    """``WeatherVariables`` as an argument that BentoML batches."""

    # BentoML passes a root input as the one positional argument that batching needs; other
    # inputs become a keyword argument a field, which it refuses to batch.
    __root_input__ = True

    @classmethod
    async def from_http_request(cls, request: Request, serde: object) -> Any:
        """Parse the body into a batch of one.

        Raises:
            Problem: 400, with every fault of the record.
        """
        try:
            return [WeatherVariables.model_validate_json(await request.body())]
        except ValidationError as error:
            raise noted(request.scope, refusal(faults(error))) from None


class BatchedForecast(Forecast, IODescriptor):  # type: ignore[misc]
    """``Forecast`` as a result that BentoML takes out of a batch."""

    @classmethod
    async def to_http_response(cls, obj: list[Forecast], serde: object) -> Response:
        """One message instead of the two of BentoML's IterableResponse: ~10 % (DESIGN)."""
        return Response(obj[0].model_dump_json(), media_type="application/json")
