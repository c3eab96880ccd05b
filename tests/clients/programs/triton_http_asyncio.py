"""tritonclient's asyncio client over HTTP; many requests at once."""

import asyncio
import json
import sys

import numpy as np
import tritonclient.http.aio as triton

hours, address = json.loads(sys.argv[1]), sys.argv[2]


async def ask(client, hour, binary):
    tensors = []
    for name, value in hour.items():
        tensor = triton.InferInput(name, [1], "FP64")
        tensor.set_data_from_numpy(np.array([value], float), binary_data=binary)
        tensors.append(tensor)
    return await client.infer("rain_forecast", tensors)


async def main():
    async with triton.InferenceServerClient(address) as client:
        assert await client.is_model_ready("rain_forecast")
        for binary in (True, False):
            results = await asyncio.gather(*(ask(client, hour, binary) for hour in hours))
            print(
                json.dumps(
                    [
                        [result.as_numpy("probability").item() for result in results],
                        [result.as_numpy("prediction").item().decode() for result in results],
                    ]
                )
            )


asyncio.run(main())
