"""tritonclient over HTTP: binary data, which it sends by default, and JSON."""

import json
import sys

import numpy as np
import tritonclient.http as triton
from tritonclient.utils import InferenceServerException

hours, address = json.loads(sys.argv[1]), sys.argv[2]
options = {}
if len(sys.argv) > 3:  # TLS: a file with the server's certificate, and an API key
    options = {"ssl": True, "ssl_options": {"ca_certs": sys.argv[3]}}
headers = {"Authorization": f"Bearer {sys.argv[4]}"} if len(sys.argv) > 4 else None


def tensors(rows, binary):
    for name in rows[0]:
        values = np.array([[row[name]] for row in rows], np.float32)
        tensor = triton.InferInput(name, values.shape, "FP32")
        tensor.set_data_from_numpy(values, binary_data=binary)
        yield tensor


with triton.InferenceServerClient(address, **options) as client:
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.is_model_ready("rain_forecast")
    assert client.get_server_metadata()["extensions"] == ["binary_tensor_data"]
    metadata = client.get_model_metadata("rain_forecast")
    assert {tensor["name"] for tensor in metadata["inputs"]} == hours[0].keys()
    for binary in (True, False):
        result = client.infer(
            "rain_forecast",
            list(tensors(hours, binary)),
            model_version=metadata["versions"][0],
            request_id="7",
            outputs=[
                triton.InferRequestedOutput(name, binary_data=binary)
                for name in ("probability", "prediction")
            ],
            headers=dict(headers) if headers else None,
        )
        assert result.get_response()["id"] == "7"
        print(
            json.dumps(
                [
                    result.as_numpy("probability").ravel().tolist(),
                    [word.decode() if binary else word for word in result.as_numpy("prediction").ravel()],
                ]
            )
        )
    result = client.infer(
        "rain_forecast", list(tensors(hours, True)), headers=dict(headers) if headers else None
    )
    assert result.as_numpy("probability").shape == (len(hours), 1)
    try:
        client.infer("rain_forecast", list(tensors([{**hours[0], "humidity": 83}], True)), headers=headers)
    except InferenceServerException as error:
        assert error.status() == "400"
        assert "a fraction from 0 to 1, not a percentage" in error.message()
    else:
        raise AssertionError("83 was accepted")
