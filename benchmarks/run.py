"""``make bench``: each server in turn on one core, loaded by wrk from another, in interleaved rounds.

Read the ratios: each figure is the median of its rounds, on one machine, in one run. In brackets is the
interval in which the median of the ratio lies with a confidence of 95 %.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from urllib.request import urlopen

import psutil

from benchmarks import kernels, report
from benchmarks.peers.model import ARTIFACTS
from benchmarks.servers import (
    ABLATIONS,
    MLSERVER,
    OURS,
    PEERS,
    PREVIOUS,
    PROJECT,
    Server,
    environment_of,
    folder_of,
)
from loadtest.serving import free_port, stop
from loadtest.stations import observation
from loadtest.tables import markdown_table, publish
from weather.contract.names import MODEL_FILE, SCALER_FILE
from weather.importing.artifacts import read
from weather.importing.compiler import compile_pair

SERVER_CORE, CLIENT_CORE = "0", "1"
START_SECONDS = 90
BULK_ROWS = 1_000
RESULTS = PROJECT / "benchmarks" / "results"


def main() -> int:
    """Print and write the tables and the picture."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.run", description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=int, default=5, help="of load at 32 connections, per round")
    parser.add_argument("--only", default="", help="only servers whose name contains this")
    parser.add_argument("--publish", action="store_true", help="write the tables to README.md and docs/")
    arguments = parser.parse_args()
    if not shutil.which("wrk") or not shutil.which("taskset"):
        print("make bench needs wrk and taskset: install the system's packages wrk and util-linux")
        return 1
    if (os.cpu_count() or 1) < 2:
        print("make bench needs two cores, one for the server and one for the load")
        return 1
    servers = [server for server in [*PEERS, *ABLATIONS] if arguments.only in server.name]
    if not in_history(PREVIOUS):
        print(f"the previous release is left out: commit {PREVIOUS} is not in this copy's history")
        servers = [server for server in servers if server.commit != PREVIOUS]
    if not MLSERVER.exists():
        servers = [server for server in servers if not server.is_mlserver]
    RESULTS.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        prepare(home)
        for server in servers:
            if server.commit:
                check_out(server, home)
        rounds = measure_all(servers, home, arguments.rounds, arguments.seconds)
        medians = medians_of(rounds)
        conditions = report.conditions(arguments.rounds, arguments.seconds)
        parts = [conditions, report.table(medians, rounds)]
        parts += [bulk(server, home, arguments.seconds) for server in servers if server.name == OURS]
    parts.append(kernels.table())
    text = "\n\n".join(parts)
    (RESULTS / "bench.json").write_text(json.dumps({"medians": medians, "rounds": rounds}, indent=1))
    (RESULTS / "bench.md").write_text(text + "\n")
    report.draw(medians, RESULTS / "bench.svg")
    if arguments.publish:
        shutil.copy(RESULTS / "bench.svg", PROJECT / "docs" / "bench.svg")
        publish(PROJECT / "docs" / "performance.md", "make bench", text)
        peers = {server.name: medians[server.name] for server in PEERS if server.name in medians}
        publish(PROJECT / "README.md", "make bench", f"{report.table(peers, rounds)}\n\n{conditions}")
    print(text)
    return 0


def measure_all(
    servers: list[Server], home: Path, rounds: int, seconds: int
) -> dict[str, list[dict[str, float]]]:
    """The figures of each round, by server; in a round each server is measured once."""
    measured: dict[str, list[dict[str, float]]] = defaultdict(list)
    for number in range(rounds):
        for server in servers:
            figures = measure(server, home, seconds)
            measured[server.name].append(figures)
            print(f"round {number + 1} {server.name}: {figures['rps']:,.0f} rps", file=sys.stderr)
    return measured


def medians_of(rounds: dict[str, list[dict[str, float]]]) -> dict[str, dict[str, float]]:
    """The median of each figure over the rounds, by server."""
    return {
        name: {key: statistics.median(figures[key] for figures in runs) for key in runs[0]}
        for name, runs in rounds.items()
    }


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
    many = [[observation() for _ in range(BULK_ROWS)] for _ in range(10)]
    (home / "bulk.json").write_text("\n".join(json.dumps({"observations": rows}) for rows in many))
    tables = ([",".join(rows[0]), *(",".join(map(str, r.values())) for r in rows)] for rows in many)
    (home / "bulk.csv").write_text("\n".join("\\n".join(lines) for lines in tables))


def in_history(commit: str) -> bool:
    """Whether git has a commit of this project; an archive or a shallow clone lacks it."""
    if shutil.which("git") is None:
        return False
    command = ["git", "cat-file", "-e", f"{commit}^{{commit}}"]
    return subprocess.run(command, cwd=PROJECT, capture_output=True, check=False).returncode == 0


def check_out(server: Server, home: Path) -> None:
    """Have a copy of the server's commit in ``home``, and import its models with its own code."""
    folder = folder_of(server, home)
    environment = environment_of(server, home, 0)
    # A clone that shares the objects: `git worktree` would leave an entry here when a run is killed.
    subprocess.run(["git", "clone", "--quiet", "--shared", "--no-checkout", PROJECT, folder], check=True)
    subprocess.run(["git", "checkout", "--quiet", "--detach", server.commit], cwd=folder, check=True)
    subprocess.run([sys.executable, "train_import.py", "import"], cwd=folder, env=environment, check=True)


