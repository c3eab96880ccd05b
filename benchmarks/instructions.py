"""Instructions per request, counted by callgrind: they are the same on a busy machine as on an idle one.

Only the application runs, without sockets: requests are passed to it as ASGI messages, 32 at a time.
``python -m benchmarks.instructions APP`` is what valgrind runs.
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
READY = "ready\n"
WARM_UP = 64
REQUESTS = 640


def table(home: Path) -> str:
    """A row per application; a sentence instead where there is no valgrind."""
    if shutil.which("valgrind") is None:
        return "Instructions a request were not counted: valgrind is not installed."
    lines = [[name, f"{instructions(home, app) / REQUESTS / 1000:,.0f}"] for name, app in APPS.items()]
    header = ["the application alone, 32 requests at a time", "instructions a request (1,000)"]
    return markdown_table(header, lines)


def instructions(home: Path, app: str) -> int:
    """Instructions of REQUESTS requests to an application that has started."""
    # They are counted from the moment that the application waits for a line: the start would take minutes.
    counting = ["--tool=callgrind", "--instr-atstart=no", "--callgrind-out-file=/dev/null"]
    environment = {"BENTOML_HOME": str(home / "bentoml"), "PYTHONHASHSEED": "0", "OMP_NUM_THREADS": "1"}
    with subprocess.Popen(
        ["valgrind", *counting, sys.executable, "-m", "benchmarks.instructions", app],
        cwd=PROJECT,
        env={**os.environ, **environment},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        while (line := process.stdout.readline()) and line != READY:
            pass
        if line == READY:
            switch = ["callgrind_control", "--instr=on", str(process.pid)]
            subprocess.run(switch, check=True, capture_output=True)
        _, errors = process.communicate("go\n")
    found = re.search(r"Collected : (\d+)", errors)
    if process.returncode or found is None:
        raise RuntimeError(f"{app} under valgrind ended with {process.returncode}:\n{errors[-2000:]}")
    return int(found[1])


async def serve(app: Any) -> None:
    """Start the application, warm it up, and pass it the requests when a line has arrived."""
    started = asyncio.Event()

    async def lifespan_receive() -> dict[str, Any]:
        if not started.is_set():
            return {"type": "lifespan.startup"}
        return await asyncio.Future()

    async def lifespan_send(message: dict[str, Any]) -> None:
        if message["type"] == "lifespan.startup.complete":
            started.set()

    scope = {"type": "lifespan", "asgi": {"version": "3.0"}, "state": {}}
    lifespan = asyncio.create_task(app(scope, lifespan_receive, lifespan_send))  # noqa: F841, RUF006
    await started.wait()
    await requests(app, WARM_UP)
    print(READY, end="", flush=True)
    sys.stdin.readline()
    await requests(app, REQUESTS)
    os._exit(0)  # the end of the process does not count


async def requests(app: Any, count: int) -> None:
    """``count`` requests, CONNECTIONS at a time."""
    bodies = itertools.islice(itertools.cycle(BODIES), count)
    while batch := list(itertools.islice(bodies, CONNECTIONS)):
        await asyncio.gather(*(request(app, body) for body in batch))


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
    asyncio.run(serve(getattr(importlib.import_module(module), attribute)))
