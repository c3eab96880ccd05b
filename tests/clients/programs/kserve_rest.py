"""KServe's InferenceRESTClient: JSON and binary data."""

import asyncio
import json
import sys

import httpx
import numpy as np
from kserve import InferenceRESTClient, InferInput, InferRequest, RESTConfig

hours, url = json.loads(sys.argv[1]), sys.argv[2]


def request(rows, binary):
    tensors = []
    for name in rows[0]:
        tensor = InferInput(name, [len(rows), 1], "FP64")
        tensor.set_data_from_numpy(np.array([[float(row[name])] for row in rows]), binary_data=binary)
        tensors.append(tensor)
    parameters = {"binary_data_output": binary}
    return InferRequest(model_name="rain_forecast", infer_inputs=tensors, parameters=parameters)


async def main():
    client = InferenceRESTClient(RESTConfig(protocol="v2"))
    assert await client.is_server_live(url)
    assert await client.is_server_ready(url)
    assert await client.is_model_ready(url, "rain_forecast")
    for binary in (True, False):
        answer = await client.infer(url, request(hours, binary), "rain_forecast")
        assert answer.model_name == "rain_forecast"
        probability, prediction = answer.outputs
        words = [word if isinstance(word, str) else word.decode() for word in np.ravel(prediction.as_numpy())]
        print(json.dumps([np.ravel(probability.as_numpy()).tolist(), words]))
    try:
        await client.infer(url, request([{**hours[0], "humidity": 83}], False), "rain_forecast")
    except httpx.HTTPStatusError as error:
        assert "a fraction from 0 to 1, not a percentage" in str(error)
    else:
        raise AssertionError("83 was accepted")
    await client.close()


asyncio.run(main())
