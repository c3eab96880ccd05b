"""Hand-tuned FastAPI: async, the compiled graph, pydantic's own JSON, frozen heap; no batching,
no metrics, no error shape.
"""

from fastapi import FastAPI, Request, Response

from benchmarks.peers.model import compiled_classifier
from weather.contract.variables import WeatherVariables

classifier = compiled_classifier()
app = FastAPI()


@app.post("/predict")
async def predict(request: Request) -> Response:
    """Parse, classify, answer, past FastAPI's own (slower) parsing and serialising."""
    observation = WeatherVariables.model_validate_json(await request.body())
    forecast = classifier.forecast([observation])[0]
    return Response(forecast.model_dump_json(), media_type="application/json")
