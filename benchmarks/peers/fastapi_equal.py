"""FastAPI with our service's features besides batching.

That is: Prometheus metrics, the typed contract in the OpenAPI document, the standard error body.
"""

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from prometheus_fastapi_instrumentator import Instrumentator
from starlette.requests import Request

from benchmarks.peers.model import compiled_classifier
from weather.contract.variables import Forecast, WeatherVariables

classifier = compiled_classifier()
app = FastAPI()
Instrumentator(should_instrument_requests_inprogress=True).instrument(app).expose(app)


@app.exception_handler(RequestValidationError)
async def refuse(_: Request, error: RequestValidationError) -> JSONResponse:
    """The standard error body."""
    detail = [{"loc": e["loc"], "msg": e["msg"], "type": e["type"]} for e in error.errors()]
    return JSONResponse({"error": detail[0]["msg"], "detail": detail}, 400)


@app.post("/predict")
async def predict(observation: WeatherVariables) -> Forecast:
    """As in FastAPI's documentation."""
    return classifier.forecast([observation])[0]
