"""Instructions a request, by callgrind: the same on a busy machine as on an idle one.

Only the application runs, without sockets: requests are passed to it as ASGI messages, 32 at a time.
``python -m benchmarks.instructions APP REQUESTS`` is what valgrind runs.
"""

from __future__ import annotations

import asyncio
import importlib
import itertools
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from benchmarks.servers import OURS, PROJECT, TUNED
from loadtest.stations import OBSERVATIONS
from loadtest.tables import markdown_table

APPS = {OURS: "benchmarks.peers.our_app:app", TUNED: "benchmarks.peers.fastapi_tuned:app"}
BODIES = [json.dumps(observation).encode() for observation in OBSERVATIONS[:320]]
CONNECTIONS = 32
COUNTS = (640, 1_920)
"""Requests of the two runs, whose difference leaves out start and warm-up."""


def table(home: Path) -> str:
    """A row per application; a sentence instead where there is no valgrind."""
    if shutil.which("valgrind") is None:
        return "Instructions a request were not counted: valgrind is not installed."
    lines = []
    for name, app in APPS.items():
        few, many = (instructions(home, app, count) for count in COUNTS)
        lines.append([name, f"{(many - few) / (COUNTS[1] - COUNTS[0]) / 1000:,.0f}"])
    return markdown_table(
        ["the application alone, 32 requests at a time", "instructions a request (1,000)"], lines
    )


def instructions(home: Path, app: str, count: int) -> int:
    """All instructions of a process that starts an application and passes requests to it."""
    counting = ["--tool=callgrind", "--callgrind-out-file=/dev/null"]
    done = subprocess.run(
        ["valgrind", *counting, sys.executable, "-m", "benchmarks.instructions", app, str(count)],
        cwd=PROJECT,
        # One seed of hashes, so that both runs take the same way through every dict.
        env={
            **os.environ,
            "BENTOML_HOME": str(home / "bentoml"),
            "PYTHONHASHSEED": "0",
            "OMP_NUM_THREADS": "1",
        },
        capture_output=True,
        text=True,
        check=True,
    )
    (collected,) = re.findall(r"Collected : (\d+)", done.stderr)
    return int(collected)


async def serve(app: Any, count: int) -> None:
    """Start the application, and pass it ``count`` requests, CONNECTIONS at a time."""
    started, done = asyncio.Event(), asyncio.Event()

    async def lifespan_receive() -> dict[str, Any]:
        if not started.is_set():
            return {"type": "lifespan.startup"}
        await done.wait()
        return {"type": "lifespan.shutdown"}

    async def lifespan_send(message: dict[str, Any]) -> None:
        if message["type"] == "lifespan.startup.complete":
            started.set()

    scope = {"type": "lifespan", "asgi": {"version": "3.0"}, "state": {}}
    lifespan = asyncio.create_task(app(scope, lifespan_receive, lifespan_send))
    await started.wait()
    bodies = itertools.islice(itertools.cycle(BODIES), count)
    while batch := list(itertools.islice(bodies, CONNECTIONS)):
        await asyncio.gather(*(request(app, body) for body in batch))
    done.set()
    await lifespan


async def request(app: Any, body: bytes) -> None:
    """One POST /predict, which must be answered with 200."""
    messages = [{"type": "http.request", "body": body, "more_body": False}]
    statuses = []

    async def receive() -> dict[str, Any]:
        return messages.pop() if messages else await asyncio.Future()

    async def send(message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])

    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    scope = {"type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST"}
    scope |= {
        "scheme": "http",
        "path": "/predict",
        "raw_path": b"/predict",
        "query_string": b"",
        "root_path": "",
    }
    client = {"headers": headers, "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 3000), "state": {}}
    await app({**scope, **client}, receive, send)
    if statuses != [200]:
        raise RuntimeError(f"answered with {statuses}")


if __name__ == "__main__":
    module, _, attribute = sys.argv[1].partition(":")
    asyncio.run(serve(getattr(importlib.import_module(module), attribute), int(sys.argv[2])))
