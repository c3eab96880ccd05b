"""tritonclient over gRPC."""

import json
import sys

import numpy as np
import tritonclient.grpc as triton
from tritonclient.utils import InferenceServerException

hours, address = json.loads(sys.argv[1]), sys.argv[2]
options = {}
if len(sys.argv) > 3:  # TLS: a file with the server's certificate, and an API key
    options = {"ssl": True, "root_certificates": sys.argv[3]}
headers = {"authorization": f"Bearer {sys.argv[4]}"} if len(sys.argv) > 4 else None


def matrix(rows):
    values = np.array([list(row.values()) for row in rows], np.float32)
    tensor = triton.InferInput("observations", values.shape, "FP32")
    tensor.set_data_from_numpy(values)
    return [tensor]


with triton.InferenceServerClient(address, **options) as client:
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.is_model_ready("rain_forecast")
    assert client.get_server_metadata().name == "rain_forecast"
    metadata = client.get_model_metadata("rain_forecast", as_json=True)
    assert [tensor["name"] for tensor in metadata["inputs"]] == list(hours[0])
    result = client.infer(
        "rain_forecast", matrix(hours), metadata["versions"][0], request_id="7", headers=headers
    )
    assert result.get_response().id == "7"
    print(
        json.dumps(
            [
                result.as_numpy("probability").ravel().tolist(),
                [word.decode() for word in result.as_numpy("prediction").ravel()],
            ]
        )
    )
    try:
        client.infer("rain_forecast", matrix([{**hours[0], "humidity": 83}]), headers=headers)
    except InferenceServerException as error:
        assert error.status() == "StatusCode.INVALID_ARGUMENT"
        assert "a fraction from 0 to 1, not a percentage" in error.message()
    else:
        raise AssertionError("83 was accepted")
