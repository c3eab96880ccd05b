"""tritonclient's asyncio client over gRPC; many requests at once."""

import asyncio
import json
import sys

import numpy as np
import tritonclient.grpc.aio as triton

hours, address = json.loads(sys.argv[1]), sys.argv[2]


async def ask(client, hour):
    tensors = []
    for name, value in hour.items():
        tensor = triton.InferInput(name, [1, 1], "FP64")
        tensor.set_data_from_numpy(np.array([[value]], float))
        tensors.append(tensor)
    return await client.infer("rain_forecast", tensors)


async def main():
    async with triton.InferenceServerClient(address) as client:
        assert await client.is_model_ready("rain_forecast")
        results = await asyncio.gather(*(ask(client, hour) for hour in hours))
        print(
            json.dumps(
                [
                    [result.as_numpy("probability").item() for result in results],
                    [result.as_numpy("prediction").item().decode() for result in results],
                ]
            )
        )


asyncio.run(main())
