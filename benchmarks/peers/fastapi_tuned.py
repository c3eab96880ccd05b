"""Hand-tuned FastAPI: async, the compiled graph, pydantic's own JSON parser, a frozen heap.

It has no batching, no metrics and no standard error body.
"""

from fastapi import FastAPI, Request, Response

from benchmarks.peers.model import compiled_classifier
from weather.contract.variables import WeatherVariables

classifier = compiled_classifier()
app = FastAPI()


@app.post("/predict")
async def predict(request: Request) -> Response:
    """Parse, classify and respond without FastAPI's own, slower, parsing and serialisation."""
    observation = WeatherVariables.model_validate_json(await request.body())
    forecast = classifier.forecast([observation])[0]
    return Response(forecast.model_dump_json(), media_type="application/json")
