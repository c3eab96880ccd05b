"""``python -m benchmarks.alternatives``: libraries that were compared with those in use, and rejected.

The decision records in docs/decisions/ quote these tables. The variants of a table run interleaved, so
compare within a table only. The times are CPU time, which other processes of the machine disturb less.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import sys
import tempfile
import time
import timeit
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Annotated

import msgspec
import numpy as np
import onnxruntime
import orjson
from numpy.typing import NDArray
from pydantic import TypeAdapter

from benchmarks.comparison import measure_all, medians_of
from benchmarks.load import prepare
from benchmarks.peers.model import compiled_classifier
from benchmarks.servers import GRANIAN, UVICORN, Server
from loadtest.stations import OBSERVATIONS
from loadtest.tables import markdown_table
from weather.contract.optional import NONE
from weather.contract.variables import FEATURES, LIMITS, Forecast, WeatherVariables, as_rows
from weather.model.classifier import INPUT
from weather.serving.bulk_json import parse_json, validate

BULK_ROWS = 1_000
BURST_SECONDS = 0.02
BURSTS = 100

Variables = msgspec.defstruct(
    "Variables",
    [(name, Annotated[float, msgspec.Meta(ge=low, le=high)]) for name, (low, high) in LIMITS.items()],
    forbid_unknown_fields=True,
    gc=False,
)
"""The request contract in msgspec: the same fields and limits."""


def cpu_microseconds(calls: list[Callable[[], object]]) -> list[float]:
    """The median CPU time of each call, in µs, from interleaved bursts of about BURST_SECONDS."""
    numbers = []
    for call in calls:
        timer = timeit.Timer(call, timer=time.process_time)
        count, seconds = timer.autorange()
        numbers.append((timer, max(1, round(count * BURST_SECONDS / seconds))))
    bursts = [[timer.timeit(number) / number for timer, number in numbers] for _ in range(BURSTS)]
    return [statistics.median(times) * 1e6 for times in zip(*bursts, strict=True)]


def table(title: str, unit: str, calls: dict[str, Callable[[], object]], rows: int = 1) -> str:
    """A Markdown table of the CPU time of each call, per row."""
    times = [took / rows for took in cpu_microseconds(list(calls.values()))]
    lines = [[name, f"{took:.2f}", f"{took / times[0]:.2f}"] for name, took in zip(calls, times, strict=True)]
    return markdown_table([title, unit, "× the first"], lines)


def parsing() -> str:
    """One request body to a validated record."""
    body = json.dumps(OBSERVATIONS[0]).encode()
    decode = msgspec.json.Decoder(Variables).decode
    return table(
        "parse and validate one record",
        "µs",
        {
            "pydantic, from the bytes (in use)": partial(WeatherVariables.model_validate_json, body),
            "orjson, then pydantic": lambda: WeatherVariables.model_validate(orjson.loads(body)),
            "msgspec": partial(decode, body),
        },
    )


def answering() -> str:
    """One forecast to a response body."""
    forecast = Forecast(prediction="Rain", probability=0.773699)
    struct = msgspec.convert(forecast.model_dump(), msgspec.defstruct("Answer", Forecast.model_fields))
    encode = msgspec.json.Encoder().encode
    return table(
        "write one forecast",
        "µs",
        {
            "pydantic (in use)": forecast.model_dump_json,
            "orjson": lambda: orjson.dumps({"prediction": "Rain", "probability": 0.773699}),
            "msgspec": partial(encode, struct),
        },
    )


def bulk() -> str:
    """A bulk request body to an array of rows."""
    body = json.dumps({"observations": OBSERVATIONS[:BULK_ROWS]}).encode()
    records = TypeAdapter(list[WeatherVariables])
    decode = msgspec.json.Decoder(msgspec.defstruct("Many", [("observations", list[Variables])])).decode

    loop = asyncio.new_event_loop()

    def in_use() -> NDArray[np.generic]:
        return loop.run_until_complete(parse_json(body))

    def by_pydantic() -> NDArray[np.generic]:
        return loop.run_until_complete(validate(body, NONE))

    def by_orjson() -> NDArray[np.generic]:
        return as_rows(records.validate_python(orjson.loads(body)["observations"]))

    def by_msgspec() -> NDArray[np.generic]:
        return as_rows(decode(body).observations)

    with closing(loop):
        return table(
            f"parse and validate {BULK_ROWS:,} records",
            "µs per record",
            {
                "pydantic_core, checked by sets and NumPy (in use)": in_use,
                "pydantic_core and pydantic (in use for faults)": by_pydantic,
                "orjson and pydantic": by_orjson,
                "msgspec": by_msgspec,
            },
            BULK_ROWS,
        )


def io_binding() -> str:
    """ONNX Runtime with and without bound inputs and outputs."""
    classifier = compiled_classifier()
    session: onnxruntime.InferenceSession = classifier._session
    outputs = [output.name for output in session.get_outputs()]
    parts = []
    for rows in (1, 32, 256):
        x = np.array([[row[name] for name in FEATURES] for row in OBSERVATIONS[:rows]], np.float32)

        def bound(x: NDArray[np.float32]) -> list[NDArray[np.float32]]:
            binding = session.io_binding()
            binding.bind_cpu_input(INPUT, x)
            for name in outputs:
                binding.bind_output(name)
            session.run_with_iobinding(binding)
            return list(binding.copy_outputs_to_cpu())

        calls = {"run (in use)": partial(session.run, outputs, {INPUT: x}), "IOBinding": partial(bound, x)}
        parts.append(table(f"classify a batch of {rows}", "µs per row", calls, rows))
    return "\n\n".join(parts)


def servers(rounds: int, seconds: int) -> str:
    """The ASGI servers uvicorn and granian, with a constant response and with our application."""
    candidates = []
    for name, app, ready in (
        ("constant response", "benchmarks.peers.bare:app", "/"),
        ("our application", "benchmarks.peers.our_app:app", "/readyz"),
    ):
        candidates.append(Server(f"{name}, uvicorn", [*UVICORN, app, "--port"], ready))
        candidates.append(Server(f"{name}, granian", [*GRANIAN, app, "--port"], ready))
    with tempfile.TemporaryDirectory() as folder:
        prepare(Path(folder))
        medians = medians_of(measure_all(candidates, Path(folder), rounds, seconds))
    lines = [
        [
            name,
            f"{m['rps']:,.0f}",
            f"{m['cpu_per_1000']:.3f}",
            f"{m['p50_32']:.1f} / {m['p99_32']:.1f}",
            f"{m['megabytes']:.0f}",
        ]
        for name, m in medians.items()
    ]
    header = ["ASGI server, one core", "rps at 32", "CPU s / 1,000", "p50 / p99 at 32 (ms)", "MB"]
    return markdown_table(header, lines)


def main() -> int:
    """Print the tables."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.alternatives", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="interleaved rounds of the server comparison")
    parser.add_argument("--seconds", type=int, default=3, help="of load in each round")
    arguments = parser.parse_args()
    for measured in (parsing, answering, bulk, io_binding):
        print(measured(), end="\n\n", flush=True)
    print(servers(arguments.rounds, arguments.seconds))
    return 0


if __name__ == "__main__":
    sys.exit(main())
