"""KServe's InferenceGRPCClient: raw and typed contents."""

import asyncio
import json
import sys

import numpy as np
from kserve import InferenceGRPCClient, InferInput, InferRequest

hours, address = json.loads(sys.argv[1]), sys.argv[2]


def request(binary):
    tensors = []
    for name in hours[0]:
        tensor = InferInput(name, [len(hours), 1], "FP32")
        tensor.set_data_from_numpy(np.array([[hour[name]] for hour in hours], np.float32), binary_data=binary)
        tensors.append(tensor)
    return InferRequest(model_name="rain_forecast", infer_inputs=tensors)


async def main():
    async with InferenceGRPCClient(address) as client:
        assert await client.is_server_live()
        assert await client.is_server_ready()
        assert await client.is_model_ready("rain_forecast")
        for binary in (True, False):
            answer = await client.infer(request(binary))
            probability, prediction = answer.outputs
            words = [
                word if isinstance(word, str) else word.decode() for word in np.ravel(prediction.as_numpy())
            ]
            print(json.dumps([np.ravel(probability.as_numpy()).tolist(), words]))


asyncio.run(main())
