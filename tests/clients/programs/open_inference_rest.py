"""open-inference-openapi, made from the published OpenAPI document."""

import json
import sys

from open_inference.openapi.client import OpenInferenceClient
from open_inference.openapi.errors import BadRequestError
from open_inference.openapi.types import InferenceRequest, RequestInput

hours, url = json.loads(sys.argv[1]), sys.argv[2]


def request(rows):
    return InferenceRequest(
        id="7",
        inputs=[
            RequestInput(name=name, shape=[len(rows), 1], datatype="FP64", data=[row[name] for row in rows])
            for name in rows[0]
        ],
    )


client = OpenInferenceClient(base_url=url)
client.check_server_liveness()
client.check_server_readiness()
client.check_model_readiness("rain_forecast")
assert client.read_server_metadata().name == "rain_forecast"
(version,) = client.read_model_metadata("rain_forecast").versions
client.check_model_version_readiness("rain_forecast", version)
assert client.read_model_version_metadata("rain_forecast", version).platform == "onnx_onnxv1"
for answer in (
    client.model_infer("rain_forecast", request=request(hours)),
    client.model_version_infer("rain_forecast", version, request=request(hours)),
):
    assert (answer.id, answer.model_version) == ("7", version)
    print(json.dumps([output.data.__root__ for output in answer.outputs]))
try:
    client.model_infer("rain_forecast", request=request([{**hours[0], "humidity": 83}]))
except BadRequestError as error:
    assert "a fraction from 0 to 1, not a percentage" in error.body["error"]
else:
    raise AssertionError("83 was accepted")
