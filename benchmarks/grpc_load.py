"""Generates gRPC load as wrk with ``load.lua`` does for HTTP: each connection waits for its response.

Bodies come from the file in BODIES, a JSON request per line; the result is a line of JSON.
``python -m benchmarks.grpc_load ADDRESS CONNECTIONS SECONDS``
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from itertools import cycle
from pathlib import Path
from time import perf_counter

import grpc
import numpy as np
import uvloop

from weather.open_inference.grpc_messages import CLASSES, SERVICE


def messages(bodies: Path) -> list[bytes]:
    """The requests of a file, as serialised messages."""
    requests = []
    for line in bodies.read_text().splitlines():
        (tensor,) = json.loads(line)["inputs"]
        contents = {"fp32_contents": tensor.pop("data")}
        request = CLASSES["ModelInferRequest"](
            model_name="rain_forecast", inputs=[{**tensor, "contents": contents}]
        )
        requests.append(request.SerializeToString())
    return requests


async def load(address: str, connections: int, seconds: float, requests: list[bytes]) -> dict[str, float]:
    """The figures of one run."""
    latencies: list[float] = []
    failed = 0
    end = perf_counter() + seconds

    async def client(number: int) -> None:
        nonlocal failed
        own = cycle(requests[number:] + requests[:number])
        # Without the option channels to one address share a connection.
        async with grpc.aio.insecure_channel(address, [("grpc.use_local_subchannel_pool", 1)]) as channel:
            infer = channel.unary_unary(f"/{SERVICE}/ModelInfer")
            while (start := perf_counter()) < end:
                try:
                    await infer(next(own))
                except grpc.aio.AioRpcError:
                    failed += 1
                latencies.append(perf_counter() - start)

    start = perf_counter()
    await asyncio.gather(*map(client, range(connections)))
    p50, p99 = (np.percentile(latencies, [50, 99]) * 1000).tolist()
    elapsed = perf_counter() - start
    return {"requests": len(latencies), "seconds": elapsed, "failed": failed, "p50_ms": p50, "p99_ms": p99}


if __name__ == "__main__":
    address, connections, seconds = sys.argv[1:]
    run = load(address, int(connections), float(seconds), messages(Path(os.environ["BODIES"])))
    print(json.dumps(uvloop.run(run)))
