"""The FastAPI system that this service replaces.

Each request fits the shared scaler to its own row, in a synchronous endpoint that runs in a thread
pool. The classifier is ONNX Runtime's SVMClassifier.
"""

import pickle

import numpy as np
import onnxruntime
from fastapi import FastAPI
from pydantic import BaseModel

from benchmarks.peers.model import ARTIFACTS


class Variables(BaseModel):
    """Seven floats without limits."""

    temp_c: float
    humidity: float
    wind_speed_kmph: float
    wind_bearing_degree: float
    visibility_km: float
    pressure_millibars: float
    current_weather_condition: float


app = FastAPI()
scaler = pickle.loads((ARTIFACTS / "model-scaler.pkl").read_bytes())
sess = onnxruntime.InferenceSession(str(ARTIFACTS / "svc.onnx"))
input_name = sess.get_inputs()[0].name
label_name = sess.get_outputs()[0].name


@app.post("/predict")
def predict(variables: Variables) -> dict[str, str]:
    """Two defects: ``fit_transform`` turns any row into zeros, and threads share the scaler."""
    x = np.array(list(variables.model_dump().values()))
    x = scaler.fit_transform(x.reshape(1, 7))
    label = sess.run([label_name], {input_name: x.astype(np.float32)})[0]
    return {"prediction": "Rain" if label[0] > 0.5 else "No_Rain"}