def measure(server: Server, home: Path, seconds: int) -> dict[str, float]:
    """Time to ready, load at 32 connections and at 1, CPU and memory of the whole process tree."""
    with running(server, home) as (url, process, start_seconds):
        bodies = home / server.bodies
        ask = partial(load_grpc, url) if server.grpc else partial(load, url + server.path)
        ask(bodies, 32, 2)
        cpu = cpu_seconds(process)
        busy = ask(bodies, 32, seconds)
        cpu = cpu_seconds(process) - cpu
        alone = ask(bodies, 1, max(2, seconds // 2))
        tree = [process, *process.children(recursive=True)]
        memory = sum(p.memory_info().rss for p in tree)
    return {
        "rps": busy["requests"] / busy["seconds"],
        "p50_32": busy["p50_ms"],
        "p99_32": busy["p99_ms"],
        "p50_1": alone["p50_ms"],
        "p99_1": alone["p99_ms"],
        "cpu_per_1000": cpu / busy["requests"] * 1000,
        "failed": busy["failed"] + alone["failed"],
        "megabytes": memory / 1e6,
        "start_seconds": start_seconds,
    }


@contextmanager
def running(server: Server, home: Path) -> Iterator[tuple[str, psutil.Process, float]]:
    """Run the server, pinned to its core, on a free port: its URL, its process, the seconds to ready.

    Raises:
        RuntimeError: the server did not become ready within START_SECONDS.
    """
    port = free_port()
    environment = environment_of(server, home, port)
    argument = str(home / "mlserver") if server.is_mlserver else str(port)
    started = time.monotonic()
    process = subprocess.Popen(
        ["taskset", "-c", SERVER_CORE, *server.command, argument],
        cwd=folder_of(server, home),
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    url = f"http://127.0.0.1:{port}"
    try:
        while True:
            try:
                with urlopen(url + server.ready, timeout=1):
                    break
            except OSError:
                if process.poll() is not None or time.monotonic() - started > START_SECONDS:
                    raise RuntimeError(f"{server.name} did not start") from None
                time.sleep(0.05)
        yield url, psutil.Process(process.pid), time.monotonic() - started
    finally:
        stop(process)


def load(url: str, bodies: Path, connections: int, seconds: int) -> dict[str, float]:
    """One run of wrk."""
    command = ["taskset", "-c", CLIENT_CORE, "wrk", "-t1", f"-c{connections}", f"-d{seconds}s"]
    media_type = "text/csv" if bodies.suffix == ".csv" else "application/json"
    done = subprocess.run(
        [*command, "-s", "benchmarks/load.lua", url],
        cwd=PROJECT,
        env={**os.environ, "BODIES": str(bodies), "CONTENT_TYPE": media_type},
        capture_output=True,
        text=True,
        check=True,
    )
    figures: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return figures


def load_grpc(url: str, bodies: Path, connections: int, seconds: int) -> dict[str, float]:
    """One run of ``grpc_load`` on the port after that of ``url``."""
    host, _, port = url.partition("://")[2].rpartition(":")
    address = f"{host}:{int(port) + 1}"
    command = ["taskset", "-c", CLIENT_CORE, sys.executable, "-m", "benchmarks.grpc_load"]
    done = subprocess.run(
        [*command, address, str(connections), str(seconds)],
        cwd=PROJECT,
        env={**os.environ, "BODIES": str(bodies)},
        capture_output=True,
        text=True,
        check=True,
    )
    figures: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return figures


def bulk(server: Server, home: Path, seconds: int) -> str:
    """Two tables: rows per second in bulk and singly; latency beside a client that sends bulk requests."""
    with running(server, home) as (url, _, _):
        single, batch = url + "/predict", url + "/predict_batch"
        load(single, home / "flat", 32, 2)
        singly = load(single, home / "flat", 32, seconds)
        base = singly["requests"] / singly["seconds"]
        rates = [["single requests, 32 connections", f"{base:,.0f}", "1", f"{singly['failed']:.0f}"]]
        for form in ("json", "csv"):
            figures = load(batch, home / f"bulk.{form}", 2, seconds)
            rate = figures["requests"] * BULK_ROWS / figures["seconds"]
            name = f"bulk of {BULK_ROWS:,} as {form.upper()}"
            rates.append([name, f"{rate:,.0f}", f"{rate / base:.1f}", f"{figures['failed']:.0f}"])
        alone = load(single, home / "flat", 1, seconds)
        with ThreadPoolExecutor(1) as pool:
            bulk_client = pool.submit(load, batch, home / "bulk.json", 1, seconds + 1)
            time.sleep(0.5)
            beside = load(single, home / "flat", 1, seconds)
            bulk_client.result()
    latencies = [
        [name, f"{figures['p50_ms']:.2f}", f"{figures['p99_ms']:.2f}"]
        for name, figures in (("alone", alone), ("beside a client that keeps sending bulk", beside))
    ]
    by_rate = markdown_table(["one server, one core", "rows/s", "× single", "failed"], rates)
    by_latency = markdown_table(["a single request, one connection", "p50 (ms)", "p99 (ms)"], latencies)
    return f"{by_rate}\n\n{by_latency}"


def cpu_seconds(process: psutil.Process) -> float:
    """User and system time of the process and its live children."""
    times = [p.cpu_times() for p in (process, *process.children(recursive=True))]
    return sum(t.user + t.system for t in times)


if __name__ == "__main__":
    sys.exit(main())
