"""Request bodies, and the load that sends them: wrk by HTTP, ``grpc_load`` by gRPC."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from benchmarks.peers.model import ARTIFACTS
from benchmarks.running import CLIENT_CORES, Running
from benchmarks.servers import PROJECT
from loadtest.stations import observation
from weather.contract.names import MODEL_FILE, SCALER_FILE
from weather.importing.compiling.compiler import compile_pair
from weather.importing.reading.artifacts import read

BULK_ROWS = 1_000

Figures = dict[str, float]
"""requests, seconds, failed, p50_ms, p99_ms."""


def prepare(home: Path) -> None:
    """Import the models, and write request bodies and the compiled graph, all to ``home``."""
    environment = {**os.environ, "BENTOML_HOME": str(home / "bentoml"), "BENTOML_DO_NOT_TRACK": "True"}
    subprocess.run([sys.executable, "train_import.py", "import"], cwd=PROJECT, env=environment, check=True)
    compiled = compile_pair(read(ARTIFACTS / SCALER_FILE, ARTIFACTS / MODEL_FILE))
    (home / "compiled.onnx").write_bytes(compiled.model)
    records = [observation() for _ in range(1000)]
    (home / "flat").write_text("\n".join(map(json.dumps, records)))
    inputs = (
        {"name": "observations", "shape": [1, len(record)], "datatype": "FP32", "data": list(record.values())}
        for record in records
    )
    (home / "v2").write_text("\n".join(json.dumps({"inputs": [one]}) for one in inputs))
    write_bulk(home, BULK_ROWS)


def write_bulk(home: Path, rows: int) -> tuple[Path, Path]:
    """Ten bodies of ``rows`` observations, as JSON and as CSV."""
    many = [[observation() for _ in range(rows)] for _ in range(10)]
    as_json, as_csv = home / f"bulk-{rows}.json", home / f"bulk-{rows}.csv"
    as_json.write_text("\n".join(json.dumps({"observations": records}) for records in many))
    tables = ([",".join(rows[0]), *(",".join(map(str, r.values())) for r in rows)] for rows in many)
    as_csv.write_text("\n".join("\\n".join(lines) for lines in tables))
    return as_json, as_csv


def ask(running: Running, home: Path, connections: int, seconds: int) -> Figures:
    """Load a server with its own kind of single requests."""
    bodies = home / running.server.bodies
    if running.server.grpc:
        return load_grpc(running.url, bodies, connections, seconds)
    return load(running.url + running.server.path, bodies, connections, seconds)


def load(url: str, bodies: Path, connections: int, seconds: int, cores: str = CLIENT_CORES) -> Figures:
    """One run of wrk."""
    command = ["taskset", "-c", cores, "wrk", "-t1", f"-c{connections}", f"-d{seconds}s"]
    media_type = "text/csv" if bodies.suffix == ".csv" else "application/json"
    return figures_of([*command, "-s", "benchmarks/load.lua", url], bodies, CONTENT_TYPE=media_type)


def load_grpc(url: str, bodies: Path, connections: int, seconds: int) -> Figures:
    """One run of ``grpc_load`` on the port after that of ``url``."""
    host, _, port = url.partition("://")[2].rpartition(":")
    address = f"{host}:{int(port) + 1}"
    command = ["taskset", "-c", CLIENT_CORES, sys.executable, "-m", "benchmarks.grpc_load"]
    return figures_of([*command, address, str(connections), str(seconds)], bodies)


def figures_of(command: list[str], bodies: Path, **environment: str) -> Figures:
    """What a load generator printed."""
    done = subprocess.run(
        command,
        cwd=PROJECT,
        env={**os.environ, "BODIES": str(bodies), **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    figures: Figures = json.loads(done.stdout.splitlines()[-1])
    return figures
